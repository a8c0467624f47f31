"""Audiences while somebody builds them: counts, a funnel condition by condition, overlaps, reach by channel, a sample. By the index.

Whom a pinned segment takes out is never in an audience; how many that are is told as the last steps of the funnel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Text
from zhike.rules import Rule, Vocabulary, describe
from zhike.rules.index import AudienceIndex, Members, in_all, in_any
from zhike.rules.terms import AllOf, AnyOf, AtLeastOf, Contactable, InSegment
from zhike.segments.definition import Segment

MOST_OVERLAPPED = 4


def pinned(segments: Mapping[str, Segment]) -> tuple[str, ...]:
    """Return the keys of the segments that are taken out of every audience, in order."""
    return tuple(sorted(k for k, s in segments.items() if s.definition.is_pinned))


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One condition: how many meet it alone, how many are left when those before it are met, too, and the conditions inside it.

    Inside ``any`` what is left are those who meet it or one before it.
    """

    says: Text
    n_alone: int
    n_left: int
    inside: tuple[FunnelStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Intersection:
    """Customers who are in exactly these of some sets."""

    sets: tuple[str, ...]
    n: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of an audience policy allows to be contacted on a channel; ``channel`` "" = on at least one."""

    channel: str
    n: int


@dataclass(frozen=True)
class Audiences:
    """Audiences of one run. ``segments`` : those of the project, of which the pinned ones are taken out of every audience."""

    index: AudienceIndex
    segments: Mapping[str, Segment]
    vocabulary: Vocabulary

    def members(self, rule: Rule, *, exclude: Sequence[str] = ()) -> Members:
        """Return who matches a rule and is in no pinned segment and in none of ``exclude``. No argument lets a pinned segment in."""
        return in_all([self.index.members(rule), *(~self._segment(s) for s in (*pinned(self.segments), *exclude))])

    def funnel(self, rule: Rule, *, exclude: Sequence[str] = ()) -> tuple[FunnelStep, ...]:
        """Return the conditions of a rule in their order, then the segments that are taken out, each with what it leaves."""
        conditions = rule.of if isinstance(rule, AllOf) else (rule,)
        left, steps = None, []
        for condition in conditions:
            found = self.index.members(condition)
            left = found if left is None else in_all([left, found])
            steps.append(self._step(condition, found, left))
        for key in (*pinned(self.segments), *exclude):
            out = ~self._segment(key)
            assert left is not None
            left = in_all([left, out])
            names = self.segments[key].definition
            steps.append(FunnelStep(Text(f"排除客群“{names.zh}”", f"not in segment “{names.en}”"), len(out), len(left)))
        return tuple(steps)

    def _step(self, condition: Rule, found: Members, left: Members) -> FunnelStep:
        inside: list[FunnelStep] = []
        if isinstance(condition, AllOf | AnyOf | AtLeastOf):
            met: Members | None = None
            for part in condition.of:
                one = self.index.members(part)
                join = in_all if isinstance(condition, AllOf) else in_any
                met = one if met is None else join([met, one])
                inside.append(self._step(part, one, met))
        says = Text(*(describe(condition, self.vocabulary, language=language) for language in ("zh", "en")))
        return FunnelStep(says, len(found), len(left), tuple(inside))

    def overlaps(self, sets: Mapping[str, Members]) -> tuple[Intersection, ...]:
        """Return how many are in exactly which of two to four sets (an UpSet), the most first; those of nobody are left out.

        Raises
        ------
        BadInput : there are fewer than two sets or more than four.
        """
        if not 2 <= len(sets) <= MOST_OVERLAPPED:
            raise BadInput(
                "audience.sets", zh=f"重叠分析需要 2 到 {MOST_OVERLAPPED} 个集合", en=f"overlaps are of 2 to {MOST_OVERLAPPED} sets",
                todo_zh="给出两到四个不同的客群或规则", todo_en="name two to four different segments or rules",
            )  # fmt: skip
        found = []
        for size in range(len(sets), 0, -1):
            for chosen in combinations(sets, size):
                inside = [sets[k] if k in chosen else ~sets[k] for k in sets]
                found.append(Intersection(chosen, len(in_all(inside))))
        return tuple(sorted((f for f in found if f.n), key=lambda f: (-f.n, f.sets)))

    def reach(
        self,
        members: Members,
        channels: Sequence[str],
        *,
        purpose: str = "marketing",
        product_lines: Sequence[str] = (),
    ) -> tuple[Reach, ...]:
        """Return how many of an audience may be contacted: on at least one channel, then channel by channel, the most first."""
        lines = tuple(product_lines)
        one_by_one = [
            Reach(c, len(in_all([members, self.index.members(Contactable(purpose, (c,), lines))]))) for c in channels
        ]
        somehow = Reach("", len(in_all([members, self.index.members(Contactable(purpose, (), lines))])))
        return (somehow, *sorted(one_by_one, key=lambda r: (-r.n, r.channel)))

    def sample(self, members: Members, n: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
        """Return the numbers of ``n`` members drawn at random (all where there are fewer), ascending; the same for the same seed."""
        numbers = self.index.customer_numbers(members)
        if len(numbers) <= n:
            return numbers
        return np.sort(np.random.default_rng(seed).choice(numbers, n, replace=False))

    def _segment(self, key: str) -> Members:
        return self.index.members(InSegment(key))


__all__ = ["Audiences", "FunnelStep", "Intersection", "Reach", "pinned"]
