"""A whole project killed anywhere: what was published stays, nothing is left running, and the end is that of a night undisturbed.

Two nights of a simulated bank on the standard pack with two workers: once undisturbed, and once killed again and again, at moments
that a seed draws: the run alone, the run with its workers, a worker alone, and while the manifest is written.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.long.nights import (
    Place,
    assert_readable,
    contents,
    make_place,
    members,
    models,
    night,
    published,
    started,
    wait_until,
    workers_of,
)  # fmt: skip

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="watches /proc"),
]
FIRST, SECOND = "2025-06-29", "2025-06-30"
N_KILLS = 8  # in the middle of each night, beside those while it publishes
FAILED = 1


@dataclass
class Killer:
    """Kills nights of one project and holds what must hold after each kill."""

    place: Place
    draw: random.Random
    kills: Counter[str] = field(default_factory=Counter)

    def kill_in_the_middle(self, day: str, *, how: str, after: int) -> bool:
        """Run a night until ``after`` more steps have run, and a moment longer, and kill; return whether it was still running."""
        before = published(self.place)
        with started(self.place, *night(self.place, day)) as process:
            self._listen(process, after)
            time.sleep(self.draw.uniform(0, 0.6))
            is_running = process.poll() is None
            if is_running:
                self._kill(process, how)
            self._check(process, before, is_killed=is_running)
        return is_running

    def kill_while_publishing(self, day: str, folder: str, draft: str) -> bool:
        """Kill a night the moment the draft of a manifest appears; return whether it was left half-written."""
        before = published(self.place)
        place = self.place.state / "warehouse" / folder
        with started(self.place, *night(self.place, day)) as process:
            while process.poll() is None:
                if drafts_in(place, draft):
                    os.killpg(process.pid, signal.SIGKILL)
                    self.kills[f"while {draft}… was written"] += 1
                    break
            self._check(process, before, is_killed=process.wait() == -signal.SIGKILL)
        return bool(drafts_in(place, draft))

    def _listen(self, process: subprocess.Popen[str], n_steps: int) -> None:
        """Return when so many steps have run that had not run before, or when there is no more to hear."""
        if process.stderr is None:
            raise RuntimeError("the run has no pipe")
        while n_steps > 0 and (line := process.stderr.readline()):
            n_steps -= line.startswith("ran")

    def _kill(self, process: subprocess.Popen[str], how: str) -> None:
        workers = workers_of(process)
        if how == "worker" and workers:
            os.kill(self.draw.choice(workers), signal.SIGKILL)
            if process.stderr is None:
                raise RuntimeError("the run has no pipe")
            told = process.stderr.read()
            assert process.wait() == FAILED, told
            assert "nothing was published" in told or "stays readable" in told
        elif how == "run":
            process.kill()
        else:
            how = "group"
            os.killpg(process.pid, signal.SIGKILL)
        self.kills[how] += 1

    def _check(self, process: subprocess.Popen[str], before: dict[str, bytes], *, is_killed: bool) -> None:
        """Nothing runs on; what is current is what was, or all that was to be."""
        assert wait_until(lambda: process.poll() is not None and not members(process.pid), seconds=10), members(
            process.pid
        )
        after = published(self.place)
        assert {n: b for n, b in after.items() if n in before and n != "manifest.json"} == {
            n: b for n, b in before.items() if n != "manifest.json"
        }
        current = self.place.warehouse.current()
        if after.get("manifest.json") != before.get("manifest.json"):
            assert current is not None
            assert after["manifest.json"] == after[f"{current.number:06d}.json"]
        elif not is_killed:
            assert after == before  # it had ended before
        for manifest in self.place.warehouse.kept():
            assert_readable(self.place, manifest)


def drafts_in(folder: Path, beginning: str) -> list[str]:
    """Return the drafts in a folder whose names begin so."""
    try:
        with os.scandir(folder) as entries:
            return [e.name for e in entries if e.name.startswith(beginning) and e.name.endswith(".draft")]
    except FileNotFoundError:
        return []


def run_night(place: Place, day: str) -> None:
    with started(place, *night(place, day)) as process:
        _, told = process.communicate()
        assert process.returncode == 0, told


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("nights"), n_customers=600, n_days=120)


@pytest.fixture(scope="module")
def whole(fresh: Place) -> Place:
    """The project after two nights that nobody disturbed."""
    place = fresh.copy(fresh.project.parent / "whole")
    for day in (FIRST, SECOND):
        run_night(place, day)
    return place


def kill_night(killer: Killer, day: str, n_steps: int) -> None:
    """Kill one night ``N_KILLS`` times on its way and then while it publishes, and let it end."""
    ways = ["run", "group", "worker", "group", "run", "worker", "group", "run"]
    killer.draw.shuffle(ways)
    for how in ways[:N_KILLS]:
        killer.kill_in_the_middle(day, how=how, after=killer.draw.randrange(2 * n_steps // N_KILLS))
    for folder, draft in (("manifests", ".0"), ("", ".manifest.json.")):
        killer.kill_while_publishing(day, folder, draft)
    run_night(killer.place, day)


def assert_equal(one: Place, other: Place, number: int) -> None:
    left, right = one.warehouse.manifest(number), other.warehouse.manifest(number)
    assert {e.label for e in left.entries.values()} == {e.label for e in right.entries.values()}
    assert (left.as_of, left.definitions) == (right.as_of, right.definitions)
    mine, theirs = contents(one, number), contents(other, number)
    assert [k for k in mine if mine[k] != theirs[k]] == []


def test_two_nights_killed_again_and_again_equal_two_undisturbed_ones(fresh: Place, whole: Place) -> None:
    place = fresh.copy(fresh.project.parent / "killed")
    killer = Killer(place, random.Random(20250630))
    for number, day in enumerate((FIRST, SECOND), start=1):
        kill_night(killer, day, n_steps=140)
        current = place.warehouse.current()
        assert current is not None
        assert (current.as_of.isoformat(), current.number) == (day, number)
        assert_equal(place, whole, number)
    assert models(place) == models(whole)
    assert sum(killer.kills.values()) >= N_KILLS
    assert {"run", "group", "worker"} <= killer.kills.keys()
    assert not (place.state / "warehouse" / "drafts").exists()
    assert [p.name for p in (place.state / "scratch").rglob("engine-*")] == []
    print(dict(killer.kills))


# ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def kept(place: Place) -> tuple[int, int, int]:
    """How many versions, approvals and audit entries the store holds."""
    store = place.state / "store.sqlite3"
    if not store.is_file():
        return 0, 0, 0
    with sqlite3.connect(store) as connection:
        names = {n for (n,) in connection.execute("select name from sqlite_master where type = 'table'")}
        tables = [f"backoffice_{n}" for n in ("definitionversion", "approval", "auditentry")]
        counts = [connection.execute(f"select count(*) from {t}").fetchone()[0] if t in names else 0 for t in tables]
    return counts[0], counts[1], counts[2]


def exported(place: Place, folder: Path) -> dict[str, str]:
    with started(place, "export", str(folder)) as process:
        _, told = process.communicate()
        assert process.returncode == 0, told
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in sorted(folder.rglob("*.yaml"))}


@pytest.mark.requirement("K5")
def test_an_apply_and_an_approval_killed_at_any_moment_keep_all_or_nothing(
    fresh: Place, whole: Place, tmp_path: Path
) -> None:
    place = fresh.copy(tmp_path / "applied")
    settings = place.project / "zhike.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"on_apply"', '"four_eyes"'), encoding="utf-8")
    all_versions, _, all_entries = kept(whole)
    assert all_versions > 300
    draw = random.Random(7)
    for words, done in (
        (("apply", "--by", "wang"), (all_versions, 0, all_entries)),
        (("approve", "all", "--by", "li"), (all_versions, all_versions, 2 * all_entries)),
    ):
        before = kept(place)
        n_kills, latest = 0, 0.0
        while n_kills < 6:
            with started(place, *words) as process:
                wait_until(lambda p=process: p.poll() is not None, seconds=draw.uniform(0.2, 2.5) + latest)  # type: ignore[misc]
                if process.poll() is None:
                    process.kill()
                    n_kills += 1
                    latest += 0.15
                process.wait()
            assert kept(place) in (before, done)
            if kept(place) == done:
                break
        with started(place, *words) as process:
            process.communicate()
        assert kept(place) == done
    with started(place, "audit", "--json") as process:
        _, told = process.communicate()
        assert process.returncode == 0, told
        assert f"the chain of {2 * all_entries} entries is whole" in told
    assert exported(place, tmp_path / "one") == exported(whole, tmp_path / "other")
