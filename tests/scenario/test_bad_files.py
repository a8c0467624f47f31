"""What a bank delivers wrongly: one clear error or rows in quarantine, nothing partial published, the day before readable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.scenario.commands import Commands, Told
from tests.scenario.tiny_bank import FILES, PERSONAL, SECOND_NIGHT, Bank
from zhike.warehouse import Warehouse

pytestmark = pytest.mark.slow
RUN = ("run", "--as-of", SECOND_NIGHT, "--quiet")
FAILED, WRONG_INPUT = 1, 2
FIRST_NAME_AT = FILES["customers.csv"].index("张") + 1


def assert_nothing_personal(told: Told) -> None:
    assert [word for word in PERSONAL if word in told.out + told.err] == []


def assert_stays_readable(zhike: Commands, bank: Bank, before: dict[str, bytes]) -> None:
    """Nothing was published, and what was before can be read."""
    assert bank.manifests == before
    listed = zhike("segments", "list", "--json", folder=bank.folder)
    assert listed.code == 0, listed.err
    assert {s["segment"]: s["members"] for s in listed.json} == {"older_persons": 3, "global_exclusion": 2}


@dataclass(frozen=True, slots=True)
class Case:
    """One way to deliver wrongly: what is done to the bank, the exit code, the code of the error, what both languages say."""

    name: str
    spoil: Callable[[Bank], object]
    code: int
    error: str
    en: tuple[str, ...]
    zh: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def _recode(name: str, encoding: str) -> Callable[[Bank], object]:
    return lambda bank: bank.write(f"data/{name}", FILES[name].encode(encoding))


def _without_column(bank: Bank) -> None:
    lines = [line.split(",") for line in FILES["customers.csv"].splitlines()]
    bank.write("data/customers.csv", "".join(",".join([*line[:4], *line[5:]]) + "\n" for line in lines))


def _rows_of_unknown_type(bank: Bank) -> None:
    rows = (f"2{i:03},7,欧阳娜娜,,1988-07-01,13900000001,2024-03-01\n" for i in range(20))
    bank.add("data/customers.csv", "".join(rows))


def _as_folder(bank: Bank) -> None:
    (bank.folder / "data" / "customers.csv").unlink()
    (bank.folder / "data" / "customers.csv").mkdir()


def _as_workbook(bank: Bank) -> None:
    bank.replace("mapping.yaml", "file: customers.csv", "file: customers.xlsx")
    bank.write("data/customers.xlsx", FILES["customers.csv"])


HELD = [
    Case(
        "a file is missing", lambda b: (b.folder / "data" / "consent.csv").unlink(), WRONG_INPUT, "sources.file_missing",
        ("consent lacks 1 file in", "/data\n", "consent consent.csv: missing", "wait for the delivery"),
        ("consent 缺少 1 个文件", "consent consent.csv:", "缺少", "等待或补送文件"),
    ),
    Case(
        "a file has another name", lambda b: (b.folder / "data" / "accounts.csv").rename(b.folder / "data" / "acounts.csv"),
        WRONG_INPUT, "sources.file_missing", ("accounts accounts.csv: missing", "did you mean acounts.csv?"), ("是否要写 acounts.csv？",),
    ),
    Case(
        "a folder stands where a file should", _as_folder, WRONG_INPUT, "sources.file_missing",
        ("customers customers.csv: is a folder, not a file",), ("是目录，不是文件",),
    ),
    Case(
        "the data folder is missing", lambda b: shutil.rmtree(b.folder / "data"), WRONG_INPUT, "sources.no_data_folder",
        ("there is no data folder", "--data"), ("找不到数据目录", "--data"),
    ),
    Case(
        "GB18030 where UTF-8 is mapped", _recode("customers.csv", "gb18030"), FAILED, "sources.wrong_encoding",
        (f"customers.csv line 2 (byte {FIRST_NAME_AT}) is not utf-8", "looks like gb18030: set format.encoding"),
        (f"customers.csv 第 2 行（第 {FIRST_NAME_AT} 字节）不是 utf-8", "文件像是 gb18030：请改映射中的 format.encoding"),
    ),
    Case(
        "UTF-16 where UTF-8 is mapped", _recode("accounts.csv", "utf-16"), FAILED, "sources.wrong_encoding",
        ("accounts.csv line 1 (byte 1) is not utf-8", "looks like utf-16"), ("accounts.csv 第 1 行", "文件像是 utf-16"),
    ),
    Case(
        "a column is missing", _without_column, FAILED, "sources.column_missing",
        ("customers.csv has no column BIRTH_DT", "customers.csv:1 BIRTH_DT", "CUST_NO, CUST_TYPE, CUST_NAME, ID_NO, MOBILE", "correct customers in the mapping"),
        ("customers.csv 缺少列 BIRTH_DT", "改映射中的 customers"),
    ),
    Case(
        "a column is renamed", lambda b: b.replace("data/customers.csv", "BIRTH_DT", "BIRTH_DATE"), FAILED, "sources.column_missing",
        ("customers.csv has no column BIRTH_DT", "did you mean BIRTH_DATE?", "renamed?"), ("缺少列 BIRTH_DT", "是否要写 BIRTH_DATE？", "已改名？"),
    ),
    Case(
        "a column comes twice", lambda b: b.replace("data/customers.csv", "ID_NO,BIRTH_DT", "MOBILE,BIRTH_DT"), FAILED,
        "sources.header_ambiguous", ("the header of customers.csv names MOBILE", "twice", "correct it"),
        ("customers.csv 的表头有重名", "改表头"),
    ),
    Case(
        "a file of no byte", lambda b: b.write("data/customers.csv", b""), FAILED, "sources.file_empty",
        ("customers.csv holds no record", "check with the sender"), ("customers.csv 没有记录", "请发送方核对"),
    ),
    Case(
        "a file of a header only", lambda b: b.write("data/customers.csv", FILES["customers.csv"].splitlines()[0] + "\n"), FAILED,
        "sources.file_empty", ("customers.csv holds no record",), ("customers.csv 没有记录",),
    ),
    Case(
        "too many rows of an unknown code", _rows_of_unknown_type, FAILED, "sources.too_many_bad_rows",
        ("customers: 20 of 25 rows are bad, more than 5.0%", "customers.csv:7 party_kind: unknown_code [7]", "add the code to values of the mapping", "raise quarantine_at_most_rate"),
        ("customers：25 行中 20 行不合格", "customers.csv:7 party_kind", "在映射 values 中登记该代码", "调高 quarantine_at_most_rate"),
    ),
    Case(
        "no row of a file is good", lambda b: b.write("data/customers.csv", FILES["customers.csv"].replace("19", "13-")), FAILED,
        "sources.too_many_bad_rows", ("customers: 5 of 5 rows are bad", "customers.csv:2 birth_on: impossible_date [##-##-##-##]"),
        ("customers：5 行中 5 行不合格", "更正日期"),
    ),
    Case(
        "a quote is never closed", lambda b: b.replace("data/customers.csv", "李四光", '"李四光'), FAILED, "sources.lines_unaccounted",
        ("customers.csv: lines and records disagree: the quote on line 3 is never closed", "format.quote"), ("第 3 行的引号没有闭合", "format.quote"),
    ),
    Case(
        "a line beyond all measure", lambda b: b.add("data/customers.csv", f"1006,1,{'长' * 2_000_000},,,,2024-01-01\n"), FAILED,
        "sources.line_too_long", ("customers.csv line 7 is longer than 1048576 bytes", "check the line breaks"), ("customers.csv 第 7 行超过", "核对换行符"),
    ),
    Case(
        "a workbook that is none", _as_workbook, FAILED, "sources.workbook_unreadable",
        ("customers.xlsx cannot be read as a workbook", "save it as .xlsx"), ("customers.xlsx 无法作为 XLSX 读取", "另存为 .xlsx"),
    ),
]  # fmt: skip


@pytest.mark.requirement("A7")
@pytest.mark.parametrize("case", HELD, ids=str)
def test_a_wrong_file_is_one_clear_error_and_publishes_nothing(zhike: Commands, bank: Bank, case: Case):
    before = bank.manifests
    case.spoil(bank)
    told = zhike(*RUN, "--json", folder=bank.folder)
    assert (told.code, told.json["error"]["code"]) == (case.code, case.error), told.err
    assert [words for words in (*case.en, "nothing was published", "as of 2025-03-31") if words not in told.err] == []
    chinese = zhike(*RUN, folder=bank.folder, language="zh")
    assert (chinese.code, chinese.out) == (case.code, "")
    assert [words for words in (*case.zh, "没有发布任何内容", "2025-03-31") if words not in chinese.err] == []
    for each in (told, chinese):
        assert_nothing_personal(each)
        assert len(each.err) < 2500
    assert_stays_readable(zhike, bank, before)


def test_the_error_in_json_says_in_both_languages_what_and_where_and_what_to_do(zhike: Commands, bank: Bank):
    bank.replace("data/customers.csv", "BIRTH_DT", "BIRTH_DATE")
    error = zhike(*RUN, "--json", folder=bank.folder).json["error"]
    assert {n for n in ("zh", "en", "todo_zh", "todo_en") if not error[n]} == set()
    assert error["kind"] == "ContractBroken"
    assert error["facts"] == {"file": "customers.csv", "columns": ["BIRTH_DT"]}
    (finding,) = error["findings"]
    assert (finding["where"], "BIRTH_DATE" in finding["todo"]) == ("customers.csv:1 BIRTH_DT", True)


def test_a_run_that_is_repaired_publishes(zhike: Commands, bank: Bank):
    path = bank.folder / "data" / "consent.csv"
    path.rename(bank.folder / "consent.csv")
    assert zhike(*RUN, folder=bank.folder).code == WRONG_INPUT
    (bank.folder / "consent.csv").rename(path)
    done = zhike(*RUN, "--json", folder=bank.folder)
    assert (done.code, done.json["manifest"], done.json["as_of"]) == (0, 2, SECOND_NIGHT)


BAD_ROWS = {
    "customers.csv": (
        "1001,1,张三丰,11010519880701002X,1988-07-01,13800000001,2024-03-01\n"  # 7: a key that came before
        "1006,1,周八斗,110105198813010031,1988-13-01,13800000006,2024-03-01\n"  # 8: a month that no year has
        "1007,9,吴九州,110105197001010030,1970-01-01,13800000007,2024-03-01\n"  # 9: a code that is not mapped
        ",1,郑十里,110105197101010032,1971-01-01,13800000008,2024-03-01\n"  # 10: no customer number
        "1009,1,王小二\n"  # 11: cut off
        "1010,1,陈,大文,110105197201010034,1972-01-01,13800000009,2024-03-01\n"  # 12: a comma inside the name
    ),
    "accounts.csv": "A6,7777,DD,2024-03-01\nA7,1002,XX,2024-03-01\n",  # 7: an owner who is not there; 8: unknown product
    "balances.csv": "A2,2025-02-30,120000\nA1,2025-01-02,much\nA9,2025-01-01,100\n",  # 7 no day; 8 no number; 9 no such account
}  # fmt: skip
EXPECTED = {
    ("account", "accounts.csv", 8, "unknown_code", "account_kind", "XX"),
    ("account_party", "accounts.csv", 7, "broken_reference", "source, source_key", "core, ####"),
    ("account_party", "accounts.csv", 8, "broken_reference", "account_id", "x#"),
    ("balance_daily", "balances.csv", 7, "impossible_date", "on", "2025-02-30"),
    ("balance_daily", "balances.csv", 8, "not_a_number", "balance_amount", "xxxx"),
    ("balance_daily", "balances.csv", 9, "broken_reference", "account_id", "x#"),
    ("source_party", "customers.csv", 7, "duplicate_key", "source, source_key, valid_from_on", "core, ####, 2024-03-01"),
    ("source_party", "customers.csv", 8, "impossible_date", "birth_on", "####-##-##"),
    ("source_party", "customers.csv", 9, "unknown_code", "party_kind", "9"),
    ("source_party", "customers.csv", 10, "missing", "source_key", None),
    ("source_party", "customers.csv", 11, "too_few_columns", "ID_NO", "Expected Number of Columns: 7 Found: 3"),
    ("source_party", "customers.csv", 12, "too_many_columns", "*", "Expected Number of Columns: 7 Found: 8"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bank_with_bad_rows(
    zhike: Commands, published_bank: Bank, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bank, Told]:
    from tests.scenario.tiny_bank import copy

    bank = copy(published_bank, tmp_path_factory.mktemp("bad-rows") / "bank")
    for name, rows in BAD_ROWS.items():
        bank.add(f"data/{name}", rows)
    return bank, zhike(*RUN, folder=bank.folder)


@pytest.mark.requirement("A1")
def test_a_bad_row_is_quarantined_with_file_row_column_value_and_what_to_do(
    zhike: Commands, bank_with_bad_rows: tuple[Bank, Told]
):
    bank, told = bank_with_bad_rows
    assert told.code == 0, told.err
    assert f"{len(EXPECTED)} rows held back in quarantine: zhike quarantine" in told.err
    rows: list[dict[str, Any]] = zhike("quarantine", "--json", folder=bank.folder).json
    names = ("table_name", "file", "row_number", "rule", "column_name", "value_masked")
    assert {tuple(r[n] for n in names) for r in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)
    for row in rows:
        assert set(row) == {*names, "todo"}
        assert any("\u4e00" <= c <= "\u9fff" for c in row["todo"]) and any(
            c.isascii() and c.isalpha() for c in row["todo"]
        )


def test_no_personal_value_of_a_bad_row_is_printed(zhike: Commands, bank_with_bad_rows: tuple[Bank, Told]):
    bank, told = bank_with_bad_rows
    words = {w for line in BAD_ROWS["customers.csv"].splitlines() for w in line.split(",")[2:6]} - {"大文"}
    for each in (
        told,
        zhike("quarantine", folder=bank.folder),
        zhike("run", "--as-of", SECOND_NIGHT, "--json", folder=bank.folder),
    ):
        assert each.code == 0, each.err
        assert [w for w in sorted(words) if w and w in each.out + each.err] == []


def test_the_good_rows_beside_bad_ones_are_loaded_and_the_counts_add_up(
    zhike: Commands, bank_with_bad_rows: tuple[Bank, Told]
):
    bank, _ = bank_with_bad_rows
    steps = {s["key"]: s["metrics"] for s in zhike(*RUN, "--json", folder=bank.folder).json["steps"]}
    parties = steps["load:source_party"]
    assert {n: parties[n] for n in ("n_read", "n_loaded", "n_quarantined", "n_skipped")} == {
        "n_read": 11, "n_loaded": 5, "n_quarantined": 6, "n_skipped": 0,
    }  # fmt: skip
    assert parties["quarantined_by_rule"] == {
        "duplicate_key": 1, "impossible_date": 1, "missing": 1, "too_few_columns": 1, "too_many_columns": 1, "unknown_code": 1,
    }  # fmt: skip
    listed = zhike("segments", "list", "--json", folder=bank.folder).json
    assert {s["segment"]: s["members"] for s in listed} == {"older_persons": 3, "global_exclusion": 2}


def test_the_night_before_bad_rows_is_kept(bank_with_bad_rows: tuple[Bank, Told]):
    bank, _ = bank_with_bad_rows
    warehouse = Warehouse(bank.folder / ".zhike" / "warehouse")
    assert [m.as_of.isoformat() for m in warehouse.kept()] == ["2025-04-01", "2025-03-31"]
    assert all(p.is_file() for m in warehouse.kept() for e in m.entries.values() for p in warehouse.paths(e))


def test_quarantine_can_be_asked_by_table_and_in_parts(zhike: Commands, bank_with_bad_rows: tuple[Bank, Told]):
    bank, _ = bank_with_bad_rows
    some = zhike("quarantine", "--table", "account_party", "--json", folder=bank.folder).json
    assert [r["row_number"] for r in some] == [7, 8]
    part = zhike("quarantine", "--limit", "3", "--json", folder=bank.folder)
    assert (len(part.json), f"{len(EXPECTED)} rows in all" in part.err) == (3, True)
    wrong = zhike("quarantine", "--table", "acount", "--json", folder=bank.folder)
    assert (wrong.code, wrong.json["error"]["code"]) == (WRONG_INPUT, "warehouse.table_unknown")
    assert "did you mean account?" in wrong.err


@pytest.mark.parametrize(
    ("day", "error", "said"),
    [
        ("2024-12-31", "sources.before_first_day", ("2024-12-31 lies before the first day of the data, 2025-01-01", "take that day or a later one")),
        ("2025-02-30", "cli.not_a_day", ("2025-02-30 is no day", "write it as 2025-03-31")),
        ("31.03.2025", "cli.not_a_day", ("31.03.2025 is no day", "write it as 2025-03-31")),
        ("yesterday", "cli.not_a_day", ("yesterday is no day",)),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_run_is_refused(zhike: Commands, bank: Bank, day: str, error: str, said: tuple[str, ...]):
    before = bank.manifests
    told = zhike("run", "--as-of", day, "--json", folder=bank.folder)
    assert (told.code, told.json["error"]["code"]) == (WRONG_INPUT, error)
    assert [words for words in said if words not in told.err] == []
    assert_stays_readable(zhike, bank, before)


def test_an_earlier_day_is_published_beside_the_current_one(zhike: Commands, bank: Bank):
    told = zhike("run", "--as-of", "2025-03-30", "--quiet", folder=bank.folder)
    assert told.code == 0, told.err
    assert "published as manifest 2 (kept beside the current later day)" in told.err
    assert zhike("report", "--json", folder=bank.folder).json["as_of"] == "2025-03-31"


MOVEMENTS = """\
  - name: movements
    to: transaction
    file: movements.csv
    columns:
      txn_id: TXN_NO
      account_id: ACCT_NO
      "on": ON_DATE
      direction: {column: DC, values: {C: in, D: out}}
      amount: {column: CENTS, unit: 0.01}
      txn_kind: {constant: payment}
      recorded_at: {day_end: "on"}
