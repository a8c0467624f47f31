"""A marketing manager builds an audience at the command line: counts, a funnel, overlaps, reach, a sample, why somebody is not in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import Bank

pytestmark = [pytest.mark.slow, pytest.mark.requirement("D4")]


@pytest.fixture
def ask(zhike: Commands, published_bank: Bank) -> Any:
    """Return a function that gives what ``zhike audience WORDS --json`` answers, or the code of the error."""

    def answer(*words: str, head: str = "audience") -> Any:
        told = zhike(head, *words, "--json", folder=published_bank.folder)
        return told.json if told.code == 0 else (told.code, told.json["error"]["code"])

    return answer


def test_an_audience_is_counted_without_those_who_may_not_be_contacted(ask: Any) -> None:
    found = ask("count", "older_persons")
    assert (found["customers"], found["matching"], found["taken_out"], found["of"]) == (2, 3, 1, 5)
    assert ask("count", "[{field: age, at_least: $older_years}]")["customers"] == 2
    assert ask("count", "{field: age, below: 40}", "--exclude", "older_persons")["customers"] == 1


def test_the_funnel_tells_what_each_condition_leaves(ask: Any) -> None:
    rule = (
        "[{field: age, at_least: 35}, {any: [{tag: older}, {field: age, is: 36}]}, {none: [{field: age, above: 60}]}]"
    )
    rows = ask("funnel", rule)
    assert [(r["level"], r["alone"], r["left"]) for r in rows] == [
        (0, 4, 4),
        (0, 4, 4),
        (1, 3, 3),
        (1, 1, 4),
        (0, 4, 3),
        (0, 3, 3),
    ]
    assert rows[-1]["zh"] == "排除客群“全局排除”"


def test_overlaps_add_up_and_take_two_to_four(ask: Any) -> None:
    rows = ask("overlap", "older_persons", "{field: age, below: 60}", "{everyone: true}")
    assert sum(r["customers"] for r in rows) == 3 and sum(r["share"] for r in rows) == pytest.approx(1, abs=1e-5)
    assert rows[0] == {"in": "older_persons ∩ rule ∩ rule#3", "n_sets": 3, "customers": 2, "share": 0.666667}
    assert ask("overlap", "older_persons") == (2, "audience.sets")


def test_reach_is_what_policy_allows(ask: Any) -> None:
    rows = {r["channel"]: r["customers"] for r in ask("reach", "older_persons")}
    assert rows["any"] == rows["sms"] == 2
    assert {n for c, n in rows.items() if c not in ("any", "sms")} <= {0}


def test_a_sample_shows_members_and_no_sensitive_field(ask: Any) -> None:
    rows = ask("sample", "older_persons", "--rows", "5", "--fields", "age")
    assert sorted(r["age"] for r in rows) == [50, 59]
    assert ask("sample", "older_persons", "--rows", "1", "--seed", "3") == ask(
        "sample", "older_persons", "--rows", "1", "--seed", "3"
    )
    assert ask("sample", "older_persons", "--fields", "agee") == (2, "audience.field_unknown")
    assert ask("sample", "older_persons", "--fields", "customer_id,name")[1] == "audience.field_unknown"


def test_it_is_explained_which_condition_failed_and_what_takes_a_customer_out(ask: Any) -> None:
    who = {r["age"]: r["customer_id"] for r in ask("sample", "{everyone: true}", "--rows", "9", "--fields", "age")}
    assert sorted(who) == [36, 50, 59]  # the others may not be contacted
    young = ask("explain", who[36], "older_persons", head="segments")
    assert not young["matches"] and young["failed_en"] == ["has tag “Older”"] and young["member_since"] is None
    old = ask("explain", who[59], "older_persons", head="segments")
    assert old["matches"] and old["member_since"] == "2025-03-31" and not old["taken_out_by"]
    rule = ask("explain", who[36], "[{field: age, at_least: 35}, {field: age, at_least: 40}]")
    assert rule["failed_zh"] == ["年龄 ≥ 40  [年龄 = 36]"] and rule["failed_en"] == ["Age ≥ 40  [Age = 36]"]
    assert ask("explain", "0" * 24, "older_persons") == (2, "profile.customer_unknown")


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("older_person", "definition.segment_unknown"), ("{feild: age}", "rule.malformed"), ("{field: age, at_least: $nothing}", "definition.parameter_unknown"),
        ("{field: age", "audience.not_yaml"), ("", "rule.malformed"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(ask: Any, rule: str, code: str) -> None:
    assert ask("count", rule) == (2, code)


def test_what_definitions_use_is_encoded_beforehand_and_kept(ask: Any, published_bank: Bank) -> None:
    assert ask("build")["customers"] == 5
    assert any((published_bank.folder / ".zhike" / "audience_index").glob("*/*/codes.npy"))
    assert ask("count", "{field: age, at_least: 35}")["customers"] == 3
