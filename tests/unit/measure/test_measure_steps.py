from datetime import date, datetime
from decimal import Decimal

import pytest
from measure_bank import AS_OF, ASSIGNED_ON, CLASSES, CONTRACTS, OUTSIDE, assigned, receipt, sent, world

from zhike.kernel.errors import NotFound
from zhike.kernel.terms import Text
from zhike.measure import ExperimentPlan, standard_metrics, steps
from zhike.warehouse import open_engine
from zhike.warehouse.testing import run_step

pytestmark = pytest.mark.slow  # whole steps on a real engine, some twenty seconds together

METRICS = standard_metrics(aum_classes=CLASSES, external_counterparties=OUTSIDE)
PLAN = ExperimentPlan(
    "deposit_maturity", "deposit_maturity", (("maturity_kept", 7),), contact_cost_amounts={"call_centre": Decimal("3.00")},
    unit_value_amount=Decimal("0.005"), unit_value_basis=Text("每元半分", "half a cent per yuan"),
)  # fmt: skip
IN_WINDOW = date(2025, 6, 5)


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1, memory="1GB")
    yield opened
    opened.close()


def measure(engine, tables, *, plan=PLAN, as_of=AS_OF, previous=None):
    (step,) = steps([plan], METRICS)
    known = {t: tables.get(t, []) for t in {r.table for r in step.reads if not r.lag}}
    before = {"exposure": {plan.experiment: previous}} if previous is not None else {}
    written = run_step(step, engine, known, as_of=as_of, contracts=CONTRACTS, previous=before)
    return {table: rows.to_pylist() for (table, _), rows in written.items()}


def one(rows, **wanted):
    (row,) = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    return row


def six_customers():
    """Treated keep 900 of 1,000 and all of 500 and 250 of 500; control keep 0 of 1,000 and 400 of 500."""
    tables = world({
        "t1": [(1000, IN_WINDOW, 900, None)],
        "t2": [(500, IN_WINDOW, 500, None)],
        "t3": [(500, IN_WINDOW, 250, None)],
        "c1": [(1000, IN_WINDOW, 0, None)],
        "c2": [(500, IN_WINDOW, 400, None)],
        "t4": [(800, date(2025, 6, 20), 0, None)],
    })  # fmt: skip
    tables["assignment"] = [assigned(c, "treatment") for c in ("t1", "t2", "t3", "t4")] + [
        assigned(c, "control") for c in ("c1", "c2")
    ]
    tables["contact"] = [sent("k1", "t1"), sent("k2", "t1", on=date(2025, 6, 4)), sent("k3", "t2", channel="call_centre", cost_amount=None, state="sent")]  # fmt: skip
    tables["receipt"] = [receipt("k1", "clicked"), receipt("k3", "declined"), receipt("k3", "answered")]
    return tables


@pytest.fixture(scope="module")
def six(engine):
    """The measured six customers, for reading."""
    return measure(engine, six_customers())


@pytest.mark.requirement("J1")
@pytest.mark.requirement("C7")
def test_the_kept_rate_of_money_is_counted_by_hand(six):
    values = {r["customer_id"]: (r["value"], r["weight"]) for r in six["outcome"]}
    assert values == {"t1": (900, 1000), "t2": (500, 500), "t3": (250, 500), "c1": (0, 1000), "c2": (400, 500)}
    effect = one(six["effect"], metric="maturity_kept")
    assert effect["treated_level"] == pytest.approx(1650 / 2000)
    assert effect["control_level"] == pytest.approx(400 / 1500, abs=1e-6)
    assert effect["effect"] == pytest.approx(1650 / 2000 - 400 / 1500, abs=1e-6)
    assert effect["design"] == "randomised"
    assert effect["effect_low"] < effect["effect"] < effect["effect_high"]
    assert "few_units" in effect["warnings"]
    assert (effect["n_treated"], effect["n_control"]) == (3, 2)


