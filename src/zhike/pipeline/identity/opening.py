"""Identity as one run has published it: its tables, its match models, the decisions in force; and whom a word of a command names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa

from zhike.identity import IdentitySettings, MatchModel, Override, RecordKey, read_match_models
from zhike.identity.around import Around, fetch_around
from zhike.identity.live import LiveIdentity, build_index
from zhike.identity.live.index import index_fingerprint
from zhike.identity.matching.definition import KIND
from zhike.identity.terms import AsOf
from zhike.kernel.definitions import Definition, suggest
from zhike.kernel.errors import BadInput, NotFound
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.identity.overrides import identity_overrides
from zhike.pipeline.nightly import identity_settings
from zhike.pipeline.project import Project
from zhike.pipeline.store import OperationsStore
from zhike.warehouse import Engine
from zhike.warehouse.manifest import Manifest

INDEX = "identity_index"
INDEXED = ("identity_version", "identity_link", "identity_edge", "identity_register", "identity_change")
RELATION_TABLES = (
    "customer",
    "customer_relation",
    "company_group",
    "beneficial_owner",
    "customer_assignment",
    "customer_branch",
)
CUSTOMER_ID = re.compile(r"^[0-9a-f]{24}$")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a word of a command names: a customer, or one record (and the customer that it is)."""

    written: str
    customer_id: str
    record: RecordKey | None = None


