"""Static lists: customers named one by one, by the bank's own systems or by a person here, from a day to a day.

A list is a definition like any other (who owns it, what it is for); who is on it is data. Rules name it with ``{list: key}``; a pinned
segment over a list is an exclusion list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import ibis
import ibis.expr.types as ir
from pydantic import BaseModel, ConfigDict, Field

from zhike.kernel.definitions import Definition, parse_definition
from zhike.kernel.terms import Text

KIND = "list"
MOST_MERGES = 8  # how often an id may have been merged into another since its customer was put on a list


class ListDefinition(BaseModel):
    """A list: its names and meaning, who answers for it, and whether the bank delivers it or people fill it here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    meaning_zh: str = Field(min_length=1)
    meaning_en: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    held_by: Literal["bank", "zhike"] = "zhike"


def parse_lists(definitions: Iterable[Definition]) -> dict[str, ListDefinition]:
    """Return the lists of a project, by key; BadInput names file and line of a malformed one."""
    found = [parse_definition(ListDefinition, d) for d in definitions if d.kind == KIND]
    return {d.key: d for d in sorted(found, key=lambda d: d.key)}


def list_terms(definitions: Iterable[Definition]) -> Mapping[str, Text]:
    """Return how rules may speak of the lists."""
    return {key: Text(d.zh, d.en) for key, d in parse_lists(definitions).items()}


def current_entries(entries: ir.Table, register: ir.Table) -> ir.Table:
    """Return the entries under the ids that their customers have now: an id that was merged since is followed to its heir.

    Parameters
    ----------
    entries : rows of ``list_entry``.
    register : ``identity_register`` of the run.
    """
    ended = register.filter(register.merged_into.notnull()).select(old_id="customer_id", heir_id="merged_into")
    for _ in range(MOST_MERGES):
        joined = entries.left_join(ended, entries.customer_id == ended.old_id)
        followed = ibis.coalesce(joined.heir_id, joined.customer_id)
        entries = joined.mutate(customer_id=followed).drop("old_id", "heir_id")
    return entries


__all__ = ["KIND", "ListDefinition", "current_entries", "list_terms", "parse_lists"]
