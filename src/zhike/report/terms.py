"""What a run report is made of: plain frozen data, filled by ``collect`` and shown by ``render``.

Numbers arrive unformatted with unit and definition (口径); a section without data is :class:`Absent` and says why. Nothing
here knows tables, templates or charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from zhike.kernel.terms import Text
from zhike.segments.tracking.migration import Flow, Migration

Number = Decimal | int | float


class Unit(StrEnum):
    """How a number is read."""

    COUNT = "count"
    AMOUNT = "amount"
    RATE = "rate"  # a share, shown in %
    POINTS = "points"  # a difference of shares, shown in percentage points, with sign
    AMOUNT_CHANGE = "amount_change"  # a difference of amounts, with sign
    NUMBER = "number"
    TIMES = "times"  # a lift: 3.2×
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit and, where it is an estimate, its interval. ``value`` None means there is no number."""

    value: Number | None
    unit: Unit
    low: Number | None = None
    high: Number | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number people look at: label, quantity, definition (口径) and the day its facts end; ``accent`` marks the main one."""

    label: Text
    quantity: Quantity
    meaning: Text
    as_of: date
    accent: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """A section or number that is not there, and why."""

    reason: Text


@dataclass(frozen=True, slots=True)
class Story:
    """The head of the report: the result in one or two sentences, then the figures behind it."""

    title: Text
    lead: Text
    figures: tuple[Figure, ...]
    caution: Text | None = None


@dataclass(frozen=True, slots=True)
class LoadRow:
    """Rows of one table: read = loaded + quarantined."""

    table: str
    name: Text
    n_files: int
    n_read: int
    n_loaded: int
    n_quarantined: int


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """Rows held back for one reason."""

    table: str
    rule: str
    column: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class QualityAlert:
    """A measure of quality beyond its limit."""

    table: str
    column: str
    dimension: str
    value: float


@dataclass(frozen=True, slots=True)
class AnonymousEvents:
    """Events without a user: how many are known to be a party's, and how many are nobody's by the reason why."""

    n_attributed: int
    n_left: Mapping[str, int]

    @property
    def n_unattributed(self) -> int:
        """Events that are nobody's."""
        return sum(self.n_left.values())


@dataclass(frozen=True, slots=True)
class QualitySection:
    """What came in and what was held back; ``anonymous`` where touchpoints delivered events without a user."""

    loads: tuple[LoadRow, ...]
    quarantined: tuple[QuarantineRow, ...]
    alerts: tuple[QualityAlert, ...]
    as_of: date
    anonymous: AnonymousEvents | None = None

    @property
    def n_read(self) -> int:
        """Rows read over all tables."""
        return sum(r.n_read for r in self.loads)

    @property
    def n_loaded(self) -> int:
        """Rows loaded over all tables."""
        return sum(r.n_loaded for r in self.loads)

    @property
    def n_quarantined(self) -> int:
        """Rows held back over all tables."""
        return sum(r.n_quarantined for r in self.loads)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One reconciliation check over all its units: how many agree, how many do not, and by how much at most."""

    key: str
    name: Text
    on: date
    n_compared: int
    n_red: int
    unit: Unit
    ours: Decimal
    theirs: Decimal
    largest_difference: Decimal


@dataclass(frozen=True, slots=True)
class ReconciliationSection:
    """Our totals beside the bank's own."""

    checks: tuple[CheckRow, ...]
    as_of: date


@dataclass(frozen=True, slots=True)
class TierRow:
    """One value tier: customers and the money they hold."""

    key: str
    name: Text
    n_customers: int
    aum_amount: Decimal


@dataclass(frozen=True, slots=True)
class TierSection:
    """Customers and money by value tier, highest tier first."""

    tiers: tuple[TierRow, ...]
    meaning: Text
    as_of: date


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment: how many belong, came and went since the last run."""

    key: str
    name: Text
    n_customers: int
    n_entered: int
    n_left: int


@dataclass(frozen=True, slots=True)
class SegmentAlertRow:
    """One thing to look at about a segment."""

    key: str
    name: Text
    text: Text


@dataclass(frozen=True, slots=True)
class SegmentPortraitRow:
    """What sets a segment, or one bucket of it, apart, in a sentence; ``bucket`` is empty for the whole segment."""

    name: Text
    bucket: Text
    n_members: int
    text: Text


@dataclass(frozen=True, slots=True)
class SegmentMove:
    """The migration that is shown as a picture: of which segment, with the names of its buckets."""

    name: Text
    migration: Migration
    names: Mapping[str, Text]

    def largest(self, most: int = 12) -> list[Flow]:
        """Return the largest flows between different buckets, outside counted as one."""
        moved = [f for f in self.migration.flows if f.bucket_from != f.bucket_to]
        return sorted(moved, key=lambda f: -f.n_customers)[:most]

    def name_of(self, bucket: str) -> Text:
        """Return the name of a bucket; its key when the definition no longer has it."""
        return self.names.get(bucket, Text(bucket, bucket))


@dataclass(frozen=True, slots=True)
class SegmentSection:
    """Sizes of segments, largest first; what somebody should look at; how one of them moved since the last run or over the month."""

    segments: tuple[SegmentRow, ...]
    n_customers: int
    as_of: date
    alerts: tuple[SegmentAlertRow, ...] = ()
    move: SegmentMove | None = None
    portraits: tuple[SegmentPortraitRow, ...] = ()


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of the decision funnel: candidates before and after it."""

    key: str
    name: Text
    n_in: int
    n_out: int


