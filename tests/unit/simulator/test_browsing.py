"""What touchpoints of the simulated bank see of people who are not logged in, and what truth says of them."""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq
import pytest

from tests.unit.simulator.conftest import LAST_DAY, Reader
from zhike.simulator import BankPlan, continue_with_contacts, simulate

pytestmark = pytest.mark.requirement("L3")
SILENT = "USER_NO is null and EVT_CD <> 'alias' and EVT_ID not like 'X%'"


@pytest.fixture(scope="module")
def touched(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A bank in which people look around for two days more after its first delivery."""
    folder = tmp_path_factory.mktemp("browsing") / "bank"
    simulate(BankPlan(2_500, 90, 21, LAST_DAY), folder)
    continue_with_contacts(folder, [], date(2025, 7, 2))
    return Reader(folder)


def truth(bank: Reader) -> str:
    return f"(from read_parquet('{bank.folder}/truth/anonymous_event*.parquet'))"


def test_truth_names_who_did_each_event_without_a_user_and_no_other_event(touched: Reader) -> None:
    delivered = {r[0] for r in touched.rows(f"select EVT_ID from {{MBS_EVT}} where {SILENT}")}
    told = [r[0] for r in touched.rows(f"select event_id from {truth(touched)}")]
    assert len(told) == len(set(told)) > 1_000
    assert set(told) == delivered
    later = pq.read_table(touched.folder / "truth" / "anonymous_event-20250702.parquet")
    assert 0 < later.num_rows < 200


def test_nobody_is_named_in_an_event_without_a_user_and_only_one_source_knows_devices(touched: Reader) -> None:
    assert touched.one(f"select count(*) from {{MBS_EVT}} where {SILENT} and ANON_ID is null") == 0
    assert (
        touched.one("select count(*) from {MBS_EVT} where EVT_CD = 'identify' and (USER_NO is null or ANON_ID is null)")
        == 0
    )
    for code in ("CORE_EVT", "CARD_EVT", "SCRM_EVT", "CCS_EVT"):
        assert touched.one(f"select count(*) from {{{code}}} where USER_NO is null") == 0
        assert "ANON_ID" not in {r[0] for r in touched.rows(f"describe select * from {{{code}}}")}


def test_some_share_a_device_some_renew_theirs_some_never_log_in(touched: Reader) -> None:
    shared = "select ANON_ID from {MBS_EVT} where USER_NO is not null and ANON_ID like 't%' group by 1 having count(distinct USER_NO) = 2"
    assert len(touched.rows(shared)) > 5
    alone = "select count(*) from (select ANON_ID from {MBS_EVT} where USER_NO is not null and ANON_ID like 'a%' group by 1 having count(distinct USER_NO) > 1)"
    assert touched.one(alone) == 0
    renewed = "{MBS_EVT} where EVT_CD = 'alias' and PREV_ID is not null and ANON_ID <> PREV_ID"
    assert touched.one(f"select count(*) from {renewed}") > 50  # type: ignore[operator]
    assert touched.one(f"select count(*) from {renewed} and substr(ANON_ID, 1, 10) <> substr(PREV_ID, 1, 10)") == 0
    never = f"""select count(*) from {truth(touched)} where true_party not in (select true_party from {{truth/party}} where source = 'mobile')"""
    assert touched.one(never) > 100  # type: ignore[operator]


def test_a_session_of_a_login_is_one_persons_and_a_visit_without_login_is_none_of_them(touched: Reader) -> None:
    logins = "{MBS_EVT} where SESS_ID is not null and USER_NO is not null"
    assert touched.one(f"select max(n) from (select count(distinct USER_NO) as n from {logins} group by SESS_ID)") == 1
    beside = f"select count(*) from {{MBS_EVT}} where {SILENT} and SESS_ID in (select SESS_ID from {logins})"
    assert 0 < touched.one(beside) < touched.one(f"select count(*) from {{MBS_EVT}} where {SILENT}")  # type: ignore[operator]
