"""A rule can be read aloud, and its evidence shows the values met."""

from __future__ import annotations

from decimal import Decimal

from tests.property.rule_cases import AS_OF
from zhike.kernel.terms import Text
from zhike.rules import CustomerFacts, FieldTerm, SegmentTerm, TagTerm, Vocabulary, describe, parse_rule, trace
from zhike.rules.terms import TagPart
from zhike.warehouse.contracts import Kind

WORDS = Vocabulary(
    fields={
        "aum_mavg_amount": FieldTerm("aum_mavg_amount", Kind.AMOUNT, "月日均AUM", "Monthly mean AUM"),
        "maturing_on": FieldTerm("maturing_on", Kind.DAY, "到期日", "Maturity"),
        "has_payroll": FieldTerm("has_payroll", Kind.FLAG, "代发", "Payroll"),
    },
    tags={"tier": TagTerm("tier", "客户层级", "Tier", (TagPart.TEXT,), {"wealth": Text("财富", "Wealth")})},
    segments={"pool": SegmentTerm("pool", "到期承接池", "Maturing funds", {"A": Text("甲", "A")})},
)


def said(tree):
    rule = parse_rule(tree, WORDS)
    return describe(rule, WORDS), describe(rule, WORDS, language="en")


def test_money_is_said_as_people_say_it():
    assert said({"field": "aum_mavg_amount", "at_least": 50000}) == (
        "月日均AUM ≥ ¥5.00万",
        "Monthly mean AUM ≥ ¥50.00K",
    )


def test_windows_tags_and_segments_are_said_by_their_names():
    assert said({"field": "maturing_on", "within_next_days": 30})[0] == "到期日在未来30天内"
    assert said({"tag": "tier", "is": "wealth"}) == ("客户层级 为 财富", "Tier is Wealth")
    assert said({"segment": "pool", "bucket": "A"})[0] == "在客群“到期承接池”中（甲）"


def test_groups_are_joined_and_negated_in_words():
    tree = {"all": [{"field": "has_payroll"}, {"any": [{"tag": "tier"}, {"segment": "pool"}]}], "negate": True}
    zh, en = said(tree)
    assert zh == "并非（代发 为 是，且（有标签“客户层级”，或在客群“到期承接池”中））"
    assert en == "not (Payroll is yes and (has tag “Tier” or in segment “Maturing funds”))"


def test_evidence_names_what_was_met_and_what_was_missing():
    rule = parse_rule({"all": [{"field": "aum_mavg_amount", "at_least": 50000}, {"field": "has_payroll"}]}, WORDS)
    evidence = trace(rule, CustomerFacts(AS_OF, {"aum_mavg_amount": Decimal("60000.00")}), WORDS)
    assert not evidence.held
    assert [e.held for e in evidence.inside] == [True, False]
    assert evidence.inside[0].values == ((Text("月日均AUM", "Monthly mean AUM"), Decimal("60000.00")),)
    assert evidence.lines()[2] == "  ✗ 代发 为 是  [代发 = —]"
