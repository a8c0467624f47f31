"""A story of an officer at the command line: the queue, a decision, what the next night makes of it, and its undoing."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from tests.scenario.asking import ask, refused, run
from tests.scenario.commands import Commands, Told
from tests.scenario.tiny_bank import FILES, FIRST_NIGHT, MAPPING, PERSONAL, Bank, copy, fill
from zhike.simulator.linkage import draw_linkage_set

pytestmark = [pytest.mark.slow, pytest.mark.requirement("B2")]
APP_FILE = """\
USER_ID,NAME,ID_NO,BIRTH,MOBILE,SINCE
U1,张三丰,,,13800000001,2024-06-01
U2,李四广,,1975-03-12,13677345621,2024-06-01
U3,钱九,110105194912310038,,13577345622,2024-06-01
U4,钱八,11010519491231002X,,13577345622,2024-06-01
U5,无名氏,,,,2024-06-01
"""
APP_MAPPING = """\
  - name: app_users
    source: app
    to: source_party
    file: app.csv
    columns:
      source_key: USER_ID
      party_kind: {constant: person}
      name: NAME
      id_number: ID_NO
      birth_on: BIRTH
      mobile: MOBILE
      valid_from_on: SINCE
      recorded_at: {day_end: valid_from_on}
"""
OF_USERS = {w for line in APP_FILE.splitlines()[1:] for i, w in enumerate(line.split(",")) if i in (1, 2, 3, 4) and w}
SECRETS = tuple({*PERSONAL, *OF_USERS})
STANDARD_MODEL = Path(__file__).resolve().parents[2] / "src" / "zhike" / "standard" / "identity_models" / "person.yaml"
NIGHTS = [f"2025-04-0{d}" for d in range(1, 9)]
PEOPLE = ("name", "id_type", "id_number", "mobile", "email", "address", "district", "sex", "birth_on")


@pytest.fixture(scope="session")
def linked_bank(zhike: Commands, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("linked") / "bank"
    assert zhike("init", str(folder), "--name", "Tiny Bank", folder=folder.parent).code == 0
    bank = fill(folder)
    bank.write("data/app.csv", APP_FILE)
    bank.write("mapping.yaml", MAPPING + APP_MAPPING)
    bank.write("conf/identity_models/person.yaml", STANDARD_MODEL.read_text(encoding="utf-8"))
    run(zhike, bank, FIRST_NIGHT)
    return bank


@pytest.fixture
def bank(linked_bank: Bank, tmp_path: Path) -> Bank:
    return copy(linked_bank, tmp_path / "bank")


def table(bank: Bank, name: str) -> list[dict[str, Any]]:
    """Return the rows of a published table, in order."""
    warehouse = bank.folder / ".zhike" / "warehouse"
    entries = json.loads((warehouse / "manifest.json").read_text(encoding="utf-8"))["entries"]
    [version] = [e["version"] for e in entries if e["table"] == name]
    rows = pq.read_table(warehouse / "tables" / name / "_" / version / "data.parquet").to_pylist()
    return sorted(rows, key=lambda r: [str(v) for v in r.values()])


def customer_of(bank: Bank, record: str) -> str:
    links = table(bank, "identity_link")
    return next(str(r["customer_id"]) for r in links if f"{r['source']}:{r['source_key']}" == record)


def assert_tells_nobody(*told: Told) -> None:
    assert [s for s in SECRETS for t in told if s in t.out + t.err] == []


def acts_of(zhike: Commands, bank: Bank) -> list[dict[str, Any]]:
    """Return the audit's entries about identity; the chain is whole."""
    audit = zhike("audit", "--json", folder=bank.folder).json
    assert audit["first_broken"] is None
    return [r for r in audit["records"] if r["action"].startswith("identity.")]


