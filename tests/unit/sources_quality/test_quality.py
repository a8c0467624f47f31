"""Quality measured on literal tables; each number is checked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from math import log
from typing import Any

import pytest

from tests.unit.sources_quality.conftest import CONTRACTS, DAY, MOMENT, Row
from zhike.sources.quality import QualityLimits, quality_step
from zhike.warehouse import Engine
from zhike.warehouse.testing import run_step

Measures = dict[tuple[str, str, str], tuple[float, bool]]


def measured(
    engine: Engine,
    table: str,
    rows: list[Row],
    *,
    previous: list[Row] | None = None,
    limits: QualityLimits | None = None,
    **more: Any,
) -> Measures:
    step = quality_step([CONTRACTS[table]], limits=limits)
    before = {table: previous} if previous is not None else {}
    written = run_step(step, engine, {table: rows, **more}, as_of=DAY, contracts=CONTRACTS, previous=before)
    found = written[("quality_result", "")].to_pylist()
    return {
        (r["table_name"], r["column_name"], r["dimension"]): (r["value"], r["is_alert"])
        for r in found
        if r["measured_on"] == DAY
    }


def person(key: int, **values: Any) -> Row:
    return {
        "source": "core",
        "source_key": str(key),
        "party_kind": "person",
        "valid_from_on": date(2025, 1, 1),
        "recorded_at": MOMENT,
        **values,
    }


@pytest.mark.requirement("A5")
def test_completeness_volume_and_timeliness_of_a_table(engine: Engine) -> None:
    rows = [person(1, mobile="139"), person(2, valid_from_on=date(2025, 2, 27)), person(3, mobile="138"), person(4)]
    found = measured(engine, "source_party", rows)
    assert found["source_party", "*", "volume"] == (4, False)
    assert found["source_party", "mobile", "completeness"] == (0.5, False)
    assert found["source_party", "source_key", "completeness"] == (1, False)
    assert found["source_party", "*", "timeliness"] == (2, False)
    assert not [k for k in found if k[2] == "drift"]


@pytest.mark.requirement("A5")
def test_values_that_disappear_and_codes_that_shift_raise_alerts(engine: Engine) -> None:
    before = [person(i, mobile="139", sex="male" if i < 8 else "female") for i in range(10)]
    now = [person(i, mobile="139" if i < 6 else None, sex="male" if i < 2 else "female") for i in range(10)]
    found = measured(engine, "source_party", now, previous=before)
    assert found["source_party", "mobile", "completeness"] == (0.6, True)
    psi, is_alert = found["source_party", "sex", "drift"]
    assert psi == pytest.approx((0.2 - 0.8) * log(0.2 / 0.8) + (0.8 - 0.2) * log(0.8 / 0.2), abs=1e-6)
    assert is_alert
    assert found["source_party", "party_kind", "drift"] == (0, False)
    assert found["source_party", "*", "volume"] == (10, False)


def test_a_table_that_shrinks_or_swells_by_half_is_an_alert(engine: Engine) -> None:
    rows = [person(i) for i in range(10)]
    assert measured(engine, "source_party", rows[:4], previous=rows)["source_party", "*", "volume"] == (4, True)
    assert measured(engine, "source_party", rows, previous=rows[:6])["source_party", "*", "volume"] == (10, True)


@pytest.mark.requirement("A5")
def test_a_table_that_only_grows_is_compared_with_its_own_days_before(engine: Engine) -> None:
    def movement(number: int, on: date, amount: int) -> Row:
        return {
            "txn_id": str(number),
            "account_id": "a",
            "on": on,
            "direction": "in",
            "amount": amount,
            "txn_kind": "other",
            "recorded_at": MOMENT,
        }

    old = [movement(i, DAY - timedelta(days=30 + i), 50) for i in range(10)]
    new = [movement(100 + i, DAY - timedelta(days=4 + i), 50 if i < 5 else 5_000) for i in range(10)]
    found = measured(engine, "transaction", [*old, *new])
    assert found["transaction", "*", "volume"] == (10, False)
    assert found["transaction", "*", "timeliness"] == (4, True)
    psi, is_alert = found["transaction", "amount", "drift"]
    assert psi == pytest.approx((0.5 - 1) * log(0.5) + (0.5 - 1e-4) * log(0.5 / 1e-4), abs=1e-6)
    assert is_alert


@pytest.mark.requirement("A5")
def test_validity_and_uniqueness_are_shares_of_the_rows_read(engine: Engine) -> None:
    load = [
        {
            "table_name": "source_party",
            "batch": "*",
            "file": f,
            "n_read": 50,
            "n_loaded": 48,
            "n_quarantined": 2,
            "file_fingerprint": "x",
        }
        for f in "ab"
    ]
    held = [
        {"table_name": "source_party", "batch": "*", "file": "a", "row_number": n, "rule": r, "column_name": c}
        for n, r, c in (
            (1, "unknown_code", "sex"),
            (1, "impossible_date", "birth_on"),
            (2, "duplicate_key", "source, source_key"),
            (3, "unknown_code", "sex"),
        )
    ]
    found = measured(engine, "source_party", [person(1)], load_count=load, quarantine=held)
    assert found["source_party", "*", "validity"] == (0.96, True)
    assert found["source_party", "*", "uniqueness"] == (0.99, True)
    assert found["source_party", "sex", "validity"] == (0.98, True)
    assert found["source_party", "birth_on", "validity"] == (0.99, False)
    assert found["source_party", "name", "validity"] == (1, False)


def test_an_empty_table_has_a_volume_and_nothing_else(engine: Engine) -> None:
    assert measured(engine, "source_party", []) == {("source_party", "*", "volume"): (0, False)}


def test_earlier_results_are_kept_for_as_long_as_asked(engine: Engine) -> None:
    earlier = [
        {
            "table_name": "staff",
            "column_name": "*",
            "dimension": "volume",
            "measured_on": DAY - timedelta(days=d),
            "value": 1,
            "is_alert": False,
        }
        for d in (0, 1, 5)
    ]
    step = quality_step([CONTRACTS["staff"]], limits=QualityLimits(history_days=3))
    written = run_step(
        step, engine, {"staff": []}, as_of=DAY, contracts=CONTRACTS, previous={"quality_result": earlier}
    )
    rows = written[("quality_result", "")].to_pylist()
    assert sorted((r["measured_on"], r["value"]) for r in rows) == [(DAY - timedelta(days=1), 1), (DAY, 0)]
