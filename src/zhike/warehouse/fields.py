"""From the text of a file to the columns of a contract, as SQL: how a value is read, and every rule that it must pass.

For each column three layers: ``s_`` the value as the file has it (trimmed; missing texts gone), ``t_`` the typed value or
missing, ``v_`` with its default. A rule is a condition over ``s_`` and ``t_`` that is true for a bad row. The same rules
serve the fast path (no row may break any) and the slow one (which row broke which).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from zhike.kernel.clock import moment_on
from zhike.warehouse.contracts import ROUND_DIGITS, Column, Kind, Personal
from zhike.warehouse.files import FILE, RawFile, literal, quoted

SQL_TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "VARCHAR", Kind.CODE: "VARCHAR", Kind.INTEGER: "BIGINT", Kind.AMOUNT: "DECIMAL(18,2)", Kind.RATE: "DOUBLE",
    Kind.NUMBER: "DOUBLE", Kind.FLAG: "BOOLEAN", Kind.DAY: "DATE", Kind.MOMENT: "TIMESTAMP",
}  # fmt: skip
TRUE_TEXTS = ("true", "t", "1", "y", "yes", "是")
FALSE_TEXTS = ("false", "f", "0", "n", "no", "否")
FIXED_DIRECTIVES = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%y": 2, "%j": 3}
# Numbers before their unit is applied. Never wider than 18 digits: beyond, the engine counts in 128 bits, 200 times slower.
SMALL_UNIT, LARGE_UNIT = "DECIMAL(18,4)", "DECIMAL(18,6)"
STEADY_FROM = "1992-01-01"  # the zones of settings without summer time keep one offset since then
_UNREADABLE = {
    Kind.INTEGER: "not_a_whole_number", Kind.AMOUNT: "not_a_number", Kind.RATE: "not_a_number", Kind.NUMBER: "not_a_number",
    Kind.FLAG: "not_a_flag", Kind.DAY: "impossible_date", Kind.MOMENT: "impossible_date",
}  # fmt: skip


_NUMBERS = (Kind.INTEGER, Kind.AMOUNT, Kind.RATE, Kind.NUMBER)


@dataclass(frozen=True, slots=True)
class Field:
    """How one column of a contract is filled.

    ``expression`` is checked SQL over the columns of the file, yielding text where ``is_text``. Instead of it: ``constant``
    (with ``is_constant``), ``day`` (``start``: the business day of the file; ``end``: its last second in UTC) or ``end_of``
    (the last second of the day in that contract column). ``values`` translates texts; ``formats`` are strptime forms.
    ``needs_trim`` is false where the text is known to have no blanks around it and to be missing where it is empty.
    ``failure`` is a condition over the file's columns that is true where the expression cannot be evaluated.
    """

    column: Column
    expression: str | None = None
    is_text: bool = True
    is_constant: bool = False
    constant: object = None
    day: str = ""
    end_of: str = ""
    empty: tuple[str, ...] = ()
    values: Mapping[str, object] | None = None
    formats: tuple[str, ...] = ()
    unit: Decimal | None = None
    thousands: str = ""
    decimal: str = "."
    timezone: str = "UTC"
    default: object = None
    is_required: bool = False
    may_hold_nul: bool = False
    needs_trim: bool = True
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that is true for a bad row, with its name and column."""

    name: str
    column: str
    condition: str
    personal: Personal


def source_layer(field: Field) -> str | None:
    """Return the SQL of ``s_``, or None where the field reads nothing from the file."""
    if field.expression is None:
        return None
    if not field.is_text:
        return field.expression
    if not field.needs_trim:
        empties = ", ".join(literal(e) for e in field.empty if e)
        return (
            f"CASE WHEN {field.expression} NOT IN ({empties}) THEN {field.expression} END"
            if empties
            else field.expression
        )
    trimmed = f"trim({field.expression})"
    empties = ", ".join(literal(e) for e in dict.fromkeys(("", *field.empty)))
    only_blank = set(field.empty) <= {""}
    return f"nullif({trimmed}, '')" if only_blank else f"CASE WHEN {trimmed} NOT IN ({empties}) THEN {trimmed} END"


def typed_layer(field: Field, files: Sequence[RawFile]) -> str:
    """Return the SQL of ``t_`` over ``s_``: typed, missing where it cannot be read."""
    kind, target = field.column.kind, SQL_TYPES[field.column.kind]
    if field.is_constant:
        return f"{literal(field.constant)}::{target}"
    if field.day:
        return _by_day(field, files)
    if field.end_of:
        return _end_of_day(f"t_{field.end_of}", field.timezone)
    s = _s(field)
    if field.values is not None:
        whens = " ".join(f"WHEN {literal(k)} THEN {literal(v)}" for k, v in field.values.items())
        return f"(CASE {s} {whens} END)::{target}" if whens else f"NULL::{target}"
    if not field.is_text:
        return _native(field, s, target)
    readers = {
        Kind.TEXT: lambda: s, Kind.CODE: lambda: s, Kind.INTEGER: lambda: _integer(field, s), Kind.AMOUNT: lambda: _amount(field, s),
        Kind.RATE: lambda: _float(field, s), Kind.NUMBER: lambda: _float(field, s), Kind.FLAG: lambda: _flag(s),
        Kind.DAY: lambda: _day(field, s), Kind.MOMENT: lambda: _moment(field, s),
    }  # fmt: skip
    return readers[kind]()


