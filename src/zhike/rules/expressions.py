"""Reading expressions: fields, parts of tags, scores, constants and small arithmetic, each with its kind.

A constant takes its kind from what it stands beside (``{field: age, at_least: "18"}`` is refused, a day in ISO form
beside a day is a day). An expression that cannot be read gives None after its mistakes are recorded.
"""

# ruff: noqa: PLR0911 - one return per kind of term

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import reduce
from typing import Any

from zhike.rules.reading import MAX_LIST_VALUES, Reading
from zhike.rules.terms import (
    EXACT_KINDS,
    FLOAT_KINDS,
    NUMERIC_KINDS,
    TAG_PART_KINDS,
    TEXT_KINDS,
    Arithmetic,
    Computed,
    DaysUntil,
    Expression,
    Field,
    Literal,
    Lookup,
    Measure,
    MonthStart,
    Provided,
    ScoreValue,
    TagPart,
    TagValue,
)
from zhike.warehouse.contracts import Kind

HEADS = ("field", "tag", "score", "value", "event", "lookup", "days_until", "month_start_ahead")
PROVIDED = "provided"
EVENT_WORDS = (
    "where",
    "stat",
    "within_days",
    "within_trading_days",
    "within_complete_months",
    "month_to_date",
    "years_ago",
)
SCORE_PARTS: Mapping[str, Kind] = {"score": Kind.RATE, "decile": Kind.INTEGER}
MODIFIERS = tuple(
    a.value for a in (Arithmetic.PLUS, Arithmetic.MINUS, Arithmetic.TIMES, Arithmetic.DIVIDED_BY, Arithmetic.OR_ELSE)
)
_FOLDS: Mapping[Arithmetic, Callable[[Decimal, Decimal], Decimal]] = {
    Arithmetic.PLUS: operator.add,
    Arithmetic.MINUS: operator.sub,
    Arithmetic.TIMES: operator.mul,
}
EXACT_DECIMALS = 4
LARGEST = Decimal(10) ** 15
LARGEST_FACTOR = Decimal(10) ** 4


# ---- constants -------------------------------------------------------------------------------------------------------


