"""The demo's outcome, told in a few lines."""

from __future__ import annotations

from zhike.pipeline.demo import DemoOutcome


def tell_demo(outcome: DemoOutcome) -> None:
    """Print what happened, on stdout."""
    found = outcome.figures
    effect = found["effect"]
    print(f"customers            {found['customers']:>10,}   as of {found['as_of']}")
    print(f"money maturing, 30 d {found['segments'].get('maturing_pool', 0):>10,}   customers")
    print("funnel               " + " · ".join(f"{stage} {n:,}" for stage, n in found["funnel"].items()))
    print(f"planned              {found['planned']:>10,}   held out {found['held_out']:,}")
    print(
        f"contacted            {found['contacted']:>10,}   refused at sending {sum(found['refused_at_sending'].values()):,}"
    )
    if effect.get("effect") is None:
        print(f"effect               not estimable: {effect.get('reason') or 'too little data'}")
    else:
        print(f"kept, contacted      {effect['treated_level']:>10.1%}   held out {effect['control_level']:.1%}")
        print(
            f"effect               {effect['effect']:>+10.1%}   95 % interval {effect['effect_low']:+.1%} … {effect['effect_high']:+.1%}"
        )
    if outcome.truth is not None:
        print(f"simulated truth      {outcome.truth:>+10.1%}")


__all__ = ["tell_demo"]
