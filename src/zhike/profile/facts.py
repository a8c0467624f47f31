"""Fact tables as features see them: each with ``customer_no``, as known on the day, and a few columns that words need.

A new fact table is one function and one line in ``FACTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from zhike.identity.anonymous import EVENT_READS, attributed_events, event_links
from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput
from zhike.profile.money import cents, from_cents, holders, owed_by_account
from zhike.profile.observation import STATES, Observation
from zhike.profile.plan import NO, YES

SAME_NAME = ("other_bank_self", "broker_self", "wallet_self")
FOLLOWS_WITHIN_DAYS = 7
FIVE_CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")


@dataclass(frozen=True, slots=True)
class FactTable:
    """A fact table of features: how to read it, its date column, the column that breaks ties, the tables it reads.

    ``is_clipped``: its view holds no row dated after the day, so that a window up to the day needs no upper end.
    ``states``: columns that say how things stood when they were delivered; features of them are missing for earlier days.
    """

    view: Callable[[Observation], ir.Table]
    dated_by: str
    tie: str
    reads: tuple[str, ...]
    is_clipped: bool = True
    states: tuple[str, ...] = ()


def by_account(rows: ir.Table, observation: Observation) -> ir.Table:
    """Return rows with ``account_id`` once per owner: what happens on an account is done by its owners."""
    own = holders(observation).drop("share_rate")
    return rows.inner_join(own, "account_id")


def by_source_key(
    rows: ir.Table, observation: Observation, *, key: str = "source_key", links: ir.Table | None = None
) -> ir.Table:
    """Return rows with a source's own key, with the customer that it is (``links``: ``identity_link``); rows of nobody known are left out."""
    links = observation.tables["identity_link"] if links is None else links
    links = links.select(link_source="source", link_key="source_key", customer_no="customer_no")
    return rows.inner_join(links, [rows.source == links.link_source, rows[key] == links.link_key])


def with_hour(rows: ir.Table, observation: Observation) -> ir.Table:
    """Return rows with ``hour``, 0 to 23: that of ``at`` on the clocks of the business, as they stand on the day."""
    offset = ibis.interval(seconds=int(observation.zone_offset.total_seconds()))
    return rows.mutate(hour=(rows.at + offset).hour().cast("int64"))


def _transaction(observation: Observation) -> ir.Table:
    rows = observation.known("transaction", dated_by="on")
    rows = rows.mutate(is_initiated=rows.is_initiated.fill_null(YES), weekday=rows.on.day_of_week.index().cast("int64"))
    return by_account(with_hour(rows, observation), observation)


def _event(observation: Observation) -> ir.Table:
    tables, known_by = observation.tables, observation.known_at
    events = attributed_events(observation.known("event", dated_by="on"), tables["event_party"], known_by=known_by)
    events = with_hour(events, observation)
    links = event_links(tables["identity_link"], tables["party_alias"], known_by=known_by)
    return by_source_key(events, observation, links=links)


def _payroll_item(observation: Observation) -> ir.Table:
    return by_account(observation.known("payroll_item", dated_by="on"), observation)


def _account(observation: Observation) -> ir.Table:
    return by_account(observation.known("account", dated_by="opened_on"), observation)


def _term_rows(observation: Observation) -> ir.Table:
    rows = observation.known("term_contract", dated_by="started_on")
    products = observation.tables["product"].select(p_id="product_id", product_class="product_class")
    return by_account(rows.left_join(products, rows.product_id == products.p_id).drop("p_id"), observation)


def _term_contract(observation: Observation) -> ir.Table:
    rows = observation.once("term_rows", _term_rows)
    products = observation.tables["product"].select(p_id="product_id", product_class="product_class")
    posted = observation.tables["rate_history"]
    offers = posted.inner_join(products, posted.product_id == products.p_id)
    starts = rows.select("started_on", "product_class").distinct()
    in_force = (
        (offers.product_class == starts.product_class)
        & (offers.valid_from_on <= starts.started_on)
        & (offers.valid_to_on.isnull() | (offers.valid_to_on >= starts.started_on))
    )
    best = (
        starts.inner_join(offers, in_force)
        .group_by(b_on=starts.started_on, b_class=starts.product_class)
        .aggregate(best_rate=offers.annual_rate.max(), n_offers=offers.annual_rate.nunique())
    )
    joined = rows.left_join(best, [rows.started_on == best.b_on, rows.product_class == best.b_class])
    joined = _what_followed(joined.drop("b_on", "b_class"), rows, observation)
    is_top = (joined.n_offers > 1) & (joined.annual_rate >= joined.best_rate)
    return joined.mutate(is_top_rate=is_top.fill_null(NO))


