"""The funnel over a table and for one customer decide alike; assignment and arbitration keep what they promise."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.unit.decision.world import AS_OF, bank, definitions, run_campaign
from zhike.decision import explain
from zhike.decision.arbitration import priority, rounded, weight_factor
from zhike.decision.assignment import arm_of, share_column
from zhike.decision.definitions import Switches
from zhike.decision.terms import Arm
from zhike.kernel.hashing import assignment_share
from zhike.warehouse import open_engine

SLOW = settings(
    max_examples=examples(5), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
cents = st.integers(0, 60_000_000).map(lambda n: Decimal(n) / 100)
people = st.fixed_dictionaries(
    {
        "party_kind": st.sampled_from(["person", "person", "sole_trader", "company"]),
        "age": st.one_of(st.none(), st.integers(16, 90)),
        "maturing_30d_amount": st.one_of(st.none(), cents),
        "maturing_30d_auto_renews": st.sampled_from([None, False, False, True]),
        "maturing_30d_product_class": st.sampled_from([None, "term", "fixed_income"]),
        "has_wecom": st.sampled_from([None, False, True]),
        "has_mobile_bank": st.sampled_from([None, False, True]),
        "digital_share_rate": st.one_of(st.none(), st.floats(0, 1).map(lambda x: round(x, 6))),
        "risk_grade": st.sampled_from([None, "C1", "C2", "C5"]),
        "risk_assessed_on": st.sampled_from([None, dt.date(2025, 3, 1), dt.date(2024, 3, 1)]),
        "wealth_amount": st.one_of(st.none(), cents),
        "n_wealth_page_30d": st.one_of(st.none(), st.integers(0, 4)),
        "last_negative_answer_on": st.sampled_from([None, None, None, AS_OF]),
        "_consent": st.sampled_from([None, "granted", "granted", "granted", "withdrawn"]),
        "_score": st.one_of(st.none(), st.floats(0, 1).map(lambda x: round(x, 6))),
        "_bucket": st.sampled_from(["A", "B", "C"]),
    }
)


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def _with_recipients(drawn: list[dict], data) -> list[dict]:
    ids = [f"c{i}" for i in range(1, len(drawn) + 1)]
    persons = [i for i, p in zip(ids, drawn, strict=True) if p["party_kind"] != "company"]
    told = []
    for person in drawn:
        control = {}
        if person["party_kind"] == "company":
            control = {"recipient_id": data.draw(st.sampled_from([*persons, None]))}
        told.append({**person, "_control": control})
    return told


@pytest.mark.slow
@pytest.mark.requirement("F3")
@given(drawn=st.lists(people, min_size=10, max_size=30), data=st.data())
@SLOW
def test_batch_and_one_customer_decide_alike_and_explain_reproduces_all(engine, drawn, data):
    made = [
        {
            "contact_id": f"k{i}", "customer_id": f"c{i}", "recipient_id": f"c{i}", "campaign": "another", "channel": channel, "on": AS_OF,
            "planned_at": dt.datetime(2025, 6, 29, 2), "state": "sent",
        }
        for i, channel in enumerate(data.draw(st.lists(st.sampled_from(["rm", "app_push", "sms"]), max_size=8)), start=1)
    ]  # fmt: skip
    out = run_campaign(engine, bank(*_with_recipients(drawn, data), contact=made), told=definitions())
    book = out["decision_book"][0]["body"]
    assert len(out["decision_log"]) == len(drawn)
    for row in out["decision_log"]:
        found = explain(row, book)
        assert found.is_reproduced, (row["customer_id"], found.differences)
    assert len(out["candidate"]) == 4 * len(drawn)
    final = [r for r in out["candidate"] if r["is_final"]]
    assert len({r["customer_id"] for r in final}) == len(final)
    treated = {r["customer_id"] for r in out["assignment"] if r["arm"] == "treatment"}
    assert {r["customer_id"] for r in out["next_action"]} == treated & {r["customer_id"] for r in final}


keys = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=24)


@given(
    experiment=keys,
    units=st.lists(keys, min_size=1, max_size=40, unique=True),
)
@settings(max_examples=examples(40), deadline=None)
def test_the_share_is_the_same_number_in_a_table_and_for_one_customer(engine, experiment, units):
    table = ibis.memtable({"unit": units}, schema={"unit": "string"})
    found = engine.fetch(table.select("unit", share=share_column(experiment, table.unit))).to_pylist()
    assert {r["unit"]: r["share"] for r in found} == {u: assignment_share(experiment, u) for u in units}


@given(unit=st.text(max_size=20), rate=st.floats(0, 0.99))
def test_the_arm_follows_the_share_and_a_larger_rate_only_adds_to_control(unit, rate):
    if arm_of("e", unit, holdout_rate=rate) is Arm.CONTROL:
        assert arm_of("e", unit, holdout_rate=min(0.999, rate + 0.1)) is Arm.CONTROL


def test_shares_are_uniform_and_independent_between_experiments():
    n = 20_000
    shares = {e: [assignment_share(e, f"c{i}") for i in range(n)] for e in ("a", "b")}
    for values in shares.values():
        assert abs(sum(values) / n - 0.5) < 5 / math.sqrt(12 * n)
    both = sum(a < 0.2 and b < 0.2 for a, b in zip(shares["a"], shares["b"], strict=True)) / n
    assert abs(both - 0.04) < 5 * math.sqrt(0.04 * 0.96 / n)


@given(weights=st.lists(st.floats(-50, 200), max_size=6))
def test_weights_are_added_and_a_total_of_55_gives_1_55(weights):
    assert weight_factor(weights) == pytest.approx(max(0.0, 1 + sum(weights) / 100), abs=1e-6)
    assert weight_factor([20, 30, 5]) == 1.55


@given(p=st.floats(0, 1), c=st.floats(0, 3), v=st.floats(0, 1e7), w=st.floats(0, 3), on=st.tuples(*[st.booleans()] * 4))
def test_a_factor_that_is_switched_off_counts_as_one(p, c, v, w, on):
    switches = Switches(propensity=on[0], context=on[1], value=on[2], levers=on[3])
    expected = math.prod(f for f, is_on in zip((p, c, v, w), on, strict=True) if is_on)
    assert priority(p, c, v, w, switches=switches) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(value=st.floats(-1e6, 1e6))
def test_rounding_is_symmetric_and_within_half_a_step(value):
    assert rounded(-value) == -rounded(value)
    assert abs(rounded(value) - value) <= 0.5000001e-6
