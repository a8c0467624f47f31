"""On any records of a customer: the table, the day's own as-of and the explanation name one value, that which the criteria choose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import ibis
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity import Action, IdentitySettings, Override, RecordKey, steps
from zhike.identity.golden import GOLDEN_FIELDS, explain_fields, golden_as_of
from zhike.identity.tables import OWNS as IDENTITY_TABLES
from zhike.sources.tables import OWNS as SOURCE_TABLES
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import rows_table, run_in_turn, run_step

DAY = date(2025, 3, 1)
CONTRACTS = contract_by_name((*SOURCE_TABLES, *IDENTITY_TABLES))
TRUST = ("core", "card")
Row = dict[str, Any]
VALUES: dict[str, list[Any]] = {
    "name": ["张伟", "张玮", "王先生", "测试", None], "mobile": ["13900000001", "13900000002", "010-84512345", "13800000000", None],
    "document": [("resident_id", "11010519491231002X"), (None, "11010519491231002X"), ("passport", "E12345678"), ("resident_id", "111111"),
                 ("other", None), (None, None)],
    "id_expires_on": [date(2030, 1, 1), None], "birth_on": [date(1980, 1, 2), date(1980, 2, 1), date(1900, 1, 1), None],
    "sex": ["male", "female", None], "district": ["370102", "310101", None], "education": ["master", "bachelor", None],
    "industry": ["I", "J", None], "marital_status": ["single", "married", None], "tax_grade": ["A", "B", None],
    "registered_on": [date(2020, 1, 1), date(2019, 1, 1), None], "is_staff": [True, False, None],
}  # fmt: skip
RECORDS = st.lists(
    st.fixed_dictionaries({
        "source": st.sampled_from(["core", "card", "web", "app"]), "source_key": st.integers(0, 9).map(str), "party_kind": st.just("person"),
        "valid_from_on": st.sampled_from([date(2025, 1, 1), date(2025, 2, 1)]), **{n: st.sampled_from(v) for n, v in VALUES.items()},
    }),
    min_size=1, max_size=7, unique_by=lambda r: (r["source"], r["source_key"]),
)  # fmt: skip
FILLERS = {"测试", "13800000000", "111111", date(1900, 1, 1)}
DOUBTFUL = {"王先生", "010-84512345"}
RESIDENT = "11010519491231002X"
PROVEN = {"birth_on": date(1949, 12, 31), "sex": "female"}
NUMBER = ("id_number", "id_type", "id_expires_on")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1, memory="500MB")
    yield opened
    opened.close()


def expected(records: list[Row], field: str) -> Any:
    """Return the surviving value by the words of the documentation, record by record."""
    usable = {i: None if r[field] in FILLERS else r[field] for i, r in enumerate(records)}
    carries = {i for i, r in enumerate(records) if r["id_number"] == RESIDENT}
    if field in PROVEN:
        usable |= dict.fromkeys(carries, PROVEN[field])
    if field == "registered_on":
        return min((v for v in usable.values() if v), default=None)
    if field == "is_staff":
        known = [v for v in usable.values() if v is not None]
        return any(known) if known else None
    candidates = [i for i in usable if usable[i] is not None]
    if field in NUMBER:
        candidates = [i for i, r in enumerate(records) if r["id_number"] is not None and r["id_number"] not in FILLERS]
    sources: dict[Any, set[str]] = defaultdict(set)
    for i, value in usable.items():
        sources[value].add(records[i]["source"])

    def merit(i: int) -> tuple[Any, ...]:
        r = records[i]
        trust = TRUST.index(r["source"]) if r["source"] in TRUST else len(TRUST)
        newest, key = -r["valid_from_on"].toordinal(), (r["source"], r["source_key"])
        by_trust, by_recency = (trust, newest, key), (newest, trust, key)
        if field in NUMBER:
            return (i not in carries, *by_trust)
        if field in ("name", "mobile"):
            return (usable[i] in DOUBTFUL, *(by_recency if field == "mobile" else by_trust))
        if field in ("birth_on", "sex", "education", "industry", "district"):
            place = by_recency if field == "district" else by_trust
            return (field in PROVEN and i not in carries, -len(sources[usable[i]]), *place)
        return by_recency if field == "marital_status" else by_trust

    return usable[min(candidates, key=merit)] if candidates else None


def as_parties(customers: list[list[Row]]) -> list[list[Row]]:
    """Return the records of each customer as rows of ``source_party``, their keys unlike those of other customers."""
    found = []
    for number, records in enumerate(customers):
        rows = []
        for r in records:
            id_type, id_number = r["document"]
            values = {n: v for n, v in r.items() if n != "document"} | {"source_key": f"{number}.{r['source_key']}"}
            rows.append({**values, "id_type": id_type, "id_number": id_number, "recorded_at": datetime(2025, 2, 2)})
        found.append(rows)
    return found


def together(rows: list[Row]) -> list[Override]:
    """Return an officer's word that records are one customer."""
    first, *others = sorted(RecordKey(r["source"], r["source_key"]) for r in rows)
    return [Override(k.source_key, Action.MERGE, first, k, "") for k in others]


@pytest.mark.slow
@pytest.mark.requirement("B3")
@settings(max_examples=examples(12), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(RECORDS, min_size=1, max_size=8))
def test_every_way_to_ask_gives_the_value_that_the_criteria_choose(engine: Engine, customers: list[list[Row]]) -> None:
    parties = as_parties(customers)
    apart = IdentitySettings(source_priority=TRUST, largest_cluster=50, default_max_sharing=1, max_sharing={})
    merges = [o for rows in parties for o in together(rows)]
    named = {s.key: s for s in steps(settings=apart, overrides=merges, key=b"secret")}
    everything = [r for rows in parties for r in rows]
    linking = [named[k] for k in ("identity:standardise", "identity:link")]
    made = run_in_turn(linking, engine, {"source_party": everything}, as_of=DAY, contracts=CONTRACTS)
    tables = {"source_party": everything, **{t: made[t, ""].to_pylist() for t in ("identity_link", "identity_flaw")}}
    written = run_step(named["identity:customer"], engine, tables, as_of=DAY, contracts=CONTRACTS)["customer", ""]
    golden = {r["customer_id"]: r for r in written.to_pylist()}
    home = {r["source_key"]: golden[r["customer_id"]] for r in tables["identity_link"]}
    party, link, flaw = (ibis.memtable(rows_table(CONTRACTS[t], r)) for t, r in tables.items())
    past = golden_as_of(party, link, flaw, GOLDEN_FIELDS, as_of=apart.as_of(DAY)).to_pyarrow().to_pylist()
    by_then = {r["customer_no"]: r for r in past}
    assert len(golden) == len(by_then) == len(parties)
    for rows in parties:
        mine = home[rows[0]["source_key"]]
        for field in (*VALUES.keys() - {"document"}, *NUMBER):
            assert mine[field] == expected(rows, field), field
        assert {f: mine[f] for f in GOLDEN_FIELDS} == {f: by_then[mine["customer_no"]][f] for f in GOLDEN_FIELDS}
    first = home[parties[0][0]["source_key"]]
    origins = explain_fields(party, link, flaw, customer_id=first["customer_id"])
    assert {f: o[0].value for f, o in origins.items()} == {f: first[f] for f in GOLDEN_FIELDS if first[f] is not None}
