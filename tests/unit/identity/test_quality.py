"""The report of quality: figures that are counted agree with counting by hand; estimates come near the truth of drawn records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from tests.unit.identity.conftest import CONTRACTS, ID_LI, ID_ZHANG, Row, Tables, party
from zhike.identity import IdentitySettings, MatchModel
from zhike.identity.link import link_records
from zhike.identity.quality import Quality, measure_quality
from zhike.identity.rows import Previous
from zhike.identity.standardise import standardised, versions_as_of
from zhike.identity.trust import Links, missed_customers, trust_of
from zhike.pipeline.identity.measuring import told_quality
from zhike.simulator.linkage import draw_linkage_set
from zhike.warehouse import Engine
from zhike.warehouse.engine import empty_rows
from zhike.warehouse.testing import catalog

Link = Callable[..., Tables]
TABLES = ("identity_link", "identity_edge", "identity_review", "identity_flaw")
A, B, SHOP = "13912345679", "13677345621", "13577345622"


@pytest.fixture
def quality(engine: Engine, link: Link) -> Callable[..., Quality]:
    def work(rows: list[Row], settings: IdentitySettings, truth: pa.Table | None = None) -> Quality:
        made = link(rows, settings=settings)
        tables = catalog(engine, made, CONTRACTS)
        named = {n: tables[n] for n in ("identity_version", *TABLES)}
        return measure_quality(engine, named, [], settings=settings, truth=truth)

    return work


ROWS = [
    party("core", "1", name="张三", id_type="resident_id", id_number=ID_ZHANG, mobile=A), party("core", "2", name="李四", id_type="resident_id", id_number=ID_LI, mobile=SHOP),
    party("card", "3", name="张三", id_type="resident_id", id_number=ID_ZHANG, mobile=A), party("web", "4", name="张三", mobile=A),
    party("web", "5", name="王先生", mobile="13800000000"), *(party("shop", str(i), name="李四", mobile=SHOP) for i in range(6, 10)),
]  # fmt: skip


def test_coverage_flaws_sizes_and_shared_keys_are_counted(quality: Callable[..., Quality]) -> None:
    found = quality(ROWS, IdentitySettings(default_max_sharing=4))
    assert (found.n_records, found.n_customers, dict(found.sizes)) == (9, 7, {1: 6, 3: 1})
    by_source = {r["source"]: r for r in found.sources}
    columns = ("n_records", "resident_id", "mobile", "n_linked_to_other_source", "n_single", "n_thin")
    assert [by_source["core"][c] for c in columns] == [2, 2, 2, 1, 1, 0]
    assert [by_source["web"][c] for c in columns] == [2, 0, 1, 1, 1, 1]
    assert [by_source["shop"][c] for c in columns] == [4, 0, 4, 0, 4, 0]
    assert {(f["field"], f["flaw"], f["n"]) for f in found.flaws} == {("name", "hint_only", 1), ("mobile", "filler", 1)}
    assert list(found.too_wide) == [{"rule": "mobile_name", "n_keys": 1, "n_records": 5}]
    assert list(found.too_wide_values) == [
        {"rule": "mobile_name", "values": {"mobile": f"+86{SHOP}", "name_key": "李四"}, "n_records": 5}
    ]
    rules = {r.rule: (r.n_edges, r.n_known, r.n_same) for r in found.rules}
    assert (rules["id_number"], rules["mobile_name"]) == ((1, 1, 1), (2, 1, 1))


def test_the_truth_is_counted_over_the_records_that_have_one(quality: Callable[..., Quality]) -> None:
    truth = pa.table({"source": ["core", "card", "web", "core", "shop"], "source_key": ["1", "3", "4", "2", "6"], "person": ["z", "z", "w", "l", "l"]})  # fmt: skip
    found = quality(ROWS, IdentitySettings(default_max_sharing=4), truth)
    assert found.truth is not None
    told = found.truth
    assert (told.n_records, told.n_persons, told.n_true_pairs, told.n_found_pairs, told.n_right_pairs) == (
        5,
        3,
        2,
        3,
        1,
    )
    assert (told.n_over_merged_clusters, told.n_split_persons, found.n_without_truth) == (1, 1, 4)


def test_a_bank_without_records_has_no_rates(quality: Callable[..., Quality]) -> None:
    found = quality([], IdentitySettings())
    assert (found.n_records, found.n_customers) == (0, 0)
    assert (
        found.estimated_precision,
        found.estimated_recall,
        found.estimated_ids_per_person,
        found.blocking_recall,
    ) == (None,) * 4


def test_links_of_one_key_stand_or_fall_together_and_others_multiply() -> None:
    customer = np.array([1, 1, 1, 1, 2], np.int64)
    links = Links(np.array([0, 0, 2]), np.array([1, 2, 3]), ["mobile_name", "mobile_name", "email_name"], np.zeros(3))
    found = trust_of(customer, links, {"mobile_name": 0.9, "email_name": 0.8})
    assert found.n_pairs == 6
    assert found.n_right == pytest.approx(3 * 0.9 + 0.8 + 2 * 0.9 * 0.8)
    assert found.n_over_merged == pytest.approx(1 - 0.9 * 0.8)
    assert found.n_extra_persons == pytest.approx(0.1 + 0.2)


def test_the_surer_way_between_two_records_counts() -> None:
    links = Links(np.array([0, 0]), np.array([1, 1]), ["match_model", "id_number"], np.array([3.0, 0.0]))
    assert trust_of(np.array([1, 1], np.int64), links, {"id_number": 1.0}).n_right == 1.0


def test_a_customer_that_could_be_one_of_several_is_missed_once_and_two_documents_never() -> None:
    weighed = pa.table({"left_record": [0, 0, 0], "right_record": [1, 2, 3], "weight": [20.0, 20.0, 20.0]})
    customer = np.array([0, 1, 2, 3], np.int64)
    found = missed_customers(customer, np.array([5, -1, -1, 6], np.int64), weighed)
    assert (found.n_customers, found.n_pairs) == (pytest.approx(1.0), pytest.approx(1.0))


@pytest.fixture(scope="module")
def drawn(engine: Engine, person_model: MatchModel) -> Iterator[Quality]:
    """The quality of a drawn bank whose persons are known, linked by the shipped model."""
    settings, records = IdentitySettings(), draw_linkage_set(8_000, 3)
    nothing = (
        ibis.memtable(empty_rows(CONTRACTS[t])) for t in ("identity_link", "identity_register", "identity_change")
    )
    as_of = settings.as_of(date(2026, 1, 1))
    with engine.holding("drawn_parties", records.records) as parties:
        versions = standardised(engine, versions_as_of(parties, as_of))
    with engine.holding("drawn_versions", versions) as kept:
        linked = link_records(engine, versions, Previous(*nothing), as_of=as_of, settings=settings, overrides=(), key=b"k", models=[person_model])  # fmt: skip
        tables: dict[str, Any] = {"identity_version": kept}
        for name in TABLES:
            tables[name] = engine.connection.create_table(
                f"drawn_{name}", getattr(linked, name.removeprefix("identity_")), temp=True
            )
        who = records.truth["person"] if isinstance(records.truth, pa.Table) else records.truth
        truth = pa.table(
            {"source": records.records["source"], "source_key": records.records["source_key"], "person": who}
        )
        yield measure_quality(engine, tables, [person_model], settings=settings, truth=truth)


@pytest.mark.slow
@pytest.mark.requirement("B1")
def test_estimates_come_near_what_is_true(drawn: Quality) -> None:
    true = drawn.truth
    assert true is not None and drawn.estimated_precision is not None and drawn.estimated_recall is not None
    assert true.precision is not None and true.recall is not None and true.clusters_per_person is not None
    assert abs(drawn.estimated_precision - true.precision) < 0.0005
    assert abs(drawn.estimated_recall - true.recall) < 0.01
    assert drawn.estimated_ids_per_person == pytest.approx(true.clusters_per_person, abs=0.006)
    assert drawn.estimated_recall < 0.995  # not all is found in this bank, and the estimate says so
    assert drawn.blocking_recall is not None and 0.99 < drawn.blocking_recall <= 1.0


BORN = date(1983, 7, 9)


def test_the_match_model_stands_among_the_rules_with_what_documents_say_of_it(
    engine: Engine, link: Link, person_model: MatchModel
) -> None:
    same = {"name": "欧阳明哲", "mobile": B, "birth_on": BORN, "sex": "male", "email": "ouyang@example.com"}
    rows = [
        party("core", "1", id_type="resident_id", id_number=ID_ZHANG, **same), party("card", "2", id_type="resident_id", id_number=ID_ZHANG, **same),
        party("loan", "3", id_type="resident_id", id_number=ID_LI, **same),
        party("web", "4", name="慕容晓雯", mobile=A, birth_on=BORN), party("app", "5", name="慕容晓文", mobile=A, birth_on=BORN),
    ]  # fmt: skip
    made = link(rows, models=[person_model])
    tables = catalog(engine, made, CONTRACTS)
    found = measure_quality(
        engine, {n: tables[n] for n in ("identity_version", *TABLES)}, [person_model], settings=IdentitySettings()
    )
    [edge] = [e for e in made["identity_edge"] if e["state"] == "used" and e["rule"] == "match_model"]
    assert {edge["left_key"], edge["right_key"]} == {"4", "5"}
    [row] = [r for r in found.rules if r.rule == "match_model"]
    assert (row.n_edges, row.n_known, row.n_same) == (1, 3, 1)  # 1-2 one person; 1-3 and 2-3 two that look like one
    assert row.precision == pytest.approx(1 / (1 + 2 ** -edge["weight"]))
    told = [r for r in told_quality(found)["rules"] if r["rule"] == "match_model"]
    assert [(r["n_links"], r["n_known_pairs"], r["n_right_pairs"]) for r in told] == [(1, 3, 1)]
    assert told[0]["en"] == "Several facts together, weighed by the match model"


def test_a_model_that_linked_nothing_has_no_precision(quality: Callable[..., Quality]) -> None:
    [row] = [r for r in quality(ROWS, IdentitySettings()).rules if r.rule == "match_model"]
    assert (row.n_edges, row.n_known, row.precision) == (0, 0, None)
