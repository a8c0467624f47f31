"""Literal records and a real engine for the tests of identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pytest

from zhike.identity import IdentitySettings, MatchModel, Override, read_match_models, steps
from zhike.identity.relation_terms import RelationSettings
from zhike.identity.tables import OWNS as IDENTITY_TABLES
from zhike.kernel.definitions import read_definitions
from zhike.pipeline.project import standard_pack
from zhike.sources.tables import OWNS as SOURCE_TABLES
from zhike.warehouse import Contract, Engine, open_engine
from zhike.warehouse.testing import run_in_turn

CONTRACTS: dict[str, Contract] = {c.name: c for c in (*SOURCE_TABLES, *IDENTITY_TABLES)}
DAY = date(2025, 3, 1)
LINKING = ("identity:standardise", "identity:link")
Row = dict[str, Any]
Tables = dict[str, list[Row]]

ID_ZHANG = "11010519491231002X"
ID_LI = "110105194912310038"
USCC_A = "91110000600037341L"


def party(source: str, source_key: str, **values: Any) -> Row:
    """Return one record of ``source_party``; a person known since 2025-01-01 unless said otherwise."""
    return {
        "source": source, "source_key": source_key, "party_kind": "person", "valid_from_on": date(2025, 1, 1),
        "recorded_at": datetime(2025, 1, 1, 12), **values,
    }  # fmt: skip


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=2, memory="1GB")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def person_model() -> MatchModel:
    """Return the match model of persons that is shipped."""
    return next(m for m in read_match_models(read_definitions([standard_pack()]).definitions) if m.key == "person")


@pytest.fixture
def run(engine: Engine) -> Callable[..., Tables]:
    """Return a function that runs one step of identity, or several in turn, and gives their tables as rows."""

    def work(
        keys: str | Sequence[str], tables: Mapping[str, Sequence[Row]], *, previous: Mapping[str, Sequence[Row]] | None = None,
        overrides: Sequence[Override] = (), settings: IdentitySettings | None = None, relations: RelationSettings | None = None,
        as_of: date = DAY, models: Sequence[MatchModel] = (),
    ) -> Tables:  # fmt: skip
        given = settings or IdentitySettings()
        made = steps(settings=given, overrides=overrides, key=b"secret", models=models, relations=relations)
        named = {s.key: s for s in made}
        chosen = [named[k] for k in ([keys] if isinstance(keys, str) else keys)]
        written = run_in_turn(chosen, engine, tables, as_of=as_of, contracts=CONTRACTS, previous=previous)
        return {table: rows.to_pylist() for (table, _), rows in written.items()}

    return work


@pytest.fixture
def link(run: Callable[..., Tables]) -> Callable[..., Tables]:
    """Return a function that links records, given what an earlier run wrote."""

    def work(parties: Sequence[Row], **options: Any) -> Tables:
        return run(LINKING, {"source_party": parties}, **options)

    return work


def groups(tables: Tables) -> set[frozenset[str]]:
    """Return the customers as sets of source keys."""
    found: dict[str, set[str]] = {}
    for row in tables["identity_link"]:
        found.setdefault(row["customer_id"], set()).add(row["source_key"])
    return {frozenset(keys) for keys in found.values()}


def id_of(tables: Tables, source_key: str) -> str:
    """Return the customer id of one record."""
    return next(str(r["customer_id"]) for r in tables["identity_link"] if r["source_key"] == source_key)
