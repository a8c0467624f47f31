"""规则 The one rule language: tags, segments, model targets, gates and audiences all speak it.

In: a tree of YAML or JSON and a :class:`Vocabulary` of what it may name. Out: a :class:`Rule`, checked, with all mistakes
shown at once; and two evaluators of one meaning: :func:`bind`/:func:`evaluate` over tables (Ibis) and :func:`compile_rule`
for one customer. It owns no table and reads none by itself: whoever evaluates hands it tables or facts.

Two-valued: a missing value matches nothing, and ``negate``/``none`` are the exact complement. The words are said in
``docs/concepts/rules.md``. To add a kind of leaf, add its noun to ``terms``, its reader to ``parser``, its meaning to
``batch`` and ``single``, its words to ``describing``; the property tests hold the evaluators together.
"""

from zhike.rules.batch import Bound, bind, evaluate, matching
from zhike.rules.describing import describe
from zhike.rules.facts import CustomerFacts, EventFact, ScoreFact, SegmentFact, TagFact
from zhike.rules.parser import parse_rule, read_rule
from zhike.rules.scope import RuleScope, customer_events, holding_on, listed_customers
from zhike.rules.single import compile_expression, compile_rule, matches
from zhike.rules.terms import Rule
from zhike.rules.tracing import Evidence, trace
from zhike.rules.vocabulary import FieldTerm, SegmentTerm, TagTerm, Vocabulary, field_terms
from zhike.rules.walking import UsedNames, used_names

__all__ = [
    "Bound",
    "CustomerFacts",
    "EventFact",
    "Evidence",
    "FieldTerm",
    "Rule",
    "RuleScope",
    "ScoreFact",
    "SegmentFact",
    "SegmentTerm",
    "TagFact",
    "TagTerm",
    "UsedNames",
    "Vocabulary",
    "bind",
    "compile_expression",
    "compile_rule",
    "customer_events",
    "describe",
    "evaluate",
    "field_terms",
    "holding_on",
    "listed_customers",
    "matches",
    "matching",
    "parse_rule",
    "read_rule",
    "trace",
    "used_names",
]