def _decimal(reading: Reading, path: str, value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        reading.wrong(path, "must be a number", "应为数字", value=value)
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > LARGEST:
        reading.wrong(path, "is out of range", "超出范围", value=value)
        return None
    return number


def _exact(reading: Reading, path: str, value: object) -> Decimal | None:
    number = _decimal(reading, path, value)
    if number is not None and number != round(number, EXACT_DECIMALS):
        reading.wrong(path, f"has more than {EXACT_DECIMALS} decimals", f"超过 {EXACT_DECIMALS} 位小数", value=value)
        return None
    return number


def _float(reading: Reading, path: str, value: object) -> float | None:
    number = _decimal(reading, path, value)
    return None if number is None else float(number)


def _day(reading: Reading, path: str, value: object) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    reading.wrong(path, "must be a day such as 2025-12-31", "应为日期，如 2025-12-31", value=value)
    return None


def _text(reading: Reading, path: str, value: object) -> str | None:
    if isinstance(value, str):
        return value
    reading.wrong(path, "must be text (write it in quotes)", "应为文字（请加引号）", value=value)
    return None


def _flag(reading: Reading, path: str, value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    reading.wrong(path, "must be true or false", "应为 true 或 false", value=value)
    return None


_CONSTANTS: Mapping[Kind, Callable[[Reading, str, object], Any]] = {
    Kind.TEXT: _text,
    Kind.CODE: _text,
    Kind.INTEGER: _exact,
    Kind.AMOUNT: _exact,
    Kind.RATE: _float,
    Kind.NUMBER: _float,
    Kind.FLAG: _flag,
    Kind.DAY: _day,
}


def read_literal(reading: Reading, value: object, kind: Kind, path: str) -> Literal | None:
    """Return a constant of ``kind``; text becomes a day only where a day is expected."""
    if kind not in _CONSTANTS:
        reading.wrong(path, "moments cannot be compared: use the day", "时间戳不能比较，请用日期字段", value=value)
        return None
    constant = _CONSTANTS[kind](reading, path, value)
    return None if constant is None else Literal(constant, kind)


def _natural_literal(reading: Reading, value: object, path: str) -> Literal | None:
    """Return a constant whose kind nothing around it fixes: numbers are amounts, to stay exact."""
    if isinstance(value, bool):
        return Literal(value, Kind.FLAG)
    if isinstance(value, date):
        return read_literal(reading, value, Kind.DAY, path)
    if isinstance(value, str):
        return Literal(value, Kind.CODE)
    number = _decimal(reading, path, value)
    if number is None:
        return None
    is_exact = number == round(number, EXACT_DECIMALS)
    return Literal(number, Kind.AMOUNT) if is_exact else Literal(float(number), Kind.NUMBER)


# ---- names -----------------------------------------------------------------------------------------------------------


def read_field(reading: Reading, name: object, path: str) -> Expression | None:
    """Return the field or named measure called ``name``."""
    known = reading.vocabulary.fields
    if not isinstance(name, str) or name not in known:
        reading.unknown(path, ("field", "字段"), name, known)
        return None
    if name in reading.vocabulary.measures:
        expression = reading.vocabulary.measures[name]
        return Measure(name, expression, expression.kind)
    if known[name].kind is Kind.MOMENT:
        reading.wrong(path, "moments cannot be compared: use the day", "时间戳不能比较，请用日期字段", value=name)
        return None
    return Field(name, known[name].kind)


def read_tag_value(reading: Reading, tree: Mapping[str, Any], path: str) -> TagValue | None:
    """Return the part of a tag's value that ``value`` names, or its first part."""
    key, known = tree["tag"], reading.vocabulary.tags
    if not isinstance(key, str) or key not in known:
        reading.unknown(f"{path}.tag", ("tag", "标签"), key, known)
        return None
    parts = (*known[key].parts, TagPart.SINCE)
    wanted = tree.get("value", parts[0].value if known[key].parts else None)
    if wanted is None:
        reading.wrong(f"{path}.tag", "this tag has no value to compare", "该标签没有可比较的值", value=key)
        return None
    if wanted not in [p.value for p in parts]:
        reading.unknown(f"{path}.value", (f"part of {key}", f"{key} 的值"), wanted, [p.value for p in parts])
        return None
    part = TagPart(wanted)
    return TagValue(key, part, TAG_PART_KINDS[part])


def read_score(reading: Reading, tree: Mapping[str, Any], path: str) -> ScoreValue | None:
    """Return the calibrated score of a model, or its decile."""
    key, known = tree["score"], reading.vocabulary.models
    if not isinstance(key, str) or key not in known:
        reading.unknown(f"{path}.score", ("model", "模型"), key, known)
        return None
    part = tree.get("value", "score")
    if not isinstance(part, str) or part not in SCORE_PARTS:
        reading.unknown(f"{path}.value", ("part of a score", "评分的值"), part, SCORE_PARTS)
        return None
    return ScoreValue(key, part, SCORE_PARTS[part])


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def _has_factor(expression: Expression) -> bool:
    if isinstance(expression, Computed):
        return expression.by is Arithmetic.TIMES or any(_has_factor(e) for e in expression.of)
    return _has_factor(expression.of) if isinstance(expression, Measure) else False


def _kind_of(reading: Reading, by: Arithmetic, of: tuple[Expression, ...], path: str) -> Kind | None:
    kinds = {e.kind for e in of}
    if by in (Arithmetic.GREATEST, Arithmetic.LEAST, Arithmetic.OR_ELSE) and len(kinds) == 1:
        return kinds.pop()
    if by is Arithmetic.OR_ELSE and kinds <= TEXT_KINDS:
        return Kind.CODE
    if not kinds <= NUMERIC_KINDS:
        reading.wrong(path, f"{by} needs numbers", f"{by} 只用于数字", value=", ".join(sorted(kinds)))
        return None
    if by is Arithmetic.DIVIDED_BY or kinds & FLOAT_KINDS:
        return Kind.NUMBER
    if by is Arithmetic.TIMES:
        factors = [e for e in of if isinstance(e, Literal)]
        is_exact = len(of) == 2 and len(factors) == 1 and not any(_has_factor(e) for e in of)
        if not is_exact or abs(Decimal(str(factors[0].value))) > LARGEST_FACTOR:
            return Kind.NUMBER
    return Kind.INTEGER if kinds == {Kind.INTEGER} and by is not Arithmetic.TIMES else Kind.AMOUNT


def read_computed(reading: Reading, by: Arithmetic, trees: list[Any], path: str, depth: int) -> Expression | None:
    """Return the arithmetic of two or more expressions."""
    if len(trees) < 2:
        reading.wrong(path, f"{by} needs at least two values", f"{by} 至少需要两个值")
        return None
    read = [read_expression(reading, t, f"{path}[{i}]", depth=depth + 1) for i, t in enumerate(trees)]
    of = tuple(e for e in read if e is not None)
    return _compute(reading, by, of, path) if len(of) == len(read) else None


def _compute(reading: Reading, by: Arithmetic, of: tuple[Expression, ...], path: str) -> Expression | None:
    folded = _fold(by, of)
    if folded is not None:
        return folded
    of = _settle(of)
    kind = _kind_of(reading, by, of, path)
    return None if kind is None else Computed(by, of, kind)


def _fold(by: Arithmetic, of: tuple[Expression, ...]) -> Literal | None:
    """Return the constant that exact constants make, so that a threshold times a rate stays exact."""
    numbers = [e.value for e in of if isinstance(e, Literal) and isinstance(e.value, Decimal)]
    if len(numbers) < len(of) or by not in _FOLDS:
        return None
    result = reduce(_FOLDS[by], numbers)
    is_exact = result == round(result, EXACT_DECIMALS) and abs(result) <= LARGEST
    return Literal(result, Kind.AMOUNT) if is_exact else Literal(float(result), Kind.NUMBER)


def _settle(of: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Give whole constants the kind of the integers or ratios they stand beside."""
    others = {e.kind for e in of if not isinstance(e, Literal)}
    if len(others) != 1:
        return of
    kind = others.pop()

    def settled(e: Expression) -> Expression:
        if not isinstance(e, Literal) or e.kind is not Kind.AMOUNT or not isinstance(e.value, Decimal):
            return e
        if kind in FLOAT_KINDS:
            return Literal(float(e.value), kind)
        return Literal(e.value, kind) if kind is Kind.INTEGER and e.value == int(e.value) else e

    return tuple(settled(e) for e in of)


def _read_lookup(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Expression | None:
    reading.only(path, tree, ("lookup", "in"))
    of = read_expression(reading, tree["lookup"], f"{path}.lookup", depth=depth + 1)
    table = tree.get("in")
    if of is not None and of.kind not in TEXT_KINDS:
        reading.wrong(f"{path}.lookup", "only a text can be looked up", "只能查找文字", value=of.kind)
        return None
    if not isinstance(table, Mapping) or not 0 < len(table) <= MAX_LIST_VALUES:
        reading.wrong(f"{path}.in", "must be a table of text: value", "应为 文字: 值 的表")
        return None
    if not all(isinstance(k, str) for k in table):
        reading.wrong(f"{path}.in", "its texts must be in quotes", "表中的文字请加引号")
        return None
    values = {k: _natural_literal(reading, v, f"{path}.in.{k}") for k, v in table.items()}
    found = {k: v for k, v in values.items() if v is not None}
    kinds = {v.kind for v in found.values()}
    if of is None or len(found) < len(values):
        return None
    if len(kinds) > 1 and not kinds <= NUMERIC_KINDS:
        reading.wrong(f"{path}.in", "all values must be of one kind", "所有值应同类", value=", ".join(sorted(kinds)))
        return None
    kind = kinds.pop() if len(kinds) == 1 else Kind.NUMBER
    rows = tuple((str(k), float(str(v.value)) if kind is Kind.NUMBER else v.value) for k, v in found.items())
    return Lookup(of, rows, kind)


def _read_days_until(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Expression | None:
    reading.only(path, tree, ("days_until",))
    of = read_expression(reading, tree["days_until"], f"{path}.days_until", depth=depth + 1)
    if of is not None and of.kind is not Kind.DAY:
        reading.wrong(f"{path}.days_until", "needs a day", "应为日期", value=of.kind)
        return None
    return None if of is None else DaysUntil(of)


def _read_month_start(reading: Reading, tree: Mapping[str, Any], path: str) -> Expression | None:
    reading.only(path, tree, ("month_start_ahead",))
    months = reading.whole(f"{path}.month_start_ahead", tree["month_start_ahead"], least=-120, most=120)
    return None if months is None else MonthStart(months)


def _read_head(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Expression | None:
    if "field" in tree:
        return read_field(reading, tree["field"], f"{path}.field")
    if "tag" in tree:
        return read_tag_value(reading, tree, path)
    if "score" in tree:
        return read_score(reading, tree, path)
    if "event" in tree:
        return reading.event_value(tree, path)
    if "lookup" in tree:
        return _read_lookup(reading, tree, path, depth)
    if "days_until" in tree:
        return _read_days_until(reading, tree, path, depth)
    if "month_start_ahead" in tree:
        return _read_month_start(reading, tree, path)
    return read_expression(reading, tree["value"], f"{path}.value", depth=depth + 1)


def _provided(
    reading: Reading, expression: Expression | None, tree: Mapping[str, Any], path: str, depth: int
) -> Expression | None:
    """Return the expression, missing where the condition beside it does not hold."""
    if PROVIDED not in tree or expression is None:
        return expression
    where = reading.condition(tree[PROVIDED], f"{path}.{PROVIDED}", depth + 1)
    return None if where is None else Provided(expression, where, expression.kind)


def _read_modified(reading: Reading, tree: Mapping[str, Any], path: str, depth: int) -> Expression | None:
    known = {"field": (), "tag": ("value",), "score": ("value",), "event": EVENT_WORDS}
    head = next(h for h in HEADS if h in tree)
    if head in ("field", "tag", "score", "value", "event"):
        reading.only(path, tree, (head, *known.get(head, ()), *MODIFIERS, PROVIDED))
    expression = _provided(reading, _read_head(reading, tree, path, depth), tree, path, depth)
    used = [m for m in MODIFIERS if m in tree]
    if len(used) > 1:
        reading.wrong(
            path, f"one of {', '.join(used)} at a time; nest the rest in value", "一次只能用一种运算，其余请嵌套"
        )
        return None
    if not used or expression is None:
        return expression
    other = read_expression(reading, tree[used[0]], f"{path}.{used[0]}", depth=depth + 1)
    if other is None:
        return None
    return _compute(reading, Arithmetic(used[0]), (expression, other), f"{path}.{used[0]}")


def read_expression(
    reading: Reading, tree: object, path: str, *, expected: Kind | None = None, depth: int = 0
) -> Expression | None:
    """Return the expression that ``tree`` writes.

    Parameters
    ----------
    tree : a constant; ``{field: …}``, ``{tag: …, value: …}``, ``{score: …}``, ``{event: …}`` or ``{value: …}``, each with at most one of
        ``plus``, ``minus``, ``times``, ``divided_by``, ``or_else``; ``{greatest: […]}`` and the like over a list;
        ``{lookup: …, in: {text: value}}``; ``{days_until: day}``; ``{month_start_ahead: n}``.
    expected : the kind of what it stands beside; constants are read as that kind.
    """
    if not reading.enter(path, depth):
        return None
    if not isinstance(tree, Mapping):
        if tree is None or isinstance(tree, list):
            reading.wrong(path, "must be one value", "应为单个值", value=tree)
            return None
        return (
            _natural_literal(reading, tree, path) if expected is None else read_literal(reading, tree, expected, path)
        )
    if any(h in tree for h in HEADS):
        return _read_modified(reading, tree, path, depth)
    arithmetic = [a for a in Arithmetic if a.value in tree]
    if len(tree) == 1 and len(arithmetic) == 1 and isinstance(tree[arithmetic[0].value], list):
        by = arithmetic[0]
        return read_computed(reading, by, tree[by.value], f"{path}.{by}", depth)
    known = (*HEADS, *(a.value for a in Arithmetic))
    if all(word in known for word in tree) and tree:
        reading.wrong(path, "write the values as a list", "请把各值写成列表", value=", ".join(tree))
    else:
        reading.only(path, tree, known)
        if not tree:
            reading.wrong(path, "is empty", "为空")
    return None


def fits(expression: Expression, kind: Kind) -> bool:
    """Return whether an expression can stand where ``kind`` is wanted."""
    groups = (TEXT_KINDS, NUMERIC_KINDS, frozenset({Kind.FLAG}), frozenset({Kind.DAY}))
    return any(expression.kind in g and kind in g for g in groups)


__all__ = ["EXACT_KINDS", "fits", "read_expression", "read_field", "read_literal", "read_score", "read_tag_value"]
