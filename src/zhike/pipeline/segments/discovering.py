"""RFM, clusters, portraits and associations of the published day, with the figures that a person needs to judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import ibis
import numpy as np
import numpy.typing as npt
import yaml

from zhike.kernel.errors import BadInput, Conflict, NotEstimable
from zhike.kernel.terms import PartyKind, Text
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.project import DEFINITIONS_FOLDER, Project
from zhike.pipeline.segments.columns import (
    PEOPLE,
    Customers,
    describe_columns,
    describe_tags,
    kinds_of,
    numeric_features,
    portrait_columns,
    read_customers,
)
from zhike.rules import holding_on
from zhike.segments.discovery import (
    Associations,
    AssociationSettings,
    Clustering,
    ClusterSettings,
    Portrait,
    Prepared,
    Surrogate,
    find_associations,
    find_clusters,
    learn_surrogate,
    nearest_to_centre,
    paint,
    paint_one,
    prepare,
    score_rfm,
    summarise_cells,
    write_definition,
)
from zhike.segments.discovery.clustering import Method
from zhike.segments.discovery.rfm import FREQUENCY, MONEY, RECENCY, CellSize, Money, Rfm, choose_column
from zhike.segments.discovery.surrogate import SavedNames
from zhike.segments.tracking.health import holdings


@dataclass(frozen=True, slots=True)
class RfmAnswer:
    """RFM of a day: the columns that were taken, the cells, and the customers per score."""

    as_of: date
    columns: tuple[str, str, str]
    rfm: Rfm
    cells: tuple[CellSize, ...]
    ids: tuple[str, ...]

    def score_counts(self) -> dict[str, dict[int, int]]:
        """Return R, F and M → score → customers."""
        scores = {"recency": self.rfm.recency, "frequency": self.rfm.frequency, "monetary": self.rfm.monetary}
        return {
            k: {int(s): int(n) for s, n in zip(*np.unique(v, return_counts=True), strict=True)}
            for k, v in scores.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Return the answer as JSON values."""
        return {
            "as_of": self.as_of.isoformat(), "columns": dict(zip(("recency", "frequency", "monetary"), self.columns, strict=True)),
            "cut": self.rfm.cut, "limits": dict(zip(("recency_days", "frequency", "monetary"), self.rfm.limits, strict=True)),
            "n_customers": len(self.ids), "scores": self.score_counts(), "cells": self.rows(),
        }  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return the cells as rows."""
        return [
            {
                "cell": c.key, "zh": c.names.zh, "en": c.names.en, "customers": c.n_customers, "share": round(c.share_rate, 4),
                "amount": round(c.amount, 2), "amount_share": None if c.amount_share_rate is None else round(c.amount_share_rate, 4),
                "mean_recency_days": None if c.mean_recency_days is None else round(c.mean_recency_days, 1),
                "mean_frequency": round(c.mean_frequency, 2),
            }
            for c in self.cells
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RfmRequest:
    """What RFM is asked for; "" takes the usual column of the profile."""

    money: Money = Money.AUM
    cut: Literal["mean", "median"] = "mean"
    recency: str = ""
    frequency: str = ""
    monetary: str = ""
    subjects: tuple[PartyKind, ...] = PEOPLE


def answer_rfm(project: Project, request: RfmRequest) -> RfmAnswer:
    """Return the RFM of the customers of some kinds on the published day.

    Raises
    ------
    BadInput : the profile lacks a column. NotEstimable : too few have any activity.
    """
    with opened(project) as o:
        known = o.tables["profile"].columns
        columns = (
            request.recency or choose_column(known, RECENCY, "R"), request.frequency or choose_column(known, FREQUENCY, "F"),
            request.monetary or choose_column(known, MONEY[request.money], "M"),
        )  # fmt: skip
        customers = read_customers(o, columns, request.subjects)
        r, f, m = (customers.numbers(c) for c in columns)
        rfm = score_rfm(r, f, m, cut=request.cut)
        return RfmAnswer(o.manifest.as_of, columns, rfm, summarise_cells(rfm, r, f, m), customers.ids)


@dataclass(frozen=True, slots=True)
class Discovered:
    """A clustering of a day with its portraits, and the rules that come nearest to it."""

    as_of: date
    features: tuple[str, ...]
    prepared: Prepared
    clustering: Clustering
    portraits: tuple[Portrait, ...]
    surrogate: Surrogate
    n_customers: int
    subjects: tuple[PartyKind, ...]

    def as_json(self) -> dict[str, Any]:
        """Return figures of every k, what was left out, portraits and fidelity as JSON values."""
        chosen = self.clustering.chosen
        return {
            "as_of": self.as_of.isoformat(), "method": self.clustering.method, "n_customers": self.n_customers,
            "n_sampled": self.clustering.n_sampled, "features": list(self.prepared.columns),
            "changed": {p.column: p.change for p in self.prepared.plans if p.change != "none"},
            "filled": {p.column: p.n_filled for p in self.prepared.plans if p.n_filled},
            "left_out": {d.column: d.reason.en for d in self.prepared.dropped},
            "components": [round(s, 4) for s in self.prepared.explained], "n_clusters": chosen.n_clusters,
            "choices": [asdict(c) for c in self.clustering.choices], "fidelity": asdict(self.surrogate.fidelity),
            "recall": list(self.surrogate.recall), "clusters": [portrait_json(p) for p in self.portraits],
        }  # fmt: skip


def portrait_json(portrait: Portrait, most: int = 12) -> dict[str, Any]:
    """Return a portrait as JSON values, its strongest traits only."""
    return {
        "zh": portrait.name.zh, "en": portrait.name.en, "members": portrait.n_members, "of": portrait.n_all,
        "share": round(portrait.share_rate, 4), "typical": list(portrait.typical),
        "traits": [
            {
                "column": t.column, "value": t.value, "zh": t.names.zh, "en": t.names.en, "members": t.of_members, "others": t.of_others,
                "all": t.of_all, "tgi": t.tgi, "effect": t.effect_kind, "estimate": t.effect.estimate, "low": t.effect.low,
                "high": t.effect.high,
            }
            for t in portrait.traits[:most] if t.strength
        ],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class DiscoverRequest:
    """What is looked for: by which features ("" = the usual ones), how, among whom."""

    features: tuple[str, ...] = ()
    method: Method = "kmeans"
    most_clusters: int = 8
    n_clusters: int | None = None
    subjects: tuple[PartyKind, ...] = PEOPLE


def discover(project: Project, request: DiscoverRequest) -> Discovered:
    """Return a clustering that is stable and more than a cut through a cloud, with portraits and rules.

    Raises
    ------
    BadInput : a feature is unknown or no number. NotEstimable : too few customers, or nothing stable.
    """
    with opened(project) as o:
        features = numeric_features(o, request.features)
        compared = portrait_columns(o, features)
        customers = read_customers(o, (*features, *compared), request.subjects)
        columns = {n: customers.numbers(n) for n in features}
        prepared = prepare(columns)
        settings = replace(
            ClusterSettings(),
            method=request.method,
            most_clusters=request.most_clusters,
            n_clusters=request.n_clusters,
            seed=",".join(features),
        )
        clustering = find_clusters(prepared.matrix, settings)
        k = clustering.n_clusters
        typical = [[int(i) for i in nearest_to_centre(prepared.matrix, clustering, c)] for c in range(k)]
        described = [*describe_columns(o, customers, compared), *describe_tags(o, customers, request.subjects)]
        portraits = paint(described, clustering.labels, customers.ids, typical)
        used = {n: columns[n] for n in prepared.columns}
        surrogate = learn_surrogate(used, clustering.labels, n_clusters=k)
        return Discovered(
            o.manifest.as_of, features, prepared, clustering, portraits, surrogate, len(customers.ids), request.subjects
        )


def save_discovered(project: Project, found: Discovered, key: str) -> Path:
    """Write a clustering as a segment definition into the project's ``conf/segments``; return the file.

    It is not applied: somebody names it, checks it, and somebody else approves it.

    Raises
    ------
    BadInput, NotEstimable : as ``write_definition``. Conflict : there is such a segment or file already.
    """
    with opened(project) as o:
        kinds = kinds_of(o)
    names = SavedNames(key, Text(f"发现的客群 {key}", f"Discovered: {key}"), tuple(p.name for p in found.portraits))
    subjects = [k.value for k in found.subjects]
    body = write_definition(found.surrogate, names, kinds, subjects=subjects, owner="analyst")
    path = project.settings.folder / DEFINITIONS_FOLDER / "segments" / f"{key}.yaml"
    if path.exists() or any(d.key == key for d in project.definitions.of_kind("segment")):
        raise Conflict(
            "discovery.key_taken", zh=f"已有客群 {key}", en=f"there is a segment {key} already", todo_zh="换一个键", todo_en="choose another key"
        )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Found by clustering on {found.as_of} ({found.clustering.method}, k = {found.clustering.n_clusters}); not approved yet.\n"
    path.write_text(
        head + yaml.safe_dump({key: body}, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8"
    )
    return path


@dataclass(frozen=True, slots=True)
class PaintedSegment:
    """The portrait of a segment, or of one bucket of it, on a day."""

    as_of: date
    segment: str
    bucket: str
    names: Text
    portrait: Portrait


def _labels_of(o: Opened, key: str, ids: Sequence[str]) -> npt.NDArray[np.object_]:
    held = holding_on(o.tables.part("segment_member", key), o.manifest.as_of).select("customer_id", "bucket")
    rows = o.tables.engine.fetch(held)
    bucket = dict(zip(rows["customer_id"].to_pylist(), rows["bucket"].to_pylist(), strict=True))
    found: npt.NDArray[np.object_] = np.asarray([(bucket[i] or "") if i in bucket else None for i in ids], dtype=object)
    return found


def paint_segment(project: Project, key: str) -> tuple[PaintedSegment, ...]:
    """Return the portrait of each bucket of a segment against everybody it is for, or of the segment where it has no buckets.

    Buckets with too few members are left out.

    Raises
    ------
    NotFound : there is no such segment. NotEstimable : no bucket has enough members, or everybody is in the same.
    """
    project.definitions.get("segment", key)
    with opened(project) as o:
        definition = o.compiled.segments[key].definition
        own = o.compiled.segments[key].names()  # that members have what they are members by says nothing
        compared = tuple(n for n in portrait_columns(o) if n not in own.fields)
        customers = read_customers(o, compared, definition.subjects)
        tags = describe_tags(o, customers, definition.subjects)
        described = [
            *describe_columns(o, customers, compared),
            *(t for t in tags if t.column.removeprefix("tag:") not in own.tags),
        ]
        held = _labels_of(o, key, customers.ids)
        names = definition.bucket_names()
        as_of = o.manifest.as_of
    groups = [b for b in (*names, "") if (held == b).any()]
    found, refused = [], None
    for bucket in groups:
        try:
            portrait = paint_one(described, held == bucket)
        except NotEstimable as error:
            refused = error
            continue
        found.append(
            PaintedSegment(as_of, key, bucket, names.get(bucket, Text(definition.zh, definition.en)), portrait)
        )
    if not found:
        raise refused or _nobody(key)
    return tuple(found)


def _nobody(key: str) -> NotEstimable:
    return NotEstimable(
        "portrait.nobody_inside", zh=f"客群 {key} 没有成员，无从画像", en=f"the segment {key} has no members, so there is nothing to paint",
        todo_zh="检查定义是否过窄", todo_en="check whether the definition is too narrow",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What may go together: products held, tags, or both; which of them; how common and sure."""

    with_products: bool = True
    with_tags: bool = True
    settings: AssociationSettings = field(default_factory=AssociationSettings)
    subjects: tuple[PartyKind, ...] = PEOPLE


