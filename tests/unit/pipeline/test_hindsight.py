"""What became of a plan after its day, counted from facts later than it; and nothing where the files end with the day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.kernel.errors import NotEstimable
from zhike.measure import standard_metrics
from zhike.pipeline.hindsight import Hindsight, as_figures, as_values, look_back
from zhike.pipeline.shortfalls import dropped, unpublished_models
from zhike.pipeline.tables import contracts_with
from zhike.profile.features import standard_features
from zhike.profile.tables import profile_contract
from zhike.report import ReportSource
from zhike.statistics import Proportion
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.testing import catalog

AS_OF = date(2025, 6, 30)
EARLY = datetime(2025, 1, 1)
CONTRACTS = contracts_with(profile_contract(standard_features()))
METRIC = standard_metrics(aum_classes=["demand"], external_counterparties=["cash"])["loan_taken"]
Rows = dict[str, Any]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def loan(number: int, on: date) -> dict[str, Any]:
    return {
        "loan_id": f"L{number}", "account_id": f"A{number}", "product_class": "consumer_loan", "drawn_on": on,
        "recorded_at": datetime(on.year, on.month, on.day, 12),
    }  # fmt: skip


def bank(loans: list[dict[str, Any]], *, n: int = 24) -> Rows:
    """Customers 1 … n with an account each; 1 … 20 planned in this order, 21 held out, 22 dropped, the rest never asked."""
    people = range(1, n + 1)
    ids = {i: f"c{i:02}" for i in people}
    candidates = [
        {"campaign": "loans", "customer_id": ids[i], "offer_id": "o", "stage": "final", "is_final": True} for i in range(1, 22)
    ]  # fmt: skip
    candidates.append({
        "campaign": "loans", "customer_id": ids[22], "offer_id": "o", "stage": "eligible", "rule": "minor", "is_final": False,
    })  # fmt: skip
    return {
        "customer": [{"customer_id": ids[i], "customer_no": i, "party_kind": "person"} for i in people],
        "customer_account": [
            {"customer_id": ids[i], "account_id": f"A{i}", "role": "owner", "share_rate": 1.0} for i in people
        ],
        "account": [{"account_id": f"A{i}", "product_id": "D", "opened_on": date(2024, 1, 1), "recorded_at": EARLY} for i in people],
        "product": [{"product_id": "D", "family": "deposit", "product_class": "demand"}],
        "profile": [{"customer_id": ids[i], "customer_no": i} for i in people],
        "loan": loans,
        "candidate": candidates,
        "next_action": {
            "loans": [
                {"campaign": "loans", "customer_id": ids[i], "offer_id": "o", "priority": 100.0 - i} for i in range(1, 21)
            ]
        },
        "assignment": [{"experiment": "loans", "customer_id": ids[21], "arm": "control"}],
    }  # fmt: skip


def source(engine: Engine, rows: Rows) -> ReportSource:
    return ReportSource(
        project="p", currency="CZK", made_at=datetime(2025, 7, 1, tzinfo=UTC), run_id="r", planned=catalog(engine, rows, CONTRACTS),
        planned_on=AS_OF, definitions=DefinitionSet((Definition("model", "loan", {"zh": "贷款", "en": "Loan"}, "f", 1, "h"),), {}),
        campaign="loans", experiment="loans",
    )  # fmt: skip


def seen(engine: Engine, loans: list[dict[str, Any]]) -> Hindsight:
    found = look_back(source(engine, bank(loans)), METRIC)
    assert found is not None
    return found


LATER = [loan(1, date(2025, 9, 1)), loan(5, date(2026, 1, 5)), loan(21, date(2025, 7, 1)), loan(23, date(2026, 2, 1))]


def test_each_group_is_counted_from_the_facts_after_the_day(engine: Engine) -> None:
    found = seen(engine, LATER)
    assert (found.from_on, found.until_on) == (date(2025, 7, 1), date(2026, 2, 1))
    assert found.groups == {
        "first": Proportion(2, 1), "plan": Proportion(20, 2), "held_out": Proportion(1, 1), "eligible": Proportion(21, 3),
        "all": Proportion(24, 4),
    }  # fmt: skip


def test_who_had_a_loan_before_the_day_cannot_take_a_first_one(engine: Engine) -> None:
    found = seen(engine, [*LATER, loan(24, date(2025, 3, 1))])
    assert found.groups["all"] == Proportion(23, 4)


def test_files_that_end_with_the_day_give_no_hindsight(engine: Engine) -> None:
    assert look_back(source(engine, bank([loan(1, AS_OF)])), METRIC) is None
    assert look_back(source(engine, bank([])), METRIC) is None


def test_figures_carry_interval_days_and_what_they_are_not(engine: Engine) -> None:
    found = seen(engine, LATER)
    values = as_values(found)
    assert (values["hindsight_first_customers"], values["hindsight_first_did"], values["hindsight_first_rate"]) == (
        2,
        1,
        0.5,
    )
    assert values["hindsight_plan_rate_low"] < 0.1 < values["hindsight_plan_rate_high"]
    assert "not causal" in values["hindsight_note"]
    figures = as_figures(found)
    assert len(figures) == 5
    assert all("不代表因果" in f.meaning.zh and "no effect" in f.meaning.en for f in figures)
    assert "1 of 2 customers, 2025-07-01 to 2026-02-01" in figures[0].meaning.en


def test_a_group_of_nobody_has_no_rate_rather_than_nought(engine: Engine) -> None:
    rows = bank(LATER)
    rows["assignment"] = []
    found = look_back(source(engine, rows), METRIC)
    assert found is not None
    assert "hindsight_held_out_rate" not in as_values(found)
    assert len(as_figures(found)) == 4
    with pytest.raises(NotEstimable):
        found.interval("held_out")


def test_a_model_without_scores_and_a_dropped_candidate_are_told_with_their_reason(engine: Engine) -> None:
    rows = bank([])
    rows["model_run"] = [
        {"model": "loan", "model_version": "", "is_in_use": True, "is_published": False, "not_published_zh": "太少", "not_published_en": "too few"},
        {"model": "churn", "model_version": "1", "is_in_use": True, "is_published": True},
    ]  # fmt: skip
    read = source(engine, rows)
    assert {k: v.en for k, v in unpublished_models(read).items()} == {"loan": "too few"}
    assert dropped(read) == {"eligible.minor": 1}
