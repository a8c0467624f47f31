"""Which unit answers for which today: mergers of branches followed to their end. History keeps the old unit, scope the new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit as its newest version of the day says: what is above it, and the merger that has ended it."""

    org_id: str
    parent: str | None
    merged_into: str | None
    merged_on: date | None


def succession(versions: Sequence[Mapping[str, Any]], as_of: date) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return rows of ``org_succession`` and counts of what is wrong.

    Parameters
    ----------
    versions : rows of ``org_unit``. Of each unit, the version that began last on or before ``as_of`` counts. Where it names
        ``merged_into``, the unit is gone from the day after the version ends, or from its first day where it does not end.

    Returns
    -------
    one row per unit that has begun by ``as_of``. Units that merge in a circle answer for themselves; where a merger leads to a
    unit that is not known, the last known one answers.
    """
    units = {u.org_id: u for u in (_read(v, as_of) for v in _newest(versions, as_of))}
    followed = {org_id: _follow(org_id, units) for org_id in units}
    problems = Counter(problem for _, _, problem in followed.values() if problem)
    rows = [
        {
            "org_id": org_id, "successor_id": successor, "merged_on": units[org_id].merged_on if successor != org_id else None,
            "n_mergers": n_mergers, "problem": problem, "path": SEPARATOR.join(_above(successor, units, followed)),
        }
        for org_id, (successor, n_mergers, problem) in sorted(followed.items())
    ]  # fmt: skip
    n_merged = sum(u.merged_into is not None for u in units.values())
    metrics = {"n_units": len(units), "n_merged": n_merged, **{f"n_{k}": n for k, n in sorted(problems.items())}}
    return rows, metrics


def _newest(versions: Sequence[Mapping[str, Any]], as_of: date) -> list[Mapping[str, Any]]:
    begun = sorted((v for v in versions if v["valid_from_on"] <= as_of), key=lambda v: v["valid_from_on"])
    return list({v["org_id"]: v for v in begun}.values())


def _read(version: Mapping[str, Any], as_of: date) -> _Unit:
    org_id, into, last = version["org_id"], version["merged_into"], version["valid_to_on"]
    first_without = last + timedelta(days=1) if last is not None else version["valid_from_on"]
    is_merged = into is not None and into != org_id and first_without <= as_of
    return _Unit(org_id, version["parent_org_id"], into if is_merged else None, first_without if is_merged else None)


def _follow(org_id: str, units: Mapping[str, _Unit]) -> tuple[str, int, str | None]:
    """Return who answers for a unit, over how many mergers, and what is wrong with them."""
    path = [org_id]
    while (into := units[path[-1]].merged_into) is not None:
        if into not in units:
            return path[-1], len(path) - 1, "unknown_unit"
        if into in path:
            ring = path[path.index(into) :]
            return (org_id, 0, "circle") if org_id in ring else (into, path.index(into), "circle")
        path.append(into)
    return path[-1], len(path) - 1, None


def _above(org_id: str, units: Mapping[str, _Unit], followed: Mapping[str, tuple[str, int, str | None]]) -> list[str]:
    """Return the units above one and itself, highest first; a unit above that has merged stands as its successor."""
    path = [org_id]
    while (parent := units[path[0]].parent) is not None and parent in units:
        above = followed[parent][0]
        if above in path:
            break
        path.insert(0, above)
    return path


__all__ = ["succession"]
