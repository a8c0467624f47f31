"""How good identity is as published: what the sources bring, how precise the links are, how much is missed, and what is true.

Estimates rest on two things: records whose valid document numbers are known tell how often a rule is right and how often a person's
records are compared at all; for the rest the match model's own probability stands. Where a truth is given, pairs are counted exactly
(``agreement``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from zhike.identity.agreement import Agreement, score_clusters
from zhike.identity.keys import SharedKeys, shared_keys, texts_of
from zhike.identity.matching import MatchModel, probability
from zhike.identity.matching.blocks import candidate_pairs
from zhike.identity.matching.score import score
from zhike.identity.names_apart import NamesApart, names_apart
from zhike.identity.rows import SINGLE
from zhike.identity.rules import KEY_JOINT, KEYS, MODEL_RULE, OVERRIDE_RULE, rules
from zhike.identity.standardise import IDENTIFIERS
from zhike.identity.terms import IdentitySettings
from zhike.identity.trust import Links, Missed, Trust, missed_customers, trust_of
from zhike.identity.weighing import WEIGHED
from zhike.warehouse import QueryEngine

Ints = npt.NDArray[np.int64]
Row = dict[str, Any]
pc: Any = pyarrow.compute  # its stubs know fewer calls than there are
LOWEST_WEIGHT = -10.0  # bits: pairs below are one in a thousand, and their sum is not seen
MOST_WIDE_SHOWN = 10
REACHED_BY = ("resident_id", "uscc", "document", "mobile", "email")
OFFICIAL = ("id_number", "uscc")
LEAST_SHARE = 0.01
BELIEF, BELIEVED = 20.0, 0.999
"""What a rule is believed before any pair of it is known by documents: as if 20 pairs had been seen, 99.9 % of them right."""


@dataclass(frozen=True, slots=True)
class RulePrecision:
    """How often a rule is right: ``n_known`` pairs share its key and both carry valid documents, ``n_same`` the same one.

    Of the match model they are the pairs that it would link if it did not see their documents; its precision is the mean probability of
    the links that it made, None where it made none.
    """

    rule: str
    n_edges: int
    n_known: int
    n_same: int
    precision: float | None


@dataclass(frozen=True, slots=True)
class Wanting:
    """Records that carry neither document nor mobile nor e-mail (``n_poor``) and of them those that would be expected to be linked if
    they did: as often as the other records of their source are. ``n_pairs`` : pairs that so are missed.
    """

    n_poor: int
    n_records: float
    n_pairs: float


@dataclass(frozen=True, slots=True)
class Quality:
    """The report. Rates are in [0, 1], None where there is nothing to estimate them from; see ``docs/concepts/identity.md``."""

    n_records: int
    n_customers: int
    sizes: Mapping[int, int]
    sources: Sequence[Row]
    flaws: Sequence[Row]
    too_wide: Sequence[Row]
    too_wide_values: Sequence[Row]
    rules: Sequence[RulePrecision]
    names_apart: Sequence[NamesApart]
    review: Mapping[str, int]
    trust: Trust
    missed: Missed
    blocking_recall: float | None
    n_pairs_unseen: float
    wanting: Wanting
    truth: Agreement | None
    n_without_truth: int

    @property
    def estimated_precision(self) -> float | None:
        """Expected share of right pairs among the linked ones."""
        return self.trust.n_right / self.trust.n_pairs if self.trust.n_pairs else None

    @property
    def estimated_recall(self) -> float | None:
        """Expected share of linked pairs among those that are one person."""
        there = self.trust.n_right + self.missed.n_pairs + self.n_pairs_unseen + self.wanting.n_pairs
        return self.trust.n_right / there if there else None

    @property
    def estimated_over_merge_rate(self) -> float | None:
        """Expected share of customers that hold more than one person."""
        return self.trust.n_over_merged / self.n_customers if self.n_customers else None

    @property
    def estimated_ids_per_person(self) -> float | None:
        """Expected number of customer ids that a person has: too many where records were missed."""
        memberships = self.n_customers + self.trust.n_extra_persons
        persons = memberships - self.missed.n_customers - self.wanting.n_records
        return memberships / persons if self.n_customers else None


def measure_quality(
    engine: QueryEngine, tables: Mapping[str, Any], models: Sequence[MatchModel], *, settings: IdentitySettings,
    truth: pa.Table | None = None,
) -> Quality:  # fmt: skip
    """Return how good identity is in one published run.

    Parameters
    ----------
    tables : ``identity_version``, ``identity_link``, ``identity_edge``, ``identity_review``, ``identity_flaw`` of the run.
    models : match models of the run.
    truth : [source, source_key, person] of some or all records; None = unknown.
    """
    versions = engine.fetch(tables["identity_version"]).combine_chunks()
    latest = versions.filter(versions["is_latest"]).sort_by("record_no").combine_chunks()
    customer, ids, linked_by = _customers(engine, latest, tables["identity_link"])
    seen = _Records(versions, latest, customer, _documents(latest))
    shared = shared_keys(versions, rules(settings))
    used = _used_edges(engine, latest, tables["identity_edge"])
    precisions = [*_rules(seen, shared, used, settings), _of_model(engine, seen, used, models)]
    trust = trust_of(customer, used, {r.rule: r.precision for r in precisions if r.precision is not None})
    missed = missed_customers(customer, seen.documents, _lightly_weighed(engine, seen, models))
    blocking = _blocking_recall(seen, models)
    without_document = trust.n_pairs - _n_pairs(customer, seen.documents) + missed.n_pairs
    unseen = 0.0 if blocking is None else without_document * (1.0 - blocking) / max(blocking, LEAST_SHARE)
    wanting = _wanting(seen)
    wide, values = _too_wide(shared, versions, settings)
    agreement, without = _against(truth, latest, customer)
    return Quality(
        len(customer), len(np.unique(customer)), _sizes(customer), _sources(seen, linked_by), _flaws(engine, tables["identity_flaw"]),
        wide, values, precisions, names_apart(versions, customer, ids, settings), _review(engine, tables["identity_review"]), trust, missed, blocking, unseen, wanting,
        agreement, without,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Records:
    """Standardised versions and latest rows of records; per record its customer's number and a code for its document (-1 without)."""

    versions: pa.Table
    latest: pa.Table
    customer: Ints
    documents: Ints

    def with_(self, column: str, of_records: Ints) -> pa.Table:
        """Return the versions with a column whose values are said per record."""
        return self.versions.append_column(column, pa.array(of_records).take(self.versions["record_no"]))