def _what_followed(contracts: ir.Table, known: ir.Table, observation: Observation) -> ir.Table:
    """Add to ``contracts`` (of those ``known``) what followed the end of a contract within days: another own contract, and own money that left the bank.

    Each owner of a joint contract is judged by what that owner did.
    """
    ended = known.filter(known.ended_on.notnull()).select("contract_id", "customer_no", "ended_on")
    until = (ended.ended_on + ibis.interval(days=FOLLOWS_WITHIN_DAYS)).cast("date")
    ended = ended.mutate(until=until)
    others = known.select(o_customer="customer_no", o_contract="contract_id", o_on="started_on")
    is_next = [
        ended.customer_no == others.o_customer, ended.contract_id != others.o_contract, others.o_on >= ended.ended_on, others.o_on <= ended.until,
    ]  # fmt: skip
    again = ended.semi_join(others, is_next)
    again = again.select(a_contract="contract_id", a_customer="customer_no", is_redeposited=ibis.literal(YES))
    moves = observation.known("transaction", dated_by="on")
    moves = moves.filter((moves.direction == "out") & moves.counterparty_kind.isin(SAME_NAME))
    moves = by_account(moves.select("account_id", m_on="on", m_amount="amount"), observation).rename(
        m_customer="customer_no"
    )
    near = [ended.customer_no == moves.m_customer, moves.m_on >= ended.ended_on, moves.m_on <= ended.until]
    away = ended.inner_join(moves, near)
    away = away.group_by(w_contract="contract_id", w_customer="customer_no").aggregate(
        moved_away_amount=away.m_amount.sum().cast("decimal(18, 2)")
    )
    joined = contracts.left_join(
        again, [contracts.contract_id == again.a_contract, contracts.customer_no == again.a_customer]
    ).drop("a_contract", "a_customer")
    joined = joined.left_join(
        away, [joined.contract_id == away.w_contract, joined.customer_no == away.w_customer]
    ).drop("w_contract", "w_customer")
    return joined.mutate(
        is_redeposited=joined.is_redeposited.fill_null(NO), moved_away_amount=joined.moved_away_amount.fill_null(0)
    )


def _loan_rows(observation: Observation) -> ir.Table:
    rows = observation.known("loan", dated_by="drawn_on")
    owed = owed_by_account(observation)
    joined = rows.left_join(owed, rows.account_id == owed.o_account).drop("o_account")
    grade = ibis.cases(*((joined.five_class == c, i) for i, c in enumerate(FIVE_CLASSES)), else_=None)
    return joined.mutate(
        five_class_rank=grade.cast("int64"), owed_amount=joined.owed_amount.fill_null(0),
        arrears_days_12m=ibis.coalesce(joined.arrears_days_12m, joined.arrears_days_24m),
    )  # fmt: skip


def _loan(observation: Observation) -> ir.Table:
    return by_account(observation.once("loan_rows", _loan_rows), observation)


def _credit_facility(observation: Observation) -> ir.Table:
    rows = observation.known("credit_facility", dated_by="approved_on")
    loans = observation.once("loan_rows", _loan_rows)
    drawn = loans.group_by(l_facility="facility_id").aggregate(
        drawn_amount=loans.owed_amount.sum().cast("decimal(18, 2)"), n_drawn=loans.count()
    )
    joined = rows.left_join(drawn, rows.facility_id == drawn.l_facility).drop("l_facility")
    used = joined.drawn_amount.fill_null(0)
    revolving = used.cast("float64") / joined.limit_amount.cast("float64").nullif(0)
    once = ibis.ifelse(joined.n_drawn.fill_null(0) > 0, 1.0, 0.0)
    day = ibis.literal(observation.as_of)
    return by_source_key(
        joined.mutate(
            is_valid=(joined.status.fill_null("valid") == "valid") & (joined.expires_on >= day),
            undrawn_amount=ibis.greatest(joined.limit_amount - used, 0).cast("decimal(18, 2)"),
            used_rate=ibis.ifelse(joined.is_revolving.fill_null(NO), revolving, once),
        ),
        observation,
    )