def value_layer(field: Field) -> str:
    """Return the SQL of the written value over ``t_``."""
    typed = f"t_{field.column.name}"
    if field.default is None:
        return typed
    return f"coalesce({typed}, {literal(field.default)}::{SQL_TYPES[field.column.kind]})"


def rules(field: Field) -> list[Rule]:
    """Return the rules of one column, in the order in which they are told."""
    column, s, t = field.column, _s(field), f"t_{field.column.name}"
    reads = field.expression is not None
    found: list[tuple[str, str]] = []
    if reads and field.values is not None:
        nulls = ", ".join(literal(k) for k, v in field.values.items() if v is None)
        found.append(
            ("unknown_code", f"{s} IS NOT NULL AND {t} IS NULL{f' AND {s} NOT IN ({nulls})' if nulls else ''}")
        )
    elif reads and column.kind in _UNREADABLE:
        grouped = (
            f" OR contains({s}, '_')" if field.is_text and column.kind in _NUMBERS else ""
        )  # the engine reads 1_000
        found.append((_UNREADABLE[column.kind], f"{s} IS NOT NULL AND ({t} IS NULL{grouped})"))
    if field.failure:
        found.append(("expression_fails", f"f_{column.name}"))
    if field.is_required and field.default is None and not field.day:
        nothing = f"{s} IS NULL{_is_null_code(field, s)}" if reads else f"{t} IS NULL"
        found.append(("missing", nothing))
    if column.allowed and not _is_closed(field):
        allowed = ", ".join(literal(a) for a in column.allowed)
        found.append(("unknown_code", f"{t} NOT IN ({allowed})"))
    target = SQL_TYPES[column.kind]
    if column.minimum is not None:
        found.append(("below_minimum", f"{t} < {literal(column.minimum)}::{target}"))
    if column.maximum is not None:
        found.append(("above_maximum", f"{t} > {literal(column.maximum)}::{target}"))
    if field.may_hold_nul and reads and field.is_text:
        found.append(("control_character", f"contains({s}, chr(0))"))
    return [Rule(name, column.name, condition, column.personal) for name, condition in found]


def _s(field: Field) -> str:
    return f"s_{field.column.name}"


def _is_null_code(field: Field, s: str) -> str:
    nulls = [k for k, v in (field.values or {}).items() if v is None]
    return f" OR {s} IN ({', '.join(literal(k) for k in nulls)})" if nulls else ""


def _is_closed(field: Field) -> bool:
    """Whether a translation can only give allowed codes."""
    return field.values is not None and all(v is None or v in field.column.allowed for v in field.values.values())


def _plain(field: Field, s: str) -> str:
    """Text of a number with the separators of the engine."""
    if field.thousands:
        s = f"replace({s}, {literal(field.thousands)}, '')"
    return s if field.decimal == "." else f"replace({s}, {literal(field.decimal)}, '.')"


def _integer(field: Field, s: str) -> str:
    plain = _plain(field, s)
    if field.unit is not None:
        whole = f"try_cast({plain} AS {_before(field.unit)}) * {field.unit}"
        return f"CASE WHEN {whole} = floor({whole}) THEN try_cast({whole} AS BIGINT) END"
    return f"CASE WHEN try_cast({plain} AS DOUBLE) = try_cast({plain} AS BIGINT) THEN try_cast({plain} AS BIGINT) END"


def _amount(field: Field, s: str) -> str:
    plain = _plain(field, s)
    if field.unit is None:
        return f"try_cast({plain} AS DECIMAL(18,2))"
    return f"try_cast(try_cast({plain} AS {_before(field.unit)}) * {field.unit} AS DECIMAL(18,2))"


def _before(unit: Decimal) -> str:
    return SMALL_UNIT if unit < 1 else LARGE_UNIT


def _float(field: Field, s: str) -> str:
    number = f"try_cast({_plain(field, s)} AS DOUBLE)"
    scaled = number if field.unit is None else f"{number} * {float(field.unit)!r}"
    return f"CASE WHEN isfinite({number}) THEN round({scaled}, {ROUND_DIGITS}) END"


def _flag(s: str) -> str:
    true, false = (", ".join(literal(x) for x in texts) for texts in (TRUE_TEXTS, FALSE_TEXTS))
    return f"CASE WHEN lower({s}) IN ({true}) THEN TRUE WHEN lower({s}) IN ({false}) THEN FALSE END"


def _length(pattern: str) -> int | None:
    """Return how long a text of this strptime form must be; None where its length may vary."""
    length, i = 0, 0
    while i < len(pattern):
        if pattern[i] == "%":
            directive = pattern[i : i + 2]
            if directive not in FIXED_DIRECTIVES:
                return None
            length, i = length + FIXED_DIRECTIVES[directive], i + 2
        else:
            length, i = length + len(pattern[i].encode()), i + 1
    return length