def _customers(engine: QueryEngine, latest: pa.Table, links: Any) -> tuple[Ints, Any, list[str]]:
    """Return per record its customer's number and id, and by which rule it is linked."""
    with engine.holding("quality_records", latest.select(["record_no", "source", "source_key"])) as records:
        joined = records.inner_join(links, ["source", "source_key"])
        rows = engine.fetch(joined.select("record_no", "customer_no", "customer_id", "linked_by").order_by("record_no"))
    linked_by = [str(r) for r in rows["linked_by"].to_pylist()]
    return rows["customer_no"].to_numpy().astype(np.int64), rows["customer_id"], linked_by


def _documents(latest: pa.Table) -> Ints:
    """Return a code per record for its valid document number; -1 without."""
    encoded = pc.coalesce(latest["resident_id"], latest["uscc"]).combine_chunks().dictionary_encode()
    found: Ints = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
    return found


def _used_edges(engine: QueryEngine, latest: pa.Table, edges: Any) -> Links:
    """Return the used edges in record numbers."""
    numbered = latest.select(["record_no", "source", "source_key"])
    with engine.holding("quality_records", numbered) as records:
        found = edges.filter(edges.state == "used")
        for side in ("left", "right"):
            ends = {
                f"{side}_source": records.source,
                f"{side}_key": records.source_key,
                f"{side}_no": records.record_no,
            }
            found = found.inner_join(records.select(**ends), [f"{side}_source", f"{side}_key"])
        rows = engine.fetch(
            found.select("left_no", "right_no", "rule", "weight").order_by("left_no", "right_no", "rule")
        )
    weight = pc.fill_null(rows["weight"], 0.0).to_numpy()
    return Links(
        rows["left_no"].to_numpy().astype(np.int64),
        rows["right_no"].to_numpy().astype(np.int64),
        [str(r) for r in rows["rule"].to_pylist()],
        weight,
    )


