"""What is held together: association rules between products and tags, with an exact test of each.

Sets of things are counted level by level (a set can only be common when each of its parts is), up to ``most_things`` things. A rule
«who has these also has that» is kept when it is common enough, sure enough, holds more than chance would give, and its one-sided
exact test (Fisher) stays below ``false_most`` after correction for the number of rules tested (Benjamini & Hochberg).

A rule that a shorter one says nearly as well is left out.

What a rule is not: it is no cause, and a tag that is made from a product goes with it by definition. That is for the reader.

Source
------
Agrawal & Srikant (1994) (apriori); Piatetsky-Shapiro (1991) (leverage); Benjamini & Hochberg (1995).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from zhike.kernel.errors import BadInput, NotEstimable

Flags = npt.NDArray[np.bool_]
Itemset = frozenset[str]
PADDING = 1.1


@dataclass(frozen=True, slots=True)
class AssociationSettings:
    """What is looked at and what is kept."""

    support_least: float = 0.01
    n_least: int = 30
    confidence_least: float = 0.3
    lift_least: float = 1.1
    false_most: float = 0.05
    most_things: int = 3
    candidates_most: int = 200_000


@dataclass(frozen=True, slots=True)
class AssociationRule:
    """Who has all of ``having`` also has ``then``: ``n_both`` of ``n_having`` customers.

    support = n_both / n; confidence = n_both / n_having; lift = confidence / share of then; leverage = support − product of
    shares. ``q_value`` is the p-value corrected for all rules tested.
    """

    having: tuple[str, ...]
    then: str
    n_having: int
    n_then: int
    n_both: int
    n: int
    p_value: float
    q_value: float

    @property
    def support(self) -> float:
        """Share of everybody who has all of it."""
        return self.n_both / self.n

    @property
    def confidence(self) -> float:
        """Share of those who have the first part who have the second, too."""
        return self.n_both / self.n_having

    @property
    def lift(self) -> float:
        """How many times as common the second part is among those who have the first."""
        return self.confidence * self.n / self.n_then

    @property
    def leverage(self) -> float:
        """Support less what chance would give."""
        return self.support - self.n_having * self.n_then / self.n**2


@dataclass(frozen=True, slots=True)
class Associations:
    """Rules, strongest first, and how far was looked: things, common sets, rules tested; ``is_cut`` when counting was stopped."""

    rules: tuple[AssociationRule, ...]
    n_customers: int
    n_things: int
    n_sets: int
    n_tested: int
    is_cut: bool


def common_sets(
    things: Mapping[str, Flags], *, n_least: int, most_things: int, candidates_most: int = 200_000
) -> tuple[dict[Itemset, int], bool]:
    """Return set → customers who have all of it, for sets of at least ``n_least`` customers; and whether counting was stopped."""
    names = sorted(things)
    packed = {name: np.packbits(np.asarray(things[name], dtype=bool)) for name in names}
    alone = {frozenset([name]): _ones(packed[name]) for name in names}
    found = {s: n for s, n in alone.items() if n >= n_least}
    bits = {s: packed[next(iter(s))] for s in found}
    level = list(found)
    n_looked = 0
    for size in range(2, most_things + 1):
        candidates = {a | b for a, b in combinations(level, 2) if len(a | b) == size}
        level, fresh = [], {}
        for candidate in sorted(candidates, key=sorted):
            parts = [candidate - {x} for x in candidate]
            if not all(part in found for part in parts):
                continue
            n_looked += 1
            if n_looked > candidates_most:
                return found, True
            first, rest = parts[0], candidate - parts[0]
            both = bits[first] & packed[next(iter(rest))]
            n = _ones(both)
            if n >= n_least:
                found[candidate] = n
                fresh[candidate] = both
                level.append(candidate)
        bits = fresh
    return found, False


def _ones(bits: npt.NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(bits).sum())


def find_associations(things: Mapping[str, Flags], settings: AssociationSettings | None = None) -> Associations:
    """Return the rules that hold, by lift.

    Parameters
    ----------
    things : name → whether each customer has it, all of one length.

    Raises
    ------
    BadInput : the flags are not equally long. NotEstimable : fewer customers than ``n_least``, or fewer than two common things.
    """
    settings = settings or AssociationSettings()
    sizes = {len(flags) for flags in things.values()}
    if len(sizes) > 1:
        raise BadInput("association.malformed", zh="各项长度不一", en="the flags are not equally long")
    n = sizes.pop() if sizes else 0
    n_least = max(settings.n_least, int(np.ceil(settings.support_least * n)))
    sets, is_cut = common_sets(
        things, n_least=n_least, most_things=settings.most_things, candidates_most=settings.candidates_most
    )
    if n < settings.n_least or sum(len(s) == 1 for s in sets) < 2:
        raise NotEstimable(
            "association.too_few", zh=f"{n} 位客户中不足两项有 {n_least} 人持有，无从谈关联", en=f"of {n} customers fewer than two things are held by {n_least}: nothing can be associated",
            todo_zh="扩大客户范围或降低 --support", todo_en="take more customers or a lower --support", facts={"n": n, "n_least": n_least},
        )  # fmt: skip
    tested = _candidates(sets, n)
    q_values = _corrected([r.p_value for r in tested])
    rules = [_with_q(r, q) for r, q in zip(tested, q_values, strict=True)]
    kept = [
        r for r in rules
        if r.confidence >= settings.confidence_least and r.lift >= settings.lift_least and r.q_value <= settings.false_most
    ]  # fmt: skip
    kept = _without_padding(kept, rules)
    kept.sort(key=lambda r: (-r.lift, -r.n_both, r.having, r.then))
    return Associations(tuple(kept), n, sum(len(s) == 1 for s in sets), len(sets), len(tested), is_cut)


def _candidates(sets: Mapping[Itemset, int], n: int) -> list[AssociationRule]:
    found = []
    for whole, n_both in sets.items():
        for then in sorted(whole) if len(whole) > 1 else ():
            having = whole - {then}
            n_having, n_then = sets[having], sets[frozenset([then])]
            p = float(stats.hypergeom.sf(n_both - 1, n, n_then, n_having))
            found.append(AssociationRule(tuple(sorted(having)), then, n_having, n_then, n_both, n, p, p))
    return found


def _without_padding(kept: Sequence[AssociationRule], rules: Sequence[AssociationRule]) -> list[AssociationRule]:
    """Return the rules without those that a shorter rule says nearly as well: a further thing must raise the lift by a tenth."""
    lifts = {(frozenset(r.having), r.then): r.lift for r in rules}
    found = []
    for rule in kept:
        whole = frozenset(rule.having)
        shorter = [lifts[(whole - {x}, rule.then)] for x in rule.having if len(whole) > 1]
        if all(rule.lift >= PADDING * lift for lift in shorter):
            found.append(rule)
    return found


def _corrected(p_values: Sequence[float]) -> list[float]:
    if not p_values:
        return []
    return [float(q) for q in stats.false_discovery_control(np.clip(p_values, 0, 1), method="bh")]


def _with_q(rule: AssociationRule, q_value: float) -> AssociationRule:
    return AssociationRule(
        rule.having, rule.then, rule.n_having, rule.n_then, rule.n_both, rule.n, rule.p_value, q_value
    )


__all__ = ["AssociationRule", "AssociationSettings", "Associations", "common_sets", "find_associations"]
