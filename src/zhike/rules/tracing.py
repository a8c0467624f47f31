"""Why one customer matches a rule or does not: each condition with its words, the value met, and whether it held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zhike.kernel.terms import Text
from zhike.rules.describing import describe, describe_value
from zhike.rules.facts import CustomerFacts
from zhike.rules.single import compile_expression, matches
from zhike.rules.terms import AllOf, AnyOf, AtLeastOf, Compare, Literal, Negated, Rule
from zhike.rules.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Evidence:
    """One condition: what it says, whether it held, the values it met (name, value), and the conditions inside it."""

    says: Text
    held: bool
    values: tuple[tuple[Text, Any], ...] = ()
    inside: tuple[Evidence, ...] = ()

    def lines(self, *, language: str = "zh", indent: int = 0) -> list[str]:
        """Return the evidence as indented lines of text, ✓ for what held and ✗ for what did not."""

        def said(text: Text) -> str:
            return text.zh if language == "zh" else text.en

        values = "; ".join(f"{said(name)} = {'—' if value is None else value}" for name, value in self.values)
        says = said(self.says)
        head = f"{'  ' * indent}{'✓' if self.held else '✗'} {says}" + (f"  [{values}]" if values else "")
        return [head, *(line for e in self.inside for line in e.lines(language=language, indent=indent + 1))]


def _values(test: Compare, facts: CustomerFacts, vocabulary: Vocabulary) -> tuple[tuple[Text, Any], ...]:
    sides = [test.left, *(r for r in test.right if not isinstance(r, Literal))]
    named = [Text(*(describe_value(e, vocabulary, language=language) for language in ("zh", "en"))) for e in sides]
    return tuple((name, compile_expression(e)(facts)) for name, e in zip(named, sides, strict=True))


def _headline(rule: Rule, vocabulary: Vocabulary) -> Text:
    match rule:
        case AllOf():
            return Text("以下全部", "all of")
        case AnyOf():
            return Text("以下任一", "any of")
        case AtLeastOf(n):
            return Text(f"以下至少{n}项", f"at least {n} of")
        case Negated():
            return Text("以下不成立", "not")
        case _:
            return Text(describe(rule, vocabulary, language="zh"), describe(rule, vocabulary, language="en"))


def trace(rule: Rule, facts: CustomerFacts, vocabulary: Vocabulary) -> Evidence:
    """Return the evidence for and against one customer, every condition evaluated, none skipped."""
    inside: tuple[Rule, ...] = ()
    if isinstance(rule, AllOf | AnyOf | AtLeastOf):
        inside = rule.of
    elif isinstance(rule, Negated):
        inside = (rule.of,)
    return Evidence(
        says=_headline(rule, vocabulary),
        held=matches(rule, facts),
        values=_values(rule, facts, vocabulary) if isinstance(rule, Compare) else (),
        inside=tuple(trace(c, facts, vocabulary) for c in inside),
    )


__all__ = ["Evidence", "trace"]
