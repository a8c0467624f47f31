"""The Czech bank of PKDD'99, run as of 1994-03-31: what comes in, who is who, the loan offer, and that nothing looks ahead.

One run over the data as they are, and one over the same data as a bank would have had them on the day: every row dated later
is gone, and what carries no date (orders, figures of districts) says something else. Both must give the same.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zhike.kernel.clock import SystemClock
from zhike.pipeline.catalogue import Opened, explain_decision, opened
from zhike.pipeline.nightly import Night, run_night
from zhike.pipeline.project import Project, open_project
from zhike.pipeline.reporting import write_report
from zhike.pipeline.scaffold import write_key
from zhike.pipeline.store import InMemoryStore
from zhike.profile.observation import end_of_day
from zhike.sources.checks import RunningBalanceCheck
from zhike.sources.reconcile import Facts, running_balances

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ZHIKE_REAL_DATA", ROOT.parent / "shared" / "data")) / "berka"
AS_OF = date(1994, 3, 31)
LAST = date(1998, 12, 31)
ZONE = "Europe/Prague"
KEY = "public-data-so-this-key-is-no-secret-and-every-run-gives-the-same-ids"  # ids, and with them the hold-out, repeat
pytestmark = [pytest.mark.real, pytest.mark.slow]
Row = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """A project that has run once, opened for reading, with the figures of its report."""

    project: Project
    seen: Opened
    figures: dict[str, Any]
    pages: tuple[Path, ...]

    def rows(self, table: str) -> list[Row]:
        return self.seen.rows(self.seen.tables[table])

    def counts(self, table: str, by: str) -> Counter[Any]:
        return Counter(row[by] for row in self.rows(table))


@contextmanager
def ran(folder: Path, data: Path, *, without: str = "") -> Iterator[Ran]:
    shutil.copytree(ROOT / "examples" / "berka", folder, ignore=shutil.ignore_patterns(".zhike"))
    settings = folder / "zhike.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "run_workers = 1\n", encoding="utf-8")
    write_key(folder / ".zhike" / "identity.key", KEY)
    if without:  # an entry of the mapping whose file would be empty
        mapping = folder / "mapping.yaml"
        text, n = re.subn(
            rf"  - name: {without}\n.*?\n(?=  (- name|#))", "", mapping.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert n == 1
        mapping.write_text(text, encoding="utf-8")
    project = open_project(folder)
    run_night(Night(project, data, AS_OF), InMemoryStore(), clock=SystemClock())
    written = write_report(project, folder / "report")
    with opened(project) as seen:
        yield Ran(project, seen, dict(written.figures), written.files)


@pytest.fixture(scope="module")
def data() -> Path:
    if not DATA.is_dir():
        reason = "the Berka data set is not beside the project (ZHIKE_REAL_DATA names another place)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return DATA


@pytest.fixture(scope="module")
def bank(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with ran(tmp_path_factory.mktemp("berka") / "project", data) as found:
        yield found


# ---- the same bank as its files stood on the day


def rewrite(source: Path, target: Path, change: Callable[[Row], Row | None], *, lines: int | None = None) -> list[Row]:
    """Write the rows that ``change`` keeps, in their order; return them."""
    with source.open(encoding="utf-8", newline="") as opened_file:
        read = csv.DictReader(opened_file, delimiter=";")
        kept = [new for row in read if (new := change(dict(row))) is not None]
        names = list(read.fieldnames or ())
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names, delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept[:lines])
    return kept


def by_the_day(column: str) -> Callable[[Row], Row | None]:
    return lambda row: row if row[column][:6] <= f"{AS_OF:%y%m%d}" else None


def among(column: str, keys: set[str]) -> Callable[[Row], Row | None]:
    return lambda row: row if row[column] in keys else None


@pytest.fixture(scope="module")
def files_of_the_day(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("berka-of-the-day")

    def kept(name: str, change: Callable[[Row], Row | None]) -> list[Row]:
        return rewrite(data / name, folder / name, change)

    accounts = {r["account_id"] for r in kept("account.csv", by_the_day("date"))}
    roles = kept("disp.csv", among("account_id", accounts))
    kept("client.csv", among("client_id", {r["client_id"] for r in roles}))
    kept("loan.csv", by_the_day("date"))
    kept("card.csv", by_the_day("issued"))
    assert not kept("trans_part2.csv", by_the_day("date"))  # all of it lies later
    # no date: an order says something else, a district has other figures
    kept("order.csv", lambda r: {**r, "k_symbol": "UVER", "amount": "1.00"} if r["account_id"] in accounts else None)
    kept("district.csv", lambda r: {k: v if k in ("A1", "A2", "A3") else "1" for k, v in r.items()})
    shutil.copy(data / "trans_part1_cut_tail.asc", folder / "trans_part1_cut_tail.asc")
    return folder


@pytest.fixture(scope="module")
def bank_of_the_day(files_of_the_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with ran(tmp_path_factory.mktemp("berka-then") / "project", files_of_the_day, without="movements_english") as found:
        yield found


# ---- what comes in


def test_every_row_is_loaded_but_the_line_that_is_cut_off(bank: Ran) -> None:
    sizes = {
        "source_party": 5_369,
        "account": 4_500,
        "account_party": 5_369,
        "standing_order": 6_471,
        "loan": 682,
        "card": 892,
    }
    assert {table: len(bank.rows(table)) for table in sizes} == sizes
    assert len(bank.rows("transaction")) == 49_102 + 30_200
    (held_back,) = bank.rows("quarantine")
    assert held_back["table_name"] == "transaction"
    assert held_back["file"] == "trans_part1_cut_tail.asc"
    assert held_back["row_number"] == 49_104
    assert bank.figures["quarantined"] == 1


@pytest.mark.requirement("A8")
def test_the_run_itself_finds_28_days_that_do_not_add_up_all_of_the_day(bank: Ran) -> None:
    rows = [r for r in bank.rows("reconciliation") if r["check_key"] == "running_balance"]
    assert_28_exceptions(rows)


@pytest.mark.requirement("A8")
def test_over_all_the_data_there_are_no_further_exceptions_none_in_the_second_part(bank: Ran) -> None:
    check = RunningBalanceCheck(
        key="running_balance", kind="running_balance", tolerance_amount=Decimal("0.10"), exceptions_at_most=28
    )
    tables = bank.seen.tables
    assert_28_exceptions(
        running_balances(check, Facts(tables, tables.engine, LAST, end_of_day(LAST, ZONE))).to_pylist()
    )


def assert_28_exceptions(rows: list[Row]) -> None:
    exceptions = [r for r in rows if r["org_id"] != "*"]
    (count,) = (r for r in rows if r["org_id"] == "*")
    assert len(exceptions) == 28
    assert {r["on"] for r in exceptions} == {AS_OF}
    assert all(r["is_red"] for r in exceptions)
    assert not count["is_red"]
    assert count["theirs_amount"] - count["ours_amount"] == 28


def test_birth_numbers_of_women_are_read_as_days(bank: Ran) -> None:
    sexes = Counter(r["sex"] for r in bank.rows("source_party"))
    assert sexes == {"female": 2_645, "male": 2_724}
    assert all(date(1900, 1, 1) <= r["birth_on"] <= date(1990, 1, 1) for r in bank.rows("source_party"))


# ---- who is who


@pytest.mark.requirement("B5")
def test_customers_known_by_the_day_have_their_relations_to_accounts(bank: Ran) -> None:
    assert bank.figures["customers"] == len(bank.rows("profile")) == 1_489
    assert bank.counts("customer_account", "role") == {"owner": 1_229, "disponent": 260}
    assert bank.counts("customer_relation", "kind") == {"disponent_of": 260, "household_of": 2 * 260}
    assert bank.counts("tag_value", "tag")["account_role"] == 1_489


def test_a_household_is_the_two_who_use_one_account(bank: Ran) -> None:
    users: dict[str, set[str]] = {}
    for row in bank.rows("customer_account"):
        users.setdefault(row["account_id"], set()).add(row["customer_id"])
    pairs = {
        (r["from_customer_id"], r["to_customer_id"])
        for r in bank.rows("customer_relation")
        if r["kind"] == "household_of"
    }
    shared = {tuple(sorted(u)) for u in users.values() if len(u) == 2}
    assert {tuple(sorted(p)) for p in pairs} == shared
    assert len(pairs) == 2 * len(shared)


# ---- the contact plan


def test_the_model_says_that_it_cannot_be_estimated_and_the_report_shows_it(bank: Ran) -> None:
    (model,) = bank.rows("model_run")
    assert not model["is_published"]
    assert bank.rows("score_value") == []
    assert "0 cutoffs" in bank.figures["model_loan"]
    assert model["not_published_zh"] in bank.pages[0].read_text(encoding="utf-8")
    assert {r["p_accept"] for r in bank.rows("next_action")} == {0.074}


@pytest.mark.requirement("F2")
def test_the_plan_reaches_owners_without_a_loan_and_every_drop_has_stage_and_rule(bank: Ran) -> None:
    profile = {r["customer_id"]: r for r in bank.rows("profile")}
    candidates, actions = bank.rows("candidate"), bank.rows("next_action")
    assert len(candidates) == 1_229
    assert all(r["is_final"] or (r["stage"] and r["rule"]) for r in candidates)
    dropped = {k: n for k, n in bank.figures.items() if k.startswith("dropped_")}
    assert dropped["dropped_eligible.minor"] == sum(profile[c["customer_id"]]["age"] < 18 for c in candidates)
    assert sum(dropped.values()) + bank.figures["contacts_planned"] + bank.figures["held_out"] == len(candidates)
    assert 0.06 < bank.figures["held_out"] / (bank.figures["held_out"] + len(actions)) < 0.14
    for action in actions:
        who = profile[action["customer_id"]]
        assert who["n_open_accounts"] == 1
        assert who["n_loans_ever"] == 0
        assert 20 <= who["age"] <= 60
        assert action["reason_zh"]
        assert action["reason_en"]


def test_what_is_assumed_or_waived_is_said(bank: Ran) -> None:
    assert bank.figures["legal_basis_not_verified"] == "existing_relationship"
    page = bank.pages[1].read_text(encoding="utf-8")
    assert len(bank.seen.compiled.policy.waived) == 16
    for gate in bank.seen.compiled.policy.waived:
        assert gate.ref.key in bank.figures["gates_waived"]
        assert gate.definition.waived_because in page


@pytest.mark.requirement("F3")
def test_a_decision_is_taken_again_from_what_was_kept(bank: Ran) -> None:
    best = max(bank.rows("next_action"), key=lambda r: (r["priority"], r["customer_id"]))
    (told,) = explain_decision(bank.project, best["decision_id"])
    assert told["is_reproduced"]
    assert told["outcome"] == "treatment"


def test_the_report_says_how_many_of_those_contacted_first_took_a_loan_later(bank: Ran) -> None:
    figures = bank.figures
    later = {r["account_id"] for r in bank.rows("loan") if r["drawn_on"] > AS_OF}
    took = {
        r["customer_id"] for r in bank.rows("customer_account") if r["account_id"] in later and r["role"] == "owner"
    }
    ranked = sorted(bank.rows("next_action"), key=lambda r: (-r["priority"], r["customer_id"]))
    first = [r["customer_id"] for r in ranked[: -(-len(ranked) // 10)]]
    assert (figures["hindsight_first_customers"], figures["hindsight_first_did"]) == (
        len(first),
        len(took & set(first)),
    )
    assert (figures["hindsight_all_customers"], figures["hindsight_all_did"]) == (1_489 - 38, 122)
    assert figures["hindsight_plan_did"] == len(took & {r["customer_id"] for r in ranked})
    counted = {
        g: (figures[f"hindsight_{g}_customers"], figures[f"hindsight_{g}_did"]) for g in ("first", "plan", "eligible")
    }
    assert counted == {"first": (66, 21), "plan": (653, 83), "eligible": (764, 97)}  # as docs/berka.md says
    assert figures["hindsight_first_rate_low"] > figures["hindsight_eligible_rate_high"]
    page = bank.pages[1].read_text(encoding="utf-8")
    assert "not causal" in page
    assert f"{figures['hindsight_first_did']} of {figures['hindsight_first_customers']} customers" in page


# ---- nothing looks ahead


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(
    "table",
    [
        "customer", "customer_account", "customer_relation", "profile", "tag_value", "segment_member", "contactability",
        "candidate", "assignment", "next_action",
    ],
)  # fmt: skip
def test_rows_dated_later_and_tables_without_a_date_change_nothing(bank: Ran, bank_of_the_day: Ran, table: str) -> None:
    now, then = (sorted(map(repr, ran.rows(table))) for ran in (bank, bank_of_the_day))
    assert now
    assert now == then


def test_the_second_part_of_the_movements_belongs_to_nobody_known_on_the_day(bank: Ran) -> None:
    second = {r["account_id"] for r in bank.rows("transaction") if r["on"] > AS_OF}
    borrowers = {r["account_id"] for r in bank.rows("loan")}
    known = {r["account_id"] for r in bank.rows("customer_account")}
    assert len(second) == 354
    assert second <= borrowers  # whoever has movements after the day will have a loan: hence no later day is run
    assert not second & known


def test_figures_of_districts_were_published_after_the_day_and_no_feature_reads_them(bank: Ran) -> None:
    facts = bank.rows("market_fact")
    assert {r["fact"].split(":")[0] for r in facts} >= {"district_average_salary", "district_unemployment"}
    assert min(r["published_on"] for r in facts) > AS_OF
    tables = {f.facts.table for f in bank.seen.compiled.features.features if f.facts is not None}
    assert not tables & {"market_fact", "standing_order"}


def test_orders_are_known_at_the_end_of_the_data_only(bank: Ran) -> None:
    assert min(r["recorded_at"].date() for r in bank.rows("standing_order")) == LAST


def test_with_the_files_of_the_day_there_is_no_hindsight(bank_of_the_day: Ran) -> None:
    assert not [k for k in bank_of_the_day.figures if k.startswith("hindsight")]
