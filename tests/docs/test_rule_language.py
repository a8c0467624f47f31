"""The reference of the rule language: each example is a rule, every word of the language has an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, Example, examples
from zhike.kernel.definitions import DefinitionSet, read_definitions
from zhike.kernel.terms import Text
from zhike.pipeline.compiled import ORDERED_CODES
from zhike.pipeline.project import standard_pack
from zhike.profile.tables import PROFILE
from zhike.profile.tags import tag_terms
from zhike.rules import Vocabulary, describe, event_leaves, field_terms, read_rule, used_names
from zhike.rules import parser as rule_parser
from zhike.rules.expressions import HEADS, PROVIDED
from zhike.rules.terms import Arithmetic, Comparison, EventStat
from zhike.rules.vocabulary import RELATIONS
from zhike.segments import segment_terms

PAGE = DOCS / "concepts" / "rules.md"
RULES = [e for e in examples(PAGE) if e.kind == "yaml"]
WRONG = [e for e in examples(PAGE) if e.kind == "yaml wrong"]
OPTIONS = {
    "negate", "value", "bucket", "entered_within_days", "where", "inverse", "channel", "product_line", "then", "then_where",
    "within_days", "in_last_days", "n", "of", "in", "stat", "years_ago", *(s.value for s in EventStat), *event_leaves._WINDOWS,
    *event_leaves._PERIODS, PROVIDED,
}  # fmt: skip


@cache
def standard() -> DefinitionSet:
    return read_definitions([standard_pack()], kinds={"tag", "segment", "model"})


@cache
def vocabulary() -> Vocabulary:
    """What the rules of a project on the standard pack may name."""
    tags, segments, models = (standard().of_kind(kind) for kind in ("tag", "segment", "model"))
    return Vocabulary(
        fields=field_terms(PROFILE, ordered=ORDERED_CODES),
        tags=tag_terms(tags),
        segments=segment_terms(segments),
        models={m.key: Text(m.body["zh"], m.body["en"]) for m in models},
    )


def filled(tree: Any) -> Any:
    if isinstance(tree, str) and tree.startswith("$"):
        return standard().parameters[tree[1:]]
    if isinstance(tree, dict):
        return {k: filled(v) for k, v in tree.items()}
    return [filled(v) for v in tree] if isinstance(tree, list) else tree


def words_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield str(key)
            yield from words_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from words_in(value)


@pytest.mark.requirement("D4")
@pytest.mark.parametrize("example", RULES, ids=str)
def test_an_example_is_a_rule_and_can_be_said(example: Example):
    rule, findings = read_rule(filled(yaml.safe_load(example.content)), vocabulary())
    assert not findings, "\n".join(str(f) for f in findings)
    assert rule is not None
    assert used_names(rule) is not None
    for language in ("zh", "en"):
        assert describe(rule, vocabulary(), language=language)


def test_every_word_of_the_language_has_an_example():
    known = {*rule_parser._READERS, *Comparison, *Arithmetic, *HEADS, *rule_parser.CALENDAR_UNITS, *OPTIONS}
    used = {w for e in RULES for w in words_in(yaml.safe_load(e.content))}
    used |= {str(t["calendar"]) for e in RULES if isinstance(t := yaml.safe_load(e.content), dict) and "calendar" in t}
    assert sorted(str(w) for w in known - used) == []


def test_every_comparison_expression_and_relation_is_explained():
    text = PAGE.read_text(encoding="utf-8")
    assert [
        w for w in (*Comparison, *Arithmetic, *HEADS, *RELATIONS) if f"`{w}" not in text and f"{{{w}:" not in text
    ] == []


def test_the_wrong_example_is_told_as_the_page_says():
    (wrong,) = WRONG
    told = next(e for e in examples(PAGE) if e.kind == "text" and e.line > wrong.line)
    rule, findings = read_rule(yaml.safe_load(wrong.content), vocabulary())
    assert rule is None
    assert [str(f) for f in findings] == told.content.splitlines()
