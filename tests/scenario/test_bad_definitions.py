"""What a project's own files say wrongly: one clear error that names file, line, field and what to do; what is published stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.scenario.commands import Commands
from tests.scenario.test_bad_files import RUN, WRONG_INPUT, assert_stays_readable
from tests.scenario.tiny_bank import MAPPING, Bank

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Case:
    """One mistake in a file of the project: what is done, the code of the error, what is said in English and in Chinese."""

    name: str
    spoil: Callable[[Bank], object]
    error: str
    en: tuple[str, ...]
    zh: tuple[str, ...] = ()
    most_findings: int = 1

    def __str__(self) -> str:
        return self.name


def _edit(name: str, old: str, new: str) -> Callable[[Bank], object]:
    return lambda bank: bank.replace(name, old, new)


def _write(name: str, content: str | bytes) -> Callable[[Bank], object]:
    return lambda bank: bank.write(name, content)


def _add(name: str, text: str) -> Callable[[Bank], object]:
    return lambda bank: bank.add(name, text)


DEFINITIONS = [
    Case(
        "a misspelt field", _edit("conf/tags/life.yaml", "meaning_en:", "meening_en:"), "project.malformed",
        ("tags/life.yaml:2 older.meening_en: there is no such field", "did you mean meaning_en?", "older.meaning_en: is required", "mend them and run `zhike check` again"),
        ("2 处错误", "没有这个字段", "是否要写 meaning_en？", "逐条改正后再运行 zhike check"), most_findings=2,
    ),
    Case(
        "a word that is none of those allowed", _edit("conf/tags/life.yaml", "sensitivity: none", "sensitivity: secret"), "project.malformed",
        ("tags/life.yaml:2 older.sensitivity: Input should be 'none', 'quasi', 'direct' or 'sensitive'", "[secret]"), ("应为 'none', 'quasi', 'direct' 或 'sensitive'",),
    ),
    Case(
        "a rule on an unknown tag", _edit("conf/segments/life.yaml", "{tag: older}", "{tag: oldr}"), "project.malformed",
        ("segments/life.yaml:1 older_persons.when.tag: there is no tag called oldr", "did you mean older?"), ("没有标签 oldr", "是否要写 older？"),
    ),
    Case(
        "a rule on an unknown feature", _edit("conf/tags/life.yaml", "field: age", "field: agee"), "project.malformed",
        ("tags/life.yaml:2 older.when.field: there is no field called agee", "did you mean age?"), ("没有字段 agee",),
    ),
    Case(
        "an unknown parameter", _edit("conf/tags/life.yaml", "$older_years", "$older_year"), "definition.parameter_unknown",
        ("tags/life.yaml:2 older: there is no parameter older_year", "did you mean older_years?"), ("没有参数 older_year",), most_findings=0,
    ),
    Case(
        "a parameter that is no number", _edit("conf/parameters.yaml", "value: 45", "value: many"), "project.malformed",
        ("tags/life.yaml:2 older.when.at_least: must be a number", "[many]"), ("应为数字",),
    ),
    Case(
        "a parameter that measuring needs is missing", _edit("conf/parameters.yaml", "aum_classes: [demand, term]\n", ""), "project.malformed",
        ("parameters.yaml aum_classes: is required", "docs/reference/parameters.md"), ("必填",),
    ),
    Case(
        "a list of parameters", _write("conf/parameters.yaml", "- older_years: 45\n"), "definition.not_a_mapping",
        ("parameters.yaml must be a mapping of parameter: value", "write one a line"), ("参数: 值",), most_findings=0,
    ),
    Case(
        "no YAML", _add("conf/tags/life.yaml", "  oops: [1,\n"), "definition.not_yaml",
        ("tags/life.yaml:17 is not YAML", "look at indentation"), ("tags/life.yaml:17 不是合法的 YAML", "检查缩进"), most_findings=0,
    ),
    Case(
        "no UTF-8", _write("conf/tags/life.yaml", "# first\nolder: {zh: 年长}\n".encode("gb18030")), "definition.not_utf8",
        ("tags/life.yaml:2 is not UTF-8 (byte 21)", "save it as UTF-8"), ("tags/life.yaml:2 不是 UTF-8", "另存为 UTF-8"), most_findings=0,
    ),
    Case(
        "a list where keys should be", _write("conf/tags/life.yaml", "- older\n"), "definition.not_a_mapping",
        ("tags/life.yaml must be a mapping of key: body",), ("tags/life.yaml 应为 键: 内容",), most_findings=0,
    ),
    Case(
        "a key written twice", _write("conf/tags/more.yaml", "older: {zh: 年长}\n"), "definition.key_twice",
        ("older is written twice: tags/life.yaml:2 and tags/more.yaml:1", "give it another key"), ("older 写了两次", "删去或改名"), most_findings=0,
    ),
    Case(
        "a folder of no kind", _write("conf/tag/more.yaml", "older: {zh: 年长}\n"), "definition.kind_unknown",
        ("conf/tag is no kind of definition", "did you mean tags?"), ("是否要找 tags？",), most_findings=0,
    ),
    Case(
        "a file that would never be read", _write("conf/tags/more.yml", "richer: {zh: 富}\n"), "definition.misplaced",
        ("conf/tags/more.yml is not read there", "name it tags/more.yaml"), ("不会被读取", "改名为 tags/more.yaml"), most_findings=0,
    ),
    Case(
        "a misspelt file of parameters", _write("conf/parameter.yaml", "older_years: 50\n"), "definition.misplaced",
        ("conf/parameter.yaml is not read there", "name it parameters.yaml"), ("改名为 parameters.yaml",), most_findings=0,
    ),
    Case(
        "no jurisdiction", _edit("conf/parameters.yaml", "jurisdiction: CN\n", ""), "project.malformed",
        ("parameters.yaml sets no jurisdiction", "write jurisdiction: {value: CN"), ("parameters.yaml 缺少 jurisdiction",),
    ),
]  # fmt: skip
SETTINGS = [
    Case(
        "a misspelt setting", _add("zhike.toml", "engine_thread = 2\n"), "settings.malformed",
        ("zhike.toml engine_thread: there is no such field", "did you mean engine_threads?", "docs/settings.md"), ("是否要写 engine_threads？",),
    ),
    Case(
        "a setting out of range", _edit("zhike.toml", "engine_threads = 2", "engine_threads = 0"), "settings.malformed",
        ("zhike.toml engine_threads: Input should be greater than or equal to 1", "[0]"), ("不得小于 1",),
    ),
    Case(
        "a size without unit", _edit("zhike.toml", '"3GB"', '"3000"'), "settings.malformed", ("a size such as 800MB or 3GB",), ("应为大小，如 800MB 或 3GB",),
    ),
    Case(
        "a time zone that is none", _edit("zhike.toml", "Asia/Shanghai", "Asia/Shanghia"), "settings.malformed",
        ("business_timezone: there is no such time zone", "[Asia/Shanghia]"), ("没有这个时区",),
    ),
    Case(
        "no TOML", _add("zhike.toml", "name == 3\n"), "settings.not_toml", ("zhike.toml is not TOML", "at line 12", "texts in quotes"), ("不是合法的 TOML", "line 12"), most_findings=0,
    ),
]  # fmt: skip
MAPPINGS = [
    Case(
        "a misspelt field of the mapping", _edit("mapping.yaml", "version: 1", "vresion: 1"), "mapping.malformed",
        ("mapping.yaml:1 vresion: there is no such field", "did you mean version?", "version: is required"), ("没有这个字段", "是否要写 version？"), most_findings=2,
    ),
    Case(
        "a column that the table does not have", _edit("mapping.yaml", "      mobile: MOBILE", "      mobil: MOBILE"), "mapping.does_not_fit",
        ("mapping.yaml:15 customers.columns.mobil: source_party has no column mobil", "did you mean mobile?"), ("source_party 没有列 mobil", "是否要写 mobile？"),
    ),
    Case(
        "a required column is not mapped", _edit("mapping.yaml", "      valid_from_on: OPEN_DATE\n      recorded_at: {day_end: valid_from_on}\n  - name: products", "      recorded_at: {constant: 2024-01-01}\n  - name: products"), "mapping.does_not_fit",
        ("customers.columns: valid_from_on is required by source_party", "map it:"), ("必填", "请映射"),
    ),
    Case(
        "a table that there is not", _edit("mapping.yaml", "to: consent_record", "to: consent_records"), "mapping.does_not_fit",
        ("consent.to: there is no table consent_records that sources may fill", "did you mean consent_record?"), ("没有可供来源填充的表 consent_records",),
    ),
    Case(
        "a code that the table does not know", _edit("mapping.yaml", '"0": withdrawn', '"0": withdrawed'), "mapping.does_not_fit",
        ("consent.columns.state.values.0: withdrawed is no code of state", "did you mean withdrawn?"), ("不是 state 的代码",),
    ),
    Case(
        "an expression that is no expression of one row", _edit("mapping.yaml", "birth_on: BIRTH_DT", 'birth_on: {sql: "select 1"}'), "mapping.does_not_fit",
        ("mapping.yaml:14 customers.columns.birth_on.sql", "write one scalar expression"), ("标量表达式",),
    ),
    Case(
        "an empty mapping", _write("mapping.yaml", ""), "mapping.not_a_mapping", ("mapping.yaml must hold version, calendar and tables", "docs/get-started.md"),
        ("mapping.yaml 应含 version、calendar、tables",), most_findings=0,
    ),
    Case("a mapping that is no YAML", _add("mapping.yaml", "  - [\n"), "definition.not_yaml", ("mapping.yaml:", "is not YAML"), ("不是合法的 YAML",), most_findings=0),
    Case(
        "a mapping in GB18030", _write("mapping.yaml", MAPPING.encode("gb18030")), "definition.not_utf8", ("mapping.yaml:21 is not UTF-8",), ("mapping.yaml:21 不是 UTF-8",), most_findings=0,
    ),
]  # fmt: skip


@pytest.mark.requirement("D4")
@pytest.mark.parametrize("case", [*DEFINITIONS, *SETTINGS, *MAPPINGS], ids=str)
def test_a_mistake_in_a_file_is_told_with_its_place_and_stops_check_and_run(zhike: Commands, bank: Bank, case: Case):
    before = bank.manifests
    case.spoil(bank)
    told = zhike("check", "--json", folder=bank.folder)
    assert (told.code, told.json["error"]["code"]) == (WRONG_INPUT, case.error), told.err
    assert [words for words in case.en if words not in told.err] == []
    assert len(told.json["error"]["findings"]) == case.most_findings
    run = zhike(*RUN, folder=bank.folder, language="zh")
    assert (run.code, run.out) == (WRONG_INPUT, "")
    assert [words for words in case.zh if words not in run.err] == []
    assert "→" in run.err
    if case in SETTINGS:
        assert bank.manifests == before
    else:
        assert_stays_readable(zhike, bank, before)


@pytest.mark.parametrize("command", [("apply",), ("diff",), ("tags", "show", "older")], ids=" ".join)
def test_other_commands_that_read_the_files_say_the_same(zhike: Commands, bank: Bank, command: tuple[str, ...]):
    bank.replace("conf/tags/life.yaml", "family: value", "familly: value")
    if command == ("diff",):
        bank.add("conf/tags/life.yaml", "  oops: [\n")
    told = zhike(*command, folder=bank.folder)
    assert (told.code, told.out) == (WRONG_INPUT, "")
    assert "tags/life.yaml:" in told.err


def test_one_misspelt_tag_is_one_mistake_also_where_everything_names_tags(zhike: Commands, bank: Bank):
    bank.replace("zhike.toml", "standard_pack = false", "standard_pack = true")
    bank.write("conf/tags/more.yaml", "customer_tier: {zhh: 层级}\n")
    told = zhike("check", "--json", folder=bank.folder)
    assert told.code == WRONG_INPUT
    assert {f["where"].split(":")[0] for f in told.json["error"]["findings"]} == {"tags/more.yaml"}


def test_mistakes_of_every_kind_are_told_at_once(zhike: Commands, bank: Bank):
    bank.replace("conf/tags/life.yaml", "meaning_en:", "meening_en:")
    bank.replace("conf/segments/life.yaml", "{tag: older}", "{all: [{tag: older}, {field: agee, at_least: 1}]}")
    bank.replace("conf/gates/consent.yaml", "field: consent_state", "field: consent_stat")
    told = zhike("check", "--json", folder=bank.folder)
    wheres = [f["where"] for f in told.json["error"]["findings"]]
    assert {w.split(":")[0] for w in wheres} == {"tags/life.yaml", "segments/life.yaml", "gates/consent.yaml"}
    assert len(wheres) == len(set(wheres)) == 4
    assert "there is no tag called older" not in told.err


def test_a_wrong_variable_is_named_as_one(zhike: Commands, bank: Bank, monkeypatch: pytest.MonkeyPatch):
    from tests.scenario import commands

    plain = commands.environment
    monkeypatch.setattr(
        commands, "environment", lambda language="en": {**plain(language), "ZHIKE_ENGINE_THREADS": "many"}
    )
    told = zhike("check", folder=bank.folder)
    assert told.code == WRONG_INPUT
    assert "ZHIKE_ENGINE_THREADS: Input should be a valid integer" in told.err


@pytest.mark.parametrize(
    ("key", "restored"), [("identity.key", ".zhike/identity.key"), ("permit.key", ".zhike/permit.key")]
)
def test_a_lost_key_is_to_be_put_back_not_made_anew(zhike: Commands, bank: Bank, key: str, restored: str):
    (bank.folder / ".zhike" / key).unlink()
    told = zhike(*RUN, folder=bank.folder)
    assert told.code == WRONG_INPUT
    assert f"there is no secret at file:{restored}" in told.err
    assert f"put your copy of {restored} back" in told.err
    assert not (bank.folder / ".zhike" / key).exists()


def test_a_run_without_a_mapping_says_where_it_is_expected(zhike: Commands, bank: Bank):
    before = bank.manifests
    (bank.folder / "mapping.yaml").unlink()
    told = zhike(*RUN, "--json", folder=bank.folder)
    assert (told.code, told.json["error"]["code"]) == (WRONG_INPUT, "definition.file_missing")
    assert "there is no file mapping.yaml" in told.err
    assert f"expected it in {bank.folder}" in told.err
    assert_stays_readable(zhike, bank, before)


def four_eyed(bank: Bank) -> None:
    bank.replace("zhike.toml", 'definitions_approval = "on_apply"', 'definitions_approval = "four_eyes"')


@pytest.mark.requirement("K5")
def test_under_four_eyes_a_mistake_in_a_file_does_not_stop_the_night(zhike: Commands, bank: Bank):
    four_eyed(bank)
    bank.add("conf/tags/life.yaml", "  oops: [\n")
    told = zhike(*RUN, folder=bank.folder)
    assert told.code == 0, told.err
    assert zhike("apply", folder=bank.folder).code == WRONG_INPUT


@pytest.mark.requirement("K5")
def test_a_run_before_anything_is_approved_says_what_is_missing(zhike: Commands, bank: Bank):
    four_eyed(bank)
    for path in (bank.folder / ".zhike").glob("store.sqlite3*"):
        path.unlink()
    for n_waiting, words in ((0, ()), (8, ("apply", "--by", "wang"))):
        if words:
            assert zhike(*words, folder=bank.folder).code == 0
        told = zhike(*RUN, "--json", folder=bank.folder)
        assert (told.code, told.json["error"]["code"]) == (WRONG_INPUT, "run.nothing_approved")
        assert f"({n_waiting} wait for approval)" in told.err
        assert "zhike approve all --by NAME" in told.err
