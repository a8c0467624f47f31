"""The step that builds the profile. Steps of tags come from ``tags_steps``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zhike.kernel.hashing import fingerprint
from zhike.profile.build import build_profile, reads_of
from zhike.profile.carrying import Carrier
from zhike.profile.features import FeatureSet
from zhike.profile.keeping import keeping
from zhike.profile.observation import BUSINESS_TIMEZONE
from zhike.warehouse import Input, Output, Step, StepContext
from zhike.warehouse.performing import code_fingerprint

PROFILE_COST = 20.0  # of an ordinary step
CELLS_OF_PART = 40_000_000  # less than half a gigabyte when joined


def customer_ranges(context: StepContext, n_columns: int) -> list[tuple[int, int]]:
    """Return runs of ``customer_no``, first and last, that cut a table of many columns into parts that are written one at a time.

    Empty when the table is small enough to be written as a whole.
    """
    customers = context.tables["customer"]
    found = context.engine.fetch(customers.aggregate(n=customers.count(), last=customers.customer_no.max()))
    (known,) = found.to_pylist()
    n_parts = -(-known["n"] * n_columns // CELLS_OF_PART)
    each = -(-(known["last"] or 0) // max(n_parts, 1))
    return [(i * each + 1, (i + 1) * each) for i in range(n_parts)] if n_parts > 1 else []


def profile_step(features: FeatureSet, *, timezone: str = BUSINESS_TIMEZONE, carried: Path | None = None) -> Step:
    """Return the step that writes ``profile`` as of the day of the run.

    ``carried`` is the folder in which sums of long fact tables are kept for the next day; without one every day counts all rows.
    """

    def work(context: StepContext) -> Mapping[str, Any]:
        day, ranges = context.as_of, customer_ranges(context, len(features.features))
        with keeping(context.engine, on_disk=len(ranges) > 1) as kept:
            carrier = Carrier(context, carried, code_fingerprint(), timezone) if carried else None
            rows = build_profile(
                context.tables,
                features,
                day,
                timezone=timezone,
                keep=kept,
                drop=kept.drop,
                made_on=day,
                carrier=carrier,
            )
            parts = [rows.filter(rows.customer_no.between(first, last)) for first, last in ranges]
            n_rows = context.write("profile", parts or rows)
        told = [asdict(t) for t in carrier.told] if carrier else []
        return {"n_customers": n_rows, "n_features": len(features.features), "carried": told}

    return Step(
        key="profile",
        writes=(Output("profile"),),
        reads=tuple(Input(name) for name in reads_of(features)),
        work=work,
        definition=fingerprint(sorted(features.hashes.items())),
        material=(timezone,),
        cost=PROFILE_COST,
        is_portable=True,
    )


def steps(features: FeatureSet, *, timezone: str = BUSINESS_TIMEZONE) -> list[Step]:
    """Return the steps of this package that make features, in any order."""
    return [profile_step(features, timezone=timezone)]


__all__ = ["profile_step", "steps"]