@dataclass(frozen=True, slots=True)
class IdentityView:
    """An opened run. ``models`` are those that it was made with; ``overrides`` those in force now."""

    project: Project
    store: OperationsStore
    run: Opened
    settings: IdentitySettings
    models: tuple[MatchModel, ...]
    overrides: tuple[Override, ...]

    @property
    def as_of(self) -> AsOf:
        """The day of the run."""
        return self.settings.as_of(self.run.manifest.as_of)

    @property
    def published_at(self) -> datetime:
        """The moment at which the run was published (aware, UTC)."""
        return datetime.fromisoformat(self.run.manifest.published_at)

    @property
    def engine(self) -> Engine:
        """The engine that reads the tables."""
        return self.run.tables.engine.in_process

    def table(self, name: str) -> Any:
        """Return a published table."""
        return self.run.tables[name]

    def rows(self, expression: Any) -> list[Row]:
        """Return the rows of a small result."""
        return self.run.rows(expression)

    def sources(self) -> list[str]:
        """Return the sources of the published records, in order."""
        links = self.table("identity_link")
        return sorted(str(r["source"]) for r in self.rows(links.select("source").distinct()))

    def subject(self, written: str) -> Subject:
        """Return whom a word names: ``source:key`` a record, a customer id a customer.

        Raises
        ------
        BadInput : it is neither.
        NotFound : there is no such record or customer; where it was merged or retired is said.
        """
        source, colon, key = written.partition(":")
        if colon:
            return self._record(written, RecordKey(source, key))
        if not CUSTOMER_ID.match(written):
            raise BadInput(
                "identity.not_a_subject", zh="给出的既不是 来源:客户号，也不是客户标识", en="what is given is neither source:key nor a customer id",
                todo_zh="记录写成 来源:客户号，如 core:1001；客户写 24 位客户标识", todo_en="write a record as source:key, such as core:1001, or a customer by its id of 24 characters",
            )  # fmt: skip
        links = self.table("identity_link")
        if not self.rows(links.filter(links.customer_id == written).select("customer_no").limit(1)):
            raise self._no_customer(written)
        return Subject(written, written)

    def _record(self, written: str, record: RecordKey) -> Subject:
        links = self.table("identity_link")
        mine = links.filter((links.source == record.source) & (links.source_key == record.source_key))
        found = self.rows(mine.select("customer_id"))
        if found:
            return Subject(written, str(found[0]["customer_id"]), record)
        sources = self.sources()
        if record.source in sources:
            zh, en = (
                "请检查客户号；当日之后才到的记录用 zhike identity place 归类",
                "check the key; a record that came after that day is placed by `zhike identity place`",
            )
        else:
            near = suggest(record.source, sources)
            zh = f"是否要找 {near}？" if near else f"来源有：{'、'.join(sources)}"
            en = f"did you mean {near}?" if near else f"the sources are {', '.join(sources)}"
        raise NotFound(
            "identity.record_unknown", zh=f"已发布的结果中没有该来源记录（来源 {record.source}）", en=f"what is published has no such record of source {record.source}",
            todo_zh=zh, todo_en=en,
        )  # fmt: skip

    def _no_customer(self, customer_id: str) -> NotFound:
        register = self.table("identity_register")
        found = self.rows(register.filter(register.customer_id == customer_id))
        if not found:
            return NotFound(
                "identity.customer_unknown", zh=f"没有客户 {customer_id}", en=f"there is no customer {customer_id}",
                todo_zh="请检查客户标识；记录写成 来源:客户号", todo_en="check the id; a record is written source:key",
            )  # fmt: skip
        day, heir = found[0]["ended_on"], found[0]["merged_into"]
        zh = f"客户 {customer_id} 于 {day} " + (f"并入 {heir}" if heir else "注销（其来源记录已不存在）")
        en = f"customer {customer_id} ended on {day}: " + (
            f"merged into {heir}" if heir else "none of its records is left"
        )
        return NotFound(
            "identity.customer_ended", zh=zh, en=en, todo_zh=f"改问 {heir or customer_id}；zhike identity history {customer_id} 说明经过",
            todo_en=f"ask about {heir or customer_id}; `zhike identity history {customer_id}` tells what happened",
        )  # fmt: skip

    def versions(self) -> pa.Table:
        """Return the standardised versions of all records."""
        return self.engine.fetch(self.table("identity_version"))

    def around(self, customer_ids: Sequence[str]) -> Around:
        """Return all that is known of customers."""
        tables = {n: self.table(n) for n in ("identity_version", "identity_link", "identity_edge")}
        return fetch_around(self.engine, tables, customer_ids)

    def live(self, overrides: Sequence[Override], told: Callable[[float], None] = lambda _: None) -> LiveIdentity:
        """Return the live index of the run under overrides; where it is built first, the seconds that took are told."""
        settings, engine = self.project.settings, self.engine
        tables = {n: self.table(n) for n in INDEXED}
        run_id = self.run.manifest.run_id
        folder: Path = settings.state / INDEX
        is_new = not (folder / index_fingerprint(self.models, self.settings, run_id)).is_dir()
        begun = perf_counter()
        index = build_index(
            folder, engine, tables, as_of=self.as_of, settings=self.settings, models=self.models, run_id=run_id
        )  # fmt: skip
        if is_new:
            told(perf_counter() - begun)
        key = settings.secret(settings.identity_key)
        return LiveIdentity(index, self.settings, self.models, key, tuple(overrides), lambda: engine)


@contextmanager
def opened_identity(project: Project, store: OperationsStore) -> Iterator[IdentityView]:
    """Open identity as it is published; NotFound before the first run."""
    with opened(project) as run:
        settings = identity_settings(run.compiled.definitions.parameters)
        models = models_of_run(run.manifest, store) or run.compiled.match_models
        yield IdentityView(project, store, run, settings, models, tuple(identity_overrides(store.overrides())))


def models_of_run(manifest: Manifest, store: OperationsStore) -> tuple[MatchModel, ...]:
    """Return the match models that a run was made with, in the versions that the store keeps."""
    hashes = {h for name, h in manifest.definitions.items() if name.startswith(f"{KIND}:")}
    kept = {v.hash: v for v in store.versions(KIND) if v.hash in hashes}
    found = [Definition(v.kind, v.key, v.body, v.file, v.line, v.hash) for v in kept.values()]
    return read_match_models(sorted(found, key=lambda d: d.key))


__all__ = ["IdentityView", "Subject", "models_of_run", "opened_identity"]
