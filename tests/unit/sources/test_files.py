"""Files as banks deliver them load exactly, or are held whole with the reason."""

import gzip
import io
import tarfile
import zipfile
from datetime import date
from decimal import Decimal

import pytest
import xlsxwriter

from tests.unit.sources.delivery import ACCOUNT_COLUMNS, DAY, MOVEMENT_COLUMNS, Delivery, accounts, movements
from zhike.kernel.errors import BadInput, ContractBroken, Unavailable

NAMES = ("张伟", "王芳芳", "欧阳娜娜", "O'Neil", "李,四")
UNIT = {"org_id": "no", "name": "name", "level": {"constant": "branch"}, "valid_from_on": {"constant": "2025-01-01"}}


def units(**changes: object) -> dict[str, object]:
    return {"name": "units", "to": "org_unit", "file": "units.csv", "columns": UNIT, **changes}


def held(bank: Delivery) -> ContractBroken:
    with pytest.raises(ContractBroken) as error:
        bank.run()
    assert bank.rows("org_unit") == []  # nothing partial is published
    return error.value


@pytest.mark.requirement("A7")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le"])
def test_every_encoding_gives_the_same_names(bank: Delivery, encoding: str) -> None:
    text = "no|name\n" + "".join(f"{i}|{n}\n" for i, n in enumerate(NAMES))
    bank.file("units.txt", text, encoding=encoding)
    form = {"kind": "delimited", "delimiter": "|", "header": True, "encoding": encoding}
    bank.mapping(units(file="units.txt", format=form))
    bank.run()
    assert bank.rows("org_unit", "name") == list(NAMES)


def test_a_header_less_file_with_a_long_delimiter_loads(bank: Delivery) -> None:
    bank.file("units.txt", "\n".join(f"{i}|+|{n}|+|x|y" for i, n in enumerate(NAMES)), encoding="gb18030")
    form = {"kind": "delimited", "delimiter": "|+|", "encoding": "gb18030", "columns": ["no", "name", "rest"]}
    bank.mapping(units(file="units.txt", format=form))
    bank.run()
    assert bank.rows("org_unit", "name") == list(NAMES)


def test_widths_count_bytes_of_the_files_own_encoding(bank: Delivery) -> None:
    lines = [str(i).encode().rjust(4, b"0") + n.encode("gb18030").ljust(10) + b"20250101" for i, n in enumerate(NAMES)]
    bank.file("units.dat", b"\r\n".join(lines) + b"\r\n")
    form = {"kind": "fixed_width", "encoding": "gb18030", "columns": ["no", "name", "day"], "widths": [4, 10, 8]}
    columns = {**UNIT, "valid_from_on": {"column": "day", "date": "%Y%m%d"}}
    bank.mapping(units(file="units.dat", format=form, columns=columns))
    bank.run()
    assert bank.rows("org_unit", "org_id", "name", "valid_from_on") == [
        (f"{i:04}", n, date(2025, 1, 1)) for i, n in enumerate(NAMES)
    ]


def test_widths_may_count_characters_and_a_cut_last_line_is_quarantined(bank: Delivery) -> None:
    bank.file("units.dat", "".join(f"{i:03}{n:<6}20250101\n" for i, n in enumerate(NAMES)) + "005张三    2025")
    form = {"kind": "fixed_width", "columns": ["no", "name", "day"], "widths": [3, 6, 8], "widths_in": "characters"}
    bank.mapping(units(file="units.dat", format=form))
    bank.run()
    assert bank.rows("org_unit", "name") == list(NAMES)
    assert {b[:3] for b in bank.bad()} == {("units.dat", 6, "too_few_columns")}


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "gz"])
def test_members_of_archives_load(bank: Delivery, kind: str) -> None:
    content = "no,name\n1,甲\n2,乙\n".encode()
    entry = units(archive=f"units.{kind}", file="inner/units.csv")
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("inner/units.csv", content)
        bank.file("units.zip", out.getvalue())
    elif kind == "tar.gz":
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            info = tarfile.TarInfo("./inner/units.csv")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        bank.file("units.tar.gz", out.getvalue())
    else:
        bank.file("units.csv.gz", gzip.compress(content))
        entry = units(file="units.csv.gz")
    bank.mapping(entry)
    bank.run()
    assert bank.rows("org_unit", "name") == ["甲", "乙"]


