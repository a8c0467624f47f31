"""Companies of simulated banks in core, on invoices and in call notes, against what the banks know to be true."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"


@pytest.mark.slow
@pytest.mark.requirement("B1")
@pytest.mark.requirement("L3")
@pytest.mark.parametrize("seed", [31, 32, 33])
def test_records_sides_and_names_of_one_company_meet_and_those_of_two_do_not(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    from companies import measure

    found = measure(20_000, seed, tmp_path)
    assert found["precision"] >= 0.9995
    assert found["f1"] >= 0.98
    assert found["pairs"] > 10_000
    assert found["records"]["invoice_side"] > 2_000
    assert found["records"]["call_note"] > 1_500
    assert found["linked"]["call_note"] / found["records"]["call_note"] > 0.9


def test_pairs_are_counted_as_the_definition_says() -> None:
    sys.path.insert(0, str(BENCH))
    try:
        from companies import pairwise
    finally:
        sys.path.remove(str(BENCH))
    rows = [
        ("a", "core", "X", "1"),
        ("b", "core", "X", "1"),
        ("c", "core", "X", "2"),
        ("d", "core", "", "1"),
        ("e", "core", "", "2"),
    ]
    found = pairwise(rows)
    n_found, n_right = 3, 1  # ab ac bc; of these ab
    n_true = 3 + 1  # ab ad bd; ce
    assert (found["precision"], found["recall"]) == (n_right / n_found, n_right / n_true)
    assert (found["pairs"], found["wrong_pairs"]) == (3, 2)
