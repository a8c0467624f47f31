"""The match model: which values are compared how, what each level of agreement is worth, and from where on records are linked.

Fellegi and Sunter: two records of one customer reach a level with probability m, two of different customers with probability u;
the level is worth log2(m / u). The worths add up to the match weight, onto the prior log2 odds of any two records.
Equal values that are rare are worth more: ``frequencies`` says how common the common ones are. A value that is missing on either
side is worth nothing either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zhike.identity.matching.levels import KINDS, Record

SMALLEST = 1e-9
NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Level:
    """One level of agreement. ``kind`` is a key of ``levels.KINDS``, or ``else`` for what reached none of those before it.

    ``automatic_weight`` : match weight from which a pair at this level is linked without review; ``NEVER`` for not at all.
    ``is_cautious`` : the model's own word is not enough to link here (twins differ in one character): pairs known by their
    documents have to say so.
    """

    name: str
    kind: str
    column: str = ""
    size: int = 0
    m: float = 0.5
    u: float = 0.5
    automatic_weight: float | None = None
    is_cautious: bool = False

    @property
    def weight(self) -> float:
        """What the level is worth, in bits."""
        return math.log2(max(self.m, SMALLEST) / max(self.u, SMALLEST))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that is compared: levels from the strictest on, the last one ``else``.

    ``columns`` : all that the levels read; the comparison says nothing when the first of them is missing on a side.
    ``frequencies`` : value → share of records, of the common values of the first level's column; empty = not asked.
    ``rare`` : the share that every other value is taken to have.
    """

    name: str
    levels: tuple[Level, ...]
    frequencies: Mapping[str, float] = field(default_factory=dict)
    rare: float = 0.0

    @property
    def column(self) -> str:
        """The column that has to be there on both sides."""
        return self.levels[0].column

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(level.column for level in self.levels if level.column))

    def rarity(self, value: str) -> float:
        """Return how many bits more (or fewer) an equal ``value`` is worth than equal values are on average."""
        if not self.rare:
            return 0.0
        return math.log2(max(self.levels[0].u, SMALLEST) / max(self.frequencies.get(value, self.rare), SMALLEST))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one comparison says of two records: the level reached, its worth, and the bits for rarity."""

    comparison: str
    level: str
    left: Any
    right: Any
    weight: float
    rarity: float


@dataclass(frozen=True)
class MatchModel:
    """A fitted model.

    ``party_kinds`` it is for; ``prior`` probability that two random records are one customer; ``blocks``: sets of columns, two
    records that agree on all columns of one of them are compared; ``gate``: the comparison whose levels hold
    ``automatic_weight`` (the model's own holds for levels without one); ``precision``: what share of linked pairs shall be right;
    ``review_weight``: from which weight on a pair is shown to an officer; ``widest_block``: a value that more rows share is no
    block; ``trained``: when, from how many records; ``meaning`` in Chinese and English.
    """

    key: str
    party_kinds: tuple[str, ...]
    prior: float
    comparisons: tuple[Comparison, ...]
    blocks: tuple[tuple[str, ...], ...]
    gate: str
    review_weight: float
    automatic_weight: float = NEVER
    precision: float = 0.9997
    training_blocks: tuple[tuple[str, ...], ...] = ()
    widest_block: int = 60
    trained: Mapping[str, Any] = field(default_factory=dict)
    meaning: tuple[str, str] = ("", "")

    @cached_property
    def prior_weight(self) -> float:
        """The prior odds in bits."""
        return math.log2(self.prior / (1.0 - self.prior))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns that are compared or blocked on, in order."""
        compared = [c for comparison in self.comparisons for c in comparison.columns]
        return tuple(dict.fromkeys([*compared, *(c for block in self.blocks for c in block)]))

    @cached_property
    def gate_comparison(self) -> Comparison:
        return next(c for c in self.comparisons if c.name == self.gate)

    def compare(self, left: Record, right: Record) -> tuple[Evidence, ...]:
        """Return the evidence of two standardised records, comparison by comparison."""
        return tuple(_compare(c, left, right) for c in self.comparisons)

    def weight(self, evidence: Sequence[Evidence]) -> float:
        """Return the match weight of two records, in bits: prior and evidence together."""
        return self.prior_weight + sum(e.weight + e.rarity for e in evidence)

    def automatic_from(self, evidence: Sequence[Evidence]) -> float:
        """Return the weight from which a pair with this evidence is linked without review."""
        reached = next(e.level for e in evidence if e.comparison == self.gate)
        return gate_weights(self).get(reached, NEVER)


def gate_weights(model: MatchModel) -> dict[str, float]:
    """Return level of the gate → weight from which pairs at this level are linked; levels without one use the model's."""
    found = {level.name: model.automatic_weight if level.automatic_weight is None else level.automatic_weight
             for level in model.gate_comparison.levels}  # fmt: skip
    return {**found, MISSING_LEVEL: NEVER}


MISSING_LEVEL = "missing"


def _compare(comparison: Comparison, left: Record, right: Record) -> Evidence:
    a, b = left.get(comparison.column), right.get(comparison.column)
    if a is None or b is None:
        return Evidence(comparison.name, MISSING_LEVEL, a, b, 0.0, 0.0)
    for position, level in enumerate(comparison.levels):
        if level.kind == "else":
            return Evidence(comparison.name, level.name, a, b, level.weight, 0.0)
        x, y = left.get(level.column), right.get(level.column)
        if x is not None and y is not None and KINDS[level.kind].pair(x, y, level.size):
            rarity = comparison.rarity(a) if position == 0 else 0.0
            return Evidence(comparison.name, level.name, a, b, level.weight, rarity)
    raise AssertionError(comparison.name)


def probability(weight: float) -> float:
    """Return the probability that belongs to a match weight."""
    if weight > 60:
        return 1.0
    return 2.0**weight / (1.0 + 2.0**weight)


__all__ = ["MISSING_LEVEL", "NEVER", "Comparison", "Evidence", "Level", "MatchModel", "gate_weights", "probability"]