"""


def test_a_file_larger_than_the_memory_that_is_set_is_read_to_its_last_line(zhike: Commands, bank: Bank):
    n_rows, part = 3_000_000, 100_000
    path = bank.folder / "data" / "movements.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("TXN_NO,ACCT_NO,ON_DATE,DC,CENTS\n")
        for start in range(0, n_rows, part):
            rows = (
                f"{i:016},A{1 + i % 5},2025-{1 + i % 2:02}-{1 + i % 28:02},{'CD'[i % 2]},{i % 9973}"
                for i in range(start, start + part)
            )
            stream.write("\n".join(rows) + "\n")
        stream.write("x,A1,2025-02-29,C,1\n")
    bank.add("mapping.yaml", MOVEMENTS)
    bank.replace("zhike.toml", 'engine_memory = "3GB"', 'engine_memory = "100MB"\nrun_workers = 1')
    assert path.stat().st_size > 100_000_000
    told = zhike(*RUN, "--json", folder=bank.folder)
    assert told.code == 0, told.err
    (movements,) = (s["metrics"] for s in told.json["steps"] if s["key"].startswith("load:transaction"))
    assert (movements["n_read"], movements["n_loaded"], movements["n_quarantined"]) == (n_rows + 1, n_rows, 1)
    (row,) = zhike("quarantine", "--json", folder=bank.folder).json
    assert (row["row_number"], row["rule"], row["column_name"]) == (n_rows + 2, "impossible_date", "on")
    assert told.json["peak_memory_mb"] < 1000
