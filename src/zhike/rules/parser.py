"""Reading a rule: from a tree of YAML or JSON to conditions, every name and kind checked, all mistakes at once.

The words are said in ``docs/concepts/rules.md``. A leaf may make several comparisons (all must hold) and may be negated;
a list stands for ``all``.
"""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import Channel, Purpose
from zhike.rules.comparing import WORDS, read_comparisons
from zhike.rules.event_leaves import read_event, read_event_value
from zhike.rules.expressions import read_expression, read_field, read_score, read_tag_value
from zhike.rules.meaning import CALENDAR_UNITS
from zhike.rules.reading import MAX_RELATION_HOPS, Reading
from zhike.rules.terms import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Compare,
    Comparison,
    Condition,
    Contactable,
    Everyone,
    Expression,
    Field,
    HasTag,
    InSegment,
    Literal,
    Negated,
    OnCalendar,
    OnList,
    Related,
    Rule,
    TagPart,
    TagValue,
)
from zhike.rules.vocabulary import Vocabulary
from zhike.warehouse.contracts import Kind

MAX_ENTERED_DAYS = 3660
WAYS: Mapping[object, tuple[bool, ...]] = {False: (False,), True: (True,), "either": (False, True)}
CHANNELS = tuple(c.value for c in Channel)

_Reader = Callable[[Reading, Mapping[str, Any], str, int], Condition | None]


def _conditions(reading: Reading, trees: object, path: str, depth: int) -> tuple[Condition, ...] | None:
    if not isinstance(trees, list) or not trees:
        reading.wrong(path, "must be a list of conditions", "应为条件列表", value=trees)
        return None
    read = [_condition(reading, t, f"{path}[{i}]", depth + 1) for i, t in enumerate(trees)]
    return tuple(c for c in read if c is not None)


def _read_all(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("all", "negate"))
    of = _conditions(reading, tree["all"], f"{path}.all", depth)
    return AllOf(of) if of else None


def _read_any(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("any", "negate"))
    of = _conditions(reading, tree["any"], f"{path}.any", depth)
    return AnyOf(of) if of else None


def _read_none(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("none", "negate"))
    of = _conditions(reading, tree["none"], f"{path}.none", depth)
    return Negated(AnyOf(of)) if of else None


def _read_at_least_of(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("at_least_of", "negate"))
    body, here = tree["at_least_of"], f"{path}.at_least_of"
    if not isinstance(body, Mapping):
        reading.wrong(here, "must be {n: …, of: […]}", "应为 {n: …, of: […]}", value=body)
        return None
    reading.only(here, body, ("n", "of"))
    of = _conditions(reading, body.get("of"), f"{here}.of", depth)
    size = len(body["of"]) if isinstance(body.get("of"), list) else 1
    n = reading.whole(f"{here}.n", body.get("n"), least=1, most=size)
    return AtLeastOf(n, of) if of and n is not None else None


