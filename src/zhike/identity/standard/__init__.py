"""Standardise 标准化: one form for every kind of value that names somebody, or the flaw for which it matches nothing.

Pure functions of one written value. Tables are standardised by ``identity.standardise``, which asks these functions once per
distinct value; one live record asks them directly, so that both agree.
"""

from zhike.identity.standard.names import NameForm, standard_company_name, standard_person_name
from zhike.identity.standard.numbers import (
    Document,
    door_of,
    region_prefix,
    regions_of,
    standard_device,
    standard_document,
    standard_email,
    standard_phone,
    standard_wechat_id,
)
from zhike.identity.standard.terms import Flaw, Standard

__all__ = [
    "Document",
    "Flaw",
    "NameForm",
    "Standard",
    "door_of",
    "region_prefix",
    "regions_of",
    "standard_company_name",
    "standard_device",
    "standard_document",
    "standard_email",
    "standard_person_name",
    "standard_phone",
    "standard_wechat_id",
]
