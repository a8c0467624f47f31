"""Our side of the features bench: profile, tags and segments of the bench's definitions, over tables that were prepared before."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow.parquet as pq

from bank import LAST_DAY
from ours import TIMEZONE, ingest_steps, run
from zhike.identity import IdentitySettings
from zhike.identity import tables as identity_tables
from zhike.identity.steps import steps as identity_steps
from zhike.kernel.definitions import DefinitionSet, read_definitions
from zhike.profile import tables as profile_tables
from zhike.profile.build import reads_of
from zhike.profile.features import FeatureSet, parse_features
from zhike.profile.steps import profile_step
from zhike.profile.tags import Tag, tag_terms
from zhike.profile.tags_reading import parse_tags
from zhike.profile.tags_steps import tag_steps
from zhike.rules import Vocabulary, field_terms
from zhike.segments import Segment, parse_segments, segment_terms
from zhike.segments import tables as segment_tables
from zhike.segments.steps import segment_steps
from zhike.sources import tables as source_tables
from zhike.warehouse import Contract, Output, RunResult, Step, StepContext, Warehouse
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.loading import adopt

DEFINITIONS = Path(__file__).parent / "definitions"
BEFORE = LAST_DAY - timedelta(days=7)  # the run whose intervals the measured night carries on
MADE = ("profile", "tag_value", "tag_health", "segment_member", "segment_change", "segment_health")


@dataclass(frozen=True, slots=True)
class Compiled:
    """The bench's definitions, read."""

    features: FeatureSet
    tags: Mapping[str, Tag]
    segments: Mapping[str, Segment]
    contracts: dict[str, Contract]

    def hashes(self) -> dict[str, str]:
        """Return the hash of each tag and segment."""
        return {key: made.hash for key, made in [*self.tags.items(), *self.segments.items()]}


@cache
def compiled() -> Compiled:
    """Return the bench's definitions with the contracts of all tables around them."""
    definitions: DefinitionSet = read_definitions([DEFINITIONS])
    features = parse_features(definitions.definitions)
    profile = profile_tables.profile_contract(features)
    words = Vocabulary(fields=field_terms(profile))
    tags = parse_tags(definitions.of_kind("tag"), replace(words, segments=segment_terms(definitions.definitions)))
    segments = parse_segments(definitions.definitions, replace(words, tags=tag_terms(definitions.of_kind("tag"))))
    owned = (source_tables, identity_tables, profile_tables, segment_tables)
    contracts = contract_by_name([c for tables in owned for c in tables.OWNS])
    return Compiled(features, tags, segments, {**contracts, "profile": profile})


def prepare(bank: Path, target: Path) -> Path:
    """Return the folder with the tables that the night reads, making them (ingest, identity) when they are not there."""
    if target.is_dir():
        return target
    working = target.with_suffix(".working")
    shutil.rmtree(working, ignore_errors=True)
    contracts = compiled().contracts
    identity = identity_steps(settings=IdentitySettings(), overrides=(), key=b"bench")
    run(working, [*ingest_steps(bank, working, contracts, LAST_DAY), *identity], contracts, LAST_DAY)
    warehouse = Warehouse(working / "warehouse")
    manifest = warehouse.current()
    assert manifest is not None
    wanted, made = {*reads_of(compiled().features), "identity_link"}, working / "made"
    for (table, partition), entry in manifest.entries.items():
        if table in wanted:
            file = made / table / f"{quote(partition, safe='') or '_'}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            os.link(warehouse.paths(entry)[0], file)
    made.rename(target)
    shutil.rmtree(working)
    return target


@dataclass(frozen=True, slots=True)
class _Given:
    """The work of a step that hands over a table that was prepared."""

    table: str
    partition: str
    path: Path

    def __call__(self, context: StepContext) -> dict[str, Any]:
        link = context.engine.scratch / f"{self.table}-{self.path.name}"
        os.link(self.path, link)
        n_rows = int(pq.read_metadata(self.path).num_rows)
        adopt(context, self.table, link, n_rows, partition=self.partition)
        return {"n_rows": n_rows}


def given_steps(prepared: Path) -> list[Step]:
    """Return one step per prepared file; it copies nothing."""
    found = []
    for path in sorted(prepared.glob("*/*.parquet")):
        table, stem = path.parent.name, unquote(path.stem)
        partition = "" if stem == "_" else stem
        mark = (path.stat().st_size, path.stat().st_mtime_ns)
        work = _Given(table, partition, path)
        key = f"given:{table}.{partition}"
        found.append(Step(key, (Output(table, partition),), (), work, material=mark, is_dated=False))
    return found


def make_night(prepared: Path, state: Path, as_of: date) -> RunResult:
    """Run profile, tags and segments of a day on the warehouse under ``state``."""
    made = compiled()
    steps = [
        *given_steps(prepared),
        profile_step(made.features, timezone=TIMEZONE),
        *tag_steps(made.tags, timezone=TIMEZONE),
        *segment_steps(made.segments),
    ]
    return run(state, steps, made.contracts, as_of)


def copy_state(state: Path, target: Path) -> None:
    """Make ``target`` a state of its own with the same files, by links: versions never change."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(state, target, copy_function=os.link, ignore=shutil.ignore_patterns("lock", "scratch"))


def files_by_key(state: Path) -> dict[str, dict[str, tuple[Path, ...]]]:
    """Return what the last run made: table → partition → files."""
    warehouse = Warehouse(state / "warehouse")
    manifest = warehouse.current()
    found: dict[str, dict[str, tuple[Path, ...]]] = {table: {} for table in MADE}
    for (table, partition), entry in (manifest.entries if manifest else {}).items():
        if table in found:
            found[table][partition] = warehouse.paths(entry)
    return found


def write_given(prepared: Path, before: Path | None, as_of: date, target: Path) -> Path:
    """Write what the peer is handed as JSON; ``before`` is the state of the run before."""
    tables: dict[str, list[str]] = {}
    for path in sorted(prepared.glob("*/*.parquet")):
        tables.setdefault(path.parent.name, []).append(str(path))
    files = files_by_key(before) if before else {}
    earlier = {
        t: {k: str(p) for k, (p,) in files.get(t, {}).items()} for t in ("tag_value", "segment_member", "tag_health")
    }
    body = {"as_of": as_of.isoformat(), "tables": tables, "before": earlier, "hashes": compiled().hashes()}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(body), encoding="utf-8")
    return target


__all__ = [
    "BEFORE", "MADE", "Compiled", "compiled", "copy_state", "files_by_key", "given_steps", "make_night", "prepare", "write_given",
]  # fmt: skip