def test_sums_per_arm_are_kept_so_that_branches_add_up(six):
    arm = one(six["effect_arm"], arm="treatment")
    assert (arm["n_assigned"], arm["n_waiting"], arm["n"], arm["y"], arm["x"]) == (4, 0, 3, 1650, 2000)
    assert (arm["yy"], arm["xx"], arm["xy"]) == (900**2 + 500**2 + 250**2, 1000**2 + 2 * 500**2, 900_000 + 250_000 + 125_000)  # fmt: skip


def test_everyone_assigned_is_measured_also_who_was_never_reached(six):
    assert one(six["exposure"], customer_id="t3")["n_contacts"] == 0
    assert "t3" in {r["customer_id"] for r in six["outcome"]}


def test_exposure_tells_contacts_answers_and_costs(six):
    exposure = six["exposure"]
    first = one(exposure, customer_id="t1")
    assert (first["n_contacts"], first["first_channel"], first["contact_cost_amount"]) == (2, "sms", Decimal("0.10"))
    assert (first["is_delivered"], first["is_answered"], first["is_positive"]) == (True, True, True)
    refused = one(exposure, customer_id="t2")
    assert refused["contact_cost_amount"] == Decimal("3.00")
    assert (refused["is_answered"], refused["is_positive"]) == (True, False)


def test_refused_planned_failed_and_foreign_contacts_are_no_exposure(engine):
    tables = six_customers()
    tables["contact"] = [
        sent("a", "t1", state="refused", sent_at=None), sent("b", "t1", state="planned", sent_at=None), sent("c", "t1", state="failed"),
        sent("d", "t1", campaign="other"), sent("e", "t1", on=date(2025, 5, 30)), sent("f", "t1", on=date(2025, 6, 16)),
    ]  # fmt: skip
    assert one(measure(engine, tables)["exposure"], customer_id="t1")["n_contacts"] == 0


def test_a_contact_in_doubt_counts_as_sent(engine):
    tables = six_customers()
    tables["contact"] = [sent("a", "t1", state="unknown")]
    row = one(measure(engine, tables)["exposure"], customer_id="t1")
    assert (row["n_contacts"], row["is_delivered"]) == (1, False)


def test_a_contract_broken_in_the_window_counts_from_the_day_it_was_broken(engine):
    tables = world({"t1": [(1000, date(2025, 8, 1), 0, date(2025, 6, 4))], "c1": [(1000, IN_WINDOW, 1000, None)]})
    tables["assignment"] = [assigned("t1", "treatment"), assigned("c1", "control")]
    assert {r["customer_id"]: r["value"] for r in measure(engine, tables)["outcome"]} == {"t1": 0, "c1": 1000}


def test_a_contract_begun_after_the_assignment_or_ended_before_is_not_counted(engine):
    tables = world({"t1": [(1000, IN_WINDOW, 0, None)], "t2": [(1000, date(2025, 7, 5), 0, date(2025, 5, 20))]})
    tables["term_contract"][0]["started_on"] = date(2025, 6, 2)
    tables["assignment"] = [assigned("t1", "treatment"), assigned("t2", "treatment")]
    assert measure(engine, tables)["outcome"] == []


def test_a_joint_account_counts_each_owners_share(engine):
    tables = world({"t1": [(1000, IN_WINDOW, 0, None)], "c1": []})
    tables["customer_account"] = [
        r | {"share_rate": 0.5, "customer_id": c} for r in tables["customer_account"][:2] for c in ("t1", "c1")
    ]
    tables["assignment"] = [assigned("t1", "treatment"), assigned("c1", "control")]
    assert {r["customer_id"]: r["weight"] for r in measure(engine, tables)["outcome"]} == {"t1": 500, "c1": 500}