def _repayment_due(observation: Observation) -> ir.Table:
    """Unpaid lines of the plans of running loans; a loan without a plan is due in one sum on its last day.

    A plan is agreed when the loan is drawn: its lines are known from then on, whichever batch brought them.
    """
    loans = observation.once("loan_rows", _loan_rows)
    running = loans.filter(loans.settled_on.isnull())
    plan = observation.masked(observation.tables["repayment_plan"])
    unpaid = plan.filter(plan.paid_on.isnull()).rename(p_loan="loan_id", p_due="due_on")
    lines = running.inner_join(unpaid, running.loan_id == unpaid.p_loan)
    interest = lines.interest_due_amount.fill_null(0)
    of_plans = lines.select(
        "loan_id", "account_id", due_on=lines.p_due, principal_due_amount=lines.principal_due_amount,
        due_amount=(lines.principal_due_amount + interest).cast("decimal(18, 2)"),
    )  # fmt: skip
    bare = running.anti_join(plan, running.loan_id == plan.loan_id)
    at_once = bare.select(
        "loan_id", "account_id", "due_on", principal_due_amount=bare.owed_amount.cast("decimal(18, 2)"),
        due_amount=bare.owed_amount.cast("decimal(18, 2)"),
    )  # fmt: skip
    return by_account(of_plans.union(at_once), observation)


def _loan_application(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("loan_application", dated_by="applied_on"), observation)


def _card(observation: Observation) -> ir.Table:
    return by_account(observation.known("card", dated_by="issued_on"), observation)


def _holding(observation: Observation) -> ir.Table:
    """Holdings on the day: each holder's share of the value and of what it cost."""
    rows = observation.known("holding_daily", dated_by="on")
    held = rows.filter(rows.until_on.isnull() | (rows.until_on >= ibis.literal(observation.as_of)))
    products = observation.tables["product"].select(p_id="product_id", product_class="product_class")
    joined = held.left_join(products, held.product_id == products.p_id).drop("p_id")
    owned = joined.inner_join(holders(observation), "account_id")
    shares = {n: from_cents((cents(owned[n]) * owned.share_rate).round()) for n in ("value_amount", "cost_amount")}
    return owned.mutate(**shares).drop("share_rate")


def _housing_fund(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("housing_fund", dated_by="queried_on"), observation)


def _credit_record(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("credit_record", dated_by="queried_on"), observation)


def _customer_list(observation: Observation) -> ir.Table:
    rows = observation.known("customer_list", dated_by="valid_from_on")
    return by_source_key(rows.mutate(is_valid=observation.in_force(rows)), observation)


def _acquiring_settlement(observation: Observation) -> ir.Table:
    rows = observation.known("acquiring_settlement", dated_by="on")
    merchants = observation.tables["acquiring_merchant"].select("merchant_id", "source", "source_key")
    return by_source_key(rows.inner_join(merchants, "merchant_id"), observation)


def _whitelist(observation: Observation) -> ir.Table:
    rows = observation.known("whitelist", dated_by="issued_on")
    return by_source_key(rows.mutate(is_valid=rows.valid_to_on >= ibis.literal(observation.as_of)), observation)


def _signing(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("signing", dated_by="signed_on"), observation)


def _contact_history(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("contact_history", dated_by="on"), observation)


def _risk_assessment(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("risk_assessment", dated_by="assessed_on"), observation)


def _wecom_contact(observation: Observation) -> ir.Table:
    rows = observation.known("wecom_contact", dated_by="added_on")
    staff = observation.known("staff").select(s_id="staff_id", left_on="left_on")
    joined = rows.left_join(staff, rows.staff_id == staff.s_id)
    return by_source_key(joined.mutate(is_in_post=joined.s_id.notnull() & joined.left_on.isnull()), observation)


def _payroll_agreement(observation: Observation) -> ir.Table:
    rows = observation.known("payroll_agreement", dated_by="signed_on")
    return by_source_key(rows, observation, key="company_key")


def _acquiring_merchant(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("acquiring_merchant", dated_by="opened_on"), observation)


def _customer_assignment(observation: Observation) -> ir.Table:
    rows = observation.known("customer_assignment", dated_by="valid_from_on")
    numbers = observation.tables["customer"].select("customer_id", "customer_no")
    joined = rows.inner_join(numbers, "customer_id")
    return joined.mutate(is_valid=observation.in_force(joined))


