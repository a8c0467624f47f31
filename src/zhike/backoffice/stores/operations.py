"""``pipeline.store.OperationsStore`` in the database. Import after :func:`zhike.backoffice.setup.open_store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import IntegrityError, transaction

from zhike.backoffice.models import Approval, AuditEntry, DefinitionVersion, Override
from zhike.kernel.errors import Conflict, NotFound
from zhike.pipeline.store import AuditRecord, ManagedBy, StoredOverride, StoredVersion, check_decision, next_record


def _stored(row: DefinitionVersion) -> StoredVersion:
    decision = max(row.approvals.all(), key=lambda a: a.pk, default=None)
    return StoredVersion(
        kind=row.kind, key=row.key, version=row.version, hash=row.hash, body=row.body, file=row.file, line=row.line,
        managed_by=cast("ManagedBy", row.managed_by), is_retired=row.is_retired, applied_by=row.applied_by,
        applied_at=row.applied_at, is_approved=decision.is_approved if decision else None,
        decided_by=decision.decided_by if decision else "",
    )  # fmt: skip


def _override(row: Override) -> StoredOverride:
    return StoredOverride(row.pk, row.kind, row.subject, row.reason, row.made_by, row.made_at)


def _record(row: AuditEntry) -> AuditRecord:
    return AuditRecord(row.number, row.at, row.actor, row.action, row.subject, row.detail, row.previous_seal, row.seal)


@dataclass(frozen=True, slots=True)
class DatabaseStore:
    """The store in the project's database; each call is one transaction, and so is a block of ``together``."""

    def together(self) -> AbstractContextManager[None]:
        held: AbstractContextManager[None] = transaction.atomic()
        return held

    def versions(self, kind: str | None = None, key: str | None = None) -> Sequence[StoredVersion]:
        rows = DefinitionVersion.objects.prefetch_related("approvals").order_by("kind", "key", "version")
        rows = rows.filter(kind=kind) if kind is not None else rows
        return [_stored(r) for r in (rows.filter(key=key) if key is not None else rows)]

    def add_version(self, version: StoredVersion) -> None:
        try:
            with transaction.atomic():
                DefinitionVersion.objects.create(
                    kind=version.kind, key=version.key, version=version.version, hash=version.hash, body=version.body,
                    file=version.file, line=version.line, managed_by=version.managed_by, is_retired=version.is_retired,
                    applied_by=version.applied_by, applied_at=version.applied_at,
                )  # fmt: skip
        except IntegrityError as error:
            raise Conflict("definition.version_exists", zh="该版本已存在", en="that version exists already") from error

    def decide(self, version: StoredVersion, *, approve: bool, by: str, at: datetime, reason: str) -> None:
        with transaction.atomic():
            row = DefinitionVersion.objects.filter(kind=version.kind, key=version.key, version=version.version).first()
            if row is None:
                raise NotFound("definition.version_unknown", zh="没有该版本", en="there is no such version")
            check_decision(_stored(row), by)
            Approval.objects.create(definition=row, is_approved=approve, decided_by=by, decided_at=at, reason=reason)

    def overrides(self, kind: str | None = None) -> Sequence[StoredOverride]:
        rows = Override.objects.filter(withdraws=None, withdrawn_by=None).order_by("pk")
        return [_override(r) for r in (rows.filter(kind=kind) if kind is not None else rows)]

    def add_override(self, kind: str, subject: Mapping[str, Any], *, reason: str, by: str, at: datetime) -> int:
        row = Override.objects.create(kind=kind, subject=dict(subject), reason=reason, made_by=by, made_at=at)
        return int(row.pk)

    def withdraw_override(self, number: int, *, reason: str, by: str, at: datetime) -> None:
        with transaction.atomic():
            row = Override.objects.filter(pk=number, withdraws=None, withdrawn_by=None).first()
            if row is None:
                raise NotFound(
                    "override.unknown", zh=f"没有第 {number} 条人工裁定", en=f"there is no override {number}"
                )
            Override.objects.create(
                kind=row.kind, subject=row.subject, reason=reason, made_by=by, made_at=at, withdraws=row
            )

    def audit(self) -> Sequence[AuditRecord]:
        return [_record(r) for r in AuditEntry.objects.order_by("number")]

    def add_audit(self, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime) -> None:
        with transaction.atomic():
            row = AuditEntry.objects.order_by("-number").first()
            record = next_record(
                _record(row) if row else None, actor=actor, action=action, subject=subject, detail=dict(detail), at=at
            )
            AuditEntry.objects.create(
                number=record.number, at=record.at, actor=record.actor, action=record.action, subject=record.subject,
                detail=dict(record.detail), previous_seal=record.previous_seal, seal=record.seal,
            )  # fmt: skip


__all__ = ["DatabaseStore"]
