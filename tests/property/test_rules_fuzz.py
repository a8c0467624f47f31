"""Whatever tree arrives, the parser answers with a rule or with mistakes: it never fails, and never takes long."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.property.rule_cases import FIELDS, VOCABULARY
from zhike.rules import describe, read_rule, used_names
from zhike.rules.comparing import WORDS
from zhike.rules.terms import Arithmetic

KEYS = [
    "all", "any", "none", "at_least_of", "n", "of", "field", "compute", "tag", "value", "segment", "bucket", "score", "event", "then",
    "where", "then_where", "count", "days", "within_days", "in_last_days", "relation", "inverse", "contactable", "channel", "calendar",
    "everyone", "negate", "lookup", "in", "days_until", "month_start_ahead", "entered_within_days", *WORDS, *(a.value for a in Arithmetic),
]  # fmt: skip
NAMES = [
    *FIELDS,
    "tier",
    "native",
    "pool",
    "churn",
    "login",
    "spouse_of",
    "marketing",
    "' or 1=1 --",
    "",
    "C3",
    "day_of_month",
]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(NAMES), st.dates(),
    st.sampled_from([1, 3, 30, True, "high", date(2025, 1, 1)]),
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3), st.integers()), inner, max_size=4),
    ),
    max_leaves=25,
)
heads = st.builds(
    lambda head, name, rest: {head: name, **rest},
    st.sampled_from(["field", "tag", "segment", "score", "event", "relation", "calendar", "compute"]),
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(KEYS), trees, max_size=3),
)


@given(tree=st.one_of(trees, heads, st.lists(heads, max_size=3).map(lambda of: {"any": of})))
@settings(max_examples=examples(1500), deadline=500)
def test_any_tree_gives_a_rule_or_its_mistakes(tree):
    rule, findings = read_rule(tree, VOCABULARY)
    assert (rule is None) == bool(findings)
    for finding in findings:
        assert finding.where.startswith("when")
        assert "·" in finding.problem
    if rule is not None:
        assert describe(rule, VOCABULARY)
        assert used_names(rule).fields <= set(FIELDS)
