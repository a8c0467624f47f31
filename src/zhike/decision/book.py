"""The rules that decisions were taken by, whole and by hash, and the way back from them to a campaign that can decide again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from zhike.decision.compile import compile_campaign, decision_vocabulary
from zhike.decision.flat import flat_kinds, lookups
from zhike.decision.terms import Campaign
from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import Text
from zhike.policy.batch import fields_of
from zhike.policy.decide import JURISDICTION_PARAMETER, Policy, read_policy
from zhike.rules.terms import TagPart
from zhike.rules.vocabulary import FieldTerm, SegmentTerm, TagTerm, Vocabulary
from zhike.warehouse.contracts import Kind

POLICY_KINDS = ("gate", "contact_policy", "regulation")
NO_KEY = b"explains, never signs"


@dataclass(frozen=True, slots=True)
class Book:
    """A campaign and a policy as they were, and the kinds of the fields they read."""

    campaign: Campaign
    policy: Policy
    kinds: Mapping[str, Kind]
    hash: str


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _written(definition: Definition) -> dict[str, Any]:
    return {
        "kind": definition.kind, "key": definition.key, "body": _plain(definition.body),
        "file": definition.file, "line": definition.line, "hash": definition.hash,
    }  # fmt: skip


def _words(vocabulary: Vocabulary, campaign: Campaign) -> dict[str, Any]:
    """The part of the vocabulary that is kept: all fields by kind, and every tag, segment and model by name."""
    return {
        "fields": {n: [t.kind.value, list(t.allowed), t.is_ordered] for n, t in sorted(vocabulary.fields.items())},
        "tags": {
            k: [[p.value for p in t.parts], list(t.values), t.is_ordered] for k, t in sorted(vocabulary.tags.items())
        },
        "segments": {k: list(t.buckets) for k, t in sorted(vocabulary.segments.items())},
        "models": sorted({*vocabulary.models, *filter(None, [campaign.definition.propensity.model])}),
    }


def write_book(
    campaign: Campaign, definitions: DefinitionSet, policy: Policy, vocabulary: Vocabulary
) -> tuple[str, str]:
    """Return hash and text of everything that a campaign's decisions are taken by."""
    kept = [definitions.get("campaign", campaign.key), *(definitions.get("offer", o.offer_id) for o in campaign.offers)]
    kept += [d for kind in POLICY_KINDS for d in definitions.of_kind(kind)]
    body = {
        "definitions": [_written(d) for d in kept],
        "vocabulary": _words(vocabulary, campaign),
        "jurisdiction": policy.jurisdiction,
        "timezone": policy.timezone,
    }
    return fingerprint(body), json.dumps(body, ensure_ascii=False, sort_keys=True)


def _vocabulary(words: Mapping[str, Any]) -> Vocabulary:
    return Vocabulary(
        fields={
            n: FieldTerm(n, Kind(kind), allowed=tuple(allowed), is_ordered=is_ordered)
            for n, (kind, allowed, is_ordered) in words["fields"].items()
        },
        tags={
            k: TagTerm(k, parts=tuple(TagPart(p) for p in parts), values={v: Text(v, v) for v in values}, is_ordered=is_ordered)
            for k, (parts, values, is_ordered) in words["tags"].items()
        },
        segments={k: SegmentTerm(k, buckets={b: Text(b, b) for b in buckets}) for k, buckets in words["segments"].items()},
        models={m: Text(m, m) for m in words["models"]},
    )  # fmt: skip


def input_kinds(
    campaign: Campaign, policy: Policy, vocabulary: Vocabulary, *, further: Iterable[str] = ()
) -> dict[str, Kind]:
    """Return the kind of every named value that a decision of this campaign may read."""
    words = decision_vocabulary(vocabulary)
    looked_up = lookups(campaign, further_fields=further)
    names = looked_up.fields | fields_of(policy.gates) | {"party_kind"}
    return {**{n: words.fields[n].kind for n in names if n in words.fields}, **flat_kinds(looked_up)}


def open_book(body: str) -> Book:
    """Return the campaign and policy that a book holds, ready to decide again."""
    told = json.loads(body)
    definitions = DefinitionSet(
        tuple(Definition(d["kind"], d["key"], d["body"], d["file"], d["line"], d["hash"]) for d in told["definitions"]),
        {JURISDICTION_PARAMETER: told["jurisdiction"]},
    )
    vocabulary = _vocabulary(told["vocabulary"])
    policy = read_policy(definitions, vocabulary, timezone=told["timezone"], key=NO_KEY)
    campaign = compile_campaign(definitions.of_kind("campaign")[0], definitions, vocabulary)
    return Book(campaign, policy, input_kinds(campaign, policy, vocabulary), fingerprint(told))


__all__ = ["Book", "input_kinds", "open_book", "write_book"]
