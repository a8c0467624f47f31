"""A few records in the process are resolved exactly as all of them in the engine; one more record changes what a whole run would change."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity import Action, IdentitySettings, MatchModel, Override, RecordKey, read_match_models, steps
from zhike.identity.live import LiveIdentity, LiveIndex, build_index
from zhike.identity.live.few import resolve_few
from zhike.identity.resolve import Resolved, resolve_records
from zhike.identity.standardise import standardised, versions_as_of
from zhike.identity.tables import OWNS as IDENTITY_TABLES
from zhike.kernel.definitions import read_definitions
from zhike.pipeline.project import standard_pack
from zhike.simulator import draw_linkage_set
from zhike.sources.tables import OWNS as SOURCE_TABLES
from zhike.sources.tables.party import SOURCE_PARTY
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import catalog, rows_table, run_in_turn

DAY = date(2025, 3, 1)
LIMITS, KEY = IdentitySettings(default_max_sharing=4), b"secret"
CONTRACTS = contract_by_name((*SOURCE_TABLES, *IDENTITY_TABLES))
Tables = dict[str, list[dict[str, Any]]]
IDS = ["11010519491231002X", "110105194912310038", "110105198001020014", None, None, None]
RECORDS = st.lists(
    st.fixed_dictionaries({
        "source": st.sampled_from(["core", "card", "web"]), "source_key": st.integers(0, 30).map(str),
        "party_kind": st.sampled_from(["person", "person", "person", "sole_trader", "company"]),
        "name": st.sampled_from(["张伟明", "張偉明", "张维明", "张伟", "李娜", "Zhang Weiming", "王先生", None, "杭州网络科技有限公司"]),
        "id_type": st.just("resident_id"), "id_number": st.sampled_from(IDS),
        "mobile": st.sampled_from(["13912340001", "13912340002", "13800000000", None]),
        "email": st.sampled_from(["wei01@qq.com", "wei10@qq.com", None]),
        "birth_on": st.sampled_from([date(1980, 1, 2), date(1980, 2, 1), date(1990, 7, 8), None]),
        "sex": st.sampled_from(["male", "female", None]), "district": st.sampled_from(["370102", "370103", None]),
        "address": st.sampled_from(["光明路41号18号楼2单元203室", None]), "device_id": st.sampled_from(["AB12CD34", None]),
        "valid_from_on": st.sampled_from([date(2025, 1, 1), date(2025, 2, 1)]),
    }),
    max_size=14, unique_by=lambda r: (r["source"], r["source_key"], r["valid_from_on"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1, memory="500MB")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def models() -> Sequence[MatchModel]:
    return read_match_models(read_definitions([standard_pack()]).definitions)


def table_of(records: Sequence[dict[str, Any]]) -> pa.Table:
    return rows_table(SOURCE_PARTY, [{**r, "recorded_at": datetime(2025, 2, 2)} for r in records])


def resolved(
    engine: Engine, records: Sequence[dict[str, Any]], models: Sequence[MatchModel], limits: IdentitySettings
) -> Resolved:
    with engine.holding("parties", table_of(records)) as parties:
        versions = standardised(engine, versions_as_of(parties, limits.as_of(DAY)), limits.placeholder_birth_on)
    return resolve_records(engine, versions, settings=limits, models=models)


@pytest.mark.slow
@pytest.mark.requirement("B1")
@settings(max_examples=examples(40), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(RECORDS, st.integers(2, 8))
def test_a_few_records_are_resolved_as_by_the_engine(
    engine: Engine, models: Sequence[MatchModel], records: list[dict[str, Any]], limit: int
) -> None:
    limits = IdentitySettings(default_max_sharing=limit)
    whole = resolved(engine, records, models, limits)
    few = resolve_few(whole.versions.to_pylist(), settings=limits, models=models)
    assert few.clusters.root.tolist() == whole.clusters.root.tolist()
    assert few.weighed.drop(["weight"]).equals(whole.weighed.drop(["weight"]))
    assert few.weighed["weight"].to_pylist() == pytest.approx(whole.weighed["weight"].to_pylist(), abs=2e-4)
    assert edge_set(few.clusters) == edge_set(whole.clusters)
    assert few.clusters.refused_because == whole.clusters.refused_because


def linked(
    engine: Engine, records: Sequence[dict[str, Any]], models: Sequence[MatchModel], day: date, before: Tables | None,
    overrides: Sequence[Override] = (),
) -> Tables:  # fmt: skip
    """Return the tables of identity:link after a whole run."""
    made = steps(settings=LIMITS, overrides=overrides, key=KEY, models=models)
    linking = [s for s in made if s.key in ("identity:standardise", "identity:link")]
    given = {"source_party": [{**r, "recorded_at": datetime(2025, 2, 2)} for r in records]}
    written = run_in_turn(linking, engine, given, as_of=day, contracts=CONTRACTS, previous=before)
    return {table: rows.to_pylist() for (table, _), rows in written.items()}


def customers(tables: Tables) -> dict[tuple[str, str], str]:
    return {(r["source"], r["source_key"]): r["customer_id"] for r in tables["identity_link"]}


OVERRIDES = st.lists(st.tuples(st.sampled_from(Action), st.integers(0, 40), st.integers(0, 40)), max_size=4)


def as_overrides(drawn: list[tuple[Action, int, int]], records: list[dict[str, Any]]) -> list[Override]:
    """Return an officer's words about records, about each pair one at most."""
    keys = sorted({RecordKey(r["source"], r["source_key"]) for r in records})
    found = {}
    for action, i, j in drawn if len(keys) > 1 else ():
        left, right = keys[i % len(keys)], keys[j % len(keys)]
        if left != right:
            found.setdefault(frozenset((left, right)), Override(f"{i}-{j}", action, left, right, ""))
    return list(found.values())


