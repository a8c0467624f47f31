"""What somebody should look at: sizes that jumped, buckets that drifted, segments of nobody or everybody, definitions due for review.

An alert is a warning for people; it stops nothing. Limits are defaults that the project's parameters override (``AlertLimits``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Text
from zhike.segments.definition import SegmentDefinition


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """When a figure becomes an alert.

    ``size_rate``: change of the size since the last run, as a share of the size before; asked of segments of ``members_least`` and
    more. ``drift_psi``: index between the buckets' sizes. ``review_months``: how long an approval is good for.
    """

    size_rate: float = 0.2
    members_least: int = 30
    drift_psi: float = 0.25
    watch_psi: float = 0.1
    review_months: int = 12


PARAMETERS = {
    "segment_alert_size_rate": "size_rate", "segment_alert_members": "members_least", "segment_alert_psi": "drift_psi",
    "segment_watch_psi": "watch_psi", "segment_review_months": "review_months",
}  # fmt: skip


def alert_limits(parameters: Mapping[str, Any]) -> AlertLimits:
    """Return the limits that parameters set, defaults for the rest; BadInput for one that is no positive number."""
    found: dict[str, Any] = {}
    for name, field in PARAMETERS.items():
        if name not in parameters:
            continue
        value = parameters[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise BadInput(
                "segment.limit_malformed", zh=f"参数 {name} 应为正数，现为 {value!r}", en=f"the parameter {name} must be a positive number, not {value!r}"
            )  # fmt: skip
        found[field] = value
    return AlertLimits(**found)


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at. ``kind``: nobody, everybody, size, drift, review."""

    segment: str
    kind: str
    text: Text


def add_months(day: date, months: int) -> date:
    """Return the same day ``months`` later, the last of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(day)


def review_due_on(definition: SegmentDefinition, approved_on: date | None, limits: AlertLimits) -> date | None:
    """Return the day from which a definition is due for review; None while it is not approved."""
    if definition.review_on is not None:
        return definition.review_on
    if approved_on is None:
        return None
    return add_months(approved_on, definition.review_after_months or limits.review_months)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one segment on the day."""

    key: str
    n_subjects: int
    n_members: int
    n_before: int | None = None
    shift_psi: float | None = None
    review_on: date | None = None
    is_pinned: bool = False
    is_partition: bool = False


def find_alerts(standing: Standing, as_of: date, limits: AlertLimits) -> tuple[Alert, ...]:
    """Return the alerts of one segment. A partition holds everybody by definition, so that is none."""
    s = standing
    found: list[tuple[str, str, str]] = []
    if s.n_subjects and not s.n_members:
        found.append(("nobody", "定义不匹配任何客户", "the definition matches nobody"))
    if s.n_subjects and s.n_members >= s.n_subjects and not s.is_partition:
        found.append(("everybody", "定义匹配全部适用客户", "the definition matches everybody it is for"))
    if s.n_before is not None and max(s.n_before, s.n_members) >= limits.members_least:
        change = (s.n_members - s.n_before) / s.n_before if s.n_before else None
        if change is None or abs(change) >= limits.size_rate:
            told = "" if change is None else f" ({change:+.0%})"
            found.append(("size", f"规模由 {s.n_before} 变为 {s.n_members}{told}", f"its size went from {s.n_before} to {s.n_members}{told}"))  # fmt: skip
    if s.shift_psi is not None and s.shift_psi >= limits.watch_psi:
        is_alert = s.shift_psi >= limits.drift_psi
        zh, en = ("已偏移", "shifted") if is_alert else ("须关注", "to watch")
        found.append(
            ("drift", f"分档构成 PSI {s.shift_psi:.2f}，{zh}", f"PSI of its buckets is {s.shift_psi:.2f}: {en}")
        )
    if s.review_on is not None and as_of >= s.review_on:
        found.append(("review", f"应于 {s.review_on} 复审定义", f"its definition was due for review on {s.review_on}"))
    return tuple(Alert(s.key, kind, Text(zh, en)) for kind, zh, en in found)


__all__ = [
    "PARAMETERS",
    "Alert",
    "AlertLimits",
    "Standing",
    "add_months",
    "alert_limits",
    "find_alerts",
    "review_due_on",
]
