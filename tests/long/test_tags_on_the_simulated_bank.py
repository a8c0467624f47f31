"""The standard tags on a simulated bank: nearly all tell some customers from others, and those that cannot are named with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.long.nights import LAST_DAY, Place, make_place, night, started
from zhike.pipeline.catalogue import opened
from zhike.pipeline.project import open_project

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
LEAST_SHARE = 0.9
MAY_BE_EMPTY = {
    "promoter": "the simulated bank asks no survey",
    "detractor": "the simulated bank asks no survey",
    "manager_choice": "people give it, and nobody has",
    "do_not_disturb": "people give it, and nobody has",
    "complaint_repeat": "the simulated bank has at most one complaint of a customer",
    "limit_nearly_used": "limits of the simulated bank are drawn in one sum",
    "high_churn_risk": "its model gives scores only where enough history was learned from",
    "first_loan_likely": "its model gives scores only where enough first loans were learned from",
    "maturity_leaver": "its model gives scores only where enough maturities were learned from",
    "sleeping_customer": "in half a year few customers of a small bank do nothing at all",
    "first_loan_candidate": "half a year of history has five complete months, and it asks for six",
    "mortgage_prepay_intent": "rare in a small bank",
    "card_revolving": "rare in a small bank",
    "refuses_contact": "rare in a small bank",
    "loan_intent": "rare in a small bank: it lives two weeks",
    "institution_client": "rare in a small bank",
    "large_cd_holder": "rare in a small bank",
    "large_employer": "rare in a small bank",
    "dormant_stable": "rare in a small bank",
    "fund_interest": "rare in a small bank",
}


@pytest.fixture(scope="module")
def health(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    place: Place = make_place(tmp_path_factory.mktemp("tags"), n_customers=6_000, n_days=180)
    with started(place, *night(place, str(LAST_DAY))) as process:
        assert process.wait(timeout=900) == 0, process.stderr.read() if process.stderr else ""
    with opened(open_project(Path(place.project))) as found:
        return {r["tag"]: r for r in found.rows(found.tables["tag_health"])}


def _is_degenerate(row: dict[str, Any]) -> bool:
    is_everybody = row["n_tagged"] == row["n_subjects"] and (row["n_values"] or 0) <= 1
    return row["n_tagged"] == 0 or is_everybody


@pytest.mark.requirement("C4")
def test_nearly_all_tags_have_somebody_and_not_everybody(health: dict[str, dict[str, Any]]) -> None:
    degenerate = {key for key, row in health.items() if _is_degenerate(row)}
    assert len(health) >= 150
    assert len(degenerate) <= (1 - LEAST_SHARE) * len(health)
    print(sorted(degenerate))
    assert degenerate <= MAY_BE_EMPTY.keys(), sorted(degenerate - MAY_BE_EMPTY.keys())


@pytest.mark.requirement("C3")
def test_tags_of_the_top_tenth_hold_about_a_tenth(health: dict[str, dict[str, Any]]) -> None:
    for key in (
        "loyal_customer",
        "sticky_customer",
        "high_frequency",
        "high_spender",
        "settlement_top",
        "company_deposit_top",
    ):
        assert 0.05 <= health[key]["coverage_rate"] <= 0.12, (key, health[key]["coverage_rate"])
