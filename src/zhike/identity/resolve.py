"""Which records are one customer: from records to clusters, without ids and history. ``link`` gives the clusters their ids.

Standardised records are linked by the keys that they share, and what shares none is weighed by the match models. Keys, pairs and the
graph are arrays, values are compared in the engine, only conflicts are looked at in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.clusters import COMPANY, PERSON, SOLE_TRADER, Clusters, Facts, build_clusters, connected
from zhike.identity.codes import MISSING, Codes, codes_of
from zhike.identity.edges import Edges, concatenate, override_pairs
from zhike.identity.keys import shared_keys
from zhike.identity.matching import MatchModel
from zhike.identity.rows import integers
from zhike.identity.rules import MEANINGS, MODEL_RULE, rules
from zhike.identity.terms import Action, IdentitySettings, Override, RecordKey
from zhike.identity.weighing import automatic_edges, weigh_records
from zhike.warehouse import QueryEngine

Ints = npt.NDArray[np.int64]
SEXES = ("female", "male")
KIND_CODES = {"person": PERSON, "sole_trader": SOLE_TRADER, "company": COMPANY}


@dataclass(frozen=True, slots=True)
class Resolved:
    """The records in the order of their numbers, standardised, latest version; and the clusters that they make.

    ``versions`` : standardised rows of all versions. ``weighed`` : pairs of records that a match model links or wants seen.
    ``too_wide`` : per rule, how many keys were shared by too many records to mean anybody. ``splits`` : pairs of records that
    officers parted.
    """

    records: pa.Table
    versions: pa.Table
    clusters: Clusters
    weighed: pa.Table
    too_wide: Mapping[str, int]
    n_overrides_used: int
    splits: Sequence[tuple[int, int]]


def resolve_records(
    engine: QueryEngine, versions: pa.Table, *, settings: IdentitySettings, overrides: Sequence[Override] = (),
    models: Sequence[MatchModel] = (),
) -> Resolved:  # fmt: skip
    """Return which records are one customer.

    Parameters
    ----------
    versions : standardised versions of the records, see ``standardise``; in any order.
    overrides : officers' merges and splits; those of records that are not there (any more) wait.
    models : match models; none = by shared keys only.
    """
    versions = versions.combine_chunks()
    records = versions.filter(versions["is_latest"]).sort_by("record_no").combine_chunks()
    all_rules = rules(settings)
    codes = Codes(versions)
    keys = shared_keys(versions, all_rules, codes)
    exact = keys.stars()
    too_wide = {r.name: n for r in all_rules if (n := int(keys.is_too_wide[keys.rule == r.priority].sum()))}
    weighed = weigh_records(engine, versions, models, homes=connected(records.num_rows, exact), codes=codes)
    numbers = record_numbers(records, overrides)
    clusters, n_used = cluster_records(records, exact, weighed, overrides=overrides, numbers=numbers, settings=settings)
    splits = _pairs(override_pairs(overrides, numbers, Action.SPLIT))
    return Resolved(records, versions, clusters, weighed, too_wide, n_used, splits)


def cluster_records(
    records: pa.Table, exact: Edges, weighed: pa.Table, *, overrides: Sequence[Override],
    numbers: Mapping[RecordKey, int], settings: IdentitySettings,
) -> tuple[Clusters, int]:  # fmt: skip
    """Return the clusters that shared keys and weighed pairs make of records, and how many overrides applied.

    Parameters
    ----------
    records : standardised latest versions in the order of their numbers.
    weighed : see ``weighing.weigh_records``.
    numbers : numbers of the records that overrides name.
    """
    edges = concatenate([exact, automatic_edges(weighed, list(MEANINGS).index(MODEL_RULE))])
    merges = override_pairs(overrides, numbers, Action.MERGE)
    splits = override_pairs(overrides, numbers, Action.SPLIT)
    clusters = build_clusters(
        facts_of(records), edges, merges=_pairs(merges), splits=_pairs(splits), largest=settings.largest_cluster
    )
    return clusters, len(merges) + len(splits)


def record_numbers(records: pa.Table, overrides: Sequence[Override]) -> dict[RecordKey, int]:
    """Return the numbers of the records that overrides name and that are there."""
    wanted = sorted({k.source_key for o in overrides for k in (o.left, o.right)})
    if not wanted:
        return {}
    found = records.filter(pc.is_in(records["source_key"], pa.array(wanted, pa.string())))
    rows = found.select(["source", "source_key", "record_no"]).to_pylist()
    return {RecordKey(r["source"], r["source_key"]): r["record_no"] for r in rows}


def _pairs(found: Sequence[tuple[int, int, Override]]) -> list[tuple[int, int]]:
    return sorted({(a, b) for a, b, _ in found})


def facts_of(records: pa.Table) -> Facts:
    """Return what may contradict in standardised records."""
    born = integers(pc.cast(records["born"], pa.int64()), MISSING)
    kind, sex = (
        integers(pc.index_in(records[c], pa.array(list(codes), pa.string())), MISSING)
        for c, codes in (("party_kind", KIND_CODES), ("sex", SEXES))
    )
    resident_id, uscc = (codes_of(records[c]).astype(np.int64) for c in ("resident_id", "uscc"))
    return Facts(resident_id, uscc, born, sex, kind)


__all__ = ["Resolved", "cluster_records", "facts_of", "record_numbers", "resolve_records"]
