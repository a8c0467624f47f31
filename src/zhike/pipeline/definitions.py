"""Definitions as immutable, approved versions: files are compared with the store, applied, approved, exported.

A run reads only approved versions. Each key is managed by files or by the console; the other side is read-only. With
``definitions_approval = "on_apply"`` (one person's project) applying approves; with ``"four_eyes"`` somebody else must.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import yaml

from zhike.kernel.definitions import KINDS, Definition, DefinitionSet, suggest
from zhike.kernel.errors import BadInput, Conflict, Finding, NotFound
from zhike.kernel.hashing import fingerprint
from zhike.pipeline.store import OperationsStore, StoredVersion

PARAMETERS = "parameters"
POLICY_ON_APPLY = "setting definitions_approval=on_apply"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the files and what was last applied."""

    action: Literal["new", "changed", "retired"]
    kind: str
    key: str
    before: StoredVersion | None
    after: Definition | None


def _newest(store: OperationsStore) -> dict[tuple[str, str], StoredVersion]:
    return {(v.kind, v.key): v for v in store.versions()}


def _with_parameters(definitions: DefinitionSet) -> list[Definition]:
    values = dict(definitions.parameters)
    whole = Definition(PARAMETERS, "all", values, "parameters.yaml", 1, fingerprint(PARAMETERS, values))
    return [*definitions.definitions, whole]


def compare(store: OperationsStore, definitions: DefinitionSet) -> list[Change]:
    """Return what applying ``definitions`` would change, in order of kind and key."""
    newest = _newest(store)
    written = {(d.kind, d.key): d for d in _with_parameters(definitions)}
    changes = []
    for identity in sorted(newest.keys() | written.keys()):
        before, after = newest.get(identity), written.get(identity)
        alive = before is not None and not before.is_retired
        if after is None:
            if alive and before is not None and before.managed_by == "files":
                changes.append(Change("retired", *identity, before, None))
        elif before is None or not alive:
            changes.append(Change("new", *identity, before, after))
        elif before.hash != after.hash:
            changes.append(Change("changed", *identity, before, after))
    return changes


def apply(
    store: OperationsStore, definitions: DefinitionSet, *, by: str, at: datetime, approve_now: bool
) -> list[Change]:
    """Keep every change as a new version, all of them or, when it fails or is killed, none; return the changes.

    Raises
    ------
    Conflict : a key is managed by the console; nothing is applied.
    """
    changes = compare(store, definitions)
    held = [c for c in changes if c.before is not None and c.before.managed_by == "console" and not c.before.is_retired]
    if held:
        raise Conflict(
            "definition.managed_by_console", zh="以下定义由控制台管理，文件不可改", en="these keys are managed by the console, files may not change them",
            findings=tuple(Finding(f"{c.kind} {c.key}", "managed_by: console") for c in held),
            todo_zh="删除文件中的这些键，或用 zhike export 取回", todo_en="remove them from the files, or fetch them with `zhike export`",
        )  # fmt: skip
    with store.together():
        for change in changes:
            version = _next_version(change, by, at)
            store.add_version(version)
            store.add_audit(
                by,
                f"definition.{change.action}",
                f"{change.kind} {change.key}",
                {"version": version.version, "hash": version.hash},
                at,
            )
            if approve_now:
                store.decide(version, approve=True, by=POLICY_ON_APPLY, at=at, reason="")
    return changes


def _next_version(change: Change, by: str, at: datetime) -> StoredVersion:
    number = change.before.version + 1 if change.before else 1
    source = change.after or change.before
    if source is None:
        raise ValueError("a change has a before or an after")
    return StoredVersion(
        kind=change.kind, key=change.key, version=number, hash=source.hash, body=source.body, file=source.file, line=source.line,
        managed_by="files", is_retired=change.after is None, applied_by=by, applied_at=at,
    )  # fmt: skip


def pending(store: OperationsStore) -> list[StoredVersion]:
    """Return the newest versions that nobody has decided about."""
    return [v for v in _newest(store).values() if v.is_approved is None]


