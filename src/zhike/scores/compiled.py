"""A customer model made ready: rules parsed against the profile, features chosen. Mistakes show here, before any run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from zhike.kernel.definitions import Definition
from zhike.kernel.errors import Bug, Finding
from zhike.kernel.hashing import fingerprint
from zhike.rules import FieldTerm, Rule, Vocabulary, field_terms, read_rule, used_names
from zhike.rules.parser import malformed
from zhike.scores.definition import CutoffDefinition, ModelDefinition
from zhike.scores.leaks import choose_features
from zhike.scores.terms import Feature, FeatureKind, LeftOut
from zhike.warehouse.contracts import Contract, Kind, Personal

AT_CUTOFF = "_at_cutoff"
CUSTOMER = "customer_id"
IDENTIFIERS = ("customer_id", "customer_no")
SCHEDULED_WORDS = ("maturing_", "_due_", "expires_on", "next_")

_KINDS = {
    Kind.AMOUNT: FeatureKind.NUMBER,
    Kind.INTEGER: FeatureKind.NUMBER,
    Kind.NUMBER: FeatureKind.NUMBER,
    Kind.RATE: FeatureKind.NUMBER,
    Kind.FLAG: FeatureKind.FLAG,
    Kind.DAY: FeatureKind.DAY,
    Kind.CODE: FeatureKind.CATEGORY,
}


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A customer model with its rules parsed. ``rules_hash`` tells definition, features and rules apart from others."""

    definition: Definition
    model: ModelDefinition
    population: Rule
    label: Rule
    known_when: Rule | None
    features: tuple[Feature, ...]
    left_out: tuple[LeftOut, ...]
    features_hash: str
    vocabulary: Vocabulary

    @property
    def key(self) -> str:
        """The model's key."""
        return self.model.key

    @property
    def horizon_days(self) -> int:
        """Days from a cutoff until its outcome is known."""
        if self.model.label is None:
            raise Bug(
                "scores.not_a_customer_model", zh=f"{self.key} 不是客户模型", en=f"{self.key} is no customer model"
            )
        return self.model.label.horizon_days

    @property
    def cutoffs(self) -> CutoffDefinition:
        """Which past days to learn from."""
        if self.model.cutoffs is None:
            raise Bug(
                "scores.not_a_customer_model", zh=f"{self.key} 不是客户模型", en=f"{self.key} is no customer model"
            )
        return self.model.cutoffs

    @property
    def population_fields(self) -> frozenset[str]:
        """Fields of the profile that say whom the model is about."""
        return used_names(self.population).fields

    @property
    def later_fields(self) -> frozenset[str]:
        """Fields of the later profile that the label reads."""
        return frozenset(f for f in self._label_fields() if not f.endswith(AT_CUTOFF))

    @property
    def carried_fields(self) -> frozenset[str]:
        """Fields of the profile at the cutoff that the label compares with."""
        return frozenset(f.removesuffix(AT_CUTOFF) for f in self._label_fields() if f.endswith(AT_CUTOFF))

    def _label_fields(self) -> frozenset[str]:
        known = frozenset() if self.known_when is None else used_names(self.known_when).fields
        return used_names(self.label).fields | known


def features_of(profile: Contract, *, scheduled: Collection[str] = ()) -> tuple[Feature, ...]:
    """Return the columns of the profile as features; keys, texts and moments are none.

    Direct identifiers are protected, and so is whatever is marked sensitive but a customer's amounts with the bank itself.
    Days named for something still to come (maturity, due, expiry), and those in ``scheduled``, may lie after the cutoff.
    """
    found = []
    for column in profile.columns:
        if column.kind not in _KINDS or column.name in IDENTIFIERS:
            continue
        is_sensitive = column.personal is Personal.DIRECT or (
            column.personal is Personal.SENSITIVE and column.kind is not Kind.AMOUNT
        )
        found.append(
            Feature(
                column.name,
                _KINDS[column.kind],
                column.zh,
                column.en,
                unit=column.unit,
                known_on=column.known_on,
                is_scheduled=column.name in scheduled or any(w in column.name for w in SCHEDULED_WORDS),
                is_sensitive=is_sensitive,
            )
        )
    return tuple(found)


def compile_model(definition: Definition, model: ModelDefinition, profile: Contract) -> CompiledModel:
    """Return a customer model ready to run.

    Raises
    ------
    BadInput : a rule names an unknown field or is malformed, or a feature may not be used.
    """
    if model.population is None or model.label is None:
        raise Bug("scores.not_a_customer_model", zh=f"{model.key} 不是客户模型", en=f"{model.key} is no customer model")
    now = Vocabulary(fields=field_terms(profile), events={}, relations={})
    at_cutoff: dict[str, FieldTerm] = {
        f"{name}{AT_CUTOFF}": replace(
            term, name=f"{name}{AT_CUTOFF}", zh=f"截止日的{term.zh}", en=f"{term.en} at the cutoff"
        )
        for name, term in now.fields.items()
    }
    later = replace(now, fields={**now.fields, **at_cutoff})
    where = f"{definition.file}:{definition.line} {model.key}"
    findings: list[Finding] = []

    def read(tree: object, vocabulary: Vocabulary, path: str) -> Rule | None:
        rule, found = read_rule(tree, vocabulary, path=f"{where}.{path}")
        findings.extend(found)
        return rule

    population = read(model.population, now, "population")
    label = read(model.label.rule, later, "label.rule")
    known = None if model.label.known_when is None else read(model.label.known_when, later, "label.known_when")
    if findings or population is None or label is None:
        raise malformed(tuple(findings), where=where)
    used, left = choose_features(model, features_of(profile))
    shape = [(f.name, f.kind, f.is_scheduled) for f in used]
    return CompiledModel(definition, model, population, label, known, used, left, fingerprint("features", shape), later)


__all__ = ["AT_CUTOFF", "CUSTOMER", "CompiledModel", "compile_model", "features_of"]
