"""What contacts change, and what they must not: the same bank with and without them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from zhike.kernel.errors import BadInput, NotEstimable, NotFound
from zhike.kernel.terms import Channel
from zhike.simulator import BankPlan, Contact, continue_with_contacts, simulate, true_effect

LAST_DAY = date(2025, 6, 30)
UNTIL = date(2025, 7, 16)
FIRST_CONTACT = date(2025, 7, 1)


class TwoWorlds:
    """One bank continued twice: with half of those whose money matures called by their manager, and without."""

    def __init__(self, folder: Path) -> None:
        self.contacted_folder, self.quiet_folder = folder / "contacted", folder / "quiet"
        simulate(BankPlan(20_000, 40, 5, LAST_DAY, activity_rate=0.4), self.contacted_folder)
        shutil.copytree(self.contacted_folder, self.quiet_folder)
        self.maturing = pq.read_table(self.contacted_folder / "truth" / "maturing.parquet").to_pandas()
        soon = self.maturing[self.maturing.matures_on <= date(2025, 7, 9)]
        keys = np.array(sorted(set(soon.core_key)))
        chosen = np.random.default_rng(1).random(len(keys)) < 0.5
        self.treated, self.control = keys[chosen].tolist(), keys[~chosen].tolist()
        contacts = [
            Contact(f"T{i}", k, Channel.RM, FIRST_CONTACT, "renew_term_deposit") for i, k in enumerate(self.treated)
        ]
        continue_with_contacts(self.contacted_folder, contacts, UNTIL)
        continue_with_contacts(self.quiet_folder, [], UNTIL)
        self.connection = duckdb.connect()

    def movements(self, folder: Path) -> dict[str, list[tuple[object, ...]]]:
        """Return the days to come of every customer: their movements, in order."""
        owner = (
            f"(select ACCT_NO, CUST_NO from read_parquet('{folder}/data/*/CORE_ACCT_CUST.parquet') where REL_CD = '1')"
        )
        rows = self.connection.execute(f"""
            select CUST_NO, TXN_SEQ, TXN_AMT, DR_CR, ACCT_BAL, TXN_CD from read_parquet('{folder}/data/202507*/CORE_TXN.parquet')
            join {owner} using (ACCT_NO) order by all""").fetchall()
        found: dict[str, list[tuple[object, ...]]] = {}
        for key, *rest in rows:
            found.setdefault(key, []).append(tuple(rest))
        return found

    def same_name_outflow(self, folder: Path) -> dict[str, float]:
        """Return what each customer moved to own accounts elsewhere up to a week after maturity, in yuan."""
        rows = self.connection.execute(f"""
            select CUST_NO, sum(TXN_AMT)::double from read_parquet('{folder}/data/202507*/CORE_TXN.parquet')
            join (select ACCT_NO, CUST_NO from read_parquet('{folder}/data/*/CORE_ACCT_CUST.parquet') where REL_CD = '1') using (ACCT_NO)
            where DR_CR = 'D' and OPP_TYPE in ('03', '05', '06') group by all""").fetchall()
        return dict(rows)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> TwoWorlds:
    return TwoWorlds(tmp_path_factory.mktemp("worlds"))


@pytest.mark.slow
@pytest.mark.requirement("L3")
def test_contacts_change_only_the_contacted(worlds: TwoWorlds) -> None:
    contacted, quiet = worlds.movements(worlds.contacted_folder), worlds.movements(worlds.quiet_folder)
    differing = {k for k in contacted.keys() | quiet.keys() if contacted.get(k) != quiet.get(k)}
    assert differing
    assert differing <= set(worlds.treated)


@pytest.mark.slow
@pytest.mark.requirement("J1")
def test_the_true_effect_is_what_the_two_worlds_differ_by(worlds: TwoWorlds) -> None:
    effect = true_effect(worlds.contacted_folder, worlds.treated, worlds.control, matured_to=date(2025, 7, 9))
    principal = (
        worlds.maturing[worlds.maturing.matures_on <= date(2025, 7, 9)].groupby("core_key").principal_cents.sum() / 100
    )
    kept = {}
    for name, folder in (("contacted", worlds.contacted_folder), ("quiet", worlds.quiet_folder)):
        out = worlds.same_name_outflow(folder)
        kept[name] = {k: 1 - min(out.get(k, 0.0) / principal[k], 1.0) for k in principal.index}
    paired = np.array([kept["contacted"][k] - kept["quiet"][k] for k in worlds.treated])
    standard_error = paired.std() / np.sqrt(len(paired))
    assert effect.n_treated == len(worlds.treated)
    assert 0.05 < effect.effect < 0.2
    assert abs(paired.mean() - effect.effect) < 3.5 * standard_error
    between = np.mean([kept["contacted"][k] for k in worlds.treated]) - np.mean(
        [kept["contacted"][k] for k in worlds.control]
    )
    assert abs(between - effect.effect) < 3.5 * effect.standard_error


@pytest.mark.slow
def test_each_contact_leaves_a_receipt_with_its_number(worlds: TwoWorlds) -> None:
    receipts = worlds.connection.execute(
        f"select CNTC_ID, CUST_NO, FDBK_CD from read_parquet('{worlds.contacted_folder}/data/20250701/CONTACT_RCPT.parquet')"
    ).fetchall()
    assert {(r[0], r[1]) for r in receipts} == {(f"T{i}", k) for i, k in enumerate(worlds.treated)}
    assert len({r[2] for r in receipts}) >= 3
    opted_out = {r[1] for r in receipts if r[2] == "04"}
    recorded = worlds.connection.execute(
        f"select CUST_NO from read_parquet('{worlds.contacted_folder}/data/20250701/CONSENT_CHG.parquet')"
    ).fetchall()
    assert {r[0] for r in recorded} == opted_out


@pytest.mark.slow
def test_going_on_in_two_steps_equals_going_on_in_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(BankPlan(300, 40, 9, LAST_DAY), tmp_path / name)
    contact = Contact("c", "1001000003", Channel.SMS, FIRST_CONTACT)
    continue_with_contacts(tmp_path / "one", [contact], date(2025, 7, 6))
    continue_with_contacts(tmp_path / "two", [contact], date(2025, 7, 3))
    continue_with_contacts(tmp_path / "two", [], date(2025, 7, 6))
    for file in sorted((tmp_path / "one" / "data").rglob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes(), file.name


def test_contacts_that_cannot_be_made_are_refused_by_name(tmp_path: Path) -> None:
    simulate(BankPlan(100, 40, 9, LAST_DAY), tmp_path / "bank")
    wrong = [
        Contact("a", "1999999999", Channel.SMS, FIRST_CONTACT),
        Contact("b", "1001000003", Channel.SMS, date(2025, 9, 1)),
    ]
    with pytest.raises(BadInput, match="2 contacts cannot be made") as caught:
        continue_with_contacts(tmp_path / "bank", wrong, date(2025, 7, 3))
    assert "1999999999" not in str(caught.value)
    with pytest.raises(BadInput, match="already stands"):
        continue_with_contacts(tmp_path / "bank", [], LAST_DAY)
    with pytest.raises(NotFound):
        continue_with_contacts(tmp_path / "nowhere", [], LAST_DAY)
    with pytest.raises(NotEstimable):
        true_effect(tmp_path / "bank", [], [])
    with pytest.raises(BadInput, match="30 days"):
        true_effect(tmp_path / "bank", ["1001000003"], ["1001000003"], matured_to=date(2026, 1, 1))