def _codes(reading: Reading, left: Expression) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the closed list of values of ``left`` and their order (lowest first), as far as there are."""
    words = reading.vocabulary
    if isinstance(left, Field):
        term = words.fields[left.name]
        return term.allowed, term.allowed if term.is_ordered else ()
    if isinstance(left, TagValue) and left.part is TagPart.TEXT:
        tag = words.tags[left.tag]
        return tuple(tag.values), tuple(tag.values) if tag.is_ordered else ()
    return (), ()


def _compared(reading: Reading, left: Expression, tree: Mapping[str, Any], path: str) -> Condition | None:
    known, order = _codes(reading, left)
    tests = read_comparisons(reading, left, tree, path, known=known, order=order)
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else AllOf(tuple(tests))


def _asks(tree: Mapping[str, Any]) -> bool:
    return any(word in tree for word in WORDS)


def _says_nothing(reading: Reading, tree: Mapping[str, Any], path: str, head: str) -> None:
    """Record that a leaf compares nothing, unless it tried to with a word that was refused already."""
    if set(tree) <= {head, "value", "negate"}:
        reading.wrong(path, f"says nothing about the {head}", "没有写比较条件", value=tree[head])


def _read_field_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("field", "negate", *WORDS))
    left = read_field(reading, tree["field"], f"{path}.field")
    if left is None:
        return None
    if not _asks(tree):
        if left.kind is Kind.FLAG:
            return Compare(left, Comparison.IS, (Literal(value=True, kind=Kind.FLAG),))
        _says_nothing(reading, tree, path, "field")
        return None
    return _compared(reading, left, tree, path)


def _read_computed_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("compute", "negate", *WORDS))
    left = read_expression(reading, tree["compute"], f"{path}.compute", depth=depth + 1)
    if not _asks(tree):
        _says_nothing(reading, tree, path, "compute")
        return None
    return None if left is None else _compared(reading, left, tree, path)


def _read_tag_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("tag", "value", "negate", *WORDS))
    if _asks(tree):
        left = read_tag_value(reading, tree, path)
        return None if left is None else _compared(reading, left, tree, path)
    key, known = tree["tag"], reading.vocabulary.tags
    if not isinstance(key, str) or key not in known:
        reading.unknown(f"{path}.tag", ("tag", "标签"), key, known)
        return None
    if "value" in tree:
        _says_nothing(reading, tree, path, "tag")
        return None
    return HasTag(key)


def _read_score_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("score", "value", "negate", *WORDS))
    left = read_score(reading, tree, path)
    if not _asks(tree):
        _says_nothing(reading, tree, path, "score")
        return None
    return None if left is None else _compared(reading, left, tree, path)


def _read_segment_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("segment", "bucket", "entered_within_days", "negate"))
    key, known = tree["segment"], reading.vocabulary.segments
    if not isinstance(key, str) or key not in known:
        reading.unknown(f"{path}.segment", ("segment", "客群"), key, known)
        return None
    wanted = tree.get("bucket", [])
    buckets = wanted if isinstance(wanted, list) else [wanted]
    for i, bucket in enumerate(buckets):
        if not isinstance(bucket, str) or bucket not in known[key].buckets:
            reading.unknown(f"{path}.bucket[{i}]", (f"bucket of {key}", f"{key} 的分档"), bucket, known[key].buckets)
    days = tree.get("entered_within_days")
    if days is not None:
        days = reading.whole(f"{path}.entered_within_days", days, least=1, most=MAX_ENTERED_DAYS)
    return InSegment(key, tuple(str(b) for b in buckets), days)


def _read_relation_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("relation", "inverse", "declared", "hops", "where", "negate"))
    asked, known = tree["relation"], reading.vocabulary.relations
    kinds = asked if isinstance(asked, list) and asked else [asked]
    for kind in kinds:
        if not isinstance(kind, str) or kind not in known:
            reading.unknown(f"{path}.relation", ("relation", "关系"), kind, known)
            return None
    inverse, is_declared = tree.get("inverse", False), tree.get("declared")
    ways = WAYS.get(inverse) if isinstance(inverse, bool | str) else None
    hops = reading.whole(f"{path}.hops", tree.get("hops", 1), least=1, most=MAX_RELATION_HOPS)
    if ways is None:
        reading.wrong(f"{path}.inverse", "must be true, false or either", "应为 true、false 或 either", value=inverse)
    if is_declared is not None and not isinstance(is_declared, bool):
        reading.wrong(f"{path}.declared", "must be true or false", "应为 true 或 false", value=is_declared)
        return None
    if hops is None or ways is None:
        return None
    if hops > 1 and "where" not in tree:
        reading.wrong(f"{path}.hops", "says nothing without where", "没有 where 时 hops 没有意义", value=hops)
        return None
    if reading.n_hops_around + hops > MAX_RELATION_HOPS:
        reading.wrong(path, f"more than {MAX_RELATION_HOPS} relations deep", f"关系嵌套超过 {MAX_RELATION_HOPS} 层")
        return None
    where = None
    if "where" in tree:
        reading.n_hops_around += hops
        where = _condition(reading, tree["where"], f"{path}.where", depth + 1)
        reading.n_hops_around -= hops
        if where is None:
            return None
    return Related(tuple(dict.fromkeys(kinds)), where, ways, is_declared, hops)


def _read_contactable_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("contactable", "channel", "product_line", "negate"))
    purpose, purposes = tree["contactable"], [p.value for p in Purpose]
    if purpose not in purposes:
        reading.unknown(f"{path}.contactable", ("purpose", "用途"), purpose, purposes)
        return None
    limits: dict[str, tuple[str, ...]] = {}
    for word in ("channel", "product_line"):
        wanted = tree.get(word, [])
        limits[word] = tuple(str(w) for w in (wanted if isinstance(wanted, list) else [wanted]))
    for channel in limits["channel"]:
        if channel not in CHANNELS:
            reading.unknown(f"{path}.channel", ("channel", "渠道"), channel, CHANNELS)
    return Contactable(purpose, limits["channel"], limits["product_line"])


def _read_calendar_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("calendar", "is", "in", "between", "negate"))
    unit = tree["calendar"]
    if not isinstance(unit, str) or unit not in CALENDAR_UNITS:
        reading.unknown(f"{path}.calendar", ("unit of the calendar", "日历单位"), unit, CALENDAR_UNITS)
        return None
    least, most = CALENDAR_UNITS[unit]
    asked = [w for w in ("is", "in", "between") if w in tree]
    if len(asked) != 1:
        reading.wrong(path, "needs one of is, in, between", "应写 is、in、between 之一")
        return None
    word = asked[0]
    trees = tree[word] if isinstance(tree[word], list) else [tree[word]]
    read = [reading.whole(f"{path}.{word}", t, least=least, most=most) for t in trees]
    values = [v for v in read if v is not None]
    if not values or len(values) < len(read):
        return None
    if word == "between":
        if len(values) != 2 or values[0] > values[1]:
            reading.wrong(f"{path}.between", "must be [from, to]", "应为 [起, 止]", value=trees)
            return None
        values = list(range(values[0], values[1] + 1))
    return OnCalendar(unit, tuple(sorted(set(values))))


def _read_list_leaf(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("list", "entered_within_days", "negate"))
    key, known = tree["list"], reading.vocabulary.lists
    if not isinstance(key, str) or (known is not None and key not in known):
        reading.unknown(f"{path}.list", ("list", "名单"), key, known or ())
        return None
    days = tree.get("entered_within_days")
    if days is not None:
        days = reading.whole(f"{path}.entered_within_days", days, least=1, most=MAX_ENTERED_DAYS)
    return OnList(key, days)


def _read_everyone(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    reading.only(path, tree, ("everyone", "negate"))
    if tree["everyone"] is not True:
        reading.wrong(f"{path}.everyone", "must be true", "应为 true", value=tree["everyone"])
    return Everyone()


_READERS: Mapping[str, _Reader] = {
    "all": _read_all,
    "any": _read_any,
    "none": _read_none,
    "at_least_of": _read_at_least_of,
    "field": _read_field_leaf,
    "compute": _read_computed_leaf,
    "tag": _read_tag_leaf,
    "segment": _read_segment_leaf,
    "score": _read_score_leaf,
    "event": lambda reading, tree, path, _: read_event(reading, tree, path),
    "relation": _read_relation_leaf,
    "list": _read_list_leaf,
    "contactable": _read_contactable_leaf,
    "calendar": _read_calendar_leaf,
    "everyone": _read_everyone,
}


def _negate(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Condition | None:
    """Read a condition with ``negate``: true beside its own words, or a condition of its own inside it."""
    inside = tree["negate"]
    if isinstance(inside, Mapping):
        reading.only(path, tree, ("negate",))
        of = _condition(reading, inside, f"{path}.negate", depth + 1)
        return None if of is None else Negated(of)
    if not isinstance(inside, bool):
        reading.wrong(f"{path}.negate", "must be true, false or a condition", "应为 true、false 或条件", value=inside)
        return None
    rest = {k: v for k, v in tree.items() if k != "negate"}
    if "event" in rest and "then" in rest:  # "A and no B": says of itself what is negated
        return read_event(reading, rest, path, is_followed=not inside)
    of = _condition(reading, rest, path, depth)
    return Negated(of) if inside and of is not None else of


def _condition(reading: Reading, tree: object, path: str, depth: int) -> Condition | None:
    if not reading.enter(path, depth):
        return None
    if isinstance(tree, list):
        of = _conditions(reading, tree, path, depth)
        return AllOf(of) if of else None
    if not isinstance(tree, Mapping) or not tree:
        reading.wrong(path, "must be a condition", "应为条件", value=tree)
        return None
    if "negate" in tree:
        return _negate(reading, tree, path, depth)
    heads = [h for h in _READERS if h in tree]
    if len(heads) == 1:
        return _READERS[heads[0]](reading, tree, path, depth)
    if heads:
        reading.wrong(path, f"one of {', '.join(heads)} at a time", "一个条件只能有一个主语", value=", ".join(heads))
        return None
    near = next((n for n in (suggest(str(w), _READERS) for w in tree) if n), "")
    reading.wrong(
        path, f"a condition begins with one of {', '.join(_READERS)}", "不认识的条件", value=", ".join(map(str, tree)), near=near
    )  # fmt: skip
    return None


def read_rule(tree: object, vocabulary: Vocabulary, *, path: str = "when") -> tuple[Rule | None, tuple[Finding, ...]]:
    """Return the rule that ``tree`` writes, and every mistake in it (then the rule is None).

    Parameters
    ----------
    tree : what YAML or JSON gave; parameters are already filled in.
    path : how the place is called in findings, e.g. ``tags/value.yaml:12 near_upgrade.when``.
    """
    reading = Reading(vocabulary, read_condition=_condition, read_event_value=read_event_value)
    rule = _condition(reading, tree, path, 0)
    return (None if reading.findings else rule), tuple(reading.findings)


def malformed(findings: tuple[Finding, ...], *, where: str) -> BadInput:
    """Return the error that shows all mistakes of the rules at ``where``."""
    return BadInput(
        "rule.malformed",
        zh=f"{where} 的规则有 {len(findings)} 处错误",
        en=f"{where}: the rule has {len(findings)} mistake{'s' if len(findings) > 1 else ''}",
        todo_zh="写法见 docs/concepts/rules.md",
        todo_en="docs/concepts/rules.md says how rules are written",
        findings=findings,
    )


def parse_rule(tree: object, vocabulary: Vocabulary, *, path: str = "when") -> Rule:
    """Return the rule that ``tree`` writes.

    Raises
    ------
    BadInput : ``rule.malformed`` with every mistake: where it is, why it is one, and the nearest name that exists.
    """
    rule, findings = read_rule(tree, vocabulary, path=path)
    if findings or rule is None:
        raise malformed(findings, where=path)
    return rule


__all__ = ["malformed", "parse_rule", "read_rule"]
