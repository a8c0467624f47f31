"""A cluster as a rule that people can read, approve and evaluate: a shallow tree over the features, with how faithful it is.

A cluster that cannot be written as a rule cannot be approved (docs/decisions/0022). The tree is learned on the raw features, its
thresholds are rounded to three digits, and its fidelity is measured on customers that it was not learned from, against the clusters:
the share placed alike, and the least recall of any cluster. A rule of the ordinary language treats a missing value as «does not hold»;
where the tree sends missing values along, the condition says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.terms import Text
from zhike.statistics import Proportion, seeded_generator, wilson_interval
from zhike.statistics.intervals import Interval
from zhike.warehouse.contracts import Kind

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
KEY = re.compile(r"[a-z][a-z0-9_]{1,62}")
WHOLE = (Kind.INTEGER,)
NUMERIC = (Kind.AMOUNT, Kind.INTEGER, Kind.NUMBER, Kind.RATE, Kind.FLAG)


@dataclass(frozen=True, slots=True)
class Split:
    """One condition of a branch: ``column`` at most, or above, ``limit``; ``takes_missing`` where missing values go along."""

    column: str
    limit: float
    is_above: bool
    takes_missing: bool


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Branches per cluster. ``fidelity`` is the share of unseen customers placed alike, with interval; ``recall`` per cluster."""

    branches: tuple[tuple[tuple[Split, ...], ...], ...]
    fidelity: Interval
    recall: tuple[float, ...]

    def predict(self, columns: Mapping[str, Floats]) -> Labels:
        """Return the cluster that the rules give each customer."""
        n = len(next(iter(columns.values())))
        found = np.full(n, len(self.branches) - 1, dtype=np.int64)
        for cluster, branches in enumerate(self.branches):
            for branch in branches:
                here = np.ones(n, dtype=bool)
                for split in branch:
                    values = columns[split.column]
                    missing = np.isnan(values)
                    side = (values > split.limit) if split.is_above else (values <= split.limit)
                    here &= np.where(missing, split.takes_missing, side)
                found[here] = cluster
        return found


