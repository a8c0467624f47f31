"""Scalar SQL of a mapping: one DuckDB expression over the columns of the file, and nothing that reaches beyond the row."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

FORBIDDEN: tuple[tuple[type[exp.Expression], str], ...] = (
    (exp.Query, "a query inside it"), (exp.Subquery, "a query inside it"), (exp.AggFunc, "an aggregate over rows"),
    (exp.Window, "a window over rows"), (exp.Star, "a star"), (exp.Parameter, "a parameter"), (exp.Placeholder, "a parameter"),
    (exp.CurrentDate, "today's date"), (exp.CurrentTimestamp, "the present time"), (exp.CurrentTime, "the present time"),
    (exp.Rand, "chance"), (exp.UDTF, "a table function"), (exp.Command, "a command"), (exp.DDL, "a command"), (exp.Alias, "a name given with AS"),
)  # fmt: skip
# Functions by their DuckDB name; a pure function of its arguments, reading neither files, settings nor time.
ALLOWED_FUNCTIONS = frozenset(
    """abs add_months array_contains ascii bit_length ceil ceiling chr coalesce concat concat_ws contains date_add date_diff date_part
    date_sub date_trunc datediff datepart datesub datetrunc day dayofmonth dayofweek dayofyear ends_with epoch exp extract floor format
    from_base64 greatest hash hour if ifnull instr isfinite isnan isodow jaccard last_day lcase least left len length list_contains ln log
    log10 log2 lower lpad ltrim make_date make_timestamp md5 minute mod month monthname nfc_normalize nullif nvl ord parse_filename
    position power pow prefix printf quarter regexp_extract regexp_full_match regexp_matches regexp_replace repeat replace reverse right
    round rpad rtrim second sha256 sign split split_part sqrt starts_with str_split strftime string_split strip_accents strlen strpos
    strptime substr substring suffix to_base to_base64 to_timestamp translate trim trunc try_strptime ucase unicode upper url_decode
    week weekday weekofyear year yearweek""".split()
)


@dataclass(frozen=True, slots=True)
class ScalarExpression:
    """A checked expression: its SQL, and the columns of the file that it reads."""

    sql: str
    columns: tuple[str, ...]


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
    return ScalarExpression(expression.sql(dialect="duckdb"), columns)


def _check(node: exp.Expression) -> None:
    for kind, what in FORBIDDEN:
        if isinstance(node, kind) and not isinstance(node, exp.Lambda):
            raise ValueError(f"holds {what}, which a column of one row cannot")
    if isinstance(node, exp.Func) and not isinstance(
        node, exp.Case | exp.Cast | exp.TryCast | exp.And | exp.Or | exp.Xor | exp.Not
    ):
        names = {node.name.lower()} if isinstance(node, exp.Anonymous) else {n.lower() for n in _names(node)}
        if not names & ALLOWED_FUNCTIONS:
            raise ValueError(f"calls {sorted(names)[0]}(), which is not among the functions of one row")


def _names(node: exp.Func) -> set[str]:
    """The names under which a function that sqlglot knows may be written, and its name in DuckDB."""
    written = node.sql(dialect="duckdb").partition("(")[0].strip()
    return {*type(node).sql_names(), written}


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].partition(" Line ")[0].rstrip(".")


__all__ = ["ALLOWED_FUNCTIONS", "ScalarExpression", "parse_scalar"]
