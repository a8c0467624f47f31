"""Scalar SQL of a mapping: one DuckDB expression over the columns of the file, and nothing that reaches beyond the row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

FORBIDDEN: tuple[tuple[type, str], ...] = (
    (exp.Query, "a query inside it"), (exp.Subquery, "a query inside it"), (exp.AggFunc, "an aggregate over rows"),
    (exp.Window, "a window over rows"), (exp.Star, "a star"), (exp.Parameter, "a parameter"), (exp.Placeholder, "a parameter"),
    (exp.CurrentDate, "today's date"), (exp.CurrentTimestamp, "the present time"), (exp.CurrentTime, "the present time"),
    (exp.Rand, "chance"), (exp.UDTF, "a table function"), (exp.Command, "a command"), (exp.DDL, "a command"), (exp.Alias, "a name given with AS"),
)  # fmt: skip
# Functions by their DuckDB name; a pure function of its arguments, reading neither files, settings nor time.
ALLOWED_FUNCTIONS = frozenset({
    "abs", "add_months", "array_contains", "ascii", "bit_length", "ceil", "ceiling", "coalesce", "concat",
    "concat_ws", "contains", "date_add", "date_diff", "date_part", "date_sub", "date_trunc", "datediff", "datepart",
    "datesub", "datetrunc", "day", "dayofmonth", "dayofweek", "dayofyear", "ends_with", "epoch", "extract",
    "floor", "greatest", "hour", "if", "ifnull", "instr", "isfinite", "isnan", "isodow",
    "last_day", "lcase", "least", "left", "len", "length", "list_contains", "lower",
    "lpad", "ltrim", "md5", "minute", "mod", "month", "monthname", "nfc_normalize",
    "nullif", "nvl", "ord", "position", "prefix", "quarter", "regexp_extract", "regexp_full_match",
    "regexp_matches", "regexp_replace", "replace", "reverse", "right", "round", "rpad", "rtrim", "second", "sha256",
    "sign", "split", "split_part", "starts_with", "str_split", "strftime", "string_split", "strip_accents",
    "strlen", "strpos", "strptime", "substr", "substring", "suffix", "translate", "trim", "trunc",
    "try_strptime", "ucase", "unicode", "upper", "week", "weekday", "weekofyear", "year", "yearweek",
})  # fmt: skip
# A cast is made to give a missing value instead of an error; ``failure`` then tells the rows in which one failed.


@dataclass(frozen=True, slots=True)
class ScalarExpression:
    """A checked expression: its SQL, the columns of the file that it reads, and its casts, as written and as tried.

    A cast that fails gives a missing value; the row is told by ``failure``. Where a failing cast is meant to give a missing
    value, a mapping says ``try_cast``.
    """

    sql: str
    casts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]

    def over(self, text_columns: Collection[str]) -> str:
        """Return the SQL with texts of the file trimmed, and missing where nothing is left."""
        return _over(self.sql, text_columns)

    def failure(self, text_columns: Collection[str]) -> str:
        """Return a condition that is true where the whole is missing because a cast failed; "" where nothing can fail."""
        failed = " OR ".join(
            f"({_over(inner, text_columns)} IS NOT NULL AND {_over(tried, text_columns)} IS NULL)"
            for inner, tried in self.casts
        )
        return f"({self.over(text_columns)}) IS NULL AND ({failed})" if failed else ""


def _over(sql: str, text_columns: Collection[str]) -> str:
    def trim(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and node.name in text_columns:
            trimmed = exp.Anonymous(this="trim", expressions=[node.copy()])
            return exp.Anonymous(this="nullif", expressions=[trimmed, exp.Literal.string("")])
        return node

    return str(sqlglot.parse_one(sql, dialect="duckdb").transform(trim).sql(dialect="duckdb"))


def parse_scalar(text: str) -> ScalarExpression:
    """Return the expression with its columns.

    Raises
    ------
    ValueError : it does not parse, is more than one expression, or uses anything but columns, literals, operators and the
        functions of ``ALLOWED_FUNCTIONS``; the message says what.
    """
    try:
        found = sqlglot.parse(f"SELECT {text}", dialect="duckdb")
    except SqlglotError as error:
        raise ValueError(f"is no SQL expression: {_short(error)}") from error
    if len(found) != 1 or not isinstance(found[0], exp.Select):
        raise ValueError("must be one expression")
    select = found[0]
    beyond = [
        k
        for k, v in select.args.items()
        if v and k not in ("kind", "expressions", "hint", "distinct", "limit", "operation_modifiers")
    ]
    if len(select.expressions) != 1 or beyond or select.args.get("distinct") or select.args.get("limit"):
        raise ValueError("must be one expression, without FROM or anything after it")
    expression = select.expressions[0]
    for node in expression.walk():
        _check(node)
    columns = tuple(dict.fromkeys(c.name for c in expression.find_all(exp.Column)))
    for column in expression.find_all(exp.Column):
        if column.table:
            raise ValueError(f"names {column.table}.{column.name}: columns are named alone")
        column.this.set("quoted", True)  # noqa: FBT003 - sqlglot's own signature
    return ScalarExpression(*_try_casts(expression), columns=columns)


def _try_casts(expression: exp.Expression) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Turn what raises an error on some texts into what gives a missing value; return the SQL and each (input, tried)."""
    select = exp.Select(expressions=[expression.copy()])
    casts = []
    for node in reversed(list(select.walk())):  # the innermost first
        written = node.sql(dialect="duckdb")
        if (isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast)) or (
            isinstance(node, exp.StrToTime) and written.upper().startswith("STRPTIME")
        ):
            inner, tried = node.this, f"TRY_{written}"
        else:
            continue
        if list(inner.find_all(exp.Column)):
            casts.append((inner.sql(dialect="duckdb"), tried))
        node.replace(sqlglot.parse_one(tried, dialect="duckdb"))
    return select.expressions[0].sql(dialect="duckdb"), tuple(casts)


def _check(node: exp.Expression) -> None:
    for kind, what in FORBIDDEN:
        if isinstance(node, kind) and not isinstance(node, exp.Lambda):
            raise ValueError(f"holds {what}, which a column of one row cannot")
    if isinstance(node, exp.Func) and not isinstance(
        node, exp.Case | exp.Cast | exp.TryCast | exp.And | exp.Or | exp.Xor | exp.Not
    ):
        names = _called(node)
        if not names & ALLOWED_FUNCTIONS:
            raise ValueError(f"calls {sorted(names)[0]}(), which is not among the functions of one row")


def _called(node: exp.Func) -> set[str]:
    """The names under which a function may be written, in lower case, its name in DuckDB among them."""
    if isinstance(node, exp.Anonymous):
        return {node.name.lower()}
    written = node.sql(dialect="duckdb").partition("(")[0].strip()
    return {n.lower() for n in (*type(node).sql_names(), written)}


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].partition(" Line ")[0].rstrip(".")


__all__ = ["ALLOWED_FUNCTIONS", "ScalarExpression", "parse_scalar"]