def test_before_the_window_is_over_nobody_is_measured_and_the_reason_is_told(engine):
    found = measure(engine, six_customers(), as_of=date(2025, 6, 14))
    effect = one(found["effect"], metric="maturity_kept")
    assert found["outcome"] == []
    assert effect["effect"] is None
    assert effect["reason"] == "statistics.no_denominator"
    assert "partly_waiting" in effect["warnings"]
    assert one(found["roi"])["reason"] == "statistics.no_denominator"


def test_assignment_is_remembered_when_a_customer_has_left_the_pool(engine):
    first = measure(engine, six_customers(), as_of=ASSIGNED_ON)
    later = six_customers()
    later["assignment"] = [assigned("t1", "treatment", on=date(2025, 6, 10))]
    found = measure(engine, later, previous=first["exposure"])
    assert {r["customer_id"] for r in found["exposure"]} == {"t1", "t2", "t3", "t4", "c1", "c2"}
    assert one(found["exposure"], customer_id="t1")["assigned_on"] == ASSIGNED_ON
    assert len(found["outcome"]) == 5


def test_a_contacted_control_is_told_as_a_warning(engine):
    tables = six_customers()
    tables["contact"].append(sent("k9", "c1"))
    assert "control_contacted" in one(measure(engine, tables)["effect"])["warnings"]


@pytest.mark.requirement("J1")
def test_a_broken_division_is_told_as_a_sample_ratio_mismatch(engine):
    names = [f"n{i}" for i in range(60)]
    tables = world({n: [] for n in names})
    tables["assignment"] = [assigned(n, "control" if i % 2 else "treatment") for i, n in enumerate(names)]
    effect = one(measure(engine, tables)["effect"])
    assert effect["sample_ratio_p"] < 0.001
    assert "sample_ratio_mismatch" in effect["warnings"]


@pytest.mark.requirement("J2")
def test_worth_is_the_effect_times_the_treated_money_less_the_cost_of_contacts(six):
    roi, effect = one(six["roi"]), one(six["effect"])
    assert roi["incremental"] == pytest.approx(effect["effect"] * 2000, abs=0.01)
    assert roi["incremental_low"] == pytest.approx(effect["effect_low"] * 2000, abs=0.01)
    assert roi["cost_amount"] == Decimal("3.10")
    assert roi["n_contacts"] == 3
    assert roi["revenue_amount"] == Decimal("5.58")
    assert roi["profit_amount"] == roi["revenue_amount"] - Decimal("3.10")
    assert roi["roi_rate"] == pytest.approx(float(roi["profit_amount"]) / 3.10, abs=1e-4)


def test_a_contact_without_a_known_cost_leaves_the_profit_absent(engine):
    tables = six_customers()
    tables["contact"].append(sent("k9", "t3", channel="rm", cost_amount=None))
    roi = one(measure(engine, tables)["roi"])
    assert roi["cost_amount"] is None
    assert roi["profit_amount"] is None
    assert roi["reason"] == "cost_unknown"


def test_the_worth_of_a_kept_yuan_comes_from_transfer_prices(engine):
    tables = six_customers() | {
        "ftp_rate": [{"product_class": "term", "annual_rate": 0.03, "valid_from_on": date(2025, 1, 1)}],
    }
    plan = ExperimentPlan("deposit_maturity", "deposit_maturity", (("maturity_kept", 7),), margin_days=365)
    tables["term_contract"][5]["ended_on"] = None
    roi = one(measure(engine, tables, plan=plan)["roi"])
    assert roi["unit_value_amount"] == pytest.approx(0.01)
    assert "365" in roi["basis_zh"]
    missing = one(measure(engine, six_customers(), plan=plan)["roi"])
    assert missing["reason"] == "measure.unit_value_unknown"


