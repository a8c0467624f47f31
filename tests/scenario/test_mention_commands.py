"""Companies that invoices name: an officer sees what is not certain, says whom a mention means, and takes it back; relations beside it."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from tests.scenario.asking import ask, refused, run
from tests.scenario.commands import Commands
from tests.scenario.tiny_bank import FIRST_NIGHT, MAPPING, Bank, copy, fill
from zhike.identity.standard.numbers import standard_uscc

pytestmark = [pytest.mark.slow, pytest.mark.requirement("B2")]
SERIALS = ("91330106MA2B00001", "91330106MA2B00002", "91330200MA2B00003")
NAME, OTHER_NAME = "杭州恒信贸易有限公司", "宁波广源机械有限公司"
FIRST, SECOND, THIRD = (
    next(n + c for c in string.digits + string.ascii_uppercase if standard_uscc(n + c).value) for n in SERIALS
)
COMPANIES = f"2001,3,{NAME},{FIRST},,,2024-01-01\n2002,3,{NAME},{SECOND},,,2024-01-01\n2003,3,{OTHER_NAME},{THIRD},,,2024-01-01\n"
INVOICES = f"""\
INV_NO,SELLER,SELLER_TAX,BUYER,BUYER_TAX,INV_DT,AMT
I1,{OTHER_NAME},{THIRD},{NAME},,2025-02-03,1000
I2,{OTHER_NAME},{THIRD},{NAME},{FIRST},2025-02-04,2000
"""
INVOICE_MAPPING = """\
  - name: invoices
    source: tax
    to: invoice
    file: invoices.csv
    columns:
      invoice_id: INV_NO
      seller_name: SELLER
      seller_tax_id: SELLER_TAX
      buyer_name: BUYER
      buyer_tax_id: BUYER_TAX
      issued_on: INV_DT
      total_amount: AMT
      recorded_at: {day_end: issued_on}
