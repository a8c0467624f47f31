"""What a rule may speak of: fields with their kinds, tags, segments, models, events, relations; names in both languages.

The vocabulary is made from table contracts and definitions by whoever runs rules; the parser checks every name against it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from zhike.kernel.terms import Text
from zhike.rules.terms import Expression, TagPart
from zhike.warehouse.contracts import Contract, Kind

RELATIONS: Mapping[str, Text] = {
    "legal_representative_of": Text("法定代表人", "legal representative of"),
    "controller_of": Text("实际控制人", "controller of"),
    "shareholder_of": Text("股东", "shareholder of"),
    "employee_of": Text("员工", "employee of"),
    "spouse_of": Text("配偶", "spouse of"),
    "parent_of": Text("父母", "parent of"),
    "household_of": Text("家庭成员", "of one household with"),
    "guarantor_of": Text("担保人", "guarantor of"),
    "supplier_of": Text("供应商", "supplier of"),
    "group_member_of": Text("集团成员", "member of the group of"),
    "referred": Text("推荐人", "referrer of"),
    "contact_of": Text("联系人", "contact person of"),
    "disponent_of": Text("代理支取人", "disponent of"),
    "beneficial_owner_of": Text("受益所有人", "beneficial owner of"),
}

EVENT_FIELDS: Mapping[str, Kind] = {
    "channel": Kind.CODE,
    "subject": Kind.CODE,
    "source": Kind.CODE,
    "org_id": Kind.CODE,
    "value": Kind.NUMBER,
}


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field: its kind, names, and for codes the closed list of values; ``is_ordered`` lists them lowest first."""

    name: str
    kind: Kind
    zh: str = ""
    en: str = ""
    allowed: tuple[str, ...] = ()
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class TagTerm:
    """A tag: which parts its value has (the first is meant when a rule names none) and the texts it may take."""

    key: str
    zh: str = ""
    en: str = ""
    parts: tuple[TagPart, ...] = ()
    values: Mapping[str, Text] = field(default_factory=dict)
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class SegmentTerm:
    """A segment; a partition has buckets."""

    key: str
    zh: str = ""
    en: str = ""
    buckets: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that rules of one project may name.

    ``events`` None leaves event kinds open, ``lists`` None the lists of the bank; ``measures`` are expressions that the definition at hand has named: they are
    written like fields.
    """

    fields: Mapping[str, FieldTerm] = field(default_factory=dict)
    tags: Mapping[str, TagTerm] = field(default_factory=dict)
    segments: Mapping[str, SegmentTerm] = field(default_factory=dict)
    models: Mapping[str, Text] = field(default_factory=dict)
    events: Mapping[str, Text] | None = None
    lists: Mapping[str, Text] | None = None
    relations: Mapping[str, Text] = field(default_factory=lambda: RELATIONS)
    measures: Mapping[str, Expression] = field(default_factory=dict)

    def with_measure(self, name: str, expression: Expression, names: Text) -> Vocabulary:
        """Return the vocabulary in which ``{field: name}`` means ``expression``."""
        term = FieldTerm(name, expression.kind, names.zh, names.en)
        return replace(self, fields={**self.fields, name: term}, measures={**self.measures, name: expression})


def field_terms(contract: Contract, *, ordered: Collection[str] = ()) -> dict[str, FieldTerm]:
    """Return the columns of ``contract`` as fields of rules; those in ``ordered`` list their codes lowest first."""
    return {
        c.name: FieldTerm(c.name, c.kind, c.zh, c.en, c.allowed, is_ordered=c.name in ordered) for c in contract.columns
    }


__all__ = ["EVENT_FIELDS", "RELATIONS", "FieldTerm", "SegmentTerm", "TagTerm", "Vocabulary", "field_terms"]