def test_a_case_of_the_queue_is_merged_for_the_next_night_and_undone_again(zhike: Commands, bank: Bank) -> None:
    queue = ask(zhike, bank, "review")
    assert [(c["left"], c["right"], c["reason"]) for c in queue["cases"]] == [("app:U2", "core:1002", "grey")]
    case = ask(zhike, bank, "review", "core:1002", "app:U2")
    assert case["pairs"][0]["weighed"]["verdict"] == "review"
    before, one, other = table(bank, "identity_link"), customer_of(bank, "core:1002"), customer_of(bank, "app:U2")

    words = ("merge", "app:U2", "core:1002", "--reason", "柜面核实原件", "--by", "wang")
    dry = ask(zhike, bank, *words, "--dry-run")
    assert (dry["override"], dry["is_kept"]) == (None, False)
    assert ask(zhike, bank, "decisions") == []
    kept = ask(zhike, bank, *words)
    assert (kept["override"], kept["changes"], kept["customers"]) == (1, dry["changes"], dry["customers"])
    [change] = kept["changes"]
    assert (change["kind"], change["reason"]) == ("merged", "override_merge")
    assert table(bank, "identity_link") == before
    assert ask(zhike, bank, "review")["cases"][0]["decided_by_override"] == 1
    assert ask(zhike, bank, "why", "app:U2", "core:1002")["decisions"][0]["holds_from_next_run"] is True

    run(zhike, bank, NIGHTS[0])
    heir = customer_of(bank, "app:U2")
    assert heir == customer_of(bank, "core:1002") == change["other_customer_id"]
    assert ask(zhike, bank, "review")["cases"] == []
    [gone] = {one, other} - {heir}
    assert refused(zhike, bank, "show", gone) == "identity.customer_ended"
    past = ask(zhike, bank, "history", gone)
    assert (past["ended_on"], past["merged_into"]) == (NIGHTS[0], heir)
    merged = past["events"][-1]
    assert (merged["kind"], merged["reason"], merged["other_customer_id"]) == ("merged", "override_merge", heir)
    decided = [(d["override"], d["by"], d["reason"], d["undone"]) for d in merged["decisions"]]
    assert decided == [(1, "wang", "柜面核实原件", None)]
    assert "zhike identity undo 1" in merged["undo_en"]

    undoing = ("undo", "1", "--reason", "认错人", "--by", "li")
    expected = ask(zhike, bank, *undoing, "--dry-run")["changes"]
    assert ask(zhike, bank, *undoing)["changes"] == expected
    assert [(c["kind"], c["reason"]) for c in expected] == [("split", "override_undone")]
    run(zhike, bank, NIGHTS[1])
    assert table(bank, "identity_link") == before
    last = ask(zhike, bank, "history", gone)["events"][-1]
    assert (last["kind"], last["reason"]) == ("split", "override_undone")
    assert last["decisions"][0]["undone"]["by"] == "li"
    acts = [(r["action"], r["actor"]) for r in acts_of(zhike, bank)]
    assert acts == [("identity.merge_decided", "wang"), ("identity.override_withdrawn", "li")]


