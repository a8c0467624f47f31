"""What sets a group apart, measured: shares with TGI, effect sizes with intervals, ranked; a name made of the strongest traits.

``segments.portrait`` counts classes of a few dimensions for every segment each night. Here every column that is asked for is compared
between members and everybody else:

* flags and codes: share, TGI = 100 · share / share of everybody, and Cohen's h = 2·asin√p − 2·asin√q;
* numbers: medians and Cliff's delta = P(member > other) − P(member < other), which no outlier moves.

So that the two can stand in one list, delta is also said as the h it would be between two normal groups, √2·Φ⁻¹((δ+1)/2). The list is
ordered by the end of the interval that is nearer to nothing: a large difference among few members comes after a sure one.

Source
------
Cohen (1988), chapter 6 (h: 0.2 small, 0.5 medium, 0.8 large; its standard error √(1/n+1/m)); Cliff (1993) (delta);
Newcombe (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", part 2, method 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Text
from zhike.statistics.intervals import Interval, normal_quantile

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
LEAST_MEMBERS = 30
MEDIUM, LARGE = 0.5, 0.8
SMALL = 0.2  # Cohen's «small»: what is nearer to nothing is not told
LARGEST_DELTA = 0.999


@dataclass(frozen=True, slots=True)
class Described:
    """A column to compare: its values per customer and its names; numbers are NaN where missing, codes are None."""

    column: str
    names: Text
    values: npt.NDArray[np.generic]
    kind: str  # number, amount, rate, flag, code
    values_names: Mapping[str, Text] | None = None


@dataclass(frozen=True, slots=True)
class Trait:
    """One difference between members and everybody else. ``strength`` orders traits: the sure part of the effect, signed.

    ``of_members``, ``of_others``, ``of_all`` are shares for flags and codes, medians for numbers (means, ``is_mean``, where the medians
    are alike and tell nothing); ``tgi`` is of shares only.
    ``effect`` is h or delta, as ``effect_kind`` says.
    """

    column: str
    names: Text
    kind: str
    value: str
    of_members: float
    of_others: float
    of_all: float
    tgi: float | None
    effect: Interval
    effect_kind: str
    strength: float
    n_known: int
    is_mean: bool = False

    @property
    def size(self) -> str:
        """How large the difference is in Cohen's words: large, medium, small, or slight below that."""
        e = self.effect.estimate
        h = abs(e if self.effect_kind == "cohen_h" else as_h(e))
        return "large" if h >= LARGE else "medium" if h >= MEDIUM else "small" if h >= SMALL else "slight"

    @property
    def is_more(self) -> bool:
        """Whether members have more of it."""
        return self.effect.estimate > 0


@dataclass(frozen=True, slots=True)
class Portrait:
    """A group: its size, its traits with the strongest first, its suggested name, and customers typical of it."""

    n_members: int
    n_all: int
    traits: tuple[Trait, ...]
    name: Text
    typical: tuple[str, ...] = ()

    @property
    def share_rate(self) -> float:
        """Members over everybody."""
        return self.n_members / self.n_all


def cohen_h(n_hits: int, n: int, m_hits: int, m: int, *, confidence: float = 0.95) -> Interval:
    """Return Cohen's h of two shares with its interval, h ± z·√(1/n + 1/m), cut to [−π, π].

    Raises
    ------
    NotEstimable : a group is empty.
    """
    if not n or not m:
        raise NotEstimable("portrait.nobody", zh="有一组没有客户", en="one of the groups is empty")
    h = 2 * math.asin(math.sqrt(n_hits / n)) - 2 * math.asin(math.sqrt(m_hits / m))
    half = normal_quantile(confidence) * math.sqrt(1 / n + 1 / m)
    return Interval(h, max(h - half, -math.pi), min(h + half, math.pi), confidence, "cohen_h")


def cliff_delta(members: Floats, others: Floats, *, confidence: float = 0.95) -> Interval:
    """Return Cliff's delta with its interval; +1 = every member has more than everybody else.

    The interval is Newcombe's fifth for the Mann-Whitney measure θ = (δ + 1) / 2: the values of θ that the data do not
    contradict, where the variance is that of θ itself. It stays inside and has width also where one group wholly dominates.

    Raises
    ------
    NotEstimable : a group has fewer than two customers.
    """
    n, m = len(members), len(others)
    if n < 2 or m < 2:
        raise NotEstimable("portrait.too_few", zh="每组至少两位客户", en="each group needs at least two customers")
    y = np.sort(others)
    over = (
        np.searchsorted(y, members, "left") + np.searchsorted(y, members, "right")
    ) / m - 1  # per member: P(>) − P(<)
    delta = float(over.mean())
    theta, z = (delta + 1) / 2, normal_quantile(confidence)
    low, high = (_newcombe_end(theta, (n, m), z, end) for end in (0.0, 1.0))
    return Interval(delta, 2 * low - 1, 2 * high - 1, confidence, "newcombe_5")