def test_a_missing_member_and_a_damaged_archive_are_held(bank: Delivery) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("unit.csv", "no,name\n")
    bank.file("units.zip", out.getvalue())
    bank.mapping(units(archive="units.zip", file="units.csv"))
    assert "did you mean unit.csv?" in str(held(bank))
    bank.file("units.zip", b"PK\x03\x04 no archive")
    assert held(bank).code == "sources.archive_damaged"


def test_a_bomb_is_not_unpacked(bank: Delivery) -> None:
    from zhike.sources.archives import Bounded

    stream = Bounded(io.BytesIO(b"0" * 1000), 100, "bomb.gz")
    stream.read(64)
    with pytest.raises(ContractBroken) as error:
        stream.read(64)
    assert error.value.code == "sources.archive_expands_too_far"


def test_a_workbook_loads_with_dates_numbers_and_row_numbers(bank: Delivery) -> None:
    path = bank.file("accounts.xlsx", b"")
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("说明")
    sheet = book.add_worksheet("账户")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for i, row in enumerate(
        [("account_id", "opened_on"), ("A1", date(2024, 1, 5)), (1002.0, "2024-02-06"), ("A3", "soon")]
    ):
        for j, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(i, j, value, day)
            else:
                sheet.write(i, j, value)
    book.close()
    bank.mapping(accounts(file="accounts.xlsx", format={"sheet": "账户"}))
    bank.run()
    assert bank.rows("account", "account_id", "opened_on") == [("1002", date(2024, 2, 6)), ("A1", date(2024, 1, 5))]
    assert bank.bad() == [("accounts.xlsx", 4, "impossible_date", "opened_on")]
    bank.mapping(accounts(file="accounts.xlsx", format={"sheet": "帐户"}))
    with pytest.raises(BadInput, match="there are 说明, 账户"):
        bank.run()


def test_parquet_keeps_its_types_and_tells_rows(bank: Delivery) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bank.file("accounts.csv", "account_id,opened_on\n1,2024-01-05\n")
    path = bank.file("movements.parquet", b"")
    table = pa.table(
        {
            "txn_id": [1, 2, 3], "account_id": [1, 1, 7], "on": [date(2025, 1, 2)] * 3, "direction": ["C", "X", "D"],
            "amount": [1.005, 2.0, float("nan")],
        }
    )  # fmt: skip
    pq.write_table(table, path)
    bank.mapping(accounts(), movements(file="movements.parquet"))
    bank.run()
    assert bank.rows("transaction", "txn_id", "account_id") == [("1", "1")]
    assert {b[1:3] for b in bank.bad()} >= {(2, "unknown_code"), (3, "not_a_number")}


