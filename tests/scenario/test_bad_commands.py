"""Commands asked wrongly, interrupted, or refused by the machine: one clear message, the documented exit code, no trace."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario.commands import ZHIKE, Commands, Told, environment, run_alone
from tests.scenario.test_bad_files import RUN, assert_stays_readable
from tests.scenario.tiny_bank import Bank

pytestmark = pytest.mark.slow
DONE, FAILED, WRONG_USE, NOT_READY, INTERRUPTED = 0, 1, 2, 3, 130

NEEDING_A_PROJECT = [
    ("check",), ("apply",), ("diff",), ("export", "out"), ("approve", "all"), ("audit",), ("run", "--as-of", "2025-03-31"), ("quarantine",),
    ("explain", "x"), ("lineage", "profile"), ("report",), ("tags", "list"), ("tags", "show", "x"), ("tags", "count", "x"), ("tags", "why", "x", "y"),
    ("segments", "list"), ("segments", "show", "x"), ("segments", "count", "x"), ("models", "list"), ("models", "show", "x"),
    ("models", "evaluate", "x", "--data", "."), ("identity", "why", "a:1", "b:2"), ("identity", "show", "a:1"), ("identity", "history", "x"),
    ("identity", "review"), ("identity", "merge", "a:1", "b:2", "--reason", "r"), ("identity", "split", "a:1", "b:2", "--reason", "r"),
    ("identity", "undo", "1", "--reason", "r"), ("identity", "decisions"), ("identity", "fit"), ("identity", "quality"),
    ("identity", "picture", "a:1", "--out", "p.svg"), ("identity", "place", "x.jsonl"),
]  # fmt: skip
LOOKING_AT_A_RUN = [
    ("quarantine",), ("explain", "x"), ("lineage", "profile"), ("report",), ("tags", "list"), ("segments", "list"), ("models", "list"),
    ("identity", "why", "a:1", "b:2"), ("identity", "review"), ("identity", "quality"), ("identity", "fit"), ("identity", "show", "a:1"),
    ("identity", "history", "a:1"), ("identity", "merge", "a:1", "b:2", "--reason", "x"), ("identity", "split", "a:1", "b:2", "--reason", "x"),
    ("identity", "undo", "1", "--reason", "x"), ("identity", "place", "x.jsonl"), ("identity", "picture", "a:1", "--out", "x.svg"),
]  # fmt: skip


def assert_clear(told: Told, code: int, *said: str) -> None:
    """The exit code and the words on stderr, something to do, and neither a trace nor a confession."""
    assert told.code == code, told.err
    assert [words for words in said if words not in told.err] == []
    assert "Traceback" not in told.err
    assert "bug" not in told.err
    assert len(told.err) < 1500


@pytest.mark.parametrize("words", NEEDING_A_PROJECT, ids=" ".join)
def test_without_a_project_every_command_says_how_to_make_one(zhike: Commands, tmp_path: Path, words: tuple[str, ...]):
    told = zhike(*words, folder=tmp_path)
    assert_clear(told, WRONG_USE, f"{tmp_path} is no zhike project: it has no zhike.toml", "zhike init", "--project")
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", LOOKING_AT_A_RUN, ids=" ".join)
def test_before_the_first_run_every_command_says_to_run(zhike: Commands, tmp_path: Path, words: tuple[str, ...]):
    assert zhike("init", "bank", folder=tmp_path).code == DONE
    told = zhike(*words, folder=tmp_path / "bank")
    assert_clear(told, WRONG_USE, "no run has been published yet", "run `zhike run --as-of DAY` first")
    assert told.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("runn",), ("No such command 'runn'", "Did you mean 'run'?")),
        (("run",), ("Missing option '--as-of'",)),
        (("run", "--as-off", "2025-03-31"), ("No such option: --as-off", "--as-of")),
        (("tags", "lst"), ("No such command 'lst'", "Did you mean 'list'?")),
        (("tags", "count"), ("Missing argument 'key'",)),
        (("tags", "count", "oldr"), ("there is no tag called oldr", "did you mean older?")),
        (("tags", "show", "zzz"), ("there is no tag called zzz", "there are 1: older")),
        (("tags", "why", "older", "nobody"), ("the profile has no customer nobody", "check the id")),
        (("segments", "count", "older_person"), ("there is no segment called older_person", "did you mean older_persons?")),
        (("segments", "show", "zzz"), ("there is no segment called zzz", "there are 2: global_exclusion, older_persons")),
        (("identity", "whyy"), ("No such command 'whyy'", "Did you mean 'why'?")),
        (("identity", "why", "core:1001"), ("Missing argument 'other'",)),
        (("identity", "why", "1001", "1002"), ("neither source:key nor a customer id", "such as core:1001")),
        (("identity", "why", "core:1001", "core:1001"), ("both name one and the same", "name two records or two customers")),
        (("identity", "why", "core:1001", "core:9"), ("no such record of source core", "zhike identity place")),
        (("identity", "show", "cor:1001"), ("no such record of source cor", "did you mean core?")),
        (("identity", "show", "0123456789abcdef01234567"), ("there is no customer 0123456789abcdef01234567", "check the id")),
        (("identity", "history", "0123456789abcdef01234567"), ("there is no customer 0123456789abcdef01234567",)),
        (("identity", "review", "core:1001"), ("only one of the pair is named", "name both, or neither")),
        (("identity", "review", "core:1001", "core:1002"), ("not in the queue", "zhike identity why")),
        (("identity", "review", "--reason", "gray"), ("there is no reason gray", "there are grey, ")),
        (("identity", "merge", "core:1001", "core:1002"), ("Missing option '--reason'",)),
        (("identity", "merge", "core:1001", "core:1002", "--reason", " "), ("a decision needs a reason", "--reason")),
        (("identity", "merge", "core:1001", "core:1001", "--reason", "x"), ("both name one and the same",)),
        (("identity", "split", "core:1001", "--reason", "x"), ("makes no two sides", "name two records")),
        (("identity", "split", "core:1001", "core:1002", "core:1003", "--reason", "x"), ("makes no two sides", "a customer and some of its records")),
        (("identity", "undo", "7", "--reason", "x"), ("no merge or split number 7 is in force", "in force are")),
        (("identity", "undo", "x", "--reason", "x"), ("Invalid value for 'number'",)),
        (("identity", "place", "nowhere.jsonl"), ("there is no file nowhere.jsonl", "- reads standard input")),
        (("identity", "place", "mapping.yaml"), ("lines are no record", "line 1: is no JSON", "nothing was placed")),
        (("identity", "fit"), ("no match model called person is approved",)),
        (("identity", "picture", "core:1001"), ("Missing option '--out'",)),
        (("identity", "quality", "--truth", "nowhere.csv"), ("nowhere.csv", "is not there")),
        (("identity", "quality", "--truth", "data"), ("data", "can't be opened")),
        (("identity", "quality", "--truth", "mapping.yaml"), ("mapping.yaml", "give a Parquet or CSV file with the columns source, source_key and person")),
        (("identity", "quality", "--truth", "data/customers.csv"), ("lacks the columns source, source_key, person",)),
        (("models", "show", "zzz"), ("there is no model called zzz",)),
        (("models", "evaluate", "zzz", "--data", "."), ("there is no model called zzz",)),
        (("explain", "nobody"), ("there is no decision nobody", "take a decision_id or customer_id")),
        (("lineage", "tag_value", "oldr"), ("nothing is published as tag_value/oldr", "partitions of tag_value: older")),
        (("approve", "tag", "oldr"), ("no tag called oldr has been applied", "did you mean older?")),
        (("approve", "tga", "older"), ("there is no kind of definition called tga", "did you mean tag?")),
        (("approve", "tag"), ("which tag is approved is not said", "zhike approve KIND KEY")),
        (("approve", "tag", "older"), ("tag older version 1 is decided already",)),
        (("run", "--as-of", "2025-04-01", "--data", "nowhere"), ("there is no data folder nowhere", "--data")),
        (("run", "--as-of", "2025-04-01", "--data", "zhike.toml"), ("there is no data folder zhike.toml",)),
        (("demo", "new", "--customers", "10"), ("Invalid value for '--customers'", "500")),
        (("demo", "."), ("holds something that no demo wrote", "name another folder")),
        (("demo", "zhike.toml"), ("zhike.toml", "Not a directory", "name another path")),
        (("init", "."), ("is a zhike project already", "name another folder")),
        (("init", "zhike.toml"), ("zhike.toml", "File exists", "name another path")),
        (("export", "zhike.toml"), ("zhike.toml", "Not a directory", "name another path")),
        (("report", "--out", "zhike.toml"), ("zhike.toml", "File exists", "name another path")),
    ],
    ids=lambda v: " ".join(v) if v and v[0].islower() and " " not in v[0] else "",
)  # fmt: skip
def test_wrong_words_are_answered_with_what_would_be_right(
    zhike: Commands, published_bank: Bank, words: tuple[str, ...], said: tuple[str, ...]
):
    before = published_bank.manifests
    told = zhike(*words, folder=published_bank.folder)
    assert_clear(told, WRONG_USE, *said)
    assert told.out == ""
    assert published_bank.manifests == before


def test_chinese_is_answered_in_chinese(zhike: Commands, published_bank: Bank):
    for words, said in (
        (("tags", "count", "oldr"), ("没有名为 oldr 的标签", "是否要找 older？")),
        (("approve", "all"), ("没有待复核的定义",)),
        (("diff",), ("没有变化",)),
        (("audit",), ("条完好",)),
        (("models", "list"), ("没有可显示的内容",)),
    ):
        told = zhike(*words, folder=published_bank.folder, language="zh_CN.UTF-8")
        assert [w for w in said if w not in told.err] == []


def test_init_writes_over_nothing(zhike: Commands, tmp_path: Path):
    (tmp_path / "mapping.yaml").write_text("mine\n", encoding="utf-8")
    told = zhike("init", ".", folder=tmp_path)
    assert_clear(told, WRONG_USE, "holds mapping.yaml, which would be written over", "name an empty folder")
    assert [p.name for p in tmp_path.iterdir()] == ["mapping.yaml"]
    assert (tmp_path / "mapping.yaml").read_text(encoding="utf-8") == "mine\n"


def test_init_stands_beside_other_files(zhike: Commands, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine\n", encoding="utf-8")
    assert zhike("init", ".", folder=tmp_path).code == DONE
    assert (tmp_path / "zhike.toml").is_file()


def test_export_writes_over_nothing(zhike: Commands, bank: Bank):
    assert zhike("export", "out", folder=bank.folder).code == DONE
    told = zhike("export", "out", folder=bank.folder)
    assert_clear(told, WRONG_USE, "out/features/features.yaml exists", "name an empty folder")


@pytest.mark.requirement("K5")
def test_approving_everything_approves_nothing_when_one_may_not_be(zhike: Commands, bank: Bank):
    bank.replace("zhike.toml", 'definitions_approval = "on_apply"', 'definitions_approval = "four_eyes"')
    bank.replace("conf/parameters.yaml", "value: 45", "value: 50")
    assert zhike("apply", "--by", "li", folder=bank.folder).code == DONE
    bank.replace("conf/segments/life.yaml", "zh: 年长客户", "zh: 年长的客户")
    assert zhike("apply", "--by", "wang", folder=bank.folder).code == DONE
    told = zhike("approve", "all", "--by", "wang", folder=bank.folder)
    assert_clear(told, WRONG_USE, "wang made segment older_persons and may not approve it", "ask somebody else")
    assert told.out == ""
    done = zhike("approve", "all", "--by", "zhang", folder=bank.folder)
    assert done.out.splitlines() == [
        f"approved {what} v2" for what in ("parameters all", "segment older_persons", "tag older")
    ]


def test_a_second_run_is_refused_while_one_is_in_progress(zhike: Commands, bank: Bank):
    before = bank.manifests
    with (bank.folder / ".zhike" / "warehouse" / "lock").open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        told = zhike(*RUN, folder=bank.folder)
        assert_clear(told, WRONG_USE, "another run is in progress", "wait for it to end", "stays readable")
        assert_stays_readable(zhike, bank, before)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are given up by a call of Linux")
@pytest.mark.parametrize(
    ("words", "closed", "named"),
    [
        (("init", "new"), ".", "new"), (("demo", "new"), ".", "new"), (("export", "out"), ".", "out"),
        (("report", "--out", "out"), ".", "out"), (RUN, ".zhike", ".zhike"), (RUN, ".zhike/warehouse/manifests", ".zhike/warehouse/manifests/"),
        (("apply",), ".zhike/store.sqlite3", "store.sqlite3"),
    ],
    ids=str,
)  # fmt: skip
def test_a_folder_that_may_not_be_written_is_named(
    zhike: Commands, bank: Bank, words: tuple[str, ...], closed: str, named: str
):
    before = bank.manifests
    if words == ("apply",):
        bank.replace("conf/parameters.yaml", "value: 45", "value: 50")
    place = bank.folder / closed
    mode = place.stat().st_mode
    place.chmod(0o500)
    try:
        told = zhike(*words, folder=bank.folder, is_powerless=True)
    finally:
        place.chmod(mode)
    assert_clear(told, NOT_READY, named, "let the account that runs zhike")
    assert told.out == ""
    assert bank.manifests == before


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are given up by a call of Linux")
@pytest.mark.parametrize("name", ["zhike.toml", "mapping.yaml", "conf/tags/life.yaml", "data/customers.csv"])
def test_a_file_that_may_not_be_read_is_named(zhike: Commands, bank: Bank, name: str):
    before = bank.manifests
    (bank.folder / name).chmod(0)
    told = zhike(*RUN, "--json", folder=bank.folder, is_powerless=True)
    (bank.folder / name).chmod(0o600)
    assert_clear(told, NOT_READY, name, "Permission denied", "let the account that runs zhike read and write it")
    assert told.json["error"]["code"] == "cli.machine_refuses"
    assert_stays_readable(zhike, bank, before)


def test_a_damaged_store_is_named(zhike: Commands, bank: Bank):
    for path in (bank.folder / ".zhike").glob("store.sqlite3*"):
        path.unlink()
    bank.write(".zhike/store.sqlite3", b"no database at all, but long enough to be read as one" * 40)
    told = zhike("segments", "list", folder=bank.folder)
    assert_clear(told, NOT_READY, "store.sqlite3 cannot be opened", "put your copy back")


def test_a_full_disk_under_stdout_is_told(published_bank: Bank):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*ZHIKE, "tags", "list"], cwd=published_bank.folder, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False
        )  # fmt: skip
    assert_clear(Told(done.returncode, "", done.stderr), NOT_READY, "No space left on device", "room on the disk")


@pytest.mark.parametrize(
    "words", [("tags", "list"), ("segments", "list", "--json"), ("check",), ("doctor",)], ids=" ".join
)
def test_a_reader_that_goes_away_is_no_failure(published_bank: Bank, words: tuple[str, ...]):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*ZHIKE, *words], cwd=published_bank.folder, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment(), check=False
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, "Broken" in done.stderr, "Traceback" in done.stderr) == (DONE, False, False)


@pytest.mark.parametrize("at", ["snapshot:contact", "identity:link", "policy:contactability"])
def test_an_interrupted_run_says_so_publishes_nothing_and_goes_on_later(zhike: Commands, bank: Bank, at: str):
    before = bank.manifests
    hearing = ["env", "--default-signal=INT"]  # tests started in the background are deaf to interrupts
    command = [*hearing, *ZHIKE, "run", "--as-of", "2025-04-01"]
    with subprocess.Popen(
        command, cwd=bank.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
    ) as process:  # fmt: skip
        if process.stderr is None or process.stdout is None:
            raise RuntimeError("the run has no pipes")
        heard = []
        for line in process.stderr:
            heard.append(line)
            if line.rstrip().endswith(at):
                os.killpg(process.pid, signal.SIGINT)
                break
        heard += process.stderr.readlines()
        out = process.stdout.read()
        code = process.wait()
    assert (code, out) == (INTERRUPTED, "")
    assert heard[-1] == "interrupted; nothing partial is published, run again to go on\n"
    assert "Traceback" not in "".join(heard)
    assert_stays_readable(zhike, bank, before)
    again = zhike("run", "--as-of", "2025-04-01", "--json", folder=bank.folder)
    states = {s["key"]: s["state"] for s in again.json["steps"]}
    assert (again.code, states[at]) == (DONE, "reused")


def test_a_mistake_of_ours_is_told_as_ours_without_a_trace_and_with_one_on_request(
    zhike: Commands, bank: Bank, monkeypatch: pytest.MonkeyPatch
):
    from tests.scenario import commands

    bank.write(".zhike/warehouse/manifest.json", b"{")
    told = zhike("segments", "list", "--json", folder=bank.folder)
    assert (told.code, told.json["error"]["code"]) == (FAILED, "cli.bug")
    assert ("this is our mistake" in told.err, "Traceback" in told.err) == (True, False)
    plain = commands.environment
    monkeypatch.setattr(commands, "environment", lambda language="en": {**plain(language), "ZHIKE_DEBUG": "1"})
    assert "Traceback" in zhike("segments", "list", folder=bank.folder).err


def test_a_fresh_interpreter_says_the_same_as_the_server_of_these_tests(zhike: Commands, published_bank: Bank):
    for words in (
        ("segments", "list", "--json"),
        ("tags", "count", "oldr"),
        ("run", "--as-of", "2025-02-30", "--json"),
    ):
        assert run_alone(*words, folder=published_bank.folder) == zhike(*words, folder=published_bank.folder)