def _rules(seen: _Records, shared: SharedKeys, used: Links, settings: IdentitySettings) -> list[RulePrecision]:
    """Return how often each exact rule is right, as far as known documents tell."""
    n_edges = Counter(used.rule)
    document = seen.documents[shared.record]
    is_told = (document >= 0) & ~shared.is_too_wide[shared.key]
    (_, of_document), same = np.unique(np.stack([document, shared.key])[:, is_told], axis=1, return_counts=True)
    known = np.bincount(shared.key[is_told], minlength=len(shared.rule)).astype(np.int64)
    names = [r for r in rules(settings) if r.name not in (MODEL_RULE, OVERRIDE_RULE)]
    return [
        _rule(
            r.name, n_edges[r.name], n_known=_pairs(known[shared.rule == r.priority]),
            n_same=_pairs(same[shared.rule[of_document] == r.priority]),
        )
        for r in names
    ]  # fmt: skip


def _of_model(engine: QueryEngine, seen: _Records, used: Links, models: Sequence[MatchModel]) -> RulePrecision:
    """Return how often the match models are right: by the probability of their links, and by pairs whose documents are known."""
    weights = [w for rule, w in zip(used.rule, used.weight.tolist(), strict=True) if rule == MODEL_RULE]
    pairs = _linked_blindly(engine, seen, models)
    is_same = seen.documents[pairs[0]] == seen.documents[pairs[1]]
    expected = float(np.mean([probability(w) for w in weights])) if weights else None
    return RulePrecision(MODEL_RULE, len(weights), pairs.shape[1], int(is_same.sum()), expected)


def _linked_blindly(engine: QueryEngine, seen: _Records, models: Sequence[MatchModel]) -> Ints:
    """Return the pairs of records with known documents that the models would link if they saw none: left records and right ones."""
    rows = seen.with_("home", np.arange(seen.latest.num_rows, dtype=np.int64))
    has_document = pa.array(seen.documents >= 0).take(rows["record_no"])
    rows = rows.filter(has_document)
    nothing = pa.nulls(rows.num_rows, pa.string())
    year = pc.utf8_slice_codeunits(rows["written_born"], 0, 4)
    blind = {"resident_id": nothing, "uscc": nothing, "born": rows["written_born"], "birth_year": year}
    rows = pa.table({**{c: rows[c] for c in rows.column_names}, **blind})
    found = [np.zeros((2, 0), np.int64)]
    for model in models:
        columns = dict.fromkeys(["record_no", "home", "resident_id", "uscc", *model.columns])
        mine = rows.filter(pc.is_in(rows["party_kind"], pa.array(model.party_kinds))).select(list(columns))
        if mine.num_rows > 1:
            weighed = score(engine, mine, model)
            sure = weighed.filter(weighed["is_automatic"])
            found.append(np.stack([sure[f"{s}_record"].to_numpy().astype(np.int64) for s in ("left", "right")]))
    pairs: Ints = np.unique(np.concatenate(found, axis=1), axis=1)
    return pairs


