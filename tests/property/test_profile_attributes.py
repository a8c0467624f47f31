"""No look-ahead in who a customer is: what records say after a day does not change the profile of that day.

Each example is a bank whose records are versions, delivered with and without delay; identity links it twice, once stopped
on the day and once weeks later. The first run's golden record is the truth of the day.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.profile.bank import CONTRACTS, engine
from zhike.identity import Action, IdentitySettings, Override, RecordKey
from zhike.identity.steps import steps
from zhike.profile.build import UNCHANGING, build_profile
from zhike.profile.features import FeatureSet, standard_features
from zhike.warehouse.testing import catalog, run_in_turn

pytestmark = pytest.mark.slow  # whole steps on a real engine, some twenty seconds together

DAY, LATER = date(2025, 6, 30), date(2025, 10, 1)  # by then every version has been recorded
END_OF_DAY = datetime(2025, 6, 30, 16)  # Asia/Shanghai
N_CUSTOMERS = 27
SETTINGS = IdentitySettings(source_priority=("core", "card"))  # mobile and call_centre are not ranked
SOURCES = ("core", "card", "mobile", "call_centre")
Row = dict[str, Any]
ATTRIBUTES = FeatureSet(tuple(f for f in standard_features().features if f.attribute), standard_features().hashes)


def _said(dice: random.Random) -> Row:
    """What one version of a record says; a third of it nothing."""
    values: Row = {
        "marital_status": dice.choice(["single", "married"]), "n_children": dice.randint(0, 3), "education": dice.choice("abc"),
        "occupation": dice.choice("xyz"), "is_student": dice.random() < 0.5, "is_staff": dice.random() < 0.2, "district": dice.choice("123"),
        "has_court_record": dice.random() < 0.2, "company_size": dice.choice(["micro", "small"]), "id_expires_on": date(2030, 1, dice.randint(1, 28)),
        "deceased_on": DAY + timedelta(days=dice.randint(-9, 9)), "certificate": dice.choice("pq"), "n_employees": dice.randint(1, 9),
    }  # fmt: skip
    return {n: v for n, v in values.items() if dice.random() < 0.66}


def _records(dice: random.Random) -> list[Row]:
    """Versions of records: about a third begin, or are recorded, after the day; some records only appear after it."""
    rows: list[Row] = []
    for who in range(N_CUSTOMERS):
        for source in dice.sample(SOURCES, dice.randint(1, 4)):
            fixed = {"birth_on": date(1990, 1, 1 + who), "sex": "male", "registered_on": date(2019, 1, 1 + who)}
            for at in sorted(dice.sample(range(-300, 40), dice.randint(1, 4))):
                on = DAY + timedelta(days=at)
                recorded = datetime(on.year, on.month, on.day, 12) + timedelta(days=dice.choice([0, 0, 0, 30]))
                rows.append({"source": source, "source_key": f"{source}{who}", "party_kind": "person", **fixed, "valid_from_on": on, "recorded_at": recorded, **_said(dice)})  # fmt: skip
    return rows


def _linked(rows: Sequence[Row], as_of: date) -> dict[str, list[Row]]:
    """What identity makes of the records on a day; an officer says which belong together."""
    keys = sorted({(r["source"], r["source_key"]) for r in rows})
    merges = []
    for who in range(N_CUSTOMERS):
        mine = [RecordKey(*k) for k in keys if k[1] == f"{k[0]}{who}"]
        merges += [Override(f"{who}{k.source}", Action.MERGE, mine[0], k, "同一人") for k in mine[1:]]
    found: dict[str, list[Row]] = {"source_party": list(rows)}
    named = {s.key: s for s in steps(settings=SETTINGS, overrides=merges, key=b"secret")}
    golden = [named[k] for k in ("identity:standardise", "identity:link", "identity:customer")]
    written = run_in_turn(golden, engine(), found, as_of=as_of, contracts=CONTRACTS)
    return found | {table: part.to_pylist() for (table, _), part in written.items()}


def _profile(tables: dict[str, list[Row]], *, made_on: date | None) -> dict[int, Row]:
    """The attributes of each person as of the day, by the day of birth, which tells them apart in both runs."""
    catalogue = catalog(engine(), {n: tables[n] for n in ("customer", "identity_link", "source_party")}, CONTRACTS)
    rows = engine().fetch(build_profile(catalogue, ATTRIBUTES, DAY, made_on=made_on)).to_pylist()
    return {r["birth_on"].day: {n: r[n] for n in ATTRIBUTES.names} for r in rows}


def _was_known(row: Row) -> bool:
    return row["valid_from_on"] <= DAY and row["recorded_at"] <= END_OF_DAY


@pytest.mark.requirement("C1")
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_what_records_say_after_a_day_does_not_change_the_profile_of_the_day(seed: int) -> None:
    rows = _records(random.Random(seed))
    stopped = _linked([r for r in rows if _was_known(r)], DAY)
    then, looked_back = _profile(stopped, made_on=DAY), _profile(_linked(rows, LATER), made_on=None)
    assert {n: looked_back[n] for n in then} == then
    for number in looked_back.keys() - then.keys():  # customers whom no record knew by then: only what cannot change
        assert all(looked_back[number][f.key] is None for f in ATTRIBUTES.features if f.attribute not in UNCHANGING)


@pytest.mark.requirement("C1")
def test_on_the_runs_own_day_both_ways_give_the_golden_record() -> None:
    rows = [r for r in _records(random.Random(7)) if _was_known(r)]
    tables = _linked(rows, DAY)
    assert _profile(tables, made_on=DAY) == _profile(tables, made_on=None)
    assert any(r["district"] for r in _profile(tables, made_on=DAY).values())