def associate(project: Project, request: AssociationRequest) -> tuple[date, Associations]:
    """Return the day and the rules between products held (``product:…``) and tags (``tag:…``, ``tag:…=value``).

    Raises
    ------
    BadInput : neither products nor tags. NotEstimable : fewer than two common things.
    """
    if not (request.with_products or request.with_tags):
        raise BadInput(
            "association.nothing_asked", zh="产品与标签至少选一", en="products or tags, at least one of them"
        )
    with opened(project) as o:
        customers = read_customers(o, ["customer_no"], request.subjects)
        things = _things(o, customers, request)
        return o.manifest.as_of, find_associations(things, request.settings)


def _things(o: Opened, customers: Customers, request: AssociationRequest) -> dict[str, npt.NDArray[np.bool_]]:
    """Return thing → whether each customer has it: pairs of numbers from the engine, set into flags."""
    parts = []
    if request.with_products:
        held = holdings(o.tables["account"], o.tables["customer_account"], o.tables["product"], o.manifest.as_of)
        parts.append(held.select("customer_id", thing=ibis.literal("product:") + held.product_class))
    if request.with_tags:
        tags = holding_on(o.tables["tag_value"], o.manifest.as_of)
        value = ibis.ifelse(tags.value_text.notnull(), ibis.literal("=") + tags.value_text, "")
        parts.append(tags.select("customer_id", thing=ibis.literal("tag:") + tags.tag + value))
    pairs = parts[0] if len(parts) == 1 else ibis.union(*parts)
    numbered = o.tables["profile"].select("customer_id", "customer_no")
    rows = o.tables.engine.fetch(pairs.inner_join(numbered, "customer_id").select("customer_no", "thing"))
    numbers = customers.table["customer_no"].to_numpy()
    order = np.argsort(numbers)
    known = np.isin(rows["customer_no"].to_numpy(), numbers)
    at = order[np.searchsorted(numbers, rows["customer_no"].to_numpy()[known], sorter=order)]
    coded = rows["thing"].combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)[known]
    found: dict[str, npt.NDArray[np.bool_]] = {}
    for code, name in enumerate(coded.dictionary.to_pylist()):
        found[str(name)] = np.zeros(len(numbers), dtype=np.bool_)
        found[str(name)][at[codes == code]] = True
    return found


__all__ = [
    "AssociationRequest",
    "DiscoverRequest",
    "Discovered",
    "PaintedSegment",
    "RfmAnswer",
    "RfmRequest",
    "answer_rfm",
    "associate",
    "discover",
    "paint_segment",
    "portrait_json",
    "save_discovered",
]
