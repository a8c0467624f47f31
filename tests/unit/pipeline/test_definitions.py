"""Files are applied as immutable versions; a run reads the approved ones only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from zhike.kernel.definitions import DefinitionSet, read_definitions
from zhike.kernel.errors import BadInput, Conflict, NotFound, NotPermitted
from zhike.pipeline.definitions import apply, approve, approve_all, approved, compare, export, pending, show_difference
from zhike.pipeline.store import InMemoryStore, StoredVersion

AT = datetime(2025, 6, 30, tzinfo=UTC)


def written(folder: Path, floor: int = 5) -> DefinitionSet:
    (folder / "tags").mkdir(parents=True, exist_ok=True)
    (folder / "tags" / "value.yaml").write_text(
        "rich:\n  zh: 富\n  when: {field: aum, at_least: $floor}\n", encoding="utf-8"
    )
    (folder / "parameters.yaml").write_text(f"floor: {{value: {floor}, zh: 门槛, en: Floor}}\n", encoding="utf-8")
    return read_definitions([folder])


def test_a_first_apply_makes_version_one_and_a_repeat_nothing(tmp_path: Path) -> None:
    store = InMemoryStore()
    assert [c.action for c in apply(store, written(tmp_path), by="a", at=AT, approve_now=True)] == ["new", "new"]
    assert apply(store, written(tmp_path), by="a", at=AT, approve_now=True) == []


def test_a_changed_parameter_changes_the_definitions_that_use_it(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="a", at=AT, approve_now=True)
    changes = compare(store, written(tmp_path, floor=9))
    assert {(c.kind, c.action) for c in changes} == {("tag", "changed"), ("parameters", "changed")}
    assert "+    at_least: 9" in "".join(show_difference(c) for c in changes)


def test_what_is_not_approved_is_not_read(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="maker", at=AT, approve_now=False)
    assert approved(store).definitions == ()
    assert {v.key for v in pending(store)} == {"rich", "all"}
    with pytest.raises(NotPermitted):
        approve(store, "tag", "rich", by="maker", at=AT)
    approve(store, "tag", "rich", by="checker", at=AT)
    assert [d.key for d in approved(store).definitions] == ["rich"]


def test_an_unapproved_change_leaves_the_approved_version_in_use(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="maker", at=AT, approve_now=True)
    apply(store, written(tmp_path, floor=9), by="maker", at=AT, approve_now=False)
    assert approved(store).get("tag", "rich").body["when"]["at_least"] == 5


def test_a_removed_definition_is_retired(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="a", at=AT, approve_now=True)
    (tmp_path / "tags" / "value.yaml").unlink()
    assert [c.action for c in apply(store, read_definitions([tmp_path]), by="a", at=AT, approve_now=True)] == [
        "retired"
    ]
    assert approved(store).of_kind("tag") == ()


def test_files_may_not_change_what_the_console_manages(tmp_path: Path) -> None:
    store = InMemoryStore()
    store.add_version(StoredVersion("tag", "rich", 1, "x", {}, "console", 0, "console", False, "a", AT))
    with pytest.raises(Conflict, match="managed by the console"):
        apply(store, written(tmp_path), by="a", at=AT, approve_now=True)


def test_an_unknown_key_is_answered_with_the_nearest(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="a", at=AT, approve_now=False)
    with pytest.raises(NotFound, match="did you mean rich"):
        approve(store, "tag", "ritch", by="b", at=AT)


def test_an_export_reads_back_as_the_same_definitions(tmp_path: Path) -> None:
    definitions = written(tmp_path / "one")
    export(definitions, tmp_path / "two")
    again = read_definitions([tmp_path / "two"])
    assert [d.hash for d in again.definitions] == [d.hash for d in definitions.definitions]
    with pytest.raises(Conflict, match="exists"):
        export(definitions, tmp_path / "two")


class TearingStore(InMemoryStore):
    """A store whose disk is full after the first audit entry."""

    def add_audit(self, *arguments: object) -> None:
        if self.audit():
            raise OSError("no room")
        super().add_audit(*arguments)


def test_an_apply_that_fails_half_way_keeps_nothing(tmp_path: Path) -> None:
    store = TearingStore()
    with pytest.raises(OSError, match="no room"):
        apply(store, written(tmp_path), by="a", at=AT, approve_now=True)
    assert (store.versions(), store.audit()) == ([], [])


def test_approving_everything_approves_all_or_nothing(tmp_path: Path) -> None:
    store = InMemoryStore()
    apply(store, written(tmp_path), by="a", at=AT, approve_now=False)
    store.add_version(StoredVersion("tag", "zeal", 1, "x", {}, "tags/z.yaml", 1, "files", False, "b", AT))
    with pytest.raises(NotPermitted, match="b made tag zeal"):
        approve_all(store, by="b", at=AT)
    assert len(pending(store)) == 3
    assert sorted(v.key for v in approve_all(store, by="c", at=AT)) == ["all", "rich", "zeal"]
    assert approve_all(store, by="c", at=AT) == []


def test_a_kind_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean tag"):
        approve(InMemoryStore(), "tags", "rich", by="b", at=AT)