def _tax_record(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("tax_record", dated_by="paid_on"), observation)


def _financial_statement(observation: Observation) -> ir.Table:
    """Items of statements handed in, each beside the same item a year before (``before_amount``) where that was handed in, too."""
    rows = observation.known("financial_statement", dated_by="published_on")
    before = rows.select(
        b_source="source", b_key="source_key", b_item="item", b_year=rows.period_end_on.year() + 1, b_month=rows.period_end_on.month(),
        before_amount="value_amount",
    )  # fmt: skip
    before = before.group_by("b_source", "b_key", "b_item", "b_year", "b_month").aggregate(
        before_amount=before.before_amount.max()
    )
    same = [
        rows.source == before.b_source, rows.source_key == before.b_key, rows.item == before.b_item,
        rows.period_end_on.year() == before.b_year, rows.period_end_on.month() == before.b_month,
    ]  # fmt: skip
    joined = rows.left_join(before, same).drop("b_source", "b_key", "b_item", "b_year", "b_month")
    return by_source_key(joined, observation)


def _invoice(observation: Observation, side: str, other: str) -> ir.Table:
    rows = observation.known("invoice", dated_by="issued_on")
    other_side = ibis.coalesce(rows[f"{other}_tax_id"], rows[f"{other}_name"], rows[f"{other}_key"])
    return by_source_key(rows.mutate(other_side=other_side), observation, key=f"{side}_key")


def _invoice_sold(observation: Observation) -> ir.Table:
    return _invoice(observation, "seller", "buyer")


def _invoice_bought(observation: Observation) -> ir.Table:
    return _invoice(observation, "buyer", "seller")


def _project(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("project", dated_by="registered_on"), observation)


def _of_card(rows: ir.Table, observation: Observation) -> ir.Table:
    cards = observation.known("card", dated_by="issued_on").select(c_id="card_id", account_id="account_id")
    return by_account(rows.inner_join(cards, rows.card_id == cards.c_id).drop("c_id"), observation)


def _card_bill(observation: Observation) -> ir.Table:
    rows = observation.known("card_bill", dated_by="billed_on")
    is_full = (rows.paid_amount >= rows.bill_amount).fill_null(NO)
    return _of_card(rows.mutate(is_paid_in_full=is_full), observation)


def _instalment(observation: Observation) -> ir.Table:
    return _of_card(observation.known("instalment", dated_by="started_on"), observation)


def _benefit_grant(observation: Observation) -> ir.Table:
    grants = observation.known("benefit_grant", dated_by="granted_on")
    used = observation.known("benefit_redeem", dated_by="redeemed_on").select(
        r_id="grant_id", redeemed_on="redeemed_on"
    )
    joined = grants.left_join(used, grants.grant_id == used.r_id).drop("r_id")
    return by_source_key(joined.mutate(is_redeemed=joined.redeemed_on.notnull()), observation)


def _text(observation: Observation) -> ir.Table:
    return by_source_key(observation.known("text", dated_by="on").drop("body"), observation)


def _survey_answer(observation: Observation) -> ir.Table:
    rows = observation.known("survey_answer", dated_by="on").drop("answer_text")
    return by_source_key(rows, observation, key="respondent_key")


def _control_flag(observation: Observation) -> ir.Table:
    rows = observation.known("control_flag", dated_by="valid_from_on")
    return by_source_key(rows.mutate(is_valid=observation.in_force(rows)), observation)


