"""合规 Policy: who may be contacted, for what, how often, when and in which words. The only place that makes Permits.

:meth:`Policy.decide` takes a request, facts and a moment and answers with a :class:`Permit` (signed, expiring, naming the
rules) or a :class:`Refusal` (reason, rule, until). The order is: legal basis and consent → hard exclusions → suitability →
risk review → contact policy → content; the first refusal is kept. It fails closed. One gate definition has two forms,
columns for a batch and a predicate for one customer, held equal by property tests.

Tables in: consent_record, consent_entry, control_flag, company_contact, customer, identity_link, identity_register,
identity_change, customer_relation, profile. Tables out: ``consent`` (the ledger), ``customer_control`` (flags and the
recipient), ``contactability``.

To add a gate, cap, quiet hour or forbidden phrase, write it into a definition file (``standard/gates``,
``standard/contact_policies``, ``standard/regulations``, or a project's ``conf``) with its source, article, dates and whether
counsel has checked it; no code. To let gates ask of something new, add the field to the profile or to ``gates.py``.
"""

from zhike.policy.consent import ConsentLedger, InMemoryConsentLedger
from zhike.policy.counters import ContactCounters, InMemoryContactCounters
from zhike.policy.decide import Policy, read_policy
from zhike.policy.permit import Permit, verify
from zhike.policy.terms import ContactRequest, Facts, ProductLine, Refusal

__all__ = [
    "ConsentLedger",
    "ContactCounters",
    "ContactRequest",
    "Facts",
    "InMemoryConsentLedger",
    "InMemoryContactCounters",
    "Permit",
    "Policy",
    "ProductLine",
    "Refusal",
    "read_policy",
    "verify",
]
