"""The step that builds the profile. Steps of tags come from ``tags_steps``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.kernel.hashing import fingerprint
from zhike.profile.build import build_profile, reads_of
from zhike.profile.features import FeatureSet
from zhike.profile.keeping import keeping
from zhike.profile.observation import BUSINESS_TIMEZONE
from zhike.warehouse import Input, Output, Step, StepContext

PROFILE_COST = 20.0  # of an ordinary step


def profile_step(features: FeatureSet, *, timezone: str = BUSINESS_TIMEZONE) -> Step:
    """Return the step that writes ``profile`` as of the day of the run."""

    def work(context: StepContext) -> Mapping[str, Any]:
        with keeping(context.engine) as kept:
            day = context.as_of
            rows = build_profile(
                context.tables, features, day, timezone=timezone, keep=kept, drop=kept.drop, made_on=day
            )
            n_rows = context.write("profile", rows)
        return {"n_customers": n_rows, "n_features": len(features.features)}

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
