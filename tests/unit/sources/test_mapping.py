"""A mistake in a mapping is told with file, line and the nearest known name; scalar SQL stays inside the row."""

from pathlib import Path

import pytest

from tests.unit.sources.delivery import CONTRACTS
from zhike.kernel.errors import BadInput
from zhike.sources import open_mapping
from zhike.sources.scalar import parse_scalar

GOOD = """\
version: 1
calendar: {first_day: 2025-01-01}
tables:
  - name: units
    to: org_unit
    file: units.csv
    columns:
      org_id: no
      name: name
      level: {column: lvl, values: {"1": branch, 2: team}}
      valid_from_on: {constant: 2025-01-01}
"""


def _open(folder: Path, text: str) -> str:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        open_mapping(path, CONTRACTS)
    except BadInput as error:
        return str(error)
    return ""


def test_words_that_yaml_takes_for_flags_stay_words(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(GOOD, encoding="utf-8")
    entry = open_mapping(tmp_path / "mapping.yaml", CONTRACTS).entry("units")
    assert entry.columns["org_id"].column == "no"
    assert entry.columns["level"].values == {"1": "branch", "2": "team"}


@pytest.mark.requirement("A1")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    to: org_unit", "    to: org_units", "mapping.yaml:5 units.to: there is no table org_units that sources may fill · 没有可供来源填充的表 org_units → did you mean org_unit?"),
        ("      name: name", "      nam: name", "mapping.yaml:9 units.columns.nam: org_unit has no column nam · org_unit 没有列 nam → did you mean name?"),
        ("values:", "value:", "mapping.yaml:10 units.columns.level.value: there is no such field · 没有这个字段 → did you mean values?"),
        ("2: team", "2: teem", "units.columns.level.values.2: teem is no code of level · 不是 level 的代码 → did you mean team?"),
        ("    file: units.csv", "    file: /etc/passwd", "must be relative to the data folder"),
        ("    file: units.csv", "    file: units.dat", "say format.kind"),
        ("    file: units.csv", "    file: units.csv\n    sheet: 1", "mapping.yaml:7 units.sheet: there is no such field"),
        ("    file: units.csv", '    file: "{day}/x{other}.csv"\n    mode: full', "cannot be filled with a day"),
        ("      org_id: no\n", "", "org_id is required by org_unit"),
        ("{constant: 2025-01-01}", "{constant: soon}", "soon is no date"),
        ("{constant: 2025-01-01}", "{day: true}", "need a file per business day"),
        ("{column: lvl,", "{column: lvl, unit: 0.01,", "level is a code, no number"),
        ("{column: lvl,", "{column: lvl, sql: lvl,", "say exactly one of"),
        ("    file: units.csv", "    file: units.csv\n    format: {encoding: utf-9}", "there is no encoding utf-9"),
        ("    file: units.csv", "    file: units.csv\n    join: [{table: unit, on: {a: b}, columns: [c]}]", "names the table unit, which is not mapped"),
        ("    file: units.csv", "    file: units.csv\n    mode: zipperr", "Input should be 'full', 'increment', 'zipper' or 'append'"),
        ("    file: units.csv", "    file: units.csv\n    where: a in (select 1)", "mapping.yaml:7 units.where: holds a query inside it"),
        ("    file: units.csv", "    file: units.csv\n    format: {kind: fixed_width, columns: [a, b], widths: [1]}", "one width per column"),
        ("    file: units.csv", "    file: units.csv\n    unchecked_references: [nam]", "nam refers to nothing"),
        ("version: 1", "version: 2", "mapping.yaml:1 version"),
        ("tables:", "tables: [", "is not YAML"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_line_and_suggestion(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in _open(tmp_path, GOOD.replace(old, new, 1))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = _open(tmp_path, GOOD.replace("name: name", "nam: name").replace("2: team", "2: teem"))
    assert "nam" in said
    assert "teem" in said
    assert "name is required" in said


def test_columns_of_a_header_less_file_are_checked_before_any_file_is_read(tmp_path: Path) -> None:
    form = "    format: {kind: delimited, columns: [no, nme, lvl]}\n    where: lvvl = '1'\n"
    said = _open(tmp_path, GOOD.replace("units.csv\n", f"units.txt\n{form}"))
    assert "units.columns.name: the file has no column name · 文件 没有列 name → did you mean nme?" in said
    assert "units.where: the file has no column lvvl · 文件 没有列 lvvl → did you mean lvl?" in said


@pytest.mark.parametrize(
    "text",
    [
        "(select 1)", "exists(select 1)", "x from t", "read_text('/etc/passwd')", "sum(a)", "row_number() over ()", "now()", "current_date",
        "random()", "getenv('HOME')", "a, b", "a; drop table x", "*", "t.a", "a as b", "columns('a')", "unnest([1])", "current_setting('x')",
        "nextval('s')", "uuid()", "a in (select 1)", "query('select 1')", "a <", "", "a union select 1", "getvariable('x')", "list_transform([1], x -> x)",
    ],
)  # fmt: skip
def test_what_reaches_beyond_the_row_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_scalar(text)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("case when A = '1' then upper(B) else 'x' end", ("A", "B")), ("A || '-' || \"B c\"", ("A", "B c")), ("'a'", ()),
        ("try_cast(A as int) between 1 and 5 or B like 'x%'", ("A", "B")), ("coalesce(nullif(A, ''), B)", ("A", "B")),
        ("strptime(A, '%Y%m%d') + interval 1 day", ("A",)), ("regexp_matches(A, '^x') and A is not null", ("A",)),
        ("substr(A, 1, 2)::int % 50", ("A",)), ("A in ('a', 'b')", ("A",)), ("extract(year from A::date)", ("A",)),
    ],
)  # fmt: skip
def test_one_row_s_expressions_are_taken_with_their_columns(text: str, columns: tuple[str, ...]) -> None:
    assert set(parse_scalar(text).columns) == set(columns)


def test_a_failing_cast_gives_a_missing_value_and_a_condition_that_tells_it() -> None:
    found = parse_scalar("a::int + 1")
    assert found.over(set()) == 'TRY_CAST("a" AS INT) + 1'
    assert "IS NOT NULL" in found.failure(set())
    assert parse_scalar("try_cast(a as int)").failure(set()) == ""
