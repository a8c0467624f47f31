"""The steps of policy: the consent ledger, control flags with recipients, contactability."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from zhike.kernel.clock import moment_on
from zhike.kernel.hashing import fingerprint
from zhike.policy.batch import GateTables
from zhike.policy.contactability import contactability
from zhike.policy.control import company_recipients, customer_control
from zhike.policy.decide import Policy
from zhike.policy.ledger import LedgerTables, ledger
from zhike.policy.tables import FLAGS
from zhike.warehouse import Input, Output, Step, StepContext


def day_end(as_of: date, timezone: str) -> datetime:
    """Return the first moment (UTC) that no longer belongs to a business day."""
    return moment_on(as_of + timedelta(days=1), timezone)


def _consent_step(timezone: str) -> Step:
    names = ("consent_record", "consent_entry", "identity_link", "identity_register", "identity_change")

    def work(context: StepContext) -> dict[str, Any]:
        given = LedgerTables(*(context.tables[n] for n in names))
        rows = ledger(given, as_of=context.as_of, until=day_end(context.as_of, timezone))
        return {"entries": context.write("consent", rows)}

    return Step(
        "policy:consent",
        (Output("consent"),),
        tuple(Input(n) for n in names),
        work,
        material=(timezone,),
        is_portable=True,
    )


def _control_step(timezone: str) -> Step:
    def work(context: StepContext) -> dict[str, Any]:
        tables = context.tables
        recipients = company_recipients(
            tables["customer"], tables["company_contact"], tables["identity_link"], tables["customer_relation"], as_of=context.as_of
        )  # fmt: skip
        rows = customer_control(
            tables["customer"], tables["control_flag"], tables["identity_link"], recipients,
            as_of=context.as_of, day_end=day_end(context.as_of, timezone),
        )  # fmt: skip
        return {"customers": context.write("customer_control", rows), "flags": len(FLAGS)}

    reads = tuple(
        Input(t) for t in ("customer", "control_flag", "identity_link", "company_contact", "customer_relation")
    )
    return Step(
        "policy:customer_control", (Output("customer_control"),), reads, work, material=(timezone,), is_portable=True
    )


def _contactability_step(policy: Policy) -> Step:
    def work(context: StepContext) -> dict[str, Any]:
        tables = context.tables
        given = GateTables(tables["profile"], tables["customer_control"], tables["consent"])
        rules = policy.on(context.as_of)
        rows = contactability(given, rules, as_of=context.as_of)
        # customer ids are unique in the profile and the combinations are distinct, so keys are unique by construction
        n_rows = context.write("contactability", rows, check=False)
        return {"rows": n_rows, "gates": len(rules.gates), "waived": [g.ref.key for g in policy.waived]}

    reads = (Input("profile"), Input("customer_control"), Input("consent"))
    return Step(
        "policy:contactability",
        (Output("contactability"),),
        reads,
        work,
        definition=policy_hash(policy),
        is_portable=True,
    )


def policy_hash(policy: Policy) -> str:
    """Return a hash that changes when any rule of policy may mean something else."""
    refs = [
        *(g.ref for g in policy.gates),
        *(p.ref for p in policy.contact_policies),
        *(r.ref for r in policy.regulations),
    ]
    return fingerprint(policy.jurisdiction, policy.timezone, [(r.key, r.hash) for r in refs])


def steps(policy: Policy) -> list[Step]:
    """Return the steps of policy: ``consent``, ``customer_control``, ``contactability``."""
    return [_consent_step(policy.timezone), _control_step(policy.timezone), _contactability_step(policy)]


__all__ = ["day_end", "policy_hash", "steps"]
