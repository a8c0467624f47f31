"""From an entry of the mapping and a contract to the fields that the warehouse loads; and which file columns that needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zhike.sources.mapping import ColumnSource, Entry
from zhike.sources.scalar import parse_scalar
from zhike.warehouse.contracts import Column, Contract, Kind
from zhike.warehouse.fields import Field
from zhike.warehouse.files import RawFile, quoted

NATIVE_KINDS = frozenset({Kind.INTEGER, Kind.AMOUNT, Kind.RATE, Kind.NUMBER, Kind.FLAG, Kind.DAY, Kind.MOMENT})


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """What holds for all columns of an entry: texts that mean missing, the zone of its moments, blanks around texts."""

    empty: tuple[str, ...]
    timezone: str
    needs_trim: bool = True


def needed_columns(entry: Entry) -> tuple[str, ...]:
    """Return the columns that an entry reads of its own file, in the order of the mapping."""
    joined = {new for join in entry.join for new in join.columns}
    read: list[str] = []
    for source in entry.columns.values():
        if source.column is not None:
            read.append(source.column)
        if source.sql is not None:
            read += parse_scalar(source.sql).columns
    for condition in (entry.where, entry.deleted_when):
        if condition:
            read += parse_scalar(condition).columns
    read += [mine for join in entry.join for mine in join.on]
    return tuple(dict.fromkeys(c for c in read if c not in joined))


def condition_sql(condition: str | None, text_columns: frozenset[str]) -> str | None:
    """Return a condition of the mapping as SQL over the file's columns; None stays None."""
    return parse_scalar(condition).over(text_columns) if condition else None


def build_fields(
    entry: Entry, contract: Contract, files: Sequence[RawFile], joined_text: frozenset[str], options: FieldOptions
) -> tuple[Field, ...]:
    """Return one field per mapped column of ``contract``, in its order; ``source`` is filled from the entry.

    ``joined_text`` are the joined columns that hold text; those of the files are known from the files.
    """
    text = files[0].text_columns | joined_text
    has_nul = any(f.has_nul for f in files)
    required = {c.name for c in contract.columns if c.required} | set(contract.key)
    fields = []
    for column in contract.columns:
        source = entry.columns.get(column.name)
        is_required = column.name in required
        if source is not None:
            is_told = isinstance(source.day_end, str) and source.day_end in required  # missing there is told there
            fields.append(
                _field(column, source, text, options, is_required=is_required and not is_told, has_nul=has_nul)
            )
        elif column.name == "source" and entry.source is not None:
            fields.append(Field(column, is_constant=True, constant=entry.source))
        elif is_required:
            fields.append(Field(column, is_constant=True, constant=None, is_required=True))
    return tuple(fields)


def _field(
    column: Column,
    source: ColumnSource,
    text: frozenset[str],
    options: FieldOptions,
    *,
    is_required: bool,
    has_nul: bool,
) -> Field:
    timezone = source.timezone or options.timezone
    if "constant" in source.model_fields_set:
        return Field(column, is_constant=True, constant=source.constant)
    if source.day:
        return Field(column, day="start", is_required=is_required)
    if source.day_end is True:
        return Field(column, day="end", timezone=timezone, is_required=is_required)
    if source.day_end:
        return Field(column, end_of=source.day_end, timezone=timezone, is_required=is_required)
    expression, is_text, failure = _expression(column, source, text)
    return Field(
        column=column, expression=expression, is_text=is_text, failure=failure,
        empty=(*options.empty, *source.empty), values=source.values, formats=source.date, unit=source.unit,
        thousands=source.thousands or "", decimal=source.decimal, timezone=timezone, default=source.default,
        is_required=is_required, may_hold_nul=has_nul and is_text,
        needs_trim=options.needs_trim or source.sql is not None,
    )  # fmt: skip


def _expression(column: Column, source: ColumnSource, text: frozenset[str]) -> tuple[str, bool, str]:
    """Return the SQL over the file's columns, whether it yields text, and a condition that is true where it fails."""
    reads_as_text = column.kind not in NATIVE_KINDS or source.values is not None or bool(source.date)
    if source.column is not None:
        name = quoted(source.column)
        if source.column in text:
            return name, True, ""
        return (f"{name}::VARCHAR", True, "") if reads_as_text else (name, False, "")
    scalar = parse_scalar(source.sql or "")
    return f"({scalar.over(text)})::VARCHAR", True, scalar.failure(text)


__all__ = ["FieldOptions", "build_fields", "condition_sql", "needed_columns"]
