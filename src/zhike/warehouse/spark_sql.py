"""What Ibis leaves out of Spark SQL, or writes so that Spark or sqlglot refuses it. Operations only: no table is known here."""

from __future__ import annotations

from typing import Any

import ibis.expr.operations as ops
import sqlglot
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from sqlglot import exp


class SparkCompiler(PySparkCompiler):  # type: ignore[misc] # Ibis has no types for its compilers
    """The compiler of Ibis with the operations that the expressions of this project need besides."""

    __slots__ = ()

    def visit_BitOr(self, op: Any, *, arg: Any, where: Any) -> Any:  # noqa: N802 - named by Ibis
        """Spark has the aggregate; Ibis has no rule for it."""
        return self.agg.bit_or(arg, where=where)

    def visit_BitwiseLeftShift(self, op: Any, *, left: Any, right: Any) -> Any:  # noqa: N802 - named by Ibis
        """Shift numbers of 64 bits: a literal is an INT to Spark, whatever Ibis says, and wraps at 32."""
        return self.f.anon.shiftleft(self.cast(left, op.dtype), right)

    def visit_ArrayIndex(self, op: Any, *, arg: Any, index: Any) -> Any:  # noqa: N802 - named by Ibis
        """Return the function by its name: sqlglot makes a subscript of it, which Ibis does not take for a function."""
        return self.f.anon.element_at(arg, index + 1)

    def visit_Round(self, op: Any, *, arg: Any, digits: Any) -> Any:  # noqa: N802 - named by Ibis
        """Round doubles as DuckDB does, in binary: Spark rounds their shortest decimal form, which differs near a half."""
        if op.arg.dtype.is_floating() and isinstance(op.digits, ops.Literal) and op.digits.value > 0:
            return _rounded(self, arg, op.digits.value)
        return super().visit_Round(op, arg=arg, digits=digits)

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: N802 - named by Ibis
        """Round on the way to fewer places, as DuckDB does: Spark cuts numbers to integers, and rounds doubles in decimal."""
        given = op.arg.dtype
        if given.is_floating() and to.is_decimal() and to.scale is not None:
            return self.cast(_rounded(self, arg, to.scale), to)
        if given.is_floating() and to.is_integer():
            return self.cast(self.f.anon.rint(arg), to)
        if given.is_decimal() and to.is_integer():
            return self.cast(self.f.round(arg, 0), to)
        return super().visit_Cast(op, arg=arg, to=to)


def _rounded(compiler: SparkCompiler, value: Any, digits: int) -> Any:
    """Return a double with so many decimal places: scaled, rounded halves away from zero, scaled back."""
    scale = exp.var(f"{10**digits}D")
    scaled = exp.Mul(this=exp.paren(value), expression=scale)
    return exp.paren(exp.Div(this=compiler.f.round(scaled), expression=scale), copy=False)


def with_doubles(sql: str) -> str:
    """Return Spark SQL in which numbers that are cast to double are doubles as they stand: a decimal has too few digits."""

    def as_double(node: exp.Expression) -> exp.Expression:
        is_cast = isinstance(node, exp.Cast) and node.to.is_type("double") and isinstance(node.this, exp.Literal)
        return exp.var(f"{node.name}D") if is_cast and node.name != "Infinity" else node

    return sqlglot.parse_one(sql, read="spark").transform(as_double).sql(dialect="spark", pretty=True)


__all__ = ["SparkCompiler", "with_doubles"]
