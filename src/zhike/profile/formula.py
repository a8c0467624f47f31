"""Formulas over features: arithmetic that a business person reads, compiled to an Ibis expression.

Python's expression grammar, of which only names, numbers, texts, ``+ - * /``, comparisons, ``and or not`` and the functions below
are allowed. A missing value makes a result missing, except in greatest, least and coalesce; a division by zero is missing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput


def _number(value: ir.Value) -> ir.NumericValue:
    if value.type().is_boolean():
        return value.cast("int64")
    return value.cast("float64") if value.type().is_decimal() else value


def _ratio(top: ir.Value, bottom: ir.Value) -> ir.Value:
    """top / bottom as a double; missing when bottom is zero or missing."""
    return _number(top).cast("float64") / _number(bottom).cast("float64").nullif(0)


def _days_between(start: ir.Value, end: ir.Value) -> ir.Value:
    return end.cast("date").delta(start.cast("date"), unit="day").cast("int64")


def _months_between(start: ir.Value, end: ir.Value) -> ir.Value:
    """Full months: a month is full on the same day of the month."""
    start, end = start.cast("date"), end.cast("date")
    months = (end.year() - start.year()) * 12 + (end.month() - start.month())
    return (months - (end.day() < start.day()).cast("int64")).cast("int64")


def _years_between(start: ir.Value, end: ir.Value) -> ir.Value:
    """Full years (周岁): birthdays up to ``end``; one of 29 February is kept on 1 March of other years."""
    start, end = start.cast("date"), end.cast("date")
    is_before = (end.month() < start.month()) | ((end.month() == start.month()) & (end.day() < start.day()))
    return ((end.year() - start.year()) - is_before.cast("int64")).cast("int64")


def _choose(position: ir.Value, *texts: ir.Value) -> ir.Value:
    return ibis.cases(*((position == i, text) for i, text in enumerate(texts)), else_=None)


def _add_days(day: ir.Value, days: ir.Value) -> ir.Value:
    """By way of a moment: the engine makes one of day plus interval, and Ibis, which takes it for a day, leaves out a cast."""
    return (day.cast("timestamp") + days.cast("int64").as_interval("D")).cast("date")


def _clip(value: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    """Missing stays missing: least and greatest skip missing values and would give a bound."""
    return ibis.ifelse(value.notnull(), ibis.greatest(ibis.least(value, high), low), None)


FUNCTIONS: Mapping[str, Callable[..., ir.Value]] = {
    "ratio": _ratio,
    "days_between": _days_between,
    "months_between": _months_between,
    "years_between": _years_between,
    "add_days": _add_days,
    "greatest": ibis.greatest,
    "least": ibis.least,
    "coalesce": ibis.coalesce,
    "when": ibis.ifelse,
    "choose": _choose,
    "is_missing": lambda value: value.isnull(),
    "floor": lambda value: value.cast("float64").floor().cast("int64"),
    "day": lambda text: text.cast("date"),
    "nothing": lambda: ibis.null("float64"),
    "clip": _clip,
    "absolute": lambda value: value.abs(),
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], ir.Value]] = {
    ast.Add: lambda a, b: _number(a) + _number(b),
    ast.Sub: lambda a, b: _number(a) - _number(b),
    ast.Mult: lambda a, b: _number(a) * _number(b),
    ast.Div: _ratio,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], ir.Value]] = {
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}


def _broken(formula: str, problem_zh: str, problem_en: str, near: str = "") -> BadInput:
    return BadInput(
        "feature.formula", zh=f"公式 {formula!r}：{problem_zh}", en=f"formula {formula!r}: {problem_en}",
        todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
    )  # fmt: skip


def _parse(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise _broken(formula, "语法错误", f"is not a formula: {error.msg}") from error


def names_in(formula: str) -> tuple[str, ...]:
    """Return the names of features in a formula, in order, once each."""
    tree = _parse(formula)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return tuple(dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called))


class _Compiler:
    def __init__(self, formula: str, known: Mapping[str, ir.Value]) -> None:
        self.formula, self.known = formula, known

    def of(self, node: ast.expr) -> ir.Value:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                found = ibis.literal(value)
            case ast.Name():
                found = self.name(node)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                found = _ARITHMETIC[type(op)](self.of(left), self.of(right))
            case ast.UnaryOp(ast.USub(), operand):
                found = -_number(self.of(operand))
            case ast.UnaryOp(ast.Not(), operand):
                found = ~self.of(operand)
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARISONS:
                found = _COMPARISONS[type(op)](self.of(left), self.of(right))
            case ast.BoolOp():
                found = self.joined(node)
            case ast.Call():
                found = self.called(node)
            case _:
                raise _broken(self.formula, "含有不允许的写法", f"{ast.unparse(node)!r} is not allowed here")
        return found

    def name(self, node: ast.Name) -> ir.Value:
        if node.id not in self.known:
            raise _broken(self.formula, f"没有 {node.id}", f"there is no {node.id}", suggest(node.id, self.known))
        return self.known[node.id]

    def joined(self, node: ast.BoolOp) -> ir.Value:
        values = [self.of(v) for v in node.values]
        result = values[0]
        for value in values[1:]:
            result = result & value if isinstance(node.op, ast.And) else result | value
        return result

    def called(self, node: ast.Call) -> ir.Value:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            name = ast.unparse(node.func)
            raise _broken(self.formula, f"没有函数 {name}", f"there is no function {name}", suggest(name, FUNCTIONS))
        return FUNCTIONS[node.func.id](*(self.of(a) for a in node.args))


def compile_formula(formula: str, known: Mapping[str, ir.Value]) -> ir.Value:
    """Return the formula as an expression over ``known`` names.

    Raises
    ------
    BadInput : ``feature.formula``: it is no formula, or uses an unknown name, function or form.
    """
    return _Compiler(formula, known).of(_parse(formula))


__all__ = ["FUNCTIONS", "compile_formula", "names_in"]