def _newcombe_end(theta: float, sizes: tuple[int, int], z: float, end: float) -> float:
    """Return the value between ``theta`` and ``end`` (0 or 1) that is just not contradicted."""
    n, m = sizes
    mean_size = (n + m) / 2 - 1

    def beyond(t: float) -> float:
        variance = t * (1 - t) * (1 + mean_size * (1 - t) / (2 - t) + mean_size * t / (1 + t)) / (n * m)
        return (theta - t) ** 2 - z * z * variance

    if theta == end:
        return end
    inner = theta if 0 < theta < 1 else theta + (1e-12 if theta == 0 else -1e-12)
    outer = abs(end - 1e-12)
    return end if beyond(outer) <= 0 else float(optimize.brentq(beyond, inner, outer))


def as_h(delta: float) -> float:
    """Return the standardised difference of two normal groups whose Cliff's delta is ``delta``, so that it compares with h."""
    inside = min(max(delta, -LARGEST_DELTA), LARGEST_DELTA)
    return math.sqrt(2) * float(stats.norm.ppf((inside + 1) / 2))


def _sure(low: float, high: float) -> float:
    """Return the end of an interval that is nearer to nothing, 0 when nothing lies inside."""
    if low > 0:
        return low
    return high if high < 0 else 0.0


def _of_number(described: Described, is_member: Flags) -> list[Trait]:
    values = np.asarray(described.values, dtype=np.float64)
    known = ~np.isnan(values)
    members, others = values[known & is_member], values[known & ~is_member]
    if len(members) < 2 or len(others) < 2:
        return []
    effect = cliff_delta(members, others)
    strength = _sure(as_h(effect.low), as_h(effect.high))
    groups = (members, others, values[known])
    medians = tuple(float(np.median(g)) for g in groups)
    is_mean = medians[0] == medians[1]
    told = tuple(float(g.mean()) for g in groups) if is_mean else medians
    return [
        Trait(
            described.column, described.names, described.kind, "", told[0], told[1], told[2], None, effect, "cliff_delta", strength,
            int(known.sum()), is_mean,
        )
    ]  # fmt: skip


def _of_shares(described: Described, is_member: Flags) -> list[Trait]:
    codes, values = pd.factorize(described.values)  # missing ones are −1
    known = codes >= 0
    n, m = int((known & is_member).sum()), int((known & ~is_member).sum())
    if not n or not m:
        return []
    hits_of = np.bincount(codes[known & is_member], minlength=len(values))
    others_of = np.bincount(codes[known & ~is_member], minlength=len(values))
    counts = {str(v): (int(a), int(b)) for v, a, b in zip(values, hits_of, others_of, strict=True)}
    is_flag = described.kind == "flag"
    wanted = ["True"] if is_flag else sorted(counts)
    found = []
    for value in wanted:
        hits, others = counts.get(value, (0, 0))
        share, of_others, of_all = hits / n, others / m, (hits + others) / (n + m)
        effect = cohen_h(hits, n, others, m)
        tgi = 100 * share / of_all if of_all else None
        shown = "" if is_flag else value
        found.append(
            Trait(
                described.column, described.names, described.kind, shown, share, of_others, of_all, tgi, effect, "cohen_h",
                _sure(effect.low, effect.high), n + m,
            )
        )  # fmt: skip
    return found


def measure_traits(columns: Sequence[Described], is_member: Flags) -> tuple[Trait, ...]:
    """Return every difference between members and everybody else, the surest and largest first."""
    traits = [
        t for c in columns for t in (_of_shares if c.kind in ("flag", "code") else _of_number)(c, is_member)
    ]  # fmt: skip
    return tuple(sorted(traits, key=lambda t: (-abs(t.strength), -abs(t.effect.estimate), t.column, t.value)))


