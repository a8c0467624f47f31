"""Tracking 客群跟踪: how segments move between days, how healthy they are, and what somebody should look at.

In: ``segment_member``, ``segment_health``, ``profile``, what customers hold. Out: ``segment_migration`` and ``segment_portrait``
(two steps of every run); migration between any two days, health and alerts as answers to who asks.
"""

from zhike.segments.tracking.alerts import Alert, AlertLimits, Standing, alert_limits, find_alerts, review_due_on
from zhike.segments.tracking.migration import OUTSIDE, Flow, Migration, find_migration, first_known_day, periods
from zhike.segments.tracking.steps import tracking_steps

__all__ = [
    "OUTSIDE",
    "Alert",
    "AlertLimits",
    "Flow",
    "Migration",
    "Standing",
    "alert_limits",
    "find_alerts",
    "find_migration",
    "first_known_day",
    "periods",
    "review_due_on",
    "tracking_steps",
]
