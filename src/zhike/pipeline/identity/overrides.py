"""Officers' merges and splits as the store keeps them, and as identity reads them.

A decision is one override: a merge names two records, a split two groups of records that are parted pair by pair. It is kept with the
customers of that moment, so that the history of an id can name it, and undone as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from zhike.identity import Action, Override, RecordKey
from zhike.pipeline.store import StoredOverride

OVERRIDE_KINDS: Mapping[str, Action] = {"identity_merge": Action.MERGE, "identity_split": Action.SPLIT}
KIND_OF = {action: kind for kind, action in OVERRIDE_KINDS.items()}


def subject_of(left: Sequence[RecordKey], right: Sequence[RecordKey], customers: Sequence[str]) -> dict[str, Any]:
    """Return the subject of an override: the records of both sides and the customers that they were."""
    sides = {side: [[k.source, k.source_key] for k in keys] for side, keys in (("left", left), ("right", right))}
    return {**sides, "customers": list(customers)}


def sides_of(override: StoredOverride) -> tuple[list[RecordKey], list[RecordKey]]:
    """Return the records of both sides of an override of identity."""
    subject = override.subject
    if "records" in subject:  # two records, side by side
        left, right = (RecordKey(source, key) for source, key in subject["records"])
        return [left], [right]
    sides = ([RecordKey(source, key) for source, key in subject[side]] for side in ("left", "right"))
    first, second = sides
    return first, second


def identity_overrides(overrides: Sequence[StoredOverride]) -> list[Override]:
    """Return the officers' merges and splits that are in force, a pair of records each, in the order of their making."""
    found = []
    for o in overrides:
        if o.kind in OVERRIDE_KINDS:
            left, right = sides_of(o)
            found += [
                Override(str(o.number), OVERRIDE_KINDS[o.kind], a, b, o.reason, o.made_by, o.made_at)
                for a, b in product(left, right)
            ]
    return found


__all__ = ["KIND_OF", "OVERRIDE_KINDS", "identity_overrides", "sides_of", "subject_of"]
