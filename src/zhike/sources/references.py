"""What must exist elsewhere: references that the contracts declare, and the customer that a row is about."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from zhike.sources.mapping import Entry, Mapping
from zhike.warehouse.contracts import Contract

PARTY = "source_party"
# table → the columns that name a customer of the row's source; events and words may come from strangers
PARTY_KEYS: Dictionary[str, tuple[str, ...]] = {
    "account_party": ("source_key",), "party_relation": ("from_key", "to_key"), "company_contact": ("company_key", "contact_key"),
    "wecom_contact": ("source_key",), "manager_assignment": ("source_key",), "party_branch": ("source_key",), "control_flag": ("source_key",),
    "risk_assessment": ("source_key",), "consent_record": ("source_key",), "credit_facility": ("source_key",),
    "loan_application": ("source_key",), "payroll_agreement": ("company_key",), "signing": ("source_key",),
    "benefit_grant": ("source_key",), "acquiring_merchant": ("source_key",), "financial_statement": ("source_key",),
    "project": ("source_key",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceRule:
    """``columns`` of a table must exist in ``target`` as ``target_columns``."""

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


def reference_rules(contract: Contract, mapping: Mapping) -> tuple[ReferenceRule, ...]:
    """Return the references of a table that can be checked: those whose target the bank delivers.

    A column that an entry lists as ``unchecked_references`` is left out for the whole table.
    """
    unchecked = {c for e in mapping.feeding(contract.name) for c in e.unchecked_references}
    delivered = {e.to for e in mapping.tables}
    rules = []
    for column in contract.columns:
        if column.references and column.name not in unchecked:
            target, _, target_column = column.references.partition(".")
            rules.append(ReferenceRule((column.name,), target, (target_column,)))
    for name in PARTY_KEYS.get(contract.name, ()):
        if name not in unchecked:
            rules.append(ReferenceRule(("source", name), PARTY, ("source", "source_key")))
    return tuple(r for r in rules if r.target in delivered and r.target != contract.name)


def referable_columns(contract: Contract) -> set[str]:
    """Return the columns of a table that ``unchecked_references`` may name."""
    return {c.name for c in contract.columns if c.references} | set(PARTY_KEYS.get(contract.name, ()))


def joined_entries(entry: Entry, mapping: Mapping) -> tuple[Entry, ...]:
    """Return the entries whose files an entry looks columns up in."""
    return tuple(mapping.entry(j.table) for j in entry.join)


__all__ = ["ReferenceRule", "joined_entries", "referable_columns", "reference_rules"]