def test_the_funnel_counts_customers_not_messages_and_shows_who_keeps_anyway(six):
    funnel = six["campaign_funnel"]
    counts = {(r["arm"], r["stage"]): r["n_customers"] for r in funnel if r["channel"] == "*"}
    assert [counts["treatment", s] for s in ("assigned", "contacted", "delivered", "answered", "positive", "converted")] == [4, 2, 2, 2, 1, 3]  # fmt: skip
    assert counts["control", "converted"] == 1
    by_channel = {(r["channel"], r["stage"]): r["n_customers"] for r in funnel if r["channel"] != "*"}
    assert by_channel["sms", "contacted"] == by_channel["call_centre", "contacted"] == 1


def loan(customer, on):
    return {"loan_id": f"L{customer}{on}", "account_id": f"{customer}-D", "product_class": "consumer_loan", "principal_amount": 1000, "drawn_on": on, "recorded_at": datetime(on.year, on.month, on.day)}  # fmt: skip


@pytest.mark.requirement("J2")
def test_a_first_loan_counts_once_and_only_for_those_who_had_none(engine):
    tables = world({c: [] for c in ("t1", "t2", "t3", "t4")})
    tables["assignment"] = [assigned(c, "treatment", experiment="loan_offer") for c in ("t1", "t2", "t3", "t4")]
    tables["loan"] = [loan("t1", date(2025, 6, 3)), loan("t2", date(2025, 2, 1)), loan("t2", date(2025, 6, 3)), loan("t3", date(2025, 6, 12))]  # fmt: skip
    plan = ExperimentPlan("loan_offer", "loan_offer", (("loan_taken", 10),))
    found = measure(engine, tables, plan=plan)
    assert {r["customer_id"]: r["value"] for r in found["outcome"]} == {"t1": 1, "t3": 0, "t4": 0}
    effect = one(found["effect"])
    assert (effect["design"], effect["effect"], effect["reason"]) == ("level_only", None, "no_control")
    assert effect["treated_level"] == pytest.approx(1 / 3, abs=1e-6)
    assert "no_control" in effect["warnings"]


def move(name, on, direction, amount, kind):
    return {"txn_id": name, "account_id": "t1-D", "on": on, "direction": direction, "amount": amount, "txn_kind": "transfer_in", "counterparty_kind": kind, "recorded_at": datetime(on.year, on.month, on.day)}  # fmt: skip


@pytest.mark.requirement("J2")
def test_before_against_after_is_labelled_weaker_and_moves_within_the_bank_count_zero(engine):
    tables = world({"t1": [], "t2": [], "t3": []})
    tables["assignment"] = [assigned(c, "treatment", experiment="inflow") for c in ("t1", "t2", "t3")]
    tables["transaction"] = [
        move("a", date(2025, 6, 3), "in", 900, "other_bank_self"), move("b", date(2025, 6, 4), "out", 100, "cash"),
        move("c", date(2025, 6, 5), "in", 5000, "own_bank_self"), move("d", date(2025, 5, 30), "in", 200, "other_bank_other"),
        move("e", date(2025, 6, 20), "in", 7777, "cash"),
    ]  # fmt: skip
    plan = ExperimentPlan("inflow", "inflow", (("external_net_inflow", 10),))
    found = measure(engine, tables, plan=plan)
    after = {r["customer_id"]: r["value"] for r in found["outcome"] if r["metric"] == "external_net_inflow"}
    assert after == {"t1": 800, "t2": 0, "t3": 0}
    effect = one(found["effect"])
    assert (effect["design"], effect["method"]) == ("pre_post", "paired_t")
    assert effect["effect"] == pytest.approx((800 - 200) / 3, abs=1e-5)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(NotFound) as caught:
        steps([ExperimentPlan("x", "x", (("maturity_keep", 7),))], METRICS)
    assert "maturity_kept" in caught.value.todo_en


def test_an_experiment_without_anyone_publishes_empty_tables_and_a_reason(engine):
    found = measure(engine, world({"t1": []}))
    assert found["exposure"] == found["outcome"] == found["effect_arm"] == []
    assert one(found["effect"])["reason"] == "no_control"
