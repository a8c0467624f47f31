"""The steps of identity in a run: standard form, link, golden record, accounts, relations, whose events are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zhike.identity.anonymous import AnonymousSettings, events_step
from zhike.identity.golden import golden_records
from zhike.identity.link import link_records
from zhike.identity.matching import MatchModel
from zhike.identity.mentions_step import mention_step
from zhike.identity.relation_steps import relation_steps
from zhike.identity.relation_terms import RelationSettings
from zhike.identity.relations import customer_accounts
from zhike.identity.rows import Previous
from zhike.identity.standardise import standardised, versions_as_of
from zhike.identity.terms import IdentitySettings, Override
from zhike.kernel.hashing import fingerprint
from zhike.warehouse import Input, Output, Step, StepContext

WRITTEN = ("link", "edge", "review", "flaw", "register", "change")
VERSION = 7  # raise when the same records would be linked otherwise: unchanged steps are then done anew


def steps(
    *,
    settings: IdentitySettings,
    overrides: Sequence[Override],
    key: bytes,
    models: Sequence[MatchModel] = (),
    relations: RelationSettings | None = None,
    anonymous: AnonymousSettings | None = None,
) -> list[Step]:
    """Return the steps that make customers of source records.

    Parameters
    ----------
    settings, relations : parameters, filled from definitions by the caller.
    overrides : officers' merges and splits in force, from the store.
    key : the project's identity key; ids are keyed hashes, see ``kernel.hashing.keyed_id``.
    models : match models for records that share no number; none = shared numbers only.
    anonymous : parameters of whose events without a user are.
    """
    material = (
        VERSION,
        fingerprint(asdict(settings)),
        fingerprint([asdict(o) for o in overrides]),
        fingerprint(key.hex()),
        fingerprint([asdict(m) for m in models]),
    )
    return [
        Step(
            "identity:standardise", writes=(Output("identity_version"),), reads=(Input("source_party"),),
            work=_Standardise(settings), material=(VERSION, fingerprint([settings.placeholder_birth_on, settings.timezone])),
        ),
        Step(
            "identity:link",
            writes=(*(Output(f"identity_{n}") for n in WRITTEN),),
            reads=(Input("identity_version"), *(Input(t, lag=1) for t in ("identity_link", "identity_register", "identity_change"))),
            work=_Link(settings, tuple(overrides), key, tuple(models)), material=material,
        ),
        Step(
            "identity:customer", writes=(Output("customer"),), reads=(Input("source_party"), Input("identity_link"), Input("identity_flaw")),
            work=_customers, material=(VERSION,), is_dated=False,
        ),
        Step(
            "identity:accounts", writes=(Output("customer_account"),), reads=(Input("account_party"), Input("identity_link")),
            work=_accounts, material=(VERSION,), is_dated=False,
        ),
        mention_step(settings, overrides, key),
        *relation_steps(relations or RelationSettings(), timezone=settings.timezone),
        events_step(anonymous or AnonymousSettings(), timezone=settings.timezone),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Standardise:
    settings: IdentitySettings

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        known = versions_as_of(context.tables["source_party"], self.settings.as_of(context.as_of))
        versions = standardised(context.engine, known, self.settings.placeholder_birth_on)
        return {"n_versions": context.write("identity_version", versions)}


@dataclass(frozen=True, slots=True)
class _Link:
    settings: IdentitySettings
    overrides: tuple[Override, ...]
    key: bytes
    models: tuple[MatchModel, ...]

    def __call__(self, context: StepContext) -> Mapping[str, Any]:
        before = context.previous
        previous = Previous(before["identity_link"], before["identity_register"], before["identity_change"])
        versions = context.engine.fetch(context.tables["identity_version"])
        linked = link_records(
            context.engine.in_process, versions, previous, as_of=self.settings.as_of(context.as_of), settings=self.settings,
            overrides=self.overrides, key=self.key, models=self.models,
        )  # fmt: skip
        for name in WRITTEN:
            context.write(f"identity_{name}", getattr(linked, name))
        return linked.metrics


def _customers(context: StepContext) -> Mapping[str, Any]:
    customers = golden_records(*(context.tables[t] for t in ("source_party", "identity_link", "identity_flaw")))
    return {"n_customers": context.write("customer", customers)}


def _accounts(context: StepContext) -> Mapping[str, Any]:
    parties, links = context.tables["account_party"], context.tables["identity_link"]
    stray = parties.anti_join(links, ["source", "source_key"]).count().to_pyarrow().as_py()
    n_rows = context.write("customer_account", customer_accounts(parties, links))
    return {"n_customer_accounts": n_rows, "n_roles_without_customer": int(stray)}


__all__ = ["steps"]
