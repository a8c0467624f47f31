"""A handful of customers whose money matures, in literal rows: the hand-counted world of the measure tests."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from zhike.channels.tables import OWNS as CHANNELS
from zhike.decision.tables import ASSIGNMENT
from zhike.identity.tables import OWNS as IDENTITY
from zhike.measure.tables import OWNS as MEASURE
from zhike.sources.tables import OWNS as SOURCES
from zhike.warehouse.contracts import contract_by_name

ASSIGNED_ON = date(2025, 6, 1)
AS_OF = date(2025, 6, 15)
EARLY = datetime(2025, 1, 1)
CLASSES = ("demand", "term", "cash_wealth")
OUTSIDE = ("other_bank_self", "other_bank_other", "cash")

CONTRACTS = contract_by_name((*SOURCES, *IDENTITY, *CHANNELS, *MEASURE, ASSIGNMENT))


def assigned(customer, arm, on=ASSIGNED_ON, holdout=0.2, experiment="deposit_maturity"):
    return {
        "experiment": experiment,
        "customer_id": customer,
        "arm": arm,
        "share": 0.5,
        "holdout_rate": holdout,
        "assigned_on": on,
    }


def world(customers, *, extra=None):
    """Return tables for ``customers``: name → list of (principal, matures_on, kept, ended_on or None).

    Each contract's money moves on its last day to demand; what is not ``kept`` leaves the bank on the next day.
    """
    tables = {
        "customer": [], "customer_account": [], "account": [], "balance_daily": [], "term_contract": [], "holding_daily": [],
        "transaction": [], "loan": [], "contact": [], "receipt": [], "assignment": [], "ftp_rate": [],
        "product": [
            {"product_id": "TD", "name": "一年定期", "family": "deposit", "product_class": "term", "counts_in_aum": True, "annual_rate": 0.02},
            {"product_id": "DD", "name": "活期", "family": "deposit", "product_class": "demand", "counts_in_aum": True, "annual_rate": 0.002},
        ],
    }  # fmt: skip
    for number, (name, contracts) in enumerate(customers.items(), start=1):
        tables["customer"].append({"customer_id": name, "customer_no": number, "party_kind": "person", "n_records": 1})
        demand = f"{name}-D"
        moves = {date(2025, 1, 1): 0}
        _account(tables, name, demand, "demand", "DD")
        for i, (principal, matures_on, kept, ended_on) in enumerate(contracts):
            account, last = f"{name}-T{i}", ended_on or matures_on
            _account(tables, name, account, "term", "TD")
            tables["term_contract"].append({
                "contract_id": account, "account_id": account, "product_id": "TD", "principal_amount": principal, "annual_rate": 0.02,
                "started_on": date(2025, 1, 1), "matures_on": matures_on, "auto_renews": False, "ended_on": last,
                "end_kind": "broken" if ended_on else "matured", "recorded_at": EARLY,
            })  # fmt: skip
            _run(tables, account, date(2025, 1, 1), last - timedelta(days=1), principal)
            moves[last] = moves.get(last, 0) + principal
            moves[last + timedelta(days=1)] = moves.get(last + timedelta(days=1), 0) + kept - principal
        balance, days = 0, sorted(moves)
        for start, until in zip(days, [*(d - timedelta(days=1) for d in days[1:]), None], strict=True):
            balance += moves[start]
            _run(tables, demand, start, until, balance)
    return tables | (extra or {})


def _account(tables, name, account, kind, product):
    tables["account"].append({"account_id": account, "product_id": product, "account_kind": kind, "opened_on": date(2024, 1, 1), "recorded_at": EARLY})  # fmt: skip
    tables["customer_account"].append({"customer_id": name, "account_id": account, "role": "owner", "share_rate": 1.0})


def _run(tables, account, start, until, balance):
    tables["balance_daily"].append(
        {"account_id": account, "on": start, "until_on": until, "balance_amount": balance, "recorded_at": EARLY}
    )


def sent(contact, customer, on=date(2025, 6, 2), **changes):
    at = datetime(on.year, on.month, on.day, 2)
    return {
        "contact_id": contact, "customer_id": customer, "recipient_id": customer, "campaign": "deposit_maturity", "channel": "sms",
        "on": on, "planned_at": at, "sent_at": at, "state": "delivered", "cost_amount": Decimal("0.05"),
    } | changes  # fmt: skip


def receipt(contact, kind, on=date(2025, 6, 3)):
    return {"contact_id": contact, "receipt_kind": kind, "on": on, "at": datetime(on.year, on.month, on.day, 3)}
