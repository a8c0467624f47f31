"""Tags: what authors may write, how intervals are kept, how long event tags live, why a customer has one, how tags stand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from zhike.kernel.definitions import Definition, read_definitions
from zhike.kernel.errors import BadInput, NotFound
from zhike.kernel.hashing import fingerprint
from zhike.profile.features import STANDARD
from zhike.profile.tables import OWNS, PROFILE
from zhike.profile.tags import parse_tag_definitions
from zhike.profile.tags_reading import parse_tags
from zhike.profile.tags_steps import tag_health_step, tag_step, tag_steps
from zhike.profile.tags_vocabulary import profile_vocabulary
from zhike.profile.tags_why import why
from zhike.rules.terms import TagPart
from zhike.warehouse import Input, open_engine
from zhike.warehouse.ordering import order_steps
from zhike.warehouse.testing import catalog, run_step, run_together

CONTRACTS = {c.name: c for c in OWNS}
D1, D2, D3 = date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 5)


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(threads=1)
    yield opened
    opened.close()


def definition(key, **body):
    common = {
        "zh": key, "en": key, "meaning_zh": "…", "meaning_en": "…", "family": "value", "kind": "rule", "subjects": ["person"],
        "owner": "x", "version": 1, "refresh": "day", "use": "marketing",
    }  # fmt: skip
    whole = {**common, **body}
    return Definition("tag", key, whole, "tags/mine.yaml", 7, fingerprint(key, whole))


def parsed(*definitions):
    return parse_tags(definitions, profile_vocabulary(PROFILE, definitions))


def one(key, **body):
    return parsed(definition(key, **body))[key]


def person(name, number=1, **fields):
    return {"customer_id": name, "customer_no": number, "party_kind": "person", **fields}


def run(tag, engine, people, as_of, previous=(), **tables):
    before = {"tag_value": {tag.key: list(previous)}} if previous else {}
    numbered = [{**p, "customer_no": i + 1} for i, p in enumerate(people)]
    out = run_step(
        tag_step(tag), engine, {"profile": numbered, **tables}, as_of=as_of, contracts=CONTRACTS, previous=before
    )
    return sorted(out[("tag_value", tag.key)].to_pylist(), key=lambda r: (r["customer_id"], r["from_on"]))


def intervals(rows, *columns):
    return [tuple(r[c] for c in ("customer_id", *columns, "from_on", "to_on")) for r in rows]


RICH = {"when": {"field": "aum_point_amount", "at_least": 100}}

# ---- definitions -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("C3")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "rule"}, "a tag needs when or cases"),
        ({"kind": "manual", "when": {"everyone": True}}, "people give a manual tag"),
        ({**RICH, "lives_days": 3}, "only an event tag has lives_days"),
        ({**RICH, "ends_when": {"everyone": True}}, "ends_when needs lives_days"),
        ({**RICH, "family": "vlaue"}, "Input should be"),
        ({**RICH, "subject": ["person"]}, "did you mean subjects?"),
    ],
)
def test_a_tag_that_does_not_hang_together_is_refused_with_file_and_line(body, said):
    with pytest.raises(BadInput) as caught:
        parse_tag_definitions([definition("mine", **body)])
    (finding,) = caught.value.findings
    assert finding.where.startswith("tags/mine.yaml:7 mine")
    assert said in str(finding)


def test_every_mistake_of_every_tag_is_told_at_once():
    bad = definition("one", when={"field": "aum_pont_amount", "at_least": 1})
    worse = definition(
        "two", when={"tag": "oen"}, amount={"field": "age", "plus": {"field": "nothing"}}, day={"field": "age"}
    )
    with pytest.raises(BadInput) as caught:
        parsed(bad, worse)
    places = [f.where for f in caught.value.findings]
    assert places == [
        "tags/mine.yaml:7 one.when.field",
        "tags/mine.yaml:7 two.amount.plus.field",
        "tags/mine.yaml:7 two.day",
        "tags/mine.yaml:7 two.when.tag",
    ]


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_a_tag_opens_stays_and_closes_the_day_before_it_is_gone(engine):
    tag = one("rich", **RICH)
    first = run(
        tag, engine, [person("a", aum_point_amount=Decimal(100)), person("b", aum_point_amount=Decimal(99))], D1
    )
    assert intervals(first) == [("a", D1, None)]
    second = run(
        tag, engine, [person("a", aum_point_amount=Decimal(500)), person("b", aum_point_amount=Decimal(100))], D2, first
    )
    assert intervals(second) == [("a", D1, None), ("b", D2, None)]
    third = run(
        tag, engine, [person("a", aum_point_amount=Decimal(1)), person("b", aum_point_amount=Decimal(100))], D3, second
    )
    assert intervals(third) == [("a", D1, date(2025, 3, 4)), ("b", D2, None)]
    fourth = run(tag, engine, [person("a", aum_point_amount=Decimal(100))], date(2025, 3, 6), third)
    assert intervals(fourth) == [
        ("a", D1, date(2025, 3, 4)),
        ("a", date(2025, 3, 6), None),
        ("b", D2, date(2025, 3, 5)),
    ]


def test_a_changed_value_begins_an_interval_and_a_refreshed_one_does_not(engine):
    cases = [
        {"value": "high", "zh": "高", "en": "High", "when": {"field": "aum_point_amount", "at_least": 1000}},
        {"value": "low", "zh": "低", "en": "Low", "when": {"everyone": True}},
    ]
    tag = one("level", cases=cases, amount={"field": "aum_point_amount"}, refreshed=["amount"])
    first = run(tag, engine, [person("a", aum_point_amount=Decimal(10)), person("b")], D1)
    second = run(tag, engine, [person("a", aum_point_amount=Decimal(20)), person("b")], D2, first)
    third = run(tag, engine, [person("a", aum_point_amount=Decimal(2000)), person("b")], D3, second)
    assert intervals(second, "value_text", "value_amount")[0] == ("a", "low", Decimal("20.00"), D1, None)
    assert intervals(third, "value_text", "value_amount") == [
        ("a", "low", Decimal("20.00"), D1, date(2025, 3, 4)),
        ("a", "high", Decimal("2000.00"), D3, None),
        ("b", "low", None, D1, None),
    ]


def test_running_a_day_again_gives_the_same_intervals(engine):
    tag = one("rich", **RICH)
    before = run(tag, engine, [person("a", aum_point_amount=Decimal(100))], D1)
    people = [person("a", aum_point_amount=Decimal(1)), person("b", aum_point_amount=Decimal(100))]
    assert run(tag, engine, people, D2, before) == run(tag, engine, people, D2, before)


def test_a_customer_who_is_no_more_or_no_longer_of_that_kind_loses_the_tag(engine):
    tag = one("rich", **RICH)
    before = run(tag, engine, [person(n, aum_point_amount=Decimal(100)) for n in "ab"], D1)
    after = run(tag, engine, [{**person("b", aum_point_amount=Decimal(100)), "party_kind": "company"}], D2, before)
    assert intervals(after) == [("a", D1, D1), ("b", D1, D1)]


def test_old_intervals_are_forgotten_after_three_years(engine):
    tag = one("rich", **RICH)
    old = {"tag": "rich", "definition_hash": "h"}
    previous = [
        {"customer_id": "a", "from_on": date(2019, 1, 1), "to_on": date(2020, 1, 1), **old},
        {"customer_id": "b", "from_on": date(2023, 1, 1), "to_on": date(2024, 1, 1), **old},
    ]
    assert intervals(run(tag, engine, [], D2, previous)) == [("b", date(2023, 1, 1), date(2024, 1, 1))]


# ---- event tags ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("C3")
def test_an_event_tag_lives_on_for_its_days_and_no_longer(engine):
    tag = one("keen", kind="event", lives_days=3, when={"field": "n_loan_page_7d", "at_least": 2})
    rows = run(tag, engine, [person("a", n_loan_page_7d=2)], D1)
    assert intervals(rows, "met_on") == [("a", D1, D1, None)]
    calm = [person("a", n_loan_page_7d=0)]
    for day in (2, 3):
        rows = run(tag, engine, calm, date(2025, 3, day), rows)
        assert intervals(rows, "met_on") == [("a", D1, D1, None)]
    rows = run(tag, engine, calm, date(2025, 3, 4), rows)
    assert intervals(rows) == [("a", D1, date(2025, 3, 3))]


def test_an_event_tag_ends_early_when_its_purpose_is_served(engine):
    tag = one(
        "keen", kind="event", lives_days=14, when={"field": "n_loan_page_7d", "at_least": 2},
        ends_when={"field": "n_finished_application_14d", "at_least": 1},
    )  # fmt: skip
    rows = run(tag, engine, [person("a", n_loan_page_7d=2, n_finished_application_14d=0)], D1)
    done = run(tag, engine, [person("a", n_loan_page_7d=5, n_finished_application_14d=1)], D2, rows)
    assert intervals(done) == [("a", D1, D1)]


# ---- manual tags -----------------------------------------------------------------------------------------------------


def test_a_manual_tag_is_who_people_gave_it_to_until_it_expires(engine):
    tag = one("vip", kind="manual")
    given = [
        {"tag": "vip", "customer_id": "a", "given_on": D1, "expires_on": D2, "value_text": "board"},
        {"tag": "vip", "customer_id": "stranger", "given_on": D1},
        {"tag": "other", "customer_id": "b", "given_on": D1},
    ]
    people = [person("a"), person("b")]
    rows = run(tag, engine, people, D2, tag_override=given)
    assert intervals(rows, "value_text") == [("a", "board", D2, None)]
    assert intervals(run(tag, engine, people, D3, rows, tag_override=given)) == [("a", D2, date(2025, 3, 4))]


# ---- steps -----------------------------------------------------------------------------------------------------------


def test_a_step_reads_only_what_its_rules_name_and_tags_of_tags_come_after_them():
    base = definition("base", when={"field": "age", "at_least": 18})
    upper = definition("a_first_by_name", when={"all": [{"tag": "base"}, {"relation": "spouse_of"}]})
    steps = tag_steps(parsed(base, upper))
    assert [s.key for s in order_steps(steps)] == ["tag:base", "tag:a_first_by_name", "tag_health"]
    reads = next(s for s in steps if s.key == "tag:a_first_by_name").reads
    assert set(reads) == {
        Input("profile"), Input("tag_value", "base"), Input("customer_relation"), Input("tag_value", "a_first_by_name", lag=1)
    }  # fmt: skip


def test_tags_that_use_each_other_are_a_ring_with_a_name():
    with pytest.raises(BadInput, match="one → two → one"):
        parsed(definition("one", when={"tag": "two"}), definition("two", when={"tag": "one"}))


# ---- why -------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("C5")
def test_why_shows_each_condition_with_the_value_it_met(engine):
    tag = one(
        "rich", when={"all": [RICH["when"], {"field": "age", "at_least": 60}]}, amount={"field": "aum_point_amount"}
    )
    people = [person("a", 1, aum_point_amount=Decimal(100), age=66), person("b", 2, aum_point_amount=Decimal(100))]
    held = [{"customer_id": "a", "tag": "rich", "from_on": D1, "definition_hash": tag.hash}]
    tables = catalog(engine, {"profile": people, "tag_value": {"rich": held}}, CONTRACTS)
    answer = why(tag, "a", tables, D2)
    assert answer.holds
    assert answer.since_on == D1
    assert answer.value == {"value_amount": Decimal("100.00")}
    assert "  ✓ 以下全部" in answer.lines()
    assert "    ✓ 年龄 ≥ 60  [年龄 = 66]" in answer.lines()
    refused = why(tag, "b", tables, D2)
    assert not refused.holds
    assert "    ✗ 年龄 ≥ 60  [年龄 = —]" in refused.lines()
    assert refused.lines(language="en")[0] == "b has not rich"


def test_why_of_a_stranger_or_of_another_kind_of_customer_is_an_error_that_says_so(engine):
    tag = one("rich", **RICH)
    firm = {**person("firm"), "party_kind": "company"}
    tables = catalog(engine, {"profile": [firm]}, CONTRACTS)
    with pytest.raises(NotFound, match="no customer nobody"):
        why(tag, "nobody", tables, D2)
    with pytest.raises(NotFound, match="is not for a company"):
        why(tag, "firm", tables, D2)


# ---- health ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("C3")
def test_health_counts_who_has_it_who_gained_who_lost_and_whose_value_changed(engine):
    cases = [
        {"value": "high", "zh": "高", "en": "High", "when": {"field": "aum_point_amount", "at_least": 1000}},
        {"value": "low", "zh": "低", "en": "Low", "when": {"field": "aum_point_amount", "at_least": 1}},
    ]
    tags = parsed(definition("level", cases=cases))

    def people(*amounts):
        return [person(f"c{i}", i + 1, aum_point_amount=Decimal(a)) for i, a in enumerate(amounts)]

    def health(rows, amounts, as_of, before=()):
        firm = {"customer_id": "firm", "customer_no": 99, "party_kind": "company"}
        tables = {"profile": [*people(*amounts), firm], "tag_value": {"level": rows}}
        out = run_step(
            tag_health_step(tags),
            engine,
            tables,
            as_of=as_of,
            contracts=CONTRACTS,
            previous={"tag_health": list(before)},
        )
        return out[("tag_health", "")].to_pylist()

    first = run(tags["level"], engine, people(5, 5, 5000, 0), D1)
    before = health(first, (5, 5, 5000, 0), D1)
    assert before[0]["n_subjects"] == 4
    assert before[0]["n_tagged"] == before[0]["n_gained"] == 3
    assert before[0]["coverage_rate"] == 0.75
    assert json.loads(before[0]["value_shares"]) == {"high": 0.333333, "low": 0.666667}
    assert before[0]["shift_psi"] is None
    second = run(tags["level"], engine, people(5000, 0, 5000, 7), D2, first)
    (after,) = health(second, (5000, 0, 5000, 7), D2, before)
    assert [after[n] for n in ("n_tagged", "n_gained", "n_lost", "n_changed")] == [3, 1, 1, 1]
    assert after["last_change_on"] == D2
    assert after["shift_psi"] > 0


# ---- the standard pack -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standard():
    definitions = read_definitions([STANDARD], kinds={"tag", "model"}).definitions
    return parse_tags(definitions, profile_vocabulary(PROFILE, definitions))


@pytest.mark.requirement("C4")
@pytest.mark.requirement("C4")
def test_the_standard_pack_ships_its_tags_with_owner_meaning_and_use_in_both_languages(standard):
    assert len(standard) >= 150
    for tag in standard.values():
        written = tag.definition
        assert written.zh
        assert written.en
        assert len(written.meaning_zh) > 10
        assert len(written.meaning_en) > 20
        names = tag.names()
        reads = names.fields or names.contactability or names.models or names.relations
        assert reads or written.kind == "manual", f"{tag.key} reads nothing"
    kinds = {t.definition.kind for t in standard.values()}
    assert kinds == {"rule", "statistical", "model", "manual", "event"}
    assert {t.definition.family for t in standard.values()} == {
        "basic",
        "relationship",
        "interest",
        "value",
        "risk",
        "marketing",
    }


def test_every_threshold_of_the_standard_tags_is_a_parameter():
    import re

    small = {"0", "1", "3"}  # none, at least one, each month of three: no thresholds
    for path in sorted((STANDARD / "tags").glob("*.yaml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for found in re.findall(r"\b(?:at_least|at_most|above|below|times|n|lives_days): (\d+(?:\.\d+)?)", line):
                assert found in small, f"{path.name}: {line.strip()}"


def test_the_standard_tags_are_in_an_order_without_a_ring(standard):
    keys = [s.key for s in order_steps(tag_steps(standard))]
    assert keys.index("tag:customer_tier") < keys.index("tag:near_upgrade")
    assert keys[-1] == "tag_health"


def test_tiers_can_be_compared_by_their_order_in_other_rules(standard):
    term = standard["near_upgrade"].vocabulary.tags["customer_tier"]
    assert list(term.values) == ["long_tail", "basic", "value", "wealth", "diamond", "private"]
    assert term.parts[0] is TagPart.TEXT


def test_marketable_status_sums_up_what_policy_allows(standard, engine):
    from zhike.policy.tables import CONTACTABILITY

    contracts = {**CONTRACTS, "contactability": CONTACTABILITY}
    yes = {"channel": "sms", "product_line": "deposit", "is_allowed": True}
    lines = ("deposit", "investment", "loan")
    everything = [yes | {"product_line": line, "channel": "sms" if line == "loan" else "rm"} for line in lines]
    rows = [
        *({"customer_id": "a", "purpose": "marketing", **row} for row in everything),
        *({"customer_id": "d", "purpose": "marketing", **row} for row in everything[:-1]),
        {"customer_id": "d", "purpose": "marketing", **everything[-1], "is_allowed": False},
        {"customer_id": "b", "purpose": "marketing", **yes, "is_allowed": False},
        {"customer_id": "b", "purpose": "service", **yes},
    ]
    people = [person("a", 1), person("b", 2), person("c", 3), person("d", 4)]
    tag = standard["marketable_status"]
    out = run_step(tag_step(tag), engine, {"profile": people, "contactability": rows}, as_of=D1, contracts=contracts)
    found = {r["customer_id"]: r["value_text"] for r in out[("tag_value", tag.key)].to_pylist()}
    assert found == {"a": "marketable", "b": "service_only", "c": "not_contactable", "d": "some_lines"}


# ---- together --------------------------------------------------------------------------------------------------------


def test_tags_that_are_done_together_are_what_each_is_alone(engine):
    tags = parsed(
        definition("rich", when=RICH["when"], amount={"field": "aum_point_amount"}),
        definition("young", cases=[
            {"value": "child", "zh": "童", "en": "child", "when": {"field": "age", "below": 18}},
            {"value": "young", "zh": "青", "en": "young", "when": {"field": "age", "below": 30}},
        ]),
        definition("firm", subjects=["company"], when={"everyone": True}),
        definition("seen", kind="event", lives_days=3, when={"field": "age", "at_least": 40}, number={"field": "age"}, refreshed=["number"],
                   ends_when={"field": "aum_point_amount", "above": 900}),
        definition("given", kind="manual"),
    )  # fmt: skip
    people = [
        person("a", 1, age=17, aum_point_amount=Decimal(100)), person("b", 2, age=29, aum_point_amount=Decimal(5)),
        person("c", 3, age=41, aum_point_amount=Decimal(1000)), person("d", 4, age=39), person("e", 5, age=44),
        {**person("f", 6, age=3), "party_kind": "company"},
    ]  # fmt: skip
    given = [{"customer_id": "d", "tag": "given", "given_on": D1, "value_text": "t"}]
    open_since = {"to_on": None, "definition_hash": "old"}
    before = {
        "rich": [{"customer_id": c, "tag": "rich", "from_on": D1, "value_amount": Decimal(v), **open_since} for c, v in (("a", 100), ("b", 200), ("c", 7))],
        "seen": [{"customer_id": c, "tag": "seen", "from_on": D1, "met_on": D1, "value_number": 1.0, **open_since} for c in ("b", "c", "d", "e")],
        "firm": [{"customer_id": "f", "tag": "firm", "from_on": D1, **open_since}],
    }  # fmt: skip
    rows = {"profile": people, "tag_override": given}
    for previous in ({}, {"tag_value": before}):
        steps = [s for s in tag_steps(tags) if s.family]
        alone = {}
        for tag in tags.values():
            own = {"tag_value": {k: v for k, v in before.items() if k == tag.key}} if previous else {}
            alone |= run_step(tag_step(tag), engine, rows, as_of=D2, contracts=CONTRACTS, previous=own)
        together = run_together(steps, engine, rows, as_of=D2, contracts=CONTRACTS, previous=previous)
        assert together.keys() == alone.keys()
        for key, table in together.items():
            assert sorted(map(str, table.to_pylist())) == sorted(map(str, alone[key].to_pylist())), key
    seen = {r["customer_id"]: r["to_on"] for r in together["tag_value", "seen"].to_pylist()}
    assert seen == {"b": None, "c": D1, "d": None, "e": None}  # b and d live on, c was ended, e is met