def _pairs(sizes: Ints) -> int:
    """Return how many pairs groups of these sizes have."""
    return int((sizes * (sizes - 1) // 2).sum())


def _rule(name: str, n_edges: int, *, n_known: int, n_same: int) -> RulePrecision:
    """Return a rule's precision: official numbers are one person by what they are, other keys by what is known of them."""
    precision = 1.0 if name in OFFICIAL else (n_same + BELIEF * BELIEVED) / (n_known + BELIEF)
    return RulePrecision(name, n_edges, n_known, n_same, precision)


def _lightly_weighed(engine: QueryEngine, seen: _Records, models: Sequence[MatchModel]) -> pa.Table:
    """Return pairs of records of different customers with their weights, far below what an officer would be shown."""
    with_home = seen.with_("home", seen.customer)
    found = []
    for model in models:
        columns = dict.fromkeys(["record_no", "home", "resident_id", "uscc", *model.columns])
        mine = with_home.filter(pc.is_in(with_home["party_kind"], pa.array(model.party_kinds))).select(list(columns))
        if mine.num_rows > 1:
            found.append(score(engine, mine, replace(model, review_weight=min(LOWEST_WEIGHT, model.review_weight))))
    return pa.concat_tables(found) if found else WEIGHED.empty_table()


def _blocking_recall(seen: _Records, models: Sequence[MatchModel]) -> float | None:
    """Return how many of the pairs of records with one document agree on a block, so that a model would have compared them."""
    n_same = n_compared = 0
    known = seen.with_("document_code", seen.documents).append_column("home", seen.versions["record_no"])
    known = known.filter(pc.greater_equal(known["document_code"], 0))
    for model in models:
        blocked = (c for block in model.blocks for c in block)
        columns = list(dict.fromkeys(["record_no", "home", "document_code", *blocked]))
        mine = known.filter(pc.is_in(known["party_kind"], pa.array(model.party_kinds))).select(columns)
        if mine.num_rows > 1:
            each = mine.group_by("record_no").aggregate([("document_code", "min")])
            n_same += _pairs(np.bincount(each["document_code_min"].to_numpy()).astype(np.int64))
            n_compared += _n_compared(mine, model)
    return n_compared / n_same if n_same else None


def _wanting(seen: _Records) -> Wanting:
    """Return the records that are missed for want of identifiers, source by source."""
    source = seen.latest["source"].combine_chunks().dictionary_encode().indices.to_numpy()
    is_rich = np.any(np.stack([seen.latest[c].is_valid().to_numpy() for c in REACHED_BY]), axis=0)
    size = np.bincount(seen.customer)[seen.customer]
    n_poor = n_records = n_pairs = 0.0
    for code in np.unique(source):
        rich, poor = (source == code) & is_rich, (source == code) & ~is_rich
        linked = size[rich & (size > 1)]
        if poor.any() and rich.any() and len(linked):
            expected = max(poor.sum() * len(linked) / rich.sum() - (size[poor] > 1).sum(), 0.0)
            n_records += expected
            n_pairs += expected * float((linked - 1).mean())
        n_poor += poor.sum()
    return Wanting(int(n_poor), float(n_records), float(n_pairs))


def _n_compared(rows: pa.Table, model: MatchModel) -> int:
    """Return how many pairs of records of one document agree on a block that is not too wide."""
    left, right = candidate_pairs(rows, model)
    document, record = (rows[c].to_numpy().astype(np.int64) for c in ("document_code", "record_no"))
    is_same = document[left] == document[right]
    return int(np.unique(np.stack([record[left], record[right]])[:, is_same], axis=1).shape[1])


def _n_pairs(customer: Ints, documents: Ints) -> int:
    """Return how many pairs of records of one customer both carry a document."""
    return _pairs(np.unique(customer[documents >= 0], return_counts=True)[1].astype(np.int64))


def _too_wide(shared: SharedKeys, versions: pa.Table, settings: IdentitySettings) -> tuple[list[Row], list[Row]]:
    """Return per rule how many keys too many records share, and the widest of all, with the values that make them."""
    by_rule, values = [], []
    for rule in sorted(rules(settings), key=lambda r: r.name):
        wide = np.flatnonzero(shared.is_too_wide & (shared.rule == rule.priority))
        if len(wide):
            n_records = shared.n_records[wide]
            by_rule.append({"rule": rule.name, "n_keys": len(wide), "n_records": int(n_records.sum())})
            widest = wide[n_records >= np.sort(n_records)[-MOST_WIDE_SHOWN:][0]]
            texts = texts_of(versions, rule.name, shared.row[widest])
            values += list(zip((-shared.n_records[widest]).tolist(), [rule.name] * len(widest), texts, strict=True))
    return by_rule, [
        {
            "rule": rule,
            "values": dict(zip(KEYS.get(rule, ("value",)), text.split(KEY_JOINT), strict=False)),
            "n_records": -negative,
        }
        for negative, rule, text in sorted(values)[:MOST_WIDE_SHOWN]
    ]


def _sizes(customer: Ints) -> dict[int, int]:
    """Return size → number of customers of so many records."""
    sizes, n = np.unique(np.unique(customer, return_counts=True)[1], return_counts=True)
    return dict(zip(sizes.tolist(), n.tolist(), strict=True))


def _sources(seen: _Records, linked_by: Sequence[str]) -> list[Row]:
    """Return per source its records, how many have each usable identifier, and how many are linked, alone and thin."""
    latest, customer = seen.latest, seen.customer
    source = latest["source"].combine_chunks().dictionary_encode()
    codes, names = source.indices.to_numpy(), [str(n) for n in source.dictionary.to_pylist()]
    pairs = np.unique(np.stack([customer, codes]), axis=1)
    n_sources = np.bincount(pairs[0], minlength=int(customer.max(initial=0)) + 1)
    is_there = {i: latest[i].is_valid().to_numpy() for i in IDENTIFIERS}
    is_thin = ~np.any(np.stack(list(is_there.values())), axis=0)
    is_single = np.array([rule == SINGLE for rule in linked_by], bool)
    rows = []
    for code, name in sorted(enumerate(names), key=lambda f: f[1]):
        mine = codes == code
        rows.append({
            "source": name, "n_records": int(mine.sum()), **{i: int(there[mine].sum()) for i, there in is_there.items()},
            "n_linked_to_other_source": int((n_sources[customer[mine]] > 1).sum()), "n_single": int(is_single[mine].sum()),
            "n_thin": int(is_thin[mine].sum()),
        })  # fmt: skip
    return rows


def _flaws(engine: QueryEngine, flaws: Any) -> list[Row]:
    counted = flaws.group_by("field", "flaw").aggregate(n=flaws.count().cast("int64"))
    found: list[Row] = engine.fetch(counted.order_by(ibis.desc("n"), "field", "flaw")).to_pylist()
    return found


def _review(engine: QueryEngine, review: Any) -> dict[str, int]:
    counted = review.group_by("reason").aggregate(n=review.count().cast("int64"))
    return {r["reason"]: r["n"] for r in engine.fetch(counted.order_by("reason")).to_pylist()}


def _against(truth: pa.Table | None, latest: pa.Table, customer: Ints) -> tuple[Agreement | None, int]:
    """Return the agreement with the truth over records that have one, and how many have none."""
    if truth is None:
        return None, 0
    known = {
        (s, k): p for s, k, p in zip(*(truth[c].to_pylist() for c in ("source", "source_key", "person")), strict=True)
    }
    person = [
        known.get(key) for key in zip(latest["source"].to_pylist(), latest["source_key"].to_pylist(), strict=True)
    ]
    is_known = np.array([p is not None for p in person], bool)
    told = [p for p in person if p is not None]
    return score_clusters(told, customer[is_known]), int((~is_known).sum())


__all__ = ["Quality", "RulePrecision", "measure_quality"]
