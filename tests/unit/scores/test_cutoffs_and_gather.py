"""Which past days are learned from, and what is gathered on them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis
import pytest

from tests.unit.scores.example import model, model_body
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.scores.compiled import CompiledModel, compile_model
from zhike.scores.cutoffs import choose_cutoffs
from zhike.scores.definition import CutoffDefinition
from zhike.scores.gather import PastProfiles, columns_by_day, gather_cutoff
from zhike.warehouse import open_engine
from zhike.warehouse.contracts import Contract, amount, code, day, text

MONTHS = CutoffDefinition(n=3, step="month_end", history_days=31)
STEPS = CutoffDefinition(n=4, step="days", every_days=37, history_days=0)
CUTOFF = date(2025, 6, 30)
PROFILE = Contract(
    "profile", "profile", "", "", key=("customer_id",),
    columns=(text("customer_id", "", ""), day("since_on", "", ""), amount("balance_amount", "余额", "Balance"), day("opened_on", "", ""), code("sex", "", "")),
)  # fmt: skip


def test_month_ends_lie_a_horizon_back_and_in_order():
    found = choose_cutoffs(MONTHS, horizon_days=37, as_of=date(2025, 8, 20), first_day=date(2024, 1, 1))
    assert found == (date(2025, 4, 30), date(2025, 5, 31), date(2025, 6, 30))


def test_a_month_end_whose_outcome_is_known_today_counts():
    found = choose_cutoffs(MONTHS, horizon_days=31, as_of=date(2025, 7, 31), first_day=date(2024, 1, 1))
    assert found[-1] == date(2025, 6, 30)


def test_cutoffs_stay_from_night_to_night_until_the_next_is_complete():
    nights = [date(2025, 8, 1) + timedelta(days=i) for i in range(74)]
    found = [choose_cutoffs(STEPS, horizon_days=37, as_of=n, first_day=date(2024, 1, 1)) for n in nights]
    assert len(set(found)) in (2, 3)
    assert all((b - a).days == 37 for c in found for a, b in pairwise(c))
    assert all(c[-1] + timedelta(days=37) <= n for c, n in zip(found, nights, strict=True))


def test_steps_are_counted_from_the_day_that_is_written():
    counted = CutoffDefinition(n=2, step="days", every_days=37, counted_from=date(2025, 5, 24), history_days=0)
    for as_of in (date(2025, 6, 30), date(2025, 7, 14)):
        found = choose_cutoffs(counted, horizon_days=37, as_of=as_of, first_day=date(2024, 1, 1))
        assert found == (date(2025, 4, 17), date(2025, 5, 24))
    earlier = choose_cutoffs(counted, horizon_days=37, as_of=date(2025, 5, 1), first_day=date(2024, 1, 1))
    assert earlier == (date(2025, 2, 2), date(2025, 3, 11))


def test_days_before_the_history_are_not_learned_from():
    assert choose_cutoffs(MONTHS, horizon_days=37, as_of=date(2025, 8, 20), first_day=date(2025, 5, 15)) == (
        date(2025, 6, 30),
    )
    assert choose_cutoffs(MONTHS, horizon_days=37, as_of=date(2025, 8, 20), first_day=None) == ()


@pytest.fixture
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def _compiled(**changes: Any) -> CompiledModel:
    label = {
        "zh": "", "en": "", "horizon_days": 30, "known_when": {"field": "balance_amount", "is_present": True},
        "rule": {"field": "balance_amount", "at_most": {"field": "balance_amount_at_cutoff", "times": 0.5}},
    }  # fmt: skip
    made = model(
        **{
            "label": label,
            "population": {"field": "balance_amount", "at_least": 100},
            "fairness_by": ["sex"],
            "features": ["balance_amount", "opened_on"],
            **changes,
        }
    )
    return compile_model(Definition("model", "leaves", model_body(), "m.yaml", 1, "h"), made, PROFILE)


def _row(customer: str, balance: float | None, **more: Any) -> dict[str, Any]:
    return {
        "customer_id": customer, "balance_amount": balance, "since_on": date(2020, 1, 1), "opened_on": date(2025, 6, 20), "sex": "female", **more,
    }  # fmt: skip


def _gather(engine, folder: Path, now: list, later: list, *, as_of: date = date(2025, 8, 1), rows_at_most: int = 1000):
    tables = {CUTOFF: now, CUTOFF + timedelta(days=30): later}
    schema = PROFILE.schema()
    past = PastProfiles(
        engine,
        lambda on, _: ibis.memtable([{n: r[n] for n in schema} for r in tables[on]], schema=schema),
        columns_by_day(_compiled(), [CUTOFF], known=PROFILE.column_names),
        folder,
    )
    return gather_cutoff(_compiled(), past, CUTOFF, as_of=as_of, rows_at_most=rows_at_most)


def test_labels_compare_the_later_profile_with_that_at_the_cutoff(engine, tmp_path):
    now = [_row("a", 100), _row("b", 100), _row("poor", 99), _row("gone", 100), _row("unknown", 100)]
    later = [_row("a", 50), _row("b", 51), _row("poor", 0), _row("unknown", None), _row("new", 500)]
    part = _gather(engine, tmp_path, now, later)
    assert part.rows.units.to_pylist() == ["a", "b"]
    assert part.rows.outcomes.tolist() == [1.0, 0.0]
    assert part.rows.features.column_names == ["balance_amount", "opened_on"]
    assert part.rows.features.column("opened_on").to_pylist() == [10, 10]
    assert part.attributes.column_names == ["sex"]
    assert all(0 <= s < 1 for s in part.shares)


def test_who_became_a_customer_after_the_cutoff_is_not_learned_from(engine, tmp_path):
    now = [_row("a", 100), _row("early_bird", 100, since_on=date(2025, 7, 1))]
    assert _gather(engine, tmp_path, now, [_row("a", 50), _row("early_bird", 50)]).rows.n == 1


def test_a_feature_dated_after_the_cutoff_is_refused(engine, tmp_path):
    now = [_row("a", 100, opened_on=date(2025, 7, 1))]
    with pytest.raises(BadInput, match="opened_on"):
        _gather(engine, tmp_path, now, [_row("a", 50)])


def test_an_outcome_after_the_day_of_the_run_is_refused(engine, tmp_path):
    with pytest.raises(BadInput, match="look_ahead"):
        _gather(engine, tmp_path, [], [], as_of=date(2025, 7, 29))


def test_a_large_population_is_sampled_by_customer_and_keeps_its_rate(engine, tmp_path):
    now = [_row(f"c{i}", 100) for i in range(3_000)]
    later = [_row(f"c{i}", 10 if i % 4 == 0 else 100) for i in range(3_000)]
    part = _gather(engine, tmp_path, now, later, rows_at_most=1_000)
    assert 850 < part.rows.n < 1_150
    assert part.rows.outcomes.mean() == pytest.approx(0.25, abs=0.04)
    assert part.shares.mean() == pytest.approx(0.5, abs=0.05)


def test_nobody_in_the_population_is_an_empty_cutoff(engine, tmp_path):
    assert _gather(engine, tmp_path, [_row("poor", 1)], [_row("poor", 1)]).rows.n == 0