def test_a_preview_tells_this_decision_apart_from_what_was_pending_already(zhike: Commands, bank: Bank) -> None:
    first = ask(zhike, bank, "merge", "app:U2", "core:1002", "--reason", "x", "--by", "wang")
    assert (first["n_other_decisions"], first["averted"], first["pending"]) == (0, [], [])
    u2, known, u5 = (customer_of(bank, r) for r in ("app:U2", "core:1002", "app:U5"))
    kept, gone = first["changes"][0]["other_customer_id"], first["changes"][0]["customer_id"]
    assert {kept, gone} == {u2, known}
    merging = ("merge", "app:U5", "core:1002", "--reason", "x", "--by", "li", "--dry-run")
    second = ask(zhike, bank, *merging)
    assert [(c["kind"], c["customer_id"], c["other_customer_id"]) for c in second["changes"]] == [("merged", u5, kept)]
    assert (second["pending"], second["averted"], second["n_other_decisions"]) == (first["changes"], [], 1)
    customers = {c["customer_id"]: (c["records_before"], c["records_after"]) for c in second["customers"]}
    both = ["app:U2", "core:1002"]
    assert customers == {u5: (["app:U5"], []), kept: (both, sorted([*both, "app:U5"]))}
    told = zhike("identity", *merging, folder=bank.folder)
    assert "1 other decision waits for the next run" in told.err
    undone = ask(zhike, bank, "undo", "1", "--reason", "x", "--by", "li", "--dry-run")
    assert (undone["changes"], undone["averted"], undone["pending"]) == ([], first["changes"], [])
    assert undone["n_other_decisions"] == 0
    assert {c["customer_id"] for c in undone["customers"]} == {u2, known}
    run(zhike, bank, NIGHTS[0])
    ask(zhike, bank, "undo", "1", "--reason", "x", "--by", "li")
    instead = ask(zhike, bank, *merging)  # the record that leaves gets no id of its own: it goes over to the other
    assert [(c["kind"], c["customer_id"]) for c in instead["changes"]] == [("moved", u5)]
    assert [(c["kind"], c["reason"]) for c in instead["averted"]] == [("split", "override_undone")]
    beside = ask(zhike, bank, "merge", "app:U5", "app:U2", "--reason", "x", "--by", "li", "--dry-run")
    assert [(c["kind"], c["reason"]) for c in beside["pending"]] == [("split", "override_undone")]
    assert [c["kind"] for c in beside["changes"]] == ["merged"]
    assert (beside["averted"], beside["n_other_decisions"]) == ([], 1)


def test_a_customer_is_split_as_one_decision_and_put_together_again(zhike: Commands, bank: Bank) -> None:
    before, whole = table(bank, "identity_link"), customer_of(bank, "core:1001")
    assert customer_of(bank, "app:U1") == whole
    kept = ask(zhike, bank, "split", whole, "app:U1", "--reason", "家人共用手机", "--by", "wang")
    assert (kept["left"], kept["right"]) == (["app:U1"], ["core:1001"])
    assert refused(zhike, bank, "split", whole, "app:U1", "--reason", "x") == "identity.already_decided"
    assert refused(zhike, bank, "merge", "app:U1", "core:1001", "--reason", "x") == "identity.override_in_force"
    run(zhike, bank, NIGHTS[0])
    [new] = {customer_of(bank, "core:1001"), customer_of(bank, "app:U1")} - {whole}
    assert [c["customer_id"] for c in kept["changes"]] == [new]
    told = ask(zhike, bank, "why", "app:U1", "core:1001")
    assert {r["because"] for r in told["refusals"]} == {"override"}
    event = ask(zhike, bank, "history", new)["events"][0]
    assert (event["kind"], event["reason"], event["decisions"][0]["override"]) == ("split", "override", 1)
    ask(zhike, bank, "undo", "1", "--reason", "查明为同一人", "--by", "wang")
    run(zhike, bank, NIGHTS[1])
    assert table(bank, "identity_link") == before


def test_two_valid_document_numbers_are_never_merged_and_the_error_names_no_number(zhike: Commands, bank: Bank) -> None:
    told = zhike("identity", "merge", "app:U3", "app:U4", "--reason", "x", folder=bank.folder)
    assert told.code == 2
    assert "their valid document numbers differ (110*************38 ≠ 110*************2X)" in told.err
    assert "have its source corrected" in told.err
    assert_tells_nobody(told)
    assert ask(zhike, bank, "decisions") == []
    first = ask(zhike, bank, "why", "app:U3", "app:U4")["contradictions"][0]
    assert (first["reason"], first["is_final"]) == ("resident_id", True)