def approve(store: OperationsStore, kind: str, key: str, *, by: str, at: datetime, reason: str = "") -> StoredVersion:
    """Approve the newest version of a key; return it.

    Raises
    ------
    BadInput : there is no such kind.
    NotFound : there is no such key; the nearest is named.
    NotPermitted : ``by`` made it.
    Conflict : it is decided already.
    """
    kinds = [*KINDS.values(), PARAMETERS]
    if kind not in kinds:
        near = suggest(kind, kinds)
        raise BadInput(
            "definition.kind_unknown", zh=f"没有定义种类 {kind}", en=f"there is no kind of definition called {kind}",
            todo_zh=f"是否要找 {near}？" if near else f"可用：{'、'.join(kinds)}",
            todo_en=f"did you mean {near}?" if near else f"there are {', '.join(kinds)}",
        )  # fmt: skip
    versions = store.versions(kind, key)
    if not versions:
        near = suggest(key, [v.key for v in store.versions(kind)])
        raise NotFound(
            "definition.unknown", zh=f"没有已应用的 {kind} {key}", en=f"no {kind} called {key} has been applied",
            todo_zh=f"是否要找 {near}？" if near else "先运行 zhike apply", todo_en=f"did you mean {near}?" if near else "run `zhike apply` first",
        )  # fmt: skip
    with store.together():
        store.decide(versions[-1], approve=True, by=by, at=at, reason=reason)
        store.add_audit(by, "definition.approved", f"{kind} {key}", {"version": versions[-1].version}, at)
    return versions[-1]


def approve_all(store: OperationsStore, *, by: str, at: datetime, reason: str = "") -> list[StoredVersion]:
    """Approve everything that waits, all of it or, when one may not be approved by ``by``, nothing; return the versions."""
    with store.together():
        return [approve(store, v.kind, v.key, by=by, at=at, reason=reason) for v in pending(store)]


def approved(store: OperationsStore) -> DefinitionSet:
    """Return the newest approved version of every key that is not retired: what a run reads."""
    chosen: dict[tuple[str, str], StoredVersion] = {}
    for version in store.versions():
        if version.is_approved:
            chosen[(version.kind, version.key)] = version
    alive = [v for v in chosen.values() if not v.is_retired]
    parameters = next((dict(v.body) for v in alive if v.kind == PARAMETERS), {})
    definitions = tuple(
        Definition(v.kind, v.key, v.body, v.file, v.line, v.hash) for v in alive if v.kind != PARAMETERS
    )  # fmt: skip
    return DefinitionSet(tuple(sorted(definitions, key=lambda d: (d.kind, d.key))), parameters)


def show_difference(change: Change) -> str:
    """Return a unified diff of the YAML of both versions."""
    sides = [_as_yaml(change.key, s.body).splitlines() if s else [] for s in (change.before, change.after)]
    name = f"{change.kind} {change.key}"
    version = f"v{change.before.version}" if change.before else "nothing"
    return "\n".join(difflib.unified_diff(sides[0], sides[1], f"{name} {version}", f"{name} files", lineterm=""))


def export(definitions: DefinitionSet, folder: Path) -> list[Path]:
    """Write definitions back as YAML, one file per kind, parameters filled in; return the files.

    Raises
    ------
    Conflict : a file is there already.
    """
    folders = {kind: name for name, kind in KINDS.items()}
    written = []
    for kind in sorted({d.kind for d in definitions.definitions}):
        path = folder / folders[kind] / f"{folders[kind]}.yaml"
        if path.exists():
            raise Conflict(
                "definition.export_exists",
                zh=f"{path} 已存在",
                en=f"{path} exists",
                todo_zh="换一个空目录",
                todo_en="name an empty folder",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(_as_yaml(d.key, d.body) for d in definitions.of_kind(kind)), encoding="utf-8")
        written.append(path)
    return written


def _as_yaml(key: str, body: object) -> str:
    return yaml.safe_dump({key: body}, allow_unicode=True, sort_keys=False, width=120)


def undecided_note(changes: Sequence[Change]) -> str:
    """Return one line that says how many changes wait for approval."""
    return f"{len(changes)} definitions wait for approval by somebody else: zhike approve KIND KEY --by NAME"


__all__ = [
    "PARAMETERS",
    "Change",
    "apply",
    "approve",
    "approve_all",
    "approved",
    "compare",
    "export",
    "pending",
    "show_difference",
    "undecided_note",
]