@dataclass(frozen=True, slots=True)
class DropRow:
    """Candidates that one rule dropped at one stage."""

    stage: str
    stage_name: Text
    rule: str
    name: Text
    n_dropped: int


@dataclass(frozen=True, slots=True)
class FunnelSection:
    """Where candidates of one campaign fell out, and by which rule."""

    campaign: str
    name: Text
    stages: tuple[StageRow, ...]
    drops: tuple[DropRow, ...]
    as_of: date


@dataclass(frozen=True, slots=True)
class ReachRow:
    """One stage from assignment to outcome, in both arms; ``n_control`` None when nobody was held out."""

    key: str
    name: Text
    n_treatment: int
    n_control: int | None


@dataclass(frozen=True, slots=True)
class ReachSection:
    """From assigned to converted."""

    experiment: str
    stages: tuple[ReachRow, ...]
    as_of: date


@dataclass(frozen=True, slots=True)
class DecileRow:
    """One tenth of the customers of a test period, best scores first."""

    decile: int
    n_customers: int
    n_positive: int
    mean_score: float

    @property
    def rate(self) -> float:
        """Observed share of positives."""
        return self.n_positive / self.n_customers if self.n_customers else 0.0


@dataclass(frozen=True, slots=True)
class ModelSection:
    """How good one model is, on a period later than it was trained on.

    ``gains`` are points (share contacted, share of positives caught) in [0, 1]; without them the deciles give the curve.
    """

    model: str
    name: Text
    target: Text
    learner: str
    version: str
    figures: tuple[Figure, ...]
    deciles: tuple[DecileRow, ...]
    warnings: tuple[Text, ...]
    as_of: date
    gains: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One measured metric. ``effect.value`` None comes with a ``reason``; ``truth`` only on a simulated bank."""

    metric: str
    name: Text
    meaning: Text
    design: str
    n_treated: int
    n_control: int
    treated: Quantity
    control: Quantity
    effect: Quantity
    confidence: float
    p_value: float | None
    detectable: Quantity
    sample_ratio_p: float | None
    warnings: tuple[Text, ...]
    reason: Text | None
    truth: Quantity | None
    as_of: date


@dataclass(frozen=True, slots=True)
class EffectSection:
    """Effects of one experiment."""

    experiment: str
    rows: tuple[EffectRow, ...]
    as_of: date


@dataclass(frozen=True, slots=True)
class RoiSection:
    """What an experiment cost and brought."""

    experiment: str
    design: str
    n_contacts: int
    cost: Quantity
    incremental: Quantity
    revenue: Quantity
    profit: Quantity
    roi: Quantity
    basis: Text
    reason: Text | None
    as_of: date


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a run: what it took."""

    key: str
    state: str
    seconds: float
    n_rows: int


@dataclass(frozen=True, slots=True)
class StepSection:
    """Seconds per step, of every run that fed the report."""

    steps: tuple[StepRow, ...]
    seconds: float
    peak_memory_mb: int | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that one report shows.

    ``made_at`` is handed in (a clock's reading), so that the same data make the same bytes.
    """

    project: str
    as_of: date
    run_id: str
    made_at: datetime
    currency: str
    is_simulated: bool
    story: Story | Absent
    quality: QualitySection | Absent
    reconciliation: ReconciliationSection | Absent
    tiers: TierSection | Absent
    segments: SegmentSection | Absent
    funnel: FunnelSection | Absent
    reach: ReachSection | Absent
    models: tuple[ModelSection, ...] | Absent
    effect: EffectSection | Absent
    roi: RoiSection | Absent
    steps: StepSection | Absent


__all__ = [
    "Absent",
    "CheckRow",
    "DecileRow",
    "DropRow",
    "EffectRow",
    "EffectSection",
    "Figure",
    "FunnelSection",
    "LoadRow",
    "ModelSection",
    "Number",
    "QualityAlert",
    "QualitySection",
    "Quantity",
    "QuarantineRow",
    "ReachRow",
    "ReachSection",
    "ReconciliationSection",
    "RoiSection",
    "RunReport",
    "SegmentRow",
    "SegmentSection",
    "StageRow",
    "StepRow",
    "StepSection",
    "Story",
    "TierRow",
    "TierSection",
    "Unit",
]
