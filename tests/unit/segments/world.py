"""Segments over literal profiles: a vocabulary of a few fields and tags, and one step run on rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from zhike.kernel.definitions import Definition
from zhike.policy.tables import CONTACTABILITY
from zhike.profile.tables import PROFILE, TAG_VALUE
from zhike.rules import TagTerm, Vocabulary, field_terms
from zhike.rules.terms import TagPart
from zhike.segments.definition import Segment, parse_segments
from zhike.segments.steps import segment_step
from zhike.segments.tables import OWNS
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import Contract, Kind
from zhike.warehouse.testing import run_step

AS_OF = date(2025, 6, 30)
BEFORE = date(2025, 6, 29)
CONTRACTS: Mapping[str, Contract] = {c.name: c for c in (*OWNS, PROFILE, TAG_VALUE, CONTACTABILITY)}
TAGS = {
    "rich": TagTerm("rich", parts=(TagPart.AMOUNT,)),
    "tier": TagTerm("tier", parts=(TagPart.TEXT,), values={}),
    "contact_fatigue": TagTerm("contact_fatigue", parts=(TagPart.TEXT,)),
}
VOCABULARY = Vocabulary(fields=field_terms(PROFILE), tags=TAGS)
NAMES = {"zh": "甲", "en": "A", "meaning_zh": "甲", "meaning_en": "A", "owner": "retail", "subjects": ["person"]}
EXCLUSION = {"when": {"field": "deceased_on", "is_present": True}, "is_pinned": True}
Rows = list[dict[str, Any]]


@cache
def engine() -> Engine:
    """One engine for all tests of this folder."""
    return open_engine(threads=2)


def definition(key: str, **body: Any) -> Definition:
    """A definition as it was read from a file."""
    return Definition("segment", key, {**NAMES, **body}, "segments/x.yaml", 7, f"hash of {key}")


def segments(**bodies: Mapping[str, Any]) -> dict[str, Segment]:
    """Parsed segments; the global exclusion is always among them."""
    written = [definition("global_exclusion", **EXCLUSION), *(definition(k, **b) for k, b in bodies.items())]
    return parse_segments(written, VOCABULARY)


def customer(number: int, **more: Any) -> dict[str, Any]:
    """A row of the profile; amounts may be written as numbers."""
    amounts = {c.name for c in PROFILE.columns if c.kind is Kind.AMOUNT}
    row = {"customer_id": f"c{number}", "customer_no": number, "party_kind": "person", **more}
    return {n: Decimal(str(v)) if n in amounts else v for n, v in row.items()}


def run(
    segment: Segment, profile: Rows, *, previous: Rows | None = None, as_of: date = AS_OF, **tables: Any
) -> dict[str, Rows]:
    """Table → rows that the segment's step writes; ``previous`` None is the segment's first run."""
    before = {} if previous is None else {"segment_member": {segment.key: previous}}
    written = run_step(
        segment_step(segment),
        engine(),
        {"profile": profile, **tables},
        as_of=as_of,
        contracts=CONTRACTS,
        previous=before,
    )
    return {table: rows.to_pylist() for (table, _), rows in written.items()}


def member(
    segment: str, number: int, from_on: date, *, bucket: str | None = None, to_on: date | None = None
) -> dict[str, Any]:
    """A row of an earlier run."""
    return {
        "segment": segment,
        "customer_id": f"c{number}",
        "bucket": bucket,
        "from_on": from_on,
        "to_on": to_on,
        "definition_hash": "old",
    }
