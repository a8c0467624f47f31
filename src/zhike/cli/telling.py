"""The demo's outcome, told in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.decision.terms import FunnelStage
from zhike.pipeline.demo import DemoOutcome

DROPPING = frozenset(FunnelStage) - {FunnelStage.CATALOGUE, FunnelStage.FINAL}
SHOWN = {"maturity_kept": "money kept", "maturity_kept_per_customer": "kept, each customer once"}


def _tell_effect(name: str, effect: Mapping[str, Any]) -> None:
    if effect.get("effect") is None:
        print(f"{name}: not estimable, {effect.get('reason') or 'too little data'}")
        return
    print(f"{name}: contacted {effect['treated_level']:.1%}, held out {effect['control_level']:.1%}")
    print(
        f"  effect {effect['effect']:+.1%}, 95 % interval {effect['effect_low']:+.1%} to {effect['effect_high']:+.1%}"
    )
    if effect.get("simulated_truth") is not None:
        print(f"  simulated truth {effect['simulated_truth']:+.1%}")


def tell_demo(outcome: DemoOutcome) -> None:
    """Print what happened, on stdout."""
    found = outcome.figures
    print(f"customers            {found['customers']:>10,}   as of {found['as_of']}")
    print(f"maturing pool        {found['segments'].get('maturing_pool', 0):>10,}   customers")
    dropped = " · ".join(f"{s} {found['funnel'].get(s, 0):,}" for s in FunnelStage if s in DROPPING)
    print(f"candidates dropped   {dropped}")
    print(f"came through         {found['funnel'].get(FunnelStage.FINAL, 0):>10,}   of customers × offers")
    print(f"planned              {found['planned']:>10,}   held out {found['held_out']:,}")
    print(
        f"contacted            {found['contacted']:>10,}   refused at sending {sum(found['refused_at_sending'].values()):,}"
    )
    for metric, name in SHOWN.items():
        _tell_effect(name, found["effect"].get(metric, {}))


__all__ = ["tell_demo"]
