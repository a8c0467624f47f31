"""The tag catalogue at the command line: how tags stand, where they come from, who uses them, and what a retired one does."""

from __future__ import annotations

import pytest

from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import SECOND_NIGHT, Bank

pytestmark = [pytest.mark.slow, pytest.mark.requirement("C3")]
SIMPLE = """
{key}:
  zh: {key}
  en: {key}
  meaning_zh: 测试用标签的含义
  meaning_en: A tag for this test only
  family: value
  kind: rule
  subjects: [person]
  owner: retail_marketing
  version: 1
  refresh: day
  use: marketing
  {more}
"""


def tag(key: str, more: str) -> str:
    return SIMPLE.format(key=key, more=more)


def test_health_says_coverage_freshness_and_what_is_amiss(zhike: Commands, bank: Bank):
    told = zhike("tags", "health", "--json", "--on", SECOND_NIGHT, folder=bank.folder)
    assert told.code == 0, told.err
    (older,) = told.json
    assert (older["tag"], older["state"], older["version"], older["used_by"], older["warnings"]) == (
        "older",
        "live",
        1,
        1,
        [],
    )
    assert (older["tagged"], older["of_subjects"], older["of_all"], older["age_days"]) == (3, 0.75, 0.6, 1)
    assert zhike("tags", "health", "--strict", "--on", SECOND_NIGHT, folder=bank.folder).code == 0
    late = zhike("tags", "health", "older", "--strict", "--json", "--on", "2025-04-09", folder=bank.folder)
    assert late.code == 1
    assert late.json[0]["warnings"] == ["stale"]
    assert "1 tag with warnings" in late.err


def test_nobody_everybody_expired_and_unused_are_named(zhike: Commands, bank: Bank):
    bank.add("conf/tags/life.yaml", tag("ancient", "when: {field: age, at_least: 150}"))
    bank.add("conf/tags/life.yaml", tag("anybody", "when: {everyone: true}\n  expires_on: 2025-03-31"))
    assert zhike("run", "--as-of", SECOND_NIGHT, "--quiet", folder=bank.folder).code == 0
    told = zhike("tags", "health", "--json", "--on", SECOND_NIGHT, folder=bank.folder)
    warnings = {r["tag"]: r["warnings"] for r in told.json}
    assert warnings == {"ancient": ["nobody", "unused"], "anybody": ["everybody", "expired", "unused"], "older": []}


def test_lineage_goes_up_to_the_tables_and_down_to_who_uses_it(zhike: Commands, bank: Bank):
    told = zhike("tags", "lineage", "older", "--json", folder=bank.folder)
    assert told.code == 0, told.err
    up = [(r["depth"], r["kind"], r["key"]) for r in told.json if r["direction"] == "up"]
    assert up == [(1, "feature", "age"), (2, "feature", "birth_on"), (3, "table", "customer")]
    down = [(r["depth"], r["kind"], r["key"], r["where"]) for r in told.json if r["direction"] == "down"]
    assert down == [(1, "segment", "older_persons", "segments/life.yaml:1")]


def test_a_retired_tag_that_a_segment_uses_is_refused_with_the_segments_name(zhike: Commands, bank: Bank):
    bank.replace("conf/tags/life.yaml", "  sensitivity: none", "  sensitivity: none\n  state: retired")
    told = zhike("check", "--json", folder=bank.folder)
    assert told.code == 2
    (finding,) = told.json["error"]["findings"]
    assert "segments/life.yaml:1 older_persons.when.tag" in str(finding)
    assert "the tag older is retired · 标签 older 已停用" in str(finding)


def test_a_retired_tag_that_nobody_uses_is_kept_in_the_catalogue_and_not_computed(zhike: Commands, bank: Bank):
    bank.replace("conf/tags/life.yaml", "  sensitivity: none", "  sensitivity: none\n  state: retired")
    bank.replace("conf/segments/life.yaml", "when: {tag: older}", "when: {field: age, at_least: 45}")
    assert zhike("run", "--as-of", SECOND_NIGHT, "--quiet", folder=bank.folder).code == 0
    (row,) = zhike("tags", "health", "--json", "--on", SECOND_NIGHT, folder=bank.folder).json
    assert (row["state"], row["tagged"], row["warnings"]) == ("retired", None, [])
    for words in (("count", "older"), ("why", "older", "somebody")):
        told = zhike("tags", *words, folder=bank.folder)
        assert told.code == 2
        assert "the tag older is retired and not computed" in told.err
    assert zhike("tags", "lineage", "older", folder=bank.folder).code == 0


def test_what_is_not_approved_yet_is_a_draft_and_what_has_not_run_is_approved(zhike: Commands, bank: Bank):
    bank.replace("zhike.toml", 'definitions_approval = "on_apply"', 'definitions_approval = "four_eyes"')
    bank.replace("conf/tags/life.yaml", "年满四十五岁", "年满四十五周岁")
    assert zhike("apply", "--by", "lin", folder=bank.folder).code == 0
    ask = ("tags", "health", "--json", "--on", SECOND_NIGHT)
    assert zhike(*ask, folder=bank.folder).json[0]["state"] == "draft"
    assert zhike("approve", "all", "--by", "wang", folder=bank.folder).code == 0
    assert zhike(*ask, folder=bank.folder).json[0]["state"] == "approved"
    assert zhike("run", "--as-of", SECOND_NIGHT, "--quiet", folder=bank.folder).code == 0
    assert zhike(*ask, folder=bank.folder).json[0]["state"] == "live"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tags", "health", "oldr"), "did you mean older?"),
        (("tags", "lineage", "oldr"), "did you mean older?"),
        (("tags", "health", "--on", "yesterday"), "write it as 2025-06-30"),
    ],
)
def test_what_is_asked_wrongly_is_answered_clearly(zhike: Commands, bank: Bank, words: tuple[str, ...], says: str):
    told = zhike(*words, folder=bank.folder)
    assert told.code == 2
    assert says in told.err