def test_a_database_is_a_source(bank: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    bank.folder.mkdir(exist_ok=True)
    with sqlite3.connect(bank.folder / "core.db") as core:
        core.execute("create table unit (no integer, name text, opened text)")
        core.executemany("insert into unit values (?, ?, ?)", [(1, "甲", "2025-01-01"), (2, "乙", "2025-09-09")])
    query = "select no, name from unit where opened <= :as_of"
    bank.mapping({**units(), "file": None, "database": {"url": "env:CORE_URL", "query": query}})
    with pytest.raises(BadInput, match="CORE_URL is not set"):
        bank.run()
    monkeypatch.setenv("CORE_URL", f"sqlite:///{bank.folder / 'core.db'}")
    bank.run()
    assert bank.rows("org_unit", "name") == ["甲"]
    monkeypatch.setenv("CORE_URL", f"sqlite:///{bank.folder / 'none' / 'core.db'}")
    with pytest.raises(Unavailable) as error:
        bank.run(date(2025, 2, 1))  # a query is asked once per day of run
    assert str(bank.folder) not in str(error.value)  # an address may hold a password


@pytest.mark.requirement("A7")
def test_a_control_count_that_differs_holds_the_file(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n1,甲\n2,乙\n")
    bank.mapping(units(control={"file": "{file}.OK"}))
    assert held(bank).code == "sources.control_missing"
    bank.file("units.csv.OK", "3\n")
    error = held(bank)
    assert error.code == "sources.count_differs"
    assert "holds 2 records, its control file says 3" in str(error)
    bank.file("units.csv.OK", "2\n")
    bank.run()
    assert [r["n_declared"] for r in bank.rows("load_count")] == [2]


def test_a_control_file_may_list_several_files(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n1,甲\n")
    bank.file("ALL.OK", "other.csv|9\nunits.csv|1\n")
    bank.mapping(units(control={"file": "ALL.OK", "pattern": r"{name}\|(\d+)"}))
    bank.run()
    assert bank.rows("org_unit", "name") == ["甲"]


def test_wrong_bytes_are_told_with_line_and_byte_and_what_the_file_looks_like(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n1,x\n2,张伟\n", encoding="gb18030")
    bank.mapping(units())
    error = held(bank)
    assert error.code == "sources.wrong_encoding"
    assert (error.facts["line"], error.facts["byte"]) == (3, 15)
    assert "gb18030" in error.todo_en
    bank.file("units.csv", b"no,name\n1,\xff\xff\n")
    bank.mapping(units(format={"encoding": "gb18030"}))
    assert held(bank).facts["line"] == 2
    bank.file("units.csv", "no,name\n1,甲\n", encoding="utf-16")
    bank.mapping(units())
    assert "utf-16" in held(bank).todo_en


def test_a_renamed_column_is_told_with_the_nearest_name(bank: Delivery) -> None:
    bank.file("units.csv", "no,nme\n1,甲\n")
    bank.mapping(units())
    error = held(bank)
    assert error.code == "sources.column_missing"
    assert "did you mean nme?" in str(error)


def test_other_column_counts_than_the_mapping_names_are_told(bank: Delivery) -> None:
    bank.file("units.txt", "1|甲|x\n2|乙|y\n")
    bank.mapping(units(file="units.txt", format={"kind": "delimited", "columns": ["no", "name"]}))
    assert "has 3 columns, the mapping names 2" in str(held(bank))


def test_an_empty_file_is_held_unless_its_control_file_says_zero(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n")
    bank.mapping(units())
    assert held(bank).code == "sources.file_empty"
    bank.file("units.csv", "")
    assert held(bank).code == "sources.file_empty"
    bank.file("units.csv", "no,name\n")
    bank.file("units.csv.OK", "0")
    bank.mapping(units(control={"file": "{file}.OK"}))
    bank.run()
    assert bank.counts() == {"units.csv": (0, 0, 0, 0)}


def test_a_missing_file_is_told_with_the_nearest_name(bank: Delivery) -> None:
    bank.file("unit.csv", "no,name\n1,甲\n")
    bank.mapping(units())
    with pytest.raises(BadInput, match=r"units.csv: missing · 缺少 → did you mean unit.csv\?"):
        bank.run()


def test_a_suffix_alone_makes_no_file_near(bank: Delivery) -> None:
    bank.file("consent.csv", "no,name\n1,甲\n")
    bank.mapping(units(file="accounts.csv"))
    with pytest.raises(BadInput) as error:
        bank.run()
    assert [f.todo for f in error.value.findings] == [""]


def test_a_value_longer_than_readers_of_headers_take_loads(bank: Delivery) -> None:
    bank.file("units.csv", f"no,name\n1,甲\n2,{'长' * 200_000}\n3,丙\n")
    bank.mapping(units())
    bank.run()
    assert [len(n) for n in bank.rows("org_unit", "name")] == [1, 200_000, 1]


def test_a_full_file_of_which_no_row_is_left_is_held_and_an_increment_is_not(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-02-30\n")
    bank.mapping(accounts())
    with pytest.raises(ContractBroken) as error:
        bank.run()
    assert (error.value.code, "1 of 1 rows are bad" in str(error.value)) == ("sources.too_many_bad_rows", True)
    bank.mapping(accounts(quarantine_at_most_rate=1))
    bank.run()
    assert bank.counts() == {"accounts.csv": (1, 0, 1, 0)}
    bank.file("20250131/accounts.csv", "account_id,opened_on\nA1,2024-02-30\n")
    bank.mapping(accounts(file="{day:%Y%m%d}/accounts.csv", mode="increment", expected="as_delivered"))
    bank.run()
    assert bank.counts() == {"20250131/accounts.csv": (1, 0, 1, 0)}


def test_a_day_before_the_data_and_a_missing_folder_are_told(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n1,甲\n")
    bank.mapping(units())
    with pytest.raises(BadInput, match="lies before the first day of the data, 2025-01-01"):
        bank.run(date(2024, 12, 31))


def test_line_breaks_in_quotes_blank_lines_and_mixed_line_ends_load(bank: Delivery) -> None:
    bank.file("units.csv", 'no,name\r\n1,"甲\n乙"\n\n2,丙\r\n3,丁\n\n')
    bank.mapping(units())
    bank.run()
    assert bank.rows("org_unit", "name") == ["甲\n乙", "丙", "丁"]
    assert bank.counts() == {"units.csv": (3, 3, 0, 0)}


def test_a_quote_that_swallows_lines_holds_the_file(bank: Delivery) -> None:
    body = "".join(f"{i},name {i}\n" for i in range(5000))
    bank.file("units.csv", f'no,name\n1,"open\n{body}')
    bank.mapping(units(quarantine_at_most_rate=1))
    assert held(bank).code in ("sources.lines_unaccounted", "sources.line_too_long")


def test_a_line_beyond_all_measure_holds_the_file(bank: Delivery) -> None:
    bank.file("units.csv", "no,name\n1,甲\n2," + "x" * 3_000_000 + "\n3,丙\n")
    bank.mapping(units())
    error = held(bank)
    assert (error.code, error.facts["line"]) == ("sources.line_too_long", 3)


def test_columns_are_looked_up_in_another_file(bank: Delivery) -> None:
    bank.file("units.csv", "no,name,area\n1,甲,p\n2,乙,q\n3,丙,z\n")
    bank.file("areas.csv", "code,label\np,城东\nq,城西\n")
    join = [{"table": "areas", "on": {"area": "code"}, "columns": {"area_name": "label"}}]
    areas = {"name": "areas", "file": "areas.csv"}
    bank.mapping(units(join=join, columns={**UNIT, "district": "area_name"}), areas)
    bank.run()
    assert bank.rows("org_unit", "district") == ["城东", "城西", None]
    bank.file("areas.csv", "code,label\np,城东\np,城西\n")
    with pytest.raises(ContractBroken, match="holds 2 rows whose code is not unique"):
        bank.run()


def test_rows_may_stand_in_the_mapping(bank: Delivery) -> None:
    bank.mapping({**units(), "file": None, "rows": [{"no": 1, "name": "甲"}, {"no": 2, "name": "乙"}]})
    bank.run()
    assert bank.rows("org_unit", "org_id", "name") == [("1", "甲"), ("2", "乙")]


def test_padding_is_taken_off_and_amounts_survive_the_long_way(bank: Delivery) -> None:
    bank.file("accounts.csv", "account_id,opened_on\nA1,2024-01-05\n")
    rows = "txn_id|+|account_id|+|on|+|direction|+|amount\nT1  |+|A1 |+|2025-01-02|+|C |+|  12.5\n"
    bank.file("movements.txt", rows, encoding="gb18030")
    form = {"kind": "delimited", "delimiter": "|+|", "header": True, "encoding": "gb18030"}
    bank.mapping(accounts(), movements(file="movements.txt", format=form))
    bank.run(DAY)
    assert bank.rows("transaction", "txn_id", "amount") == [("T1", Decimal("12.50"))]
    assert {*ACCOUNT_COLUMNS} & {*MOVEMENT_COLUMNS} == {"account_id", "recorded_at"}