def phrase(trait: Trait) -> Text:
    """Return a trait as two or three words: 月日均AUM高, 少代发签约, 性别female."""
    zh, en = trait.names.zh, trait.names.en
    if trait.kind == "flag":
        return Text(zh if trait.is_more else f"少{zh}", en.lower() if trait.is_more else f"few with {en.lower()}")
    if trait.kind == "code":
        return Text(f"{zh}{trait.value}" if trait.is_more else f"非{zh}{trait.value}", f"{en.lower()} {trait.value}" if trait.is_more else f"not {en.lower()} {trait.value}")  # fmt: skip
    return Text(f"{zh}高" if trait.is_more else f"{zh}低", f"{'high' if trait.is_more else 'low'} {_lower(en)}")


def _lower(text: str) -> str:
    """Return a phrase without its capital, unless its first word is an abbreviation."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def suggest_names(traits_of: Sequence[Sequence[Trait]]) -> list[Text]:
    """Return a name per group of its two strongest traits, three where two groups would be called the same, then numbered.

    A group without any trait is «like everybody» (与全体相近).
    """
    found: list[Text] = []
    for n_words in (2, 3):
        found = [_name(traits, n_words) for traits in traits_of]
        if len({t.zh for t in found}) == len({t.en for t in found}) == len(found):
            return found
    named: list[Text] = []
    for i, name in enumerate(found, start=1):
        is_double = sum(other.zh == name.zh or other.en == name.en for other in found) > 1
        named.append(Text(f"{name.zh}（{i}）", f"{name.en} ({i})") if is_double else name)
    return named


def _name(traits: Sequence[Trait], n_words: int) -> Text:
    told = [t for t in traits if abs(t.strength) >= SMALL]
    first: dict[str, Trait] = {}
    for trait in told:
        first.setdefault(trait.column, trait)  # one word per column
    words = [phrase(t) for t in list(first.values())[:n_words]]
    if not words:
        return Text("与全体相近", "Like everybody")
    english = ", ".join(w.en for w in words)
    return Text("、".join(w.zh for w in words), english[:1].upper() + english[1:])


def paint(
    columns: Sequence[Described],
    labels: npt.NDArray[np.int64],
    ids: Sequence[str],
    typical: Sequence[Sequence[int]] = (),
) -> tuple[Portrait, ...]:
    """Return the portrait of each group 0 … k−1 against everybody else.

    Parameters
    ----------
    labels : group per customer. typical : positions of typical customers per group, told by their id.

    Raises
    ------
    NotEstimable : a group has fewer than ``LEAST_MEMBERS`` members, or nobody is outside: there is nothing to compare.
    """
    k = int(labels.max()) + 1
    members = [labels == c for c in range(k)]
    for here in members:
        refuse_few(int(here.sum()), len(labels))
    traits = [measure_traits(columns, here) for here in members]
    names = suggest_names(traits)
    return tuple(
        Portrait(int(here.sum()), len(labels), t, name, tuple(ids[i] for i in typical[c]) if c < len(typical) else ())
        for c, (here, t, name) in enumerate(zip(members, traits, names, strict=True))
    )


def paint_one(columns: Sequence[Described], is_member: Flags) -> Portrait:
    """Return the portrait of one group against everybody else; NotEstimable as :func:`paint`."""
    n_members = int(is_member.sum())
    refuse_few(n_members, len(is_member))
    traits = measure_traits(columns, is_member)
    return Portrait(n_members, len(is_member), traits, _name(traits, 2))


def refuse_few(n_members: int, n_all: int) -> None:
    """Raise NotEstimable unless there are enough members and somebody else."""
    if n_members < LEAST_MEMBERS:
        raise NotEstimable(
            "portrait.few_members", zh=f"仅 {n_members} 位成员，不足 {LEAST_MEMBERS} 位，不作画像", en=f"only {n_members} members, fewer than {LEAST_MEMBERS}: no portrait",
            todo_zh="放宽定义或与相近客群合并", todo_en="widen the definition, or join it with a neighbour", facts={"n_members": n_members},
        )  # fmt: skip
    if n_members >= n_all:
        raise NotEstimable(
            "portrait.everybody", zh="成员即全体适用客户，无可对比", en="everybody it is for is a member: there is nothing to compare with",
            todo_zh="检查定义是否过宽", todo_en="check whether the definition is too wide",
        )  # fmt: skip


__all__ = [
    "LEAST_MEMBERS",
    "SMALL",
    "Described",
    "Portrait",
    "Trait",
    "as_h",
    "cliff_delta",
    "cohen_h",
    "measure_traits",
    "paint",
    "paint_one",
    "phrase",
    "refuse_few",
    "suggest_names",
]