def round_limit(value: float) -> float:
    """Return a threshold with three significant digits."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, 2 - math.floor(math.log10(abs(value))))


def learn_surrogate(
    columns: Mapping[str, Floats], labels: Labels, *, n_clusters: int, most_depth: int = 4, seed: str = "surrogate"
) -> Surrogate:
    """Return the tree as branches, learned on one half of the customers and judged on the other.

    Parameters
    ----------
    columns : raw features, NaN = missing; missing ones take the median while the tree is learned.
    """
    from sklearn.tree import DecisionTreeClassifier

    names = list(columns)
    fills = {n: _fill(v) for n, v in columns.items()}
    filled = np.column_stack([np.where(np.isnan(columns[n]), fills[n][0], columns[n]) for n in names])
    rows = seeded_generator("surrogate", seed).permutation(len(labels))
    half = len(rows) // 2
    learn, judge = rows[:half], rows[half:]
    tree = DecisionTreeClassifier(
        max_depth=most_depth, max_leaf_nodes=3 * n_clusters, min_samples_leaf=max(5, len(learn) // 200), random_state=0
    ).fit(filled[learn], labels[learn])
    branches: list[list[tuple[Split, ...]]] = [[] for _ in range(n_clusters)]
    for path, cluster in _paths(tree, names, fills):
        branches[cluster].append(path)
    draft = Surrogate(tuple(tuple(b) for b in branches), Interval(0, 0, 0, 0.95, ""), ())
    told = draft.predict({n: columns[n][judge] for n in names})
    truth = labels[judge]
    fidelity = wilson_interval(Proportion(len(truth), int((told == truth).sum())))
    recall = tuple(
        float((told[truth == c] == c).mean()) if bool((truth == c).any()) else 0.0 for c in range(n_clusters)
    )
    return Surrogate(draft.branches, fidelity, recall)


def _fill(values: Floats) -> tuple[float, bool]:
    """Return what a missing value is taken for while the tree is learned, and whether any is missing."""
    missing = np.isnan(values)
    return (0.0 if bool(missing.all()) else float(np.median(values[~missing]))), bool(missing.any())


def _paths(
    tree: Any, names: Sequence[str], fills: Mapping[str, tuple[float, bool]]
) -> list[tuple[tuple[Split, ...], int]]:
    inside = tree.tree_

    def walk(node: int, path: tuple[Split, ...]) -> list[tuple[tuple[Split, ...], int]]:
        left, right = int(inside.children_left[node]), int(inside.children_right[node])
        if left == right:
            return [(path, int(tree.classes_[int(np.argmax(inside.value[node][0]))]))]
        name, limit = names[int(inside.feature[node])], round_limit(float(inside.threshold[node]))
        is_low, has_missing = fills[name][0] <= limit, fills[name][1]
        below = walk(left, (*path, Split(name, limit, is_above=False, takes_missing=has_missing and is_low)))
        above = walk(right, (*path, Split(name, limit, is_above=True, takes_missing=has_missing and not is_low)))
        if len(below) == len(above) == 1 and below[0][1] == above[0][1]:
            return [(path, below[0][1])]  # a split that decides nothing
        return below + above

    return walk(0, ())


def write_rule(branches: Sequence[Sequence[Split]], kinds: Mapping[str, Kind]) -> Any:
    """Return the rule of one cluster as the rule language writes it."""
    told = [_all([_condition(s, kinds[s.column]) for s in _tightest(branch)]) for branch in branches]
    return told[0] if len(told) == 1 else {"any": told}


def _all(conditions: list[Any]) -> Any:
    if not conditions:
        return {"everyone": True}
    return conditions[0] if len(conditions) == 1 else {"all": conditions}


def _tightest(branch: Sequence[Split]) -> list[Split]:
    """Return one split per column and side: the one that decides. Missing values must be let through by every one of them."""
    found: dict[tuple[str, bool], Split] = {}
    for split in branch:
        place = (split.column, split.is_above)
        before = found.get(place)
        if before is None:
            found[place] = split
            continue
        limit = max(before.limit, split.limit) if split.is_above else min(before.limit, split.limit)
        found[place] = Split(split.column, limit, split.is_above, before.takes_missing and split.takes_missing)
    return list(found.values())


def _condition(split: Split, kind: Kind) -> Any:
    missing = {"field": split.column, "is_missing": True}
    if kind is Kind.FLAG:
        here: Any = {"field": split.column, "is": split.is_above}
    else:
        limit: float | int = math.floor(split.limit) if kind in WHOLE else split.limit
        here = {"field": split.column, "above" if split.is_above else "at_most": limit}
    return {"any": [here, missing]} if split.takes_missing else here


@dataclass(frozen=True, slots=True)
class SavedNames:
    """How a discovered partition and its buckets are called."""

    key: str
    names: Text
    buckets: tuple[Text, ...]


def write_definition(
    surrogate: Surrogate, names: SavedNames, kinds: Mapping[str, Kind], *, subjects: Sequence[str], owner: str,
    fidelity_least: float = 0.85, recall_least: float = 0.6,
) -> dict[str, Any]:  # fmt: skip
    """Return a segment definition whose buckets are the clusters.

    Raises
    ------
    BadInput : the key is none. NotEstimable : the rules place too few customers as the clustering does.
    """
    if not KEY.fullmatch(names.key):
        raise BadInput(
            "discovery.key_malformed", zh=f"客群键 {names.key!r} 不合规", en=f"{names.key!r} is no key of a segment",
            todo_zh="小写字母开头，仅用小写字母、数字、下划线", todo_en="begin with a small letter; small letters, digits and _ only",
        )  # fmt: skip
    if (
        surrogate.fidelity.estimate < fidelity_least
        or min(surrogate.recall) < recall_least
        or not all(surrogate.branches)
    ):
        told = f"{surrogate.fidelity.estimate:.1%} [{surrogate.fidelity.low:.1%}, {surrogate.fidelity.high:.1%}]"
        raise NotEstimable(
            "discovery.rule_unfaithful", zh=f"规则只能还原聚类的 {told}，最差一类 {min(surrogate.recall):.0%}，不予保存",
            en=f"rules place only {told} of customers as the clustering does, {min(surrogate.recall):.0%} of the worst cluster: not saved",
            todo_zh="用 --features 换少数特征再发现", todo_en="discover again over fewer features with --features",
            facts={"fidelity": round(surrogate.fidelity.estimate, 4), "least": fidelity_least, "recall": [round(r, 3) for r in surrogate.recall]},
        )  # fmt: skip
    rules = [write_rule(branches, kinds) for branches in surrogate.branches]
    keys = [f"c{i}" for i in range(1, len(rules) + 1)]
    buckets = [
        {"key": k, "zh": b.zh, "en": b.en, "when": rule} for k, b, rule in zip(keys, names.buckets, rules, strict=True)
    ]
    last = buckets.pop()
    told = f"{surrogate.fidelity.estimate:.1%}"
    return {
        "zh": names.names.zh, "en": names.names.en,
        "meaning_zh": f"由聚类发现，写成规则后还原 {told}；审批前请改名并核对阈值",
        "meaning_en": f"Found by clustering; as rules it agrees with the clusters for {told}; name it and check its limits before approval",
        "subjects": list(subjects), "owner": owner, "is_partition": True, "buckets": buckets,
        "otherwise": {k: last[k] for k in ("key", "zh", "en")},
    }  # fmt: skip


__all__ = [
    "NUMERIC",
    "SavedNames",
    "Split",
    "Surrogate",
    "learn_surrogate",
    "round_limit",
    "write_definition",
    "write_rule",
]