def _strptime(formats: Sequence[str], s: str) -> str:
    parts = []
    for pattern in formats:
        parsed = f"try_strptime({s}, {literal(pattern)})"
        length = _length(pattern)
        parts.append(parsed if length is None else f"CASE WHEN strlen({s}) = {length} THEN {parsed} END")
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def _day(field: Field, s: str) -> str:
    if not field.formats:
        return f"CASE WHEN strlen({s}) = 10 THEN try_cast({s} AS DATE) END"
    return f"({_strptime(field.formats, s)})::DATE"


def _moment(field: Field, s: str) -> str:
    if field.formats and any("%z" in f for f in field.formats):
        return f"({_strptime(field.formats, s)})::TIMESTAMPTZ AT TIME ZONE 'UTC'"
    if field.formats:
        return to_utc(_strptime(field.formats, s), field.timezone)
    zoned = f"(strlen({s}) > 19 AND ({s}[-1:] IN ('Z', 'z') OR {s}[-6:-6] IN ('+', '-') OR {s}[-3:-3] IN ('+', '-')))"
    plain = to_utc(f"CASE WHEN strlen({s}) >= 16 THEN try_cast({s} AS TIMESTAMP) END", field.timezone)
    return f"CASE WHEN {zoned} THEN try_cast({s} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE {plain} END"


def _native(field: Field, s: str, target: str) -> str:
    """A typed value of Parquet, whose kind fits."""
    kind = field.column.kind
    if kind in (Kind.RATE, Kind.NUMBER):
        scaled = s if field.unit is None else f"{s} * {float(field.unit)!r}"
        return f"CASE WHEN isfinite({s}::DOUBLE) THEN round(({scaled})::DOUBLE, {ROUND_DIGITS}) END"
    if kind is Kind.AMOUNT and field.unit is not None:
        return f"try_cast(try_cast({s} AS {_before(field.unit)}) * {field.unit} AS DECIMAL(18,2))"
    if kind is Kind.INTEGER:
        return f"CASE WHEN {s} = floor({s}) THEN try_cast({s} AS BIGINT) END"
    if kind is Kind.MOMENT:
        return to_utc(f"try_cast({s} AS TIMESTAMP)", field.timezone)
    return f"try_cast({s} AS {target})"


def steady_offset_hours(timezone: str) -> float | None:
    """Return a zone's offset from UTC where it has been one since 1992 (no summer time), else None."""
    zone = ZoneInfo(timezone)
    days = (datetime(year, month, 1, tzinfo=zone) for year in range(1992, 2040) for month in (1, 4, 7, 10))
    offsets = {d.utcoffset() for d in days}
    only = offsets.pop() if len(offsets) == 1 else None
    return only.total_seconds() / 3600 if only is not None else None


def to_utc(local: str, timezone: str) -> str:
    """Return SQL that turns a wall-clock timestamp of ``timezone`` into UTC.

    Zones without summer time since 1992 take a subtraction: the calendar library is fifty times slower.
    """
    if timezone == "UTC":
        return local
    slow = f"timezone('UTC', timezone({literal(timezone)}, {local}))"
    hours = steady_offset_hours(timezone)
    if hours is None:
        return slow
    minutes = round(hours * 60)
    return f"CASE WHEN {local} >= TIMESTAMP '{STEADY_FROM}' THEN {local} - INTERVAL ({minutes}) MINUTE ELSE {slow} END"


def _end_of_day(day: str, timezone: str) -> str:
    return to_utc(f"({day}::TIMESTAMP + INTERVAL 86399 SECOND)", timezone)


def end_of_day(day: date, timezone: str) -> datetime:
    """Return the last second of a business day, in UTC without zone."""
    return (moment_on(day + timedelta(days=1), timezone) - timedelta(seconds=1)).astimezone(UTC).replace(tzinfo=None)


def _by_day(field: Field, files: Sequence[RawFile]) -> str:
    target = SQL_TYPES[field.column.kind]

    def of(day: date | None) -> str:
        if day is None:
            return f"NULL::{target}"
        if field.day == "end":
            return f"TIMESTAMP '{end_of_day(day, field.timezone).isoformat(sep=' ')}'"
        return literal(day)

    if len({f.day for f in files}) == 1:
        return of(files[0].day)
    cases = " ".join(f"WHEN {f.number} THEN {of(f.day)}" for f in files)
    return f"CASE {FILE} {cases} END"


def quoted_columns(names: Sequence[str]) -> str:
    """Return names as a list of SQL identifiers."""
    return ", ".join(quoted(n) for n in names)


__all__ = [
    "SQL_TYPES",
    "Field",
    "Rule",
    "end_of_day",
    "quoted_columns",
    "rules",
    "source_layer",
    "steady_offset_hours",
    "to_utc",
    "typed_layer",
    "value_layer",
]
