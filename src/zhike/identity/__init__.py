"""统一标识 ONE_ID: which records of which sources are one customer, and what is best known about that customer.

In: ``source_party``, ``account_party``, ``account``, ``party_relation``, ``company_contact``, wages, invoices, managers and units,
officers' overrides. Out: ``customer`` (golden record), ``identity_link``, ``identity_edge``, ``identity_register``,
``identity_change``, ``customer_account``; ``customer_relation``, ``company_group``, ``beneficial_owner`` (``relations``, ``graph``);
``customer_assignment``, ``customer_branch``, ``org_succession`` (``assignments``, ``organisation``).

How: records are standardised (``standardise``, ``document_numbers``), share keys under exact rules (``rules``), become
edges (``edges``) and clusters with a veto on contradiction (``clusters``); clusters inherit ids (``inherit``) and each
change is explained (``changes``). A customer id is never reused and is the same whatever the order of input. To add a
way of linking records, add a rule to ``rules.MEANINGS`` and ``rules.KEYS``. Direct identifiers end here: packages above
read customer ids only.
"""

from zhike.identity.explain import LinkExplanation, explain_link
from zhike.identity.golden import FieldOrigin, explain_field
from zhike.identity.graph import GraphSettings
from zhike.identity.matching import MatchModel
from zhike.identity.relation_terms import RelationSettings, relation_settings
from zhike.identity.relations_shown import RelationsShown, show_relations
from zhike.identity.standardise import read_match_models
from zhike.identity.steps import steps
from zhike.identity.terms import Action, Change, IdentitySettings, Override, RecordKey

__all__ = [
    "Action",
    "Change",
    "FieldOrigin",
    "GraphSettings",
    "IdentitySettings",
    "LinkExplanation",
    "MatchModel",
    "Override",
    "RecordKey",
    "RelationSettings",
    "RelationsShown",
    "explain_field",
    "explain_link",
    "read_match_models",
    "relation_settings",
    "show_relations",
    "steps",
]