@pytest.mark.parametrize("language", ["en", "zh_CN.UTF-8"])
def test_values_are_masked_everywhere(zhike: Commands, bank: Bank, language: str) -> None:
    told = [
        zhike("identity", *words, *form, folder=bank.folder, language=language)
        for words in (
            ("why", "core:1001", "app:U1"), ("why", "app:U2", "core:1002"), ("show", "core:1001"), ("history", "core:1001"), ("review",),
            ("review", "app:U2", "core:1002"), ("merge", "app:U2", "core:1002", "--reason", "x", "--dry-run"), ("quality",), ("decisions",),
        )
        for form in ((), ("--json",))
    ]  # fmt: skip
    assert [t.code for t in told] == [0] * len(told)
    assert_tells_nobody(*told)
    picture = zhike("identity", "picture", "core:1001", "--out", "p.svg", folder=bank.folder, language=language)
    page = zhike("identity", "quality", "--out", "q.html", folder=bank.folder, language=language)
    assert (picture.code, page.code) == (0, 0)
    for file in ("p.svg", "q.html"):
        text = (bank.folder / file).read_text(encoding="utf-8")
        assert [s for s in SECRETS if s in text] == []
        assert ('lang="zh-CN"' if language.startswith("zh") else 'lang="en"') in text[:800]
    assert acts_of(zhike, bank) == []


def test_values_are_shown_to_whom_the_audit_names(zhike: Commands, bank: Bank) -> None:
    shown = zhike("identity", "show", "core:1001", "--show-values", "--by", "auditor", folder=bank.folder)
    assert "张三丰" in shown.out
    [entry] = acts_of(zhike, bank)
    assert (entry["action"], entry["actor"]) == ("identity.values_shown", "auditor")
    assert entry["detail"]["customers"] == [customer_of(bank, "core:1001")]


@pytest.mark.requirement("B3")
def test_the_golden_record_names_source_day_and_reason_of_every_field(zhike: Commands, bank: Bank) -> None:
    found = ask(zhike, bank, "show", "core:1001")
    fields = {f["field"]: f for f in found["fields"]}
    mobile = fields["mobile"]
    assert (mobile["source"], mobile["known_on"], mobile["rule"]) == ("app", "2024-06-01", "only_value")
    assert (fields["id_number"]["source"], fields["id_number"]["en"]) == ("core", "There is no other value")
    assert {r["record"] for r in found["records"]} == {"core:1001", "app:U1"}
    golden = next(r for r in table(bank, "customer") if r["customer_id"] == found["customer_id"])
    head = {"customer_id", "customer_no", "party_kind", "since_on", "n_records", "is_thin"}
    assert set(fields) == {n for n, v in golden.items() if v is not None} - head
    assert found["is_thin"] is False
    assert ask(zhike, bank, "show", "app:U5")["is_thin"] is True


@pytest.mark.requirement("B1")
def test_live_records_are_placed_on_top_of_the_published_night(zhike: Commands, bank: Bank) -> None:
    lines = [
        {"source": "web", "source_key": "W1", "party_kind": "person", "name": "张三丰", "mobile": "13800000001"},
        {"source": "web", "source_key": "W2", "party_kind": "person", "name": "新来客", "mobile": "13766345621"},
    ]
    bank.write("new.jsonl", "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n\n")
    first, second = ask(zhike, bank, "place", "new.jsonl")["placements"]
    assert (first["customer_id"], first["linked_by"]) == (customer_of(bank, "core:1001"), "mobile_name")
    assert first["n_records"] == 3
    assert (second["is_new_customer"], second["linked_by"]) == (True, "single")
    again = zhike("identity", "place", "new.jsonl", folder=bank.folder)
    assert "built the live index" not in again.err
    assert_tells_nobody(again)


