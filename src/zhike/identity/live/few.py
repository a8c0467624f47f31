"""The same as ``resolve`` for a few records, in the process: a live record waits milliseconds, a query plan takes longer.

Keys, blocks and limits are read from the same definitions, values are compared by the same levels, clusters are built by the
same code. A property test holds both forms equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa

from zhike.identity.clusters import Clusters, connected
from zhike.identity.edges import Edges, edges_from_lists
from zhike.identity.matching import MatchModel
from zhike.identity.matching.score import WEIGHT_DIGITS
from zhike.identity.resolve import cluster_records
from zhike.identity.rules import KEY_JOINT, KEYS, NAMELESS, rules
from zhike.identity.terms import IdentitySettings, Override, RecordKey
from zhike.identity.weighing import WEIGHED

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FewResolved:
    """``clusters`` over the records numbered as given; ``weighed`` as ``weighing.weigh_records`` returns it."""

    clusters: Clusters
    weighed: pa.Table


def resolve_few(
    rows: Sequence[Row], *, settings: IdentitySettings, models: Sequence[MatchModel], overrides: Sequence[Override] = (),
    too_wide: Collection[str] = (),
) -> FewResolved:  # fmt: skip
    """Return which of a few records are one customer.

    Parameters
    ----------
    rows : standardised versions of records, ``record_no`` dense from 0 in the order of (source, source_key).
    too_wide : keys, as :func:`exact_key` and :func:`block_key` write them, that mean nobody: too many other records have them.
    """
    latest = {r["record_no"]: r for r in rows if r["is_latest"]}
    n_records = len(latest)
    exact = exact_edges(rows, settings, too_wide)
    weighed = _weigh(rows, models, connected(n_records, exact).tolist(), too_wide)
    records = pa.table({c: [latest[i][c] for i in range(n_records)] for c in FACTS}, schema=FACTS_SCHEMA)
    numbers = {RecordKey(latest[i]["source"], latest[i]["source_key"]): i for i in range(n_records)}
    clusters, _ = cluster_records(records, exact, weighed, overrides=overrides, numbers=numbers, settings=settings)
    return FewResolved(clusters, weighed)


FACTS = ("resident_id", "uscc", "born", "sex", "party_kind")
FACTS_SCHEMA = pa.schema(dict.fromkeys(FACTS, pa.string()))


def exact_keys(row: Row) -> Iterator[tuple[str, str]]:
    """Yield (rule, key) of one row, those of the nameless rules left out: they depend on the other rows."""
    for rule, columns in KEYS.items():
        values = [row[c] for c in columns]
        if None not in values:
            yield rule, KEY_JOINT.join(values)


def block_keys(row: Row, models: Sequence[MatchModel]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield (model, block, values) of one row."""
    for number, model in enumerate(models):
        if row["party_kind"] in model.party_kinds:
            for block_no, columns in enumerate(model.blocks):
                values = tuple(row[c] for c in columns)
                if None not in values:
                    yield number, block_no, values


def exact_key(rule: str, key: str) -> str:
    """Return the text by which a key of a rule is counted over all records."""
    return f"{rule}{KEY_JOINT}{key}"


def block_key(number: int, block_no: int, values: Sequence[str]) -> str:
    """Return the text by which a block of a model is counted over all rows."""
    return KEY_JOINT.join((f"{number}.{block_no}", *values))


def exact_edges(rows: Sequence[Row], settings: IdentitySettings, too_wide: Collection[str] = ()) -> Edges:
    """Return the stars of shared keys, those left out that are too wide."""
    shared: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in rows:
        for rule, key in exact_keys(row):
            shared[rule, key].add(row["record_no"])
    for rule, column in NAMELESS.items():
        for key, having in _by_value(rows, column).items():
            if _belongs_to_one(having):
                shared[rule, key] = {r["record_no"] for r in having}
    priority = {r.name: r.priority for r in rules(settings)}
    stars = sorted(
        (priority[rule], min(points), key, sorted(points), settings.limit(rule))
        for (rule, key), points in shared.items()
        if len(points) > 1 and exact_key(rule, key) not in too_wide
    )
    edges = [
        (centre, point, rule_no, key_no)
        for key_no, (rule_no, centre, _, points, limit) in enumerate(stars)
        if len(points) <= limit
        for point in points[1:]
    ]
    return edges_from_lists(*([e[i] for e in edges] for i in range(4)))


def _by_value(rows: Sequence[Row], column: str) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[column] is not None and row["party_kind"] == "person":
            found[row[column]].append(row)
    return found


def _belongs_to_one(having: Sequence[Row]) -> bool:
    """Whether a value belongs to one name, and somebody without a name has it, too."""
    names, initials = {r["name_key"] for r in having}, {r["initial"] for r in having}
    return None in names and len(names - {None}) <= 1 and len(initials - {None}) <= 1


def _weigh(
    rows: Sequence[Row], models: Sequence[MatchModel], homes: Sequence[int], too_wide: Collection[str]
) -> pa.Table:
    """Return the pairs that a model links or wants seen, as ``weighing.weigh_records`` does."""
    blocks: dict[tuple[int, int, tuple[str, ...]], list[Row]] = defaultdict(list)
    for row in rows:
        for key in block_keys(row, models):
            blocks[key].append(row)
    pairs: dict[tuple[int, int, int], tuple[Row, Row]] = {}
    for (number, block_no, values), inside in blocks.items():
        if len(inside) <= models[number].widest_block and block_key(number, block_no, values) not in too_wide:
            for a, b in combinations(inside, 2):
                left, right = (a, b) if a["record_no"] < b["record_no"] else (b, a)
                if homes[left["record_no"]] != homes[right["record_no"]]:
                    pairs[number, left["row_no"], right["row_no"]] = (left, right)
    found: dict[tuple[int, int, int], tuple[float, bool]] = {}
    for (number, _, _), (left, right) in pairs.items():
        told = weigh_pair(models[number], left, right)
        if told is not None:
            at = (number, left["record_no"], right["record_no"])
            before = found.get(at, (told[0], False))
            found[at] = (max(before[0], told[0]), before[1] or told[1])
    ordered = [(left, right, round(w, WEIGHT_DIGITS), auto) for (_, left, right), (w, auto) in sorted(found.items())]
    columns = zip(*ordered, strict=True) if ordered else [()] * 4
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, WEIGHED, strict=True)], schema=WEIGHED)


def weigh_pair(model: MatchModel, left: Row, right: Row) -> tuple[float, bool] | None:
    """Return the weight of a pair and whether it links; None when it is not worth showing or documents contradict."""
    for document in ("resident_id", "uscc"):
        if left[document] is not None and right[document] is not None and left[document] != right[document]:
            return None
    evidence = model.compare(left, right)
    weight = model.weight(evidence)
    links = weight >= model.automatic_from(evidence)
    return (weight, links) if links or weight >= model.review_weight else None


__all__ = [
    "FewResolved",
    "block_key",
    "block_keys",
    "exact_edges",
    "exact_key",
    "exact_keys",
    "resolve_few",
    "weigh_pair",
]
