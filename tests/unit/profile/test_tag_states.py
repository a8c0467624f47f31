"""Drafts, retired tags, rings, names in any script, and rules that meet nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.unit.profile.test_tags import CONTRACTS, D1, definition, one, parsed, person
from zhike.kernel.errors import BadInput
from zhike.profile.tags import tag_terms
from zhike.profile.tags_steps import tag_step
from zhike.warehouse import open_engine
from zhike.warehouse.testing import run_step

pytestmark = pytest.mark.requirement("C3")
RICH = {"when": {"field": "aum_point_amount", "at_least": 100}}


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def held(engine, tag, people):
    numbered = [{**p, "customer_no": i + 1} for i, p in enumerate(people)]
    written = run_step(tag_step(tag), engine, {"profile": numbered}, as_of=D1, contracts=CONTRACTS)
    return written[("tag_value", tag.key)].to_pylist()


def test_a_retired_tag_and_a_draft_are_not_computed_and_no_words_of_rules():
    written = [
        definition("old", state="retired", **RICH),
        definition("new", state="draft", **RICH),
        definition("now", **RICH),
    ]
    assert set(parsed(*written)) == {"now"}
    assert set(tag_terms(written)) == {"now"}


@pytest.mark.parametrize(
    ("state", "says"),
    [("retired", "the tag old is retired · 标签 old 已停用"), ("draft", "the tag old is a draft · 标签 old 仍是草稿")],
)
def test_a_rule_over_such_a_tag_is_a_mistake_that_names_who_uses_it(state, says):
    with pytest.raises(BadInput) as told:
        parsed(definition("old", state=state, **RICH), definition("user", when={"tag": "old"}))
    (finding,) = told.value.findings
    assert finding.where == "tags/mine.yaml:7 user.when.tag"
    assert finding.problem == says


def test_the_rules_of_a_draft_are_checked_those_of_a_retired_tag_no_longer():
    wrong = {"when": {"field": "there_was_one_once", "at_least": 1}}
    assert parsed(definition("old", state="retired", **wrong)) == {}
    with pytest.raises(BadInput, match="there is no field called there_was_one_once"):
        parsed(definition("new", state="draft", **wrong))


def test_a_longer_ring_is_named_once():
    ring = [definition(k, when={"tag": n}) for k, n in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"))]
    with pytest.raises(BadInput) as told:
        parsed(*ring)
    assert [f.problem for f in told.value.findings] == ["tags that need one another: a → b → c → a · 标签循环引用"]


def test_names_and_values_may_be_written_in_any_script(engine):
    tag = one(
        "عميل", zh="مميز", en="Müller & Søn 😀", cases=[{"value": "بله", "zh": "是", "en": "да", "when": RICH["when"]}]
    )  # fmt: skip
    (row,) = held(
        engine, tag, [person("客户-ö", aum_point_amount=Decimal(100)), person("b", aum_point_amount=Decimal(99))]
    )
    assert (row["tag"], row["customer_id"], row["value_text"]) == ("عميل", "客户-ö", "بله")


def test_a_division_by_zero_is_missing_and_so_matches_nothing(engine):
    tag = one(
        "share",
        when={"compute": {"divided_by": [{"field": "demand_amount"}, {"field": "aum_point_amount"}]}, "at_least": 0},
    )
    people = [
        person("none", demand_amount=Decimal(5), aum_point_amount=Decimal(0)),
        person("some", demand_amount=Decimal(5), aum_point_amount=Decimal(9)),
    ]
    assert [r["customer_id"] for r in held(engine, tag, people)] == ["some"]


def test_a_customer_of_whom_nothing_is_known_has_no_tag_but_those_of_everybody(engine):
    assert held(engine, one("rich", **RICH), [person("empty")]) == []
    assert len(held(engine, one("all", when={"everyone": True}), [person("empty")])) == 1


def test_tags_with_and_without_values_are_written_together_and_alike(engine):
    from zhike.profile.tags_steps import tag_steps
    from zhike.warehouse.testing import run_together

    tags = parsed(
        definition("plain", **RICH), definition("money", amount={"field": "aum_point_amount"}, **RICH),
        definition("lives", kind="event", lives_days=5, **RICH), definition("both", number=1, amount={"field": "aum_point_amount"}, **RICH),
        *(definition(f"more{i}", number=i, **RICH) for i in range(30)),
    )  # fmt: skip
    steps = [s for s in tag_steps(tags) if s.key != "tag_health"]
    people = [{**person("a", aum_point_amount=Decimal(100)), "customer_no": 1}, {**person("b"), "customer_no": 2}]
    written = run_together(steps, engine, {"profile": people}, as_of=date(2025, 3, 1), contracts=CONTRACTS)
    rows = {key[1]: part.to_pylist() for key, part in written.items()}
    assert {k: len(v) for k, v in rows.items()} == dict.fromkeys(tags, 1)
    assert (rows["money"][0]["value_amount"], rows["money"][0]["value_number"]) == (Decimal("100.00"), None)
    assert (rows["both"][0]["value_amount"], rows["both"][0]["value_number"]) == (Decimal("100.00"), 1.0)
    assert (rows["lives"][0]["met_on"], rows["plain"][0]["met_on"]) == (date(2025, 3, 1), None)
    assert [rows[f"more{i}"][0]["value_number"] for i in range(30)] == [float(i) for i in range(30)]