"""
OF_COMPANIES = MAPPING.replace(
    "id_type: {constant: resident_id}",
    'id_type: {column: CUST_TYPE, values: {"1": resident_id, "2": resident_id, "3": uscc}}',
)
NIGHTS = ("2025-04-01", "2025-04-02", "2025-04-03")


@pytest.fixture(scope="module")
def invoiced_bank(zhike: Commands, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("invoiced") / "bank"
    assert zhike("init", str(folder), "--name", "Tiny Bank", folder=folder.parent).code == 0
    bank = fill(folder)
    bank.write("data/customers.csv", (folder / "data" / "customers.csv").read_text(encoding="utf-8") + COMPANIES)
    bank.write("data/invoices.csv", INVOICES)
    bank.write("mapping.yaml", OF_COMPANIES + INVOICE_MAPPING)
    run(zhike, bank, FIRST_NIGHT)
    return bank


@pytest.fixture
def bank(invoiced_bank: Bank, tmp_path: Path) -> Bank:
    return copy(invoiced_bank, tmp_path / "bank")


def customer(zhike: Commands, bank: Bank, record: str) -> str:
    return str(ask(zhike, bank, "show", record)["customer_id"])


def waiting(zhike: Commands, bank: Bank) -> str:
    """Return the one mention that waits for an officer."""
    [mention] = ask(zhike, bank, "mentions")["mentions"]
    return str(mention["mention"])


def test_a_name_that_two_companies_have_waits_for_an_officer_whose_word_holds_until_it_is_taken_back(
    zhike: Commands, bank: Bank
) -> None:
    queue = ask(zhike, bank, "mentions")
    assert queue["counts"] == {"linked": 2, "review": 1}
    mention, second = waiting(zhike, bank), customer(zhike, bank, "core:2002")
    done = ask(zhike, bank, "merge", mention, "core:2002", "--reason", "call", "--by", "li")
    assert [c["customer_id"] for c in done["changes"]] == [second]
    assert ask(zhike, bank, "mentions", mention)["decided_by_override"] == done["override"]
    assert refused(zhike, bank, "merge", second, mention, "--reason", "call") == "identity.already_decided"
    assert refused(zhike, bank, "merge", mention, "core:2001", "--reason", "call") == "identity.override_in_force"
    assert refused(zhike, bank, "split", mention, "core:2002", "--reason", "call") == "identity.override_in_force"
    run(zhike, bank, NIGHTS[0])
    found = ask(zhike, bank, "mentions", mention)
    assert (found["state"], found["customer_id"], found["linked_by"]) == ("linked", second, "override")
    ask(zhike, bank, "undo", str(done["override"]), "--reason", "wrong", "--by", "li")
    run(zhike, bank, NIGHTS[1])
    assert waiting(zhike, bank) == mention
    ask(zhike, bank, "split", mention, "core:2002", "--reason", "call", "--by", "li")
    run(zhike, bank, NIGHTS[2])
    found = ask(zhike, bank, "mentions", mention)
    assert second not in {found["customer_id"], found["candidate_customer_id"]}


def test_why_says_for_which_company_a_mention_is_taken_and_by_what(zhike: Commands, bank: Bank) -> None:
    mention = waiting(zhike, bank)
    [case] = ask(zhike, bank, "mentions")["mentions"]
    likeliest, third = case["candidate_customer_id"], customer(zhike, bank, "core:2003")
    [other] = {customer(zhike, bank, r) for r in ("core:2001", "core:2002")} - {likeliest}
    found = ask(zhike, bank, "why", mention, likeliest)
    assert (found["is_meant"], found["company"], found["decisions"], found["contradictions"]) == (
        False,
        likeliest,
        [],
        [],
    )
    assert found["mention"]["probability"] == case["probability"] == 0.5
    assert (
        found["en"]
        == f"{likeliest} is the likeliest company, by: Same registered name; not surely enough: an officer is asked"
    )
    assert f"不是 {other}，而是 {likeliest}" in ask(zhike, bank, "why", other, mention)["zh"]
    sure = {m["tax_id"]: m for m in ask(zhike, bank, "mentions", "--state", "linked", "--show-values")["mentions"]}
    meant, first = sure[THIRD]["mention"], sure[FIRST]["mention"]
    assert ask(zhike, bank, "why", meant, "core:2003")["is_meant"] is True
    told = ask(zhike, bank, "why", first, "core:2002")
    assert (told["is_meant"], [c["reason"] for c in told["contradictions"]]) == (False, ["uscc"])
    assert FIRST not in str(told)
    ask(zhike, bank, "split", mention, "core:2003", "--reason", "call", "--by", "li")
    [decision] = ask(zhike, bank, "why", mention, third)["decisions"]
    assert (decision["action"], decision["holds_from_next_run"]) == ("split", True)
    text = zhike("identity", "why", first, "core:2002", folder=bank.folder)
    assert (text.code, "the mention does not mean" in text.err, "Same valid taxpayer number" in text.out) == (
        0,
        True,
        True,
    )
    assert [s for s in (NAME, OTHER_NAME, FIRST, SECOND, THIRD) if s in text.out + text.err] == []


def test_why_refuses_what_no_mention_can_mean(zhike: Commands, bank: Bank) -> None:
    mention = waiting(zhike, bank)
    for words, code in (
        ((mention, mention), "two_mentions"), ((mention, "core:1001"), "mention_of_person"), ((mention, "outside:0"), "outside_unknown"),
        (("mention:0", "core:2001"), "mention_unknown"), ((mention, "core:9"), "record_unknown"),
    ):  # fmt: skip
        assert refused(zhike, bank, "why", *words) == f"identity.{code}"


def test_a_person_is_no_company_whatever_an_officer_says(zhike: Commands, bank: Bank) -> None:
    assert refused(zhike, bank, "merge", "core:1001", "core:2001", "--reason", "typo") == "identity.merge_two_kinds"
    assert ask(zhike, bank, "decisions") == []


def test_a_number_on_an_invoice_is_nobody_elses_and_only_companies_are_meant(zhike: Commands, bank: Bank) -> None:
    sure = {
        m["tax_id"]: m["mention"]
        for m in ask(zhike, bank, "mentions", "--state", "linked", "--show-values")["mentions"]
    }
    assert refused(zhike, bank, "merge", sure[FIRST], "core:2002", "--reason", "call") == "identity.merge_two_documents"
    mention = waiting(zhike, bank)
    assert refused(zhike, bank, "merge", mention, "core:1001", "--reason", "call") == "identity.mention_of_person"
    assert refused(zhike, bank, "merge", mention, sure[FIRST], "--reason", "call") == "identity.mention_of_no_customer"
    assert refused(zhike, bank, "merge", mention, "outside:1", "--reason", "call") == "identity.mention_of_no_customer"
    assert refused(zhike, bank, "merge", "mention:0", "core:2001", "--reason", "call") == "identity.mention_unknown"
    assert refused(zhike, bank, "mentions", "core:2001") == "identity.not_a_mention"
    assert refused(zhike, bank, "merge", mention, "core:2001", "--reason", " ") == "identity.reason_missing"
    assert ask(zhike, bank, "merge", mention, "core:2001", "--reason", "call", "--dry-run")["override"] is None
    assert ask(zhike, bank, "decisions") == []


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "en"])
def test_names_and_numbers_are_masked_but_on_request_which_is_audited(zhike: Commands, bank: Bank, locale: str) -> None:
    mention = waiting(zhike, bank)
    masked = [
        zhike("identity", *words, folder=bank.folder, language=locale)
        for words in (("mentions",), ("mentions", mention), ("mentions", "--state", "linked", "--json"))
    ]
    assert [s for s in (NAME, OTHER_NAME, FIRST, SECOND, THIRD) for t in masked if s in t.out + t.err] == []
    assert all(t.code == 0 and t.out for t in masked)
    open_one = zhike(
        "identity", "mentions", mention, "--show-values", "--by", "anna", folder=bank.folder, language=locale
    )
    assert NAME in open_one.out
    audit = zhike("audit", "--json", folder=bank.folder).json["records"]
    assert [(r["actor"], r["subject"]) for r in audit if r["action"] == "identity.values_shown"] == [
        ("anna", "identity mentions")
    ]


def test_the_relations_of_a_customer_are_those_of_the_run(zhike: Commands, bank: Bank) -> None:
    first, third = customer(zhike, bank, "core:2001"), customer(zhike, bank, "core:2003")
    found = ask(zhike, bank, "relations", "core:2001")
    assert (found["customer_id"], found["as_of"], found["n_relations"]) == (first, FIRST_NIGHT, len(found["relations"]))
    told = zhike("identity", "relations", third, "--language", "en", folder=bank.folder)
    assert told.out.startswith(f"{third} · {FIRST_NIGHT}\n")
    assert refused(zhike, bank, "relations", "core:9") == "identity.record_unknown"
