"""Who holds which tag on the day and with which value: one scan of the profile for many tags, as one Ibis expression."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from zhike.kernel.terms import PartyKind
from zhike.profile.observation import unkept
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
HOLDS = "_holds"
FIXED = {"lives_days": "_lives_days", "definition_hash": "_hash"}
TRACKED = {part: f"_tracks_{column}" for part, column in PART_COLUMNS.items()}
TAGS_AT_ONCE = (
    24  # tags with values are taken from tables of so many: each step from a table is planned over all its columns
)
_YES, _NO = True, False


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


def has_part(tag: Tag, part: TagPart) -> bool:
    """Return whether a tag gives this part of a value."""
    return part in tag.parts or (part is TagPart.TEXT and bool(tag.cases))


def _is_subject(tag: Tag, table: ir.Table) -> Any:
    kinds = {k.value for k in tag.definition.subjects}
    return None if kinds == {k.value for k in PartyKind} else table.party_kind.isin(sorted(kinds))


def _columns(place: int, tag: Tag, bound: Bound) -> dict[str, Any]:
    """The columns of one tag over the customers: whether it holds, whether it is ended, and the parts that it has."""
    found = {}
    for part in PARTS:
        if has_part(tag, part):
            found[f"{place}_{PART_COLUMNS[part]}"] = (
                _text(bound, tag) if part is TagPart.TEXT else _chosen(bound, tag.parts[part], part)
            )
    tests = [_is_subject(tag, bound.table), bound.flag(tag.when) if tag.when is not None else None]
    if tag.cases:  # the same cases as an expression of yes and no
        tests.append(reduce(operator.or_, [bound.flag(c.when) for c in tag.cases]))
    wanted = [t for t in tests if t is not None]
    found[f"{place}{HOLDS}"] = reduce(operator.and_, wanted) if wanted else ibis.literal(_YES)
    if tag.definition.lives_days is not None:
        subject = _is_subject(tag, bound.table)
        alive = ibis.literal(_YES) if tag.ends_when is None else ~bound.flag(tag.ends_when)
        found[f"{place}_alive"] = alive if subject is None else subject & alive
    return found


def _constants(tag: Tag) -> dict[str, Any]:
    refreshed = tag.definition.refreshed
    tracked = {name: has_part(tag, p) and p.value not in refreshed for p, name in TRACKED.items()}
    return {FIXED["lives_days"]: tag.definition.lives_days, FIXED["definition_hash"]: tag.hash, **tracked}


def _with_constants(rows: ir.Table, tags: Sequence[Tag]) -> ir.Table:
    """Add to rows of tags what is the same for all customers: from one small table, not from a literal for each tag and column."""
    schema = {"of_tag": "string", FIXED["lives_days"]: "int64", FIXED["definition_hash"]: "string"}
    schema |= dict.fromkeys(TRACKED.values(), "boolean")
    constants = ibis.memtable([{"of_tag": tag.key, **_constants(tag)} for tag in tags], schema=ibis.schema(schema))
    return rows.inner_join(constants, [("tag", "of_tag")]).drop("of_tag")


def _of_one(place: int, tag: Tag, wide: ir.Table) -> ir.Table:
    """Return the rows of one tag with those parts only that it has."""
    values = {column: wide[f"{place}_{column}"] for part, column in PART_COLUMNS.items() if has_part(tag, part)}
    holds = wide[f"{place}{HOLDS}"]
    if tag.definition.lives_days is not None:
        alive = wide[f"{place}_alive"]
        narrow = wide.select(
            tag=ibis.literal(tag.key), customer_id="customer_id", **values, _holds=holds & alive, _alive=alive
        )
        return narrow.filter(narrow["_alive"]).drop("_alive")
    narrow = wide.select(tag=ibis.literal(tag.key), customer_id="customer_id", **values, _holds=holds)
    return narrow.filter(narrow["_holds"])


def _names(place: int, tag: Tag) -> list[str]:
    """Return the names of the columns of one tag in the wide table."""
    parts = [f"{place}_{column}" for part, column in PART_COLUMNS.items() if has_part(tag, part)]
    alive = [f"{place}_alive"] if tag.definition.lives_days is not None else []
    return [f"{place}{HOLDS}", *alive, *parts]


def _plain(tags: Mapping[int, str], wide: ir.Table) -> ir.Table:
    """Return the rows of tags without parts: each customer's list of tags unrolled, which is planned faster than a table for each."""
    held = [ibis.ifelse(wide[f"{place}{HOLDS}"], ibis.literal(key), None) for place, key in tags.items()]
    rows = wide.select("customer_id", tag=ibis.array(held).unnest())
    return rows.filter(rows.tag.notnull()).select("tag", "customer_id", _holds=ibis.literal(_YES))


