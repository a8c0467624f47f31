"""What an analyst asks of segments at the command line, on a bank too small for most of it: every answer or refusal is clear."""

from __future__ import annotations

import pytest

from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import FIRST_NIGHT, PERSONAL, SECOND_NIGHT, Bank

pytestmark = [pytest.mark.slow, pytest.mark.requirement("D6")]


def refused(zhike: Commands, bank: Bank, *words: str, code: int = 1) -> str:
    told = zhike("segments", *words, "--json", folder=bank.folder)
    assert told.code == code, told.err
    assert "Traceback" not in told.err
    return str(told.json["error"]["code"])


def test_too_few_customers_are_refused_with_the_reason(zhike: Commands, bank: Bank) -> None:
    by_age = ("rfm", "--recency", "age", "--frequency", "age", "--money", "age")
    assert refused(zhike, bank, *by_age) == "rfm.too_few"
    assert refused(zhike, bank, "portrait", "older_persons") == "portrait.few_members"
    assert refused(zhike, bank, "associations") == "association.too_few"


def test_what_the_profile_does_not_have_is_refused(zhike: Commands, bank: Bank) -> None:
    assert refused(zhike, bank, "rfm", code=2) == "rfm.no_column"
    assert refused(zhike, bank, "discover", code=2) == "discovery.not_numbers"
    assert refused(zhike, bank, "discover", "--features", "age,agee", code=2) == "discovery.no_such_feature"
    assert refused(zhike, bank, "discover", "--features", "age,birth_on", code=2) == "discovery.not_numbers"
    assert refused(zhike, bank, "discover", "--method", "magic", code=2) == "cli.not_one_of"
    assert refused(zhike, bank, "portrait", "older_person", code=2).endswith("unknown")
    assert refused(zhike, bank, "rfm", "--subjects", "robot", code=2) == "cli.not_one_of"


@pytest.mark.requirement("D7")
def test_migration_and_health_after_a_second_night(zhike: Commands, bank: Bank) -> None:
    # nobody is older any more: the definition matches nobody
    bank.replace("conf/parameters.yaml", "older_years: {value: 45", "older_years: {value: 99")
    assert zhike("run", "--as-of", SECOND_NIGHT, "--quiet", "--json", folder=bank.folder).code == 0
    days = ("--from", FIRST_NIGHT, "--to", SECOND_NIGHT)
    moved = zhike(
        "segments", "migration", "older_persons", *days, "--json", "--out", "o/moved.html", folder=bank.folder
    )
    assert moved.code == 0, moved.err
    assert [(f["from"], f["to"], f["customers"]) for f in moved.json["flows"]] == [("", "~", 3)]
    assert "no version of the profile" in moved.err  # it has no AUM
    page = (bank.folder / "o" / "moved.html").read_text(encoding="utf-8")
    assert "年长客户：客群迁移" in page
    health = zhike("segments", "health", "--json", folder=bank.folder)
    alerts = {h["segment"]: h["alerts"] for h in health.json}
    assert alerts["older_persons"] == "the definition matches nobody"
    one = zhike("segments", "health", "older_persons", "--json", "--out", "o/health.html", folder=bank.folder)
    assert (one.json["members"], one.json["coverage"]) == (0, 0.0)
    assert one.json["review_on"] is not None
    assert not [secret for secret in PERSONAL if secret in one.out + moved.out + page]
    assert refused(zhike, bank, "migration", "older_persons", "--from", "2024-01-01") == "migration.no_history"
    assert (
        refused(zhike, bank, "migration", "older_persons", "--from", FIRST_NIGHT, "--to", "2099-01-01")
        == "migration.not_run_yet"
    )
    assert refused(zhike, bank, "migration", "older_persons", "--from", "yesterday", code=2) == "cli.not_a_day"
    assert refused(zhike, bank, "migration", "older_persons", "--from", SECOND_NIGHT, "--to", FIRST_NIGHT, code=2) == "migration.days_reversed"  # fmt: skip


def test_a_segment_of_everybody_in_any_script_is_told(zhike: Commands, bank: Bank) -> None:
    bank.add(
        "conf/segments/life.yaml",
        """\
everybody:
  zh: 全体 客戶 🏦 <b>
  en: Ολοι "все" & <b>
  meaning_zh: 全体
  meaning_en: Everybody
  subjects: [person]
  owner: retail_marketing
  when: {everyone: true}
  review_on: 2025-01-01
""",
    )
    assert zhike("run", "--as-of", SECOND_NIGHT, "--quiet", "--json", folder=bank.folder).code == 0
    told = zhike("segments", "health", "everybody", "--json", "--out", "o/h.html", folder=bank.folder)
    assert {a["kind"] for a in told.json["alerts"]} == {"everybody", "review"}
    page = (bank.folder / "o" / "h.html").read_text(encoding="utf-8")
    assert "全体 客戶 🏦 &lt;b&gt;" in page
    assert "<b>" not in page


def test_a_review_that_is_no_day_is_refused(zhike: Commands, bank: Bank) -> None:
    bank.replace("conf/segments/life.yaml", "  when: {tag: older}", "  when: {tag: older}\n  review_on: next year")
    told = zhike("check", "--json", folder=bank.folder)
    assert told.code == 2
    assert "review_on" in told.err
