"""What rules over the profile may say: the features with their codes, the tags, and whatever else a project declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from zhike.identity.tables import CUSTOMER
from zhike.kernel.definitions import Definition
from zhike.kernel.terms import CustomerRisk, Text
from zhike.profile.tags import tag_terms
from zhike.rules import FieldTerm, SegmentTerm, Vocabulary, field_terms
from zhike.sources.tables.lending import FIVE_CLASSES
from zhike.sources.tables.money import PRODUCT
from zhike.warehouse.contracts import Contract

ORDERED_CODES: Mapping[str, tuple[str, ...]] = {
    "risk_grade": tuple(c.value for c in CustomerRisk),
    "five_class_worst": FIVE_CLASSES,  # the higher, the worse
}
CLOSED_CODES: Mapping[str, tuple[str, ...]] = {
    **{c.name: c.allowed for c in CUSTOMER.columns if c.allowed},
    "maturing_30d_product_class": PRODUCT.column("product_class").allowed,
}


def _with_codes(term: FieldTerm) -> FieldTerm:
    if term.name in ORDERED_CODES:
        return replace(term, allowed=ORDERED_CODES[term.name], is_ordered=True)
    return replace(term, allowed=CLOSED_CODES[term.name]) if term.name in CLOSED_CODES else term


def profile_vocabulary(
    profile: Contract, definitions: Iterable[Definition] = (), *,
    segments: Mapping[str, SegmentTerm] | None = None, models: Mapping[str, Text] | None = None,
) -> Vocabulary:  # fmt: skip
    """Return the vocabulary of rules over the profile.

    Parameters
    ----------
    profile : the contract of the table ``profile`` of the project at hand.
    definitions : those of kind ``tag`` become tags, those of kind ``model`` models (unless ``models`` is given).
    segments : the project's segments, from whoever owns them.
    """
    definitions = tuple(definitions)
    known_models = models if models is not None else {
        d.key: Text(str(d.body.get("zh", d.key)), str(d.body.get("en", d.key))) for d in definitions if d.kind == "model"
    }  # fmt: skip
    fields = {name: _with_codes(term) for name, term in field_terms(profile).items()}
    return Vocabulary(fields=fields, tags=tag_terms(definitions), segments=segments or {}, models=known_models)


__all__ = ["CLOSED_CODES", "ORDERED_CODES", "profile_vocabulary"]