def _unrolled(tags: Sequence[Tag], wide: ir.Table, keep: Callable[[ir.Table], ir.Table]) -> ir.Table:
    """Return the rows of all tags with every part, missing where a tag has it not; tags that have the same parts together."""
    groups: dict[tuple[TagPart, ...], list[ir.Table]] = {}
    plain: dict[int, str] = {}
    valued: list[int] = []
    for place, tag in enumerate(tags):
        if any(has_part(tag, p) for p in PARTS) or tag.definition.lives_days is not None:
            valued.append(place)
        else:
            plain[place] = tag.key
    for first in range(0, len(valued), TAGS_AT_ONCE):
        some = valued[first : first + TAGS_AT_ONCE]
        few = (
            keep(wide.select("customer_id", *(c for i in some for c in _names(i, tags[i]))))
            if len(tags) > TAGS_AT_ONCE
            else wide
        )
        for place in some:
            parts = tuple(p for p in PARTS if has_part(tags[place], p))
            groups.setdefault(parts, []).append(_of_one(place, tags[place], few))
    if plain:
        groups.setdefault((), []).append(_plain(plain, wide))
    found = []
    for parts, each in groups.items():
        rows = each[0] if len(each) == 1 else ibis.union(*each)
        values = {
            column: rows[column] if part in parts else ibis.null(PART_TYPES[part])
            for part, column in PART_COLUMNS.items()
        }
        found.append(rows.select("tag", "customer_id", **values, _holds="_holds"))
    return found[0] if len(found) == 1 else ibis.union(*found)


def manual_values(tags: Sequence[Tag], profile: ir.Table, overrides: ir.Table, as_of: date) -> ir.Table:
    """Return the same as :func:`current_values` for tags that people give: ``overrides`` are rows of ``tag_override``."""
    today = ibis.literal(as_of)
    given = overrides.filter(
        (overrides.given_on <= today) & (overrides.expires_on.isnull() | (overrides.expires_on >= today))
    )
    found = []
    for tag in tags:
        test = _is_subject(tag, profile)
        rows = given.filter(given.tag == tag.key).semi_join(
            profile if test is None else profile.filter(test), "customer_id"
        )
        found.append(rows.select("tag", "customer_id", *PART_COLUMNS.values(), _holds=ibis.literal(_YES)))
    return _with_constants(found[0] if len(found) == 1 else ibis.union(*found), tags)


def current_values(
    tags: Sequence[Tag], profile: ir.Table, scope: RuleScope, *, keep: Callable[[ir.Table], ir.Table] = unkept
) -> ir.Table:
    """Return one row per tag and customer whom it may concern: whether the tag holds, and its value.

    Parameters
    ----------
    profile : one row per customer, as of ``scope.as_of``; scanned once for all tags.
    scope : the tables that the rules of the tags look into.
    keep : computes the wide table of all tags once (see ``keeping``); without it the expression stays one piece.

    Returns
    -------
    tag, customer_id, value_text, value_number, value_amount, value_on (missing where the tag has no such part), ``_holds``,
    and constants of the tag. A tag with cases holds only for customers whom a case fits. Only those whom a tag holds are
    there; of a tag that lives on, all whom it is for and whose tag is not ended.
    """
    used = sorted({n for tag in tags for n in tag.names().fields} | {"party_kind"})
    parts = list(dict.fromkeys(p for tag in tags for p in _parts_used(tag)))
    bound = bind(profile.select("customer_id", *used), parts, scope)
    columns = {name: value for i, tag in enumerate(tags) for name, value in _columns(i, tag, bound).items()}
    wide = keep(bound.table.select("customer_id", **columns))
    return _with_constants(_unrolled(tags, wide, keep), tags)


__all__ = ["FIXED", "HOLDS", "PART_COLUMNS", "TRACKED", "current_values", "has_part", "manual_values"]
