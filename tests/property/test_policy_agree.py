"""Gates mean the same for a batch and for one customer; consent too; and no way around a hard gate."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from tests.unit.policy.world import AT, PLAIN, TODAY, facts, policy, request
from zhike.kernel.terms import Channel, ProductRisk, Purpose
from zhike.policy import Permit, ProductLine
from zhike.policy import tables as policy_tables
from zhike.policy.batch import NOBODY, PASSES, GateTables, combinations_of, fields_of, gate_subjects, refusal_columns
from zhike.policy.consent import consent_column, consent_columns, consent_state
from zhike.policy.contactability import CHANNELS, TOPICS
from zhike.policy.gates import first_place
from zhike.policy.terms import ConsentEntry, ConsentState, Subject
from zhike.profile.tables import PROFILE
from zhike.warehouse import open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import catalog

SLOW = settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CONTRACTS = contract_by_name((*policy_tables.OWNS, PROFILE))
COMBINATIONS = combinations_of(CHANNELS, TOPICS)
FLAGS = [f"has_{f}" for f in policy_tables.FLAGS]

days = st.one_of(st.none(), st.dates(TODAY - dt.timedelta(days=400), TODAY + dt.timedelta(days=40)))
past = st.one_of(st.none(), st.dates(TODAY - dt.timedelta(days=90), TODAY))
rows = st.fixed_dictionaries(
    {
        "party_kind": st.sampled_from(["person", "sole_trader", "company"]),
        "age": st.one_of(st.none(), st.integers(0, 99)),
        "deceased_on": st.one_of(st.none(), st.none(), past),
        "id_expires_on": days,
        "is_staff": st.sampled_from([None, False, False, True]),
        "is_student": st.sampled_from([None, False, True]),
        "district": st.sampled_from([None, "379901", "379999"]),
        "arrears_days": st.one_of(st.none(), st.integers(0, 2)),
        "arrears_days_24m": st.one_of(st.none(), st.integers(28, 32)),
        "five_class_worst": st.sampled_from([None, "normal", "doubtful"]),
        "whitelist_issued_on": past,
        "risk_grade": st.sampled_from([None, "C1", "C3", "C5"]),
        "risk_assessed_on": days,
        "risk_expires_on": days,
        "contacts_marketing_60d": st.one_of(st.none(), st.integers(3, 6)),
        "positive_answers_60d": st.one_of(st.none(), st.integers(0, 1)),
        "last_marketing_on": past,
        "last_negative_answer_on": past,
        "complaint_closed_on": past,
        **{f: st.sampled_from([False] * 9 + [True]) for f in FLAGS},
    }
)
_numbers = count()
entries = st.builds(
    lambda person, channel, purpose, state, on, hour: ConsentEntry(
        f"e{next(_numbers)}", person, channel, purpose, state, on,
        None if hour is None else dt.datetime(on.year, on.month, on.day, hour, tzinfo=dt.UTC),
    ),
    st.sampled_from(["c0", "c1", "c2", "c3"]),
    st.sampled_from(["*", "sms", "rm"]),
    st.sampled_from([Purpose.MARKETING, Purpose.PROFILING]),
    st.sampled_from([ConsentState.GRANTED, ConsentState.WITHDRAWN]),
    st.dates(TODAY - dt.timedelta(days=2), TODAY),
    st.one_of(st.none(), st.integers(0, 3)),
)  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def _ledger_rows(ledger: list[ConsentEntry]) -> list[dict]:
    return [
        {
            "entry_id": e.entry_id, "customer_id": e.recipient_id, "channel": e.channel, "purpose": e.purpose.value, "state": e.state.value,
            "on": e.on, "at": e.at and e.at.replace(tzinfo=None), "origin": "zhike",
        }
        for e in ledger
    ]  # fmt: skip


def _tables(engine, people: list[dict], recipients: list[str | None], ledger: list[ConsentEntry]) -> GateTables:
    profile, control = [], []
    for i, person in enumerate(people):
        told = {k: v for k, v in person.items() if k in PROFILE.column_names}
        profile.append({**told, "customer_id": f"c{i}", "customer_no": i + 1})
        held = {f: person[f] for f in FLAGS}
        control.append(
            {
                **held,
                "customer_id": f"c{i}",
                "recipient_id": recipients[i],
                "complaint_closed_on": person["complaint_closed_on"],
            }
        )
    found = catalog(
        engine, {"profile": profile, "customer_control": control, "consent": _ledger_rows(ledger)}, CONTRACTS
    )
    return GateTables(found["profile"], found["customer_control"], found["consent"])


def _one(person, recipient, recipient_id, ledger, combination) -> int:
    if recipient is None:
        return NOBODY
    told = {
        "channel": combination.channel.value,
        "purpose": combination.purpose.value,
        "product_line": combination.product_line.value,
        **{
            name: consent_state(ledger, recipient_id=recipient_id, channel=combination.channel, purpose=purpose).value
            for name, purpose in (
                ("consent_state", combination.purpose),
                ("profiling_consent_state", Purpose.PROFILING),
            )
        },
    }
    fields = {Subject.CUSTOMER: {**person, **told}, Subject.RECIPIENT: {**recipient, **told}}
    gates = policy().on(TODAY).gates
    place = first_place([g for g in gates if not g.needs_offer], fields, combination, as_of=TODAY)
    kept = [i for i, g in enumerate(gates) if not g.needs_offer]
    return PASSES if place is None else kept[place]


@pytest.mark.requirement("F2")
@given(people=st.lists(rows, min_size=4, max_size=4), ledger=st.lists(entries, max_size=12), data=st.data())
@SLOW
def test_batch_and_single_form_of_every_gate_give_the_same_first_refusal(engine, people, ledger, data):
    ids = [f"c{i}" for i in range(len(people))]
    recipients = [
        data.draw(st.sampled_from([*ids, None])) if p["party_kind"] == "company" else ids[i]
        for i, p in enumerate(people)
    ]
    tables = _tables(engine, people, recipients, ledger)
    gates = policy().on(TODAY).gates
    subjects = gate_subjects(tables, fields_of([g for g in gates if not g.needs_offer]), COMBINATIONS, as_of=TODAY)
    found = {
        r["customer_id"]: r
        for r in engine.fetch(refusal_columns(subjects, gates, COMBINATIONS, as_of=TODAY)).to_pylist()
    }
    for i, person in enumerate(people):
        recipient_id = recipients[i]
        recipient = None if recipient_id is None else people[int(recipient_id[1:])]
        for combination in COMBINATIONS:
            expected = _one(person, recipient, recipient_id, ledger, combination)
            assert found[f"c{i}"][combination.column] == expected, (combination, person)


@pytest.mark.requirement("K1")
@given(ledger=st.lists(entries, min_size=1, max_size=25))
@SLOW
def test_the_ledger_reads_the_same_in_a_batch_and_for_one_recipient(engine, ledger):
    pairs = [
        (c, p) for c in (Channel.SMS, Channel.RM, Channel.APP_PUSH) for p in (Purpose.MARKETING, Purpose.PROFILING)
    ]
    table = catalog(engine, {"consent": _ledger_rows(ledger)}, CONTRACTS)["consent"]
    found = {r["recipient_id"]: r for r in engine.fetch(consent_columns(table, pairs, as_of=TODAY)).to_pylist()}
    for person in {e.recipient_id for e in ledger}:
        for channel, purpose in pairs:
            expected = consent_state(ledger, recipient_id=person, channel=channel, purpose=purpose)
            assert (found[person][consent_column(channel, purpose)] or "unknown") == expected


@given(ledger=st.lists(entries, min_size=1, max_size=12), order=st.randoms())
def test_consent_does_not_depend_on_the_order_in_which_entries_are_read(ledger, order):
    shuffled = list(ledger)
    order.shuffle(shuffled)
    for channel in (Channel.SMS, Channel.RM):
        states = {
            consent_state(e, recipient_id="c0", channel=channel, purpose=Purpose.MARKETING) for e in (ledger, shuffled)
        }
        assert len(states) == 1


@given(ledger=st.lists(entries, max_size=12))
def test_after_a_withdrawal_today_nothing_before_it_grants(ledger):
    gone = ConsentEntry("gone", "c0", "*", Purpose.MARKETING, ConsentState.WITHDRAWN, TODAY)
    state = consent_state([*ledger, gone], recipient_id="c0", channel=Channel.SMS, purpose=Purpose.MARKETING)
    assert state is ConsentState.WITHDRAWN


@pytest.mark.requirement("F2")
@given(
    row=rows,
    ledger=st.lists(entries, max_size=6),
    line=st.sampled_from(["deposit", "investment", "loan"]),
    grade=st.sampled_from(list(ProductRisk)),
)
@settings(max_examples=examples(300), deadline=None)
def test_no_permit_goes_to_somebody_whom_a_hard_fact_excludes(row, ledger, line, grade):
    text = {"deposit": "利率以挂牌为准", "investment": "理财非存款，产品有风险", "loan": "年化利率3.6%起"}[line]
    asked = request(
        recipient_id="c0", customer_id="c0", channel=Channel.APP_PUSH, product_line=ProductLine(line), product_grade=grade, content_texts=(text,)
    )  # fmt: skip
    told = facts(consent=tuple(ledger), **{**PLAIN, **row})
    answer = policy().decide(asked, told, AT)
    if not isinstance(answer, Permit):
        assert answer.reason.zh
        return
    assert (
        consent_state(ledger, recipient_id="c0", channel=Channel.APP_PUSH, purpose=Purpose.MARKETING)
        is ConsentState.GRANTED
    )
    assert row["age"] >= 18
    assert row["deceased_on"] is None
    flagged = {f for f in FLAGS if row[f]} - {"has_complaint_closed", "has_related_party", "has_credit_watch"}
    assert not flagged
    if line == "investment":
        assert int(grade[1]) <= int(row["risk_grade"][1])
        assert (TODAY - row["risk_assessed_on"]).days < 365
    if line == "loan":
        assert row["district"] != "379999"
        assert not row["is_student"]
    assert reduce(lambda a, b: a and b, [bool(r) for r in answer.rules])
