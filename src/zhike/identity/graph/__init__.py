"""股权穿透与集团 Group structure: shares multiplied through, groups by control, the persons behind a company.

In: shareholdings, controllers and legal representatives of a day (from ``customer_relation``). Out: rows of ``company_group`` and
``beneficial_owner``. Nothing here opens an engine: arrays in, arrays out. Every outcome is reached in a bounded number of steps,
also where companies hold one another in rings; what is cut is counted and reported.
"""

from zhike.identity.graph.structure import KINDS, Structure, company_structure
from zhike.identity.graph.terms import GraphSettings

__all__ = ["KINDS", "GraphSettings", "Structure", "company_structure"]
