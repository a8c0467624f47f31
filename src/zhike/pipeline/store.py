"""What the pipeline needs kept: definition versions with approvals, overrides, and an audit that cannot be changed quietly.

A store is append-only. ``backoffice.stores.operations`` keeps it in a database, :class:`InMemoryStore` in the process; one
contract suite holds both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from zhike.kernel.errors import Conflict, NotFound, NotPermitted
from zhike.kernel.hashing import fingerprint

ManagedBy = Literal["files", "console"]
FIRST_SEAL = "0" * 32


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One immutable version of a definition. ``decision`` is None until somebody decides."""

    kind: str
    key: str
    version: int
    hash: str
    body: Mapping[str, Any]
    file: str
    line: int
    managed_by: ManagedBy
    is_retired: bool
    applied_by: str
    applied_at: datetime
    is_approved: bool | None = None
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class StoredOverride:
    """A person's decision that overrules a computed value."""

    number: int
    kind: str
    subject: Mapping[str, Any]
    reason: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One sealed entry: ``seal`` is a hash over the entry and the seal before it."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous_seal: str
    seal: str


class OperationsStore(Protocol):
    """Append-only state of a project. Times are aware UTC moments; names are accounts of people."""

    def together(self) -> AbstractContextManager[None]:
        """Hold what is kept inside the block together: all of it is kept, or, when the block fails or is killed, nothing."""
        ...

    def versions(self, kind: str | None = None, key: str | None = None) -> Sequence[StoredVersion]:
        """Return versions, oldest first within a key."""
        ...

    def add_version(self, version: StoredVersion) -> None:
        """Keep a new version; Conflict when that number exists."""
        ...

    def decide(self, version: StoredVersion, *, approve: bool, by: str, at: datetime, reason: str) -> None:
        """Keep a decision about a version; NotPermitted for its maker, Conflict when it is decided already."""
        ...

    def overrides(self, kind: str | None = None) -> Sequence[StoredOverride]:
        """Return the overrides that are not withdrawn, oldest first."""
        ...

    def add_override(self, kind: str, subject: Mapping[str, Any], *, reason: str, by: str, at: datetime) -> int:
        """Keep an override; return its number."""
        ...

    def withdraw_override(self, number: int, *, reason: str, by: str, at: datetime) -> None:
        """Undo an override; NotFound when there is none (any more)."""
        ...

    def audit(self) -> Sequence[AuditRecord]:
        """Return all audit entries, oldest first."""
        ...

    def add_audit(self, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime) -> None:
        """Seal and keep one entry."""
        ...


def seal_of(record: AuditRecord) -> str:
    """Return the seal that ``record`` must carry."""
    return fingerprint(
        record.number, record.at.isoformat(), record.actor, record.action, record.subject, record.detail, record.previous_seal
    )  # fmt: skip


def next_record(
    last: AuditRecord | None, *, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime
) -> AuditRecord:
    """Return the sealed entry that follows ``last``."""
    draft = AuditRecord(
        number=last.number + 1 if last else 1, at=at, actor=actor, action=action, subject=subject, detail=detail,
        previous_seal=last.seal if last else FIRST_SEAL, seal="",
    )  # fmt: skip
    return replace(draft, seal=seal_of(draft))


def verify_audit(records: Sequence[AuditRecord]) -> int | None:
    """Return the number of the first entry that was changed, dropped or inserted; None when the chain is whole."""
    seal = FIRST_SEAL
    for expected, record in enumerate(records, start=1):
        if record.number != expected or record.previous_seal != seal or record.seal != seal_of(record):
            return expected
        seal = record.seal
    return None


def check_decision(version: StoredVersion, by: str) -> None:
    """Raise unless ``by`` may decide about ``version``: undecided, and not its maker."""
    if version.is_approved is not None:
        raise Conflict(
            "definition.already_decided", zh=f"{version.kind} {version.key} 第 {version.version} 版已有结论",
            en=f"{version.kind} {version.key} version {version.version} is decided already",
            todo_zh="要改变它，先修改文件并 zhike apply", todo_en="to change it, change the files and run `zhike apply`",
        )  # fmt: skip
    if by.strip().casefold() == version.applied_by.strip().casefold():
        raise NotPermitted(
            "definition.self_approval", zh=f"制单人 {by} 不能复核自己的定义 {version.kind} {version.key}",
            en=f"{by} made {version.kind} {version.key} and may not approve it",
            todo_zh="请由他人复核", todo_en="ask somebody else",
        )  # fmt: skip


@dataclass(slots=True)
class InMemoryStore:
    """The store in the process: for tests and dry runs."""

    _versions: list[StoredVersion] = field(default_factory=list)
    _overrides: dict[int, StoredOverride] = field(default_factory=dict)
    _audit: list[AuditRecord] = field(default_factory=list)
    _n_overrides: int = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        before = (list(self._versions), dict(self._overrides), list(self._audit), self._n_overrides)
        try:
            yield
        except BaseException:
            self._versions, self._overrides, self._audit, self._n_overrides = before
            raise

    def versions(self, kind: str | None = None, key: str | None = None) -> Sequence[StoredVersion]:
        chosen = [v for v in self._versions if kind in (None, v.kind) and key in (None, v.key)]
        return sorted(chosen, key=lambda v: (v.kind, v.key, v.version))

    def add_version(self, version: StoredVersion) -> None:
        if any((v.kind, v.key, v.version) == (version.kind, version.key, version.version) for v in self._versions):
            raise Conflict("definition.version_exists", zh="该版本已存在", en="that version exists already")
        self._versions.append(version)

    def decide(self, version: StoredVersion, *, approve: bool, by: str, at: datetime, reason: str) -> None:
        for i, kept in enumerate(self._versions):
            if (kept.kind, kept.key, kept.version) == (version.kind, version.key, version.version):
                check_decision(kept, by)
                self._versions[i] = replace(kept, is_approved=approve, decided_by=by)
                return
        raise NotFound("definition.version_unknown", zh="没有该版本", en="there is no such version")

    def overrides(self, kind: str | None = None) -> Sequence[StoredOverride]:
        return [o for o in self._overrides.values() if kind in (None, o.kind)]

    def add_override(self, kind: str, subject: Mapping[str, Any], *, reason: str, by: str, at: datetime) -> int:
        self._n_overrides += 1
        self._overrides[self._n_overrides] = StoredOverride(self._n_overrides, kind, subject, reason, by, at)
        return self._n_overrides

    def withdraw_override(self, number: int, *, reason: str, by: str, at: datetime) -> None:
        if number not in self._overrides:
            raise NotFound("override.unknown", zh=f"没有第 {number} 条人工裁定", en=f"there is no override {number}")
        del self._overrides[number]

    def audit(self) -> Sequence[AuditRecord]:
        return list(self._audit)

    def add_audit(self, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime) -> None:
        last = self._audit[-1] if self._audit else None
        self._audit.append(next_record(last, actor=actor, action=action, subject=subject, detail=detail, at=at))


__all__ = [
    "AuditRecord",
    "InMemoryStore",
    "ManagedBy",
    "OperationsStore",
    "StoredOverride",
    "StoredVersion",
    "check_decision",
    "next_record",
    "seal_of",
    "verify_audit",
]