def live_index(engine: Engine, folder: Path, made: Tables, known: list[dict[str, Any]], models: Sequence[MatchModel]) -> LiveIndex:  # fmt: skip
    tables = catalog(engine, made, CONTRACTS)
    return build_index(
        folder, engine, tables, as_of=LIMITS.as_of(DAY), settings=LIMITS, models=models, run_id="r1"
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.requirement("B1")
@settings(max_examples=examples(25), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(known=RECORDS, new=RECORDS, drawn=OVERRIDES, by_query=st.booleans())
def test_records_placed_live_become_who_a_whole_run_says_they_are(
    engine: Engine, models: Sequence[MatchModel], known: list[dict[str, Any]], new: list[dict[str, Any]],
    drawn: list[tuple[Action, int, int]], by_query: bool, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    overrides = as_overrides(drawn, [*known, *new])
    first = linked(engine, known, models, DAY, None)
    index = live_index(engine, tmp_path_factory.mktemp("live"), first, known, models)
    live = LiveIdentity(index, LIMITS, models, KEY, overrides, (lambda: engine) if by_query else None)
    placed = live.place(new) if by_query else [live.place([r]) for r in new]
    both = {(r["source"], r["source_key"], r["valid_from_on"]): r for r in [*known, *new]}
    second = customers(linked(engine, list(both.values()), models, date(2025, 3, 2), first, overrides))
    if not overrides:
        for record, customer in second.items():
            assert live.customer_of(RecordKey(*record)) in (customer, None)
    for r in new:
        assert live.customer_of(RecordKey(r["source"], r["source_key"])) == second[r["source"], r["source_key"]]
    if not by_query and new:
        last = placed[-1].placements[0]
        assert last.customer_id == second[last.record.source, last.record.source_key]


@pytest.mark.slow
@pytest.mark.requirement("B2")
@settings(max_examples=examples(25), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(known=RECORDS.filter(bool), before=OVERRIDES, after=OVERRIDES)
def test_what_an_officer_is_told_beforehand_is_what_the_next_run_does(
    engine: Engine, models: Sequence[MatchModel], known: list[dict[str, Any]], before: list[tuple[Action, int, int]],
    after: list[tuple[Action, int, int]], tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    first = linked(engine, known, models, DAY, None, as_overrides(before, known))
    overrides = as_overrides(after, known)
    second = linked(engine, known, models, date(2025, 3, 2), first, overrides)
    index = live_index(engine, tmp_path_factory.mktemp("live"), first, known, models)
    told = set()
    for record, customer in customers(second).items():
        found = LiveIdentity(index, LIMITS, models, KEY, overrides).reconsider([RecordKey(*record)])
        assert {p.record: p.customer_id for p in found.placements}[RecordKey(*record)] == customer
        told |= {(c.kind, c.customer_id, c.other_customer_id, c.reason) for c in found.changes}
    today = [r for r in second["identity_change"] if r["changed_on"] == date(2025, 3, 2)]
    assert told == {(r["kind"], r["customer_id"], r["other_customer_id"], r["reason"]) for r in today}


@pytest.mark.requirement("B1")
def test_records_of_a_bank_become_the_same_customers_in_any_of_a_hundred_orders(
    engine: Engine, models: Sequence[MatchModel], tmp_path: Path
) -> None:
    records = draw_linkage_set(60, 5).records.to_pylist()
    tables = catalog(engine, {}, CONTRACTS)
    index = build_index(
        tmp_path, engine, tables, as_of=LIMITS.as_of(DAY), settings=LIMITS, models=models, run_id="empty"
    )
    told: set[tuple[tuple[tuple[str, str], str], ...]] = set()
    shuffler = random.Random(1)
    for _ in range(100):
        shuffler.shuffle(records)
        live = LiveIdentity(index, LIMITS, models, KEY)
        if _ % 10:
            live.place(records)
        else:
            for record in records:
                live.place([record])
        keys = [(r["source"], r["source_key"]) for r in records]
        told.add(tuple(sorted((k, str(live.customer_of(RecordKey(*k)))) for k in keys)))
    assert len(told) == 1
    (customers_of,) = told
    assert 60 <= len({c for _, c in customers_of}) < len(records)


def edge_set(clusters: Any) -> set[tuple[Any, ...]]:
    return {
        (state, *row)
        for state, edges in (("used", clusters.used), ("refused", clusters.refused))
        for row in zip(edges.left.tolist(), edges.right.tolist(), edges.priority.tolist(), strict=True)
    }
