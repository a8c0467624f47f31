"""Who holds a tag on the day and with which value: one scan of the columns that the tag uses, as one Ibis expression."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import PartyKind
from zhike.profile.tags import PARTS, Choice, Tag
from zhike.rules import Bound, RuleScope, bind
from zhike.rules.joining import TAG_COLUMNS
from zhike.rules.terms import TagPart
from zhike.rules.walking import Part
from zhike.warehouse.contracts import DATATYPES, Kind

PART_COLUMNS = {part: TAG_COLUMNS[part] for part in PARTS}
PART_TYPES = {
    TagPart.TEXT: DATATYPES[Kind.CODE],
    TagPart.NUMBER: DATATYPES[Kind.NUMBER],
    TagPart.AMOUNT: DATATYPES[Kind.AMOUNT],
    TagPart.DAY: DATATYPES[Kind.DAY],
}
HOLDS, ENDED = "_holds", "_ended"


def _parts_used(tag: Tag) -> list[Part]:
    choices = [c for part in tag.parts.values() for c in part]
    rules = [tag.when, tag.ends_when, *(c.when for c in tag.cases), *(c.when for c in choices)]
    return [*(r for r in rules if r is not None), *(c.value for c in choices)]


def _chosen(bound: Bound, choices: tuple[Choice, ...], part: TagPart) -> Any:
    """The value of the first choice whose condition holds."""
    target = PART_TYPES[part]
    rows, otherwise = [], ibis.null(target)
    for choice in choices:
        value = bound.value(choice.value)
        value = value.cast(target) if part is not TagPart.NUMBER else value.cast(target).round(6)
        if choice.when is None:
            otherwise = value
            break
        rows.append((bound.flag(choice.when), value))
    return ibis.cases(*rows, else_=otherwise) if rows else otherwise


def _text(bound: Bound, tag: Tag) -> Any:
    if tag.cases:
        return ibis.cases(
            *((bound.flag(c.when), c.value) for c in tag.cases), else_=ibis.null(PART_TYPES[TagPart.TEXT])
        )
    return _chosen(bound, tag.parts.get(TagPart.TEXT, ()), TagPart.TEXT)


def subjects_of(tag: Tag, profile: ir.Table) -> ir.Table:
    """Return the rows of the customers that the tag is for."""
    kinds = [k.value for k in tag.definition.subjects]
    return profile if set(kinds) == {k.value for k in PartyKind} else profile.filter(profile.party_kind.isin(kinds))


def manual_values(tag: Tag, profile: ir.Table, overrides: ir.Table, as_of: date) -> ir.Table:
    """Return the same as :func:`current_values` for a tag that people give: ``overrides`` are rows of ``tag_override``."""
    today = ibis.literal(as_of)
    given = overrides.filter(
        (overrides.tag == tag.key)
        & (overrides.given_on <= today)
        & (overrides.expires_on.isnull() | (overrides.expires_on >= today))
    )
    given = given.semi_join(subjects_of(tag, profile), "customer_id")
    constants = {HOLDS: ibis.literal(True), ENDED: ibis.literal(False)}  # noqa: FBT003 - constant columns
    return given.select("customer_id", *PART_COLUMNS.values(), **constants)


def current_values(tag: Tag, profile: ir.Table, scope: RuleScope) -> ir.Table:
    """Return one row per customer that the tag is for: whether it holds, whether it is ended, and its value.

    Parameters
    ----------
    profile : one row per customer, as of ``scope.as_of``.
    scope : the tables that the tag's rules look into.

    Returns
    -------
    customer_id, value_text, value_number, value_amount, value_on (missing where the tag has no such part),
    ``_holds`` and ``_ended``, never missing. A tag with cases holds only for customers whom a case fits.
    """
    kinds = [k.value for k in tag.definition.subjects]
    own = profile if len(kinds) == 3 else profile.filter(profile.party_kind.isin(kinds))
    used = sorted(tag.names().fields)
    bound = bind(own.select("customer_id", *used), _parts_used(tag), scope)
    text = _text(bound, tag)
    values = {PART_COLUMNS[part]: _chosen(bound, tag.parts.get(part, ()), part) for part in PARTS[1:]}
    holds = bound.flag(tag.when) if tag.when is not None else ibis.literal(True)  # noqa: FBT003 - a constant column
    ended = bound.flag(tag.ends_when) if tag.ends_when is not None else ibis.literal(False)  # noqa: FBT003 - a constant column
    table = bound.table.select("customer_id", value_text=text, **values, _holds=holds, _ended=ended)
    if tag.cases:
        table = table.mutate(_holds=table[HOLDS] & table.value_text.notnull())
    return table


__all__ = ["ENDED", "HOLDS", "PART_COLUMNS", "current_values", "manual_values", "subjects_of"]
