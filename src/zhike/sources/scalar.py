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
    "abs", "add_months", "array_contains", "ascii", "bit_length", "ceil", "ceiling", "chr", "coalesce", "concat",
    "concat_ws", "contains", "date_add", "date_diff", "date_part", "date_sub", "date_trunc", "datediff", "datepart",
    "datesub", "datetrunc", "day", "dayofmonth", "dayofweek", "dayofyear", "ends_with", "epoch", "exp", "extract",
    "floor", "from_base64", "greatest", "hour", "if", "ifnull", "instr", "isfinite", "isnan", "isodow", "jaccard",
    "last_day", "lcase", "least", "left", "len", "length", "list_contains", "ln", "log", "log10", "log2", "lower",
    "lpad", "ltrim", "make_date", "make_timestamp", "md5", "minute", "mod", "month", "monthname", "nfc_normalize",
    "nullif", "nvl", "ord", "position", "power", "pow", "prefix", "quarter", "regexp_extract", "regexp_full_match",
    "regexp_matches", "regexp_replace", "replace", "reverse", "right", "round", "rpad", "rtrim", "second", "sha256",
    "sign", "split", "split_part", "sqrt", "starts_with", "str_split", "strftime", "string_split", "strip_accents",
    "strlen", "strpos", "strptime", "substr", "substring", "suffix", "to_base64", "translate", "trim", "trunc",
    "try_strptime", "ucase", "unicode", "upper", "week", "weekday", "weekofyear", "year", "yearweek",
})  # fmt: skip
# What raises an error on some texts instead of giving a missing value.
MAY_FAIL = frozenset(
    {
        "strptime",
        "sqrt",
        "ln",
        "log",
        "log10",
        "log2",
        "chr",
        "make_date",
        "make_timestamp",
        "mod",
        "exp",
        "from_base64",
    }
)


@dataclass(frozen=True, slots=True)
class ScalarExpression:
    """A checked expression: its SQL, the columns of the file that it reads, and whether a text can make it fail."""

    sql: str
    columns: tuple[str, ...]
    may_fail: bool

    def over(self, text_columns: Collection[str]) -> str:
        """Return the SQL with texts of the file trimmed, and missing where nothing is left."""
        tree = sqlglot.parse_one(self.sql, dialect="duckdb")

        def trim(node: exp.Expression) -> exp.Expression:
            if isinstance(node, exp.Column) and node.name in text_columns:
                trimmed = exp.Anonymous(this="trim", expressions=[node.copy()])
                return exp.Anonymous(this="nullif", expressions=[trimmed, exp.Literal.string("")])
            return node

        return str(tree.transform(trim).sql(dialect="duckdb"))


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
    casts = any(isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast) for node in expression.walk())
    calls = {n for f in expression.find_all(exp.Func) for n in _called(f)}
    return ScalarExpression(expression.sql(dialect="duckdb"), columns, casts or bool(calls & MAY_FAIL))


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