def test_live_records_that_do_not_fit_are_refused_line_by_line_without_their_values(
    zhike: Commands, bank: Bank
) -> None:
    whole = {"source": "web", "source_key": "W1", "party_kind": "person", "name": "张三丰"}
    lines = [
        json.dumps(whole | {"moblie": "13800000001"}),
        '{"source": "web"}',
        json.dumps(whole | {"birth_on": "1990-02-30"}),
    ]
    bank.write("bad.jsonl", "\n".join(lines))
    bad = zhike("identity", "place", "bad.jsonl", folder=bank.folder)
    assert bad.code == 2
    said = (
        "line 1 moblie: there is no such column → did you mean mobile?", "line 2 source_key: is required and missing", "line 3 birth_on: is no day",
    )  # fmt: skip
    assert [w for w in said if w not in bad.err] == []
    assert_tells_nobody(bad)
    bank.write("gbk.jsonl", json.dumps(whole, ensure_ascii=False).encode("gb18030"))
    assert refused(zhike, bank, "place", "gbk.jsonl") == "identity.not_utf8"


@pytest.mark.requirement("B1")
def test_versions_of_one_live_record_are_placed_together_and_an_unknown_source_is_pointed_out(
    zhike: Commands, bank: Bank
) -> None:
    whole = {"source": "core", "source_key": "9001", "party_kind": "person", "name": "张三丰", "mobile": "13800000001"}
    newer, typo = {**whole, "mobile": None}, {**whole, "source": "coer", "source_key": "9002"}
    older = {**whole, "valid_from_on": "2025-01-01"}
    for lines in ([newer, older, typo], [older, typo, newer]):  # the day decides, not the line
        bank.write("new.jsonl", "\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
        found = ask(zhike, bank, "place", "new.jsonl")
        home = {p["record"]: (p["customer_id"], p["linked_by"]) for p in found["placements"]}
        assert set(home.values()) == {(customer_of(bank, "core:1001"), "mobile_name")}  # a former number is still a key
        versions, source = found["warnings"]
        assert [versions[c] for c in ("code", "record", "n_versions", "newest_on")] == [
            "several_versions",
            "core:9001",
            2,
            FIRST_NIGHT,
        ]
        assert [source[c] for c in ("code", "source", "near", "n_records")] == ["source_unknown", "coer", "core", 1]
    told = zhike("identity", "place", "new.jsonl", folder=bank.folder)
    assert "did you mean core?" in told.err
    assert f"the one that holds from {FIRST_NIGHT} is the newest" in told.err
    assert_tells_nobody(told)
    bank.write(
        "twice.jsonl", "\n".join(json.dumps({**whole, "name": n}, ensure_ascii=False) for n in ("张三丰", "钱九"))
    )
    twice = zhike("identity", "place", "twice.jsonl", folder=bank.folder)
    assert twice.code == 2
    assert "lines 1 and 2" in twice.err
    assert_tells_nobody(twice)


TIMED = """
import json, sys
from pathlib import Path
from zhike.cli.state import open_kept
from zhike.pipeline.identity import placing
from zhike.pipeline.identity.opening import opened_identity

at_hand = []
def clock():
    at_hand.append([name in sys.modules for name in ("pypinyin", "cpca", "opencc")])
    return 0.0
state = open_kept(Path(sys.argv[1]))
placing.perf_counter = clock
with opened_identity(state.project, state.store) as view:
    placing.place(view, [{**json.loads(sys.argv[2]), "recorded_at": None}], print)
print(json.dumps(at_hand))
"""


def test_the_time_of_placing_begins_when_all_that_it_needs_is_at_hand(bank: Bank) -> None:
    record = {
        "source": "core",
        "source_key": "9001",
        "party_kind": "person",
        "name": "張三丰",
        "address": "杭州市文三路1号",
    }
    told = subprocess.run(
        [sys.executable, "-c", TIMED, str(bank.folder), json.dumps(record)], capture_output=True, text=True, check=True
    )
    begun, ended = json.loads(told.stdout.splitlines()[-1])
    assert begun == ended
    assert begun[:2] == [True, True]


def test_a_model_is_not_fitted_to_a_handful_of_records(zhike: Commands, bank: Bank) -> None:
    assert refused(zhike, bank, "fit") == "identity.too_few_to_fit"
    assert refused(zhike, bank, "fit", "--model", "persn") == "identity.model_unknown"


def draw_people(bank: Bank) -> None:
    """Let four sources deliver the records of drawn persons."""
    records = draw_linkage_set(6_000, 5).records
    mapping = MAPPING
    for source in sorted(set(records["source"].to_pylist())):
        mine = records.filter(pc.equal(records["source"], source))
        csv.write_csv(mine.select(["source_key", *PEOPLE]), bank.folder / "data" / f"{source}_people.csv")
        columns = "".join(f"      {c}: {c}\n" for c in ("source_key", *PEOPLE))
        mapping += (
            f"  - name: {source}_people\n    source: {source}\n    to: source_party\n    file: {source}_people.csv\n    columns:\n{columns}"
            "      party_kind: {constant: person}\n      valid_from_on: {constant: 2024-06-01}\n      recorded_at: {day_end: valid_from_on}\n"
        )
    bank.write("mapping.yaml", mapping)


@pytest.mark.requirement("B1")
def test_a_fitted_model_does_in_the_next_night_what_was_said_beforehand(zhike: Commands, bank: Bank) -> None:
    draw_people(bank)
    run(zhike, bank, NIGHTS[0])
    before = table(bank, "identity_link")
    found = ask(zhike, bank, "fit", "--write")
    assert Path(found["file"]) == bank.folder / "conf" / "identity_models" / "person.yaml"
    assert (found["n_customers_before"], found["n_records"]) == (len({r["customer_id"] for r in before}), len(before))
    assert found["n_to_review_before"] == len(table(bank, "identity_review"))
    assert table(bank, "identity_link") == before
    run(zhike, bank, NIGHTS[1])
    after = table(bank, "identity_link")
    assert found["n_customers_after"] == len({r["customer_id"] for r in after})
    assert found["n_to_review_after"] == len(table(bank, "identity_review"))
    old, new = pairs_of(before), pairs_of(after)
    assert (len(new - old), len(old - new)) == (found["n_pairs_newly_linked"], found["n_pairs_no_longer_linked"])
    assert old != new
    assert all(tuple(sorted((e["left"], e["right"]))) in new - old for e in found["newly_linked"])
    assert all(tuple(sorted((e["left"], e["right"]))) in old - new for e in found["no_longer_linked"])


def pairs_of(links: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Return the pairs of records that are one customer."""
    members: dict[str, list[str]] = {}
    for r in links:
        members.setdefault(r["customer_id"], []).append(f"{r['source']}:{r['source_key']}")
    return {tuple(sorted(pair)) for keys in members.values() for pair in combinations(keys, 2)}


@pytest.mark.requirement("B1")
def test_quality_is_measured_beside_a_truth(zhike: Commands, bank: Bank) -> None:
    people = [("core", "1001", "a"), ("app", "U1", "a"), ("core", "1002", "b"), ("app", "U2", "b"), ("app", "U3", "c")]
    bank.write("truth.csv", "source,source_key,person\n" + "".join(f"{s},{k},{p}\n" for s, k, p in people))
    found = ask(zhike, bank, "quality", "--truth", "truth.csv")
    true = found["true"]
    assert (true["precision"], true["recall"], true["n_split_persons"]) == (1.0, 0.5, 1)
    assert true["n_records_without_truth"] == 5
    n_core = len(FILES["customers.csv"].splitlines()) - 1
    assert (found["n_records"], found["n_customers"]) == (n_core + 5, n_core + 4)
    bank.write("twice.csv", "source,source_key,person\ncore,1001,a\ncore,1001,b\n")
    assert refused(zhike, bank, "quality", "--truth", "twice.csv") == "identity.truth_malformed"
    bank.write("others.csv", "source,source_key,person\nelsewhere,1,a\n")
    assert refused(zhike, bank, "quality", "--truth", "others.csv") == "identity.truth_of_others"