_HELD = ("customer", "customer_account")
_LINKED = ("identity_link",)
_MONEY = ("balance_daily", "holding_daily", "account", "product", "loan", *_HELD)
FACTS: Mapping[str, FactTable] = {
    "transaction": FactTable(_transaction, "on", "txn_id", ("transaction", *_HELD)),
    "event": FactTable(_event, "on", "event_id", EVENT_READS),
    "payroll_item": FactTable(_payroll_item, "on", "payroll_item_id", ("payroll_item", *_HELD)),
    "account": FactTable(_account, "opened_on", "account_id", ("account", *_HELD)),
    "term_contract": FactTable(
        _term_contract, "started_on", "contract_id", ("term_contract", "product", "rate_history", "transaction", *_HELD)
    ),
    "loan": FactTable(_loan, "drawn_on", "loan_id", ("loan", *_MONEY), states=(*STATES["loan"], "five_class_rank")),
    "credit_facility": FactTable(
        _credit_facility, "approved_on", "facility_id", ("credit_facility", "loan", *_LINKED, *_MONEY)
    ),
    "repayment_due": FactTable(
        _repayment_due, "due_on", "loan_id", ("repayment_plan", "loan", *_MONEY), is_clipped=False
    ),
    "loan_application": FactTable(
        _loan_application,
        "applied_on",
        "application_id",
        ("loan_application", *_LINKED),
        states=STATES["loan_application"],
    ),
    "card": FactTable(_card, "issued_on", "card_id", ("card", *_HELD), states=STATES["card"]),
    "holding": FactTable(_holding, "on", "product_id", ("holding_daily", "product", *_HELD)),
    "housing_fund": FactTable(_housing_fund, "queried_on", "source_key", ("housing_fund", *_LINKED)),
    "credit_record": FactTable(_credit_record, "queried_on", "source_key", ("credit_record", *_LINKED)),
    "customer_list": FactTable(_customer_list, "valid_from_on", "list_kind", ("customer_list", *_LINKED)),
    "acquiring_settlement": FactTable(
        _acquiring_settlement, "on", "merchant_id", ("acquiring_settlement", "acquiring_merchant", *_LINKED)
    ),
    "whitelist": FactTable(_whitelist, "issued_on", "list_id", ("whitelist", *_LINKED)),
    "signing": FactTable(_signing, "signed_on", "service", ("signing", *_LINKED)),
    "contact_history": FactTable(_contact_history, "on", "contact_id", ("contact_history", *_LINKED)),
    "risk_assessment": FactTable(_risk_assessment, "assessed_on", "source_key", ("risk_assessment", *_LINKED)),
    "wecom_contact": FactTable(_wecom_contact, "added_on", "staff_id", ("wecom_contact", "staff", *_LINKED)),
    "payroll_agreement": FactTable(_payroll_agreement, "signed_on", "agreement_id", ("payroll_agreement", *_LINKED)),
    "acquiring_merchant": FactTable(_acquiring_merchant, "opened_on", "merchant_id", ("acquiring_merchant", *_LINKED)),
    "tax_record": FactTable(_tax_record, "paid_on", "tax_kind", ("tax_record", *_LINKED)),
    "financial_statement": FactTable(
        _financial_statement, "published_on", "period_end_on", ("financial_statement", *_LINKED)
    ),
    "invoice_sold": FactTable(_invoice_sold, "issued_on", "invoice_id", ("invoice", *_LINKED)),
    "invoice_bought": FactTable(_invoice_bought, "issued_on", "invoice_id", ("invoice", *_LINKED)),
    "project": FactTable(_project, "registered_on", "project_id", ("project", *_LINKED), states=STATES["project"]),
    "card_bill": FactTable(
        _card_bill,
        "billed_on",
        "card_id",
        ("card_bill", "card", *_HELD),
        states=(*STATES["card_bill"], "is_paid_in_full"),
    ),
    "instalment": FactTable(_instalment, "started_on", "instalment_id", ("instalment", "card", *_HELD)),
    "benefit_grant": FactTable(_benefit_grant, "granted_on", "grant_id", ("benefit_grant", "benefit_redeem", *_LINKED)),
    "text": FactTable(_text, "on", "text_id", ("text", *_LINKED)),
    "survey_answer": FactTable(_survey_answer, "on", "question_id", ("survey_answer", *_LINKED)),
    "control_flag": FactTable(_control_flag, "valid_from_on", "flag", ("control_flag", *_LINKED)),
    "customer_assignment": FactTable(
        _customer_assignment, "valid_from_on", "staff_id", ("customer_assignment", "customer")
    ),
}
MONEY_READS = _MONEY


def fact_table(name: str) -> FactTable:
    """Return the fact table called ``name``; BadInput names the nearest one."""
    if name not in FACTS:
        near = suggest(name, FACTS)
        raise BadInput(
            "feature.table_unknown", zh=f"特征不能读表 {name}", en=f"features cannot read a table {name}",
            todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
        )  # fmt: skip
    return FACTS[name]


__all__ = ["FACTS", "MONEY_READS", "FactTable", "by_account", "by_source_key", "fact_table", "with_hour"]
