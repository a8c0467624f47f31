"""Static lists at the command line: a manager puts customers on one, a pinned segment over it is an exclusion list, and they come off again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scenario.asking import run
from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import FIRST_NIGHT, SECOND_NIGHT, Bank

pytestmark = [pytest.mark.slow, pytest.mark.requirement("D4")]
LISTS = """\
salon_guests:
  {zh: 沙龙嘉宾, en: Salon guests, meaning_zh: 春季沙龙邀请名单, meaning_en: Guests of the spring salon, owner: retail_marketing}
from_the_bank:
  {zh: 总行名单, en: Head office's, meaning_zh: 总行下发, meaning_en: Delivered, owner: retail_marketing, held_by: bank}
"""
SEGMENT = """
not_twice:
  zh: 已邀请者
  en: Invited already
  meaning_zh: 已在沙龙名单上，不再营销
  meaning_en: On the list of the salon, not to be asked again
  subjects: [person, sole_trader]
  owner: retail_marketing
  is_pinned: true
  when: {list: salon_guests}
"""


@pytest.fixture
def ask(zhike: Commands, bank: Bank) -> Any:
    """Return a function that gives what ``zhike WORDS --json`` answers, or (exit code, code of the error)."""

    def answer(*words: str) -> Any:
        told = zhike(*words, "--json", folder=bank.folder)
        return told.json if told.code == 0 else (told.code, told.json["error"]["code"])

    return answer


@pytest.fixture
def listed(zhike: Commands, bank: Bank) -> Bank:
    """A bank whose project has a list, and a pinned segment over it."""
    conf = bank.folder / "conf"
    (conf / "lists").mkdir()
    (conf / "lists" / "mine.yaml").write_text(LISTS, encoding="utf-8")
    path = conf / "segments" / "life.yaml"
    path.write_text(path.read_text(encoding="utf-8") + SEGMENT, encoding="utf-8")
    run(zhike, bank, FIRST_NIGHT)
    return bank


def guests(folder: Path, text: str) -> str:
    path = folder / "guests.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_whom_a_file_names_is_on_the_list_from_the_next_run_and_off_it_again(
    zhike: Commands, listed: Bank, ask: Any
) -> None:
    file = guests(listed.folder, "\ufeffsource,source_key\ncore,1002\ncore,1003\ncore,1002\n")
    before = ask("audience", "count", "{field: age, at_least: 45}")["customers"]
    told = ask("lists", "add", "salon_guests", file, "--reason", "春季沙龙", "--by", "wang", "--from", FIRST_NIGHT)
    assert (told["added"], told["on_it_already"]) == (2, 0)
    assert ask("lists", "add", "salon_guests", file, "--reason", "again", "--from", SECOND_NIGHT)["added"] == 0
    run(zhike, listed, SECOND_NIGHT)
    assert {r["list"]: r["customers"] for r in ask("lists", "list")} == {"from_the_bank": 0, "salon_guests": 2}
    assert ask("audience", "count", "{list: salon_guests}")["matching"] == 2
    assert (
        ask("audience", "count", "{field: age, at_least: 45}")["customers"] == before - 2
    )  # the pinned segment takes them out
    who = {r["customer_id"] for r in ask("lists", "show", "salon_guests")}
    assert len(who) == 2
    one = guests(listed.folder, f"customer_id\n{sorted(who)[0]}\n")
    off = ask("lists", "remove", "salon_guests", one, "--reason", "declined", "--from", "2025-04-02")
    assert (off["taken_off"], off["last_day"]) == (1, SECOND_NIGHT)
    run(zhike, listed, "2025-04-02")
    assert ask("audience", "count", "{list: salon_guests}")["matching"] == 1
    assert [r["to_on"] for r in sorted(ask("lists", "show", "salon_guests"), key=lambda r: r["customer_id"])] == [
        SECOND_NIGHT,
        None,
    ]
    audit = ask("audit")
    assert audit["first_broken"] is None
    assert [r["action"] for r in audit["records"] if r["action"].startswith("list.")] == [
        "list.added",
        "list.taken_off",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("source,source_key\ncore,1002\ncore,9999\n", "lists.nobody"), ("name\n张三\n", "lists.columns"), ("", "lists.columns"), ("customer_id\n", "lists.nobody"),
        ("customer_id\n张三\n", "lists.nobody"),
    ],
)  # fmt: skip
def test_a_file_that_names_nobody_changes_nothing(listed: Bank, ask: Any, text: str, code: str) -> None:
    assert ask("lists", "add", "salon_guests", guests(listed.folder, text), "--reason", "x") == (2, code)
    assert ask("lists", "show", "salon_guests") == []


def test_a_list_that_the_bank_holds_is_not_filled_here_and_an_unknown_one_is_suggested(listed: Bank, ask: Any) -> None:
    file = guests(listed.folder, "source,source_key\ncore,1002\n")
    assert ask("lists", "add", "from_the_bank", file, "--reason", "x") == (2, "lists.held_by_bank")
    assert ask("lists", "add", "salon_guest", file, "--reason", "x") == (2, "definition.list_unknown")
    assert ask("lists", "remove", "salon_guests", file, "--reason", "x") == (2, "lists.nobody_on_it")
    assert ask("lists", "add", "salon_guests", file + "x", "--reason", "x") == (2, "lists.no_file")
    assert ask("lists", "add", "salon_guests", file, "--reason", "x", "--from", "soon") == (2, "lists.day")
    assert ask("lists", "add", "salon_guests", file, "--reason", "x", "--from", "2025-04-02", "--to", "2025-04-01") == (
        2,
        "lists.days",
    )
    assert ask("audience", "count", "{list: salon_guets}") == (2, "rule.malformed")
