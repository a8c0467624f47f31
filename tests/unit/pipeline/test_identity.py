"""Officers' decisions as the store keeps them, a fitted model as a file, live records as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zhike.identity import Action, IdentitySettings, MatchModel, RecordKey, read_match_models
from zhike.identity.fitting import Fitted, fit_model
from zhike.identity.matching.definition import rounded
from zhike.identity.standardise import standardised, versions_as_of
from zhike.kernel.definitions import read_definitions
from zhike.kernel.errors import BadInput, Conflict
from zhike.pipeline.identity.fitting import FitOutcome, model_yaml, told_fit, write_model
from zhike.pipeline.identity.history import decisions_made
from zhike.pipeline.identity.measuring import read_truth
from zhike.pipeline.identity.overrides import identity_overrides, sides_of, subject_of
from zhike.pipeline.identity.placing import read_records
from zhike.pipeline.project import standard_pack
from zhike.pipeline.store import InMemoryStore
from zhike.simulator.linkage import draw_linkage_set
from zhike.warehouse import open_engine

NOW = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
A1, A2, B1, C1 = (RecordKey(*t.split(":")) for t in ("a:1", "a:2", "b:1", "c:1"))


@pytest.fixture(scope="module")
def model() -> MatchModel:
    return next(m for m in read_match_models(read_definitions([standard_pack()]).definitions) if m.key == "person")


def test_one_decision_parts_every_pair_across_and_is_one_number() -> None:
    store = InMemoryStore()
    number = store.add_override(
        "identity_split", subject_of([A1, A2], [B1, C1], ["x", "y"]), reason="r", by="wang", at=NOW
    )
    store.add_override(
        "identity_merge", {"records": [["a", "1"], ["a", "2"]]}, reason="two records, side by side", by="li", at=NOW
    )
    store.add_override("tag", {"tag": "older"}, reason="not ours", by="li", at=NOW)
    found = identity_overrides(store.overrides())
    assert [(o.override_id, o.action, o.left, o.right) for o in found] == [
        *((str(number), Action.SPLIT, left, right) for left in (A1, A2) for right in (B1, C1)), ("2", Action.MERGE, A1, A2),
    ]  # fmt: skip
    assert {(o.decided_by, o.decided_at) for o in found} == {("wang", NOW), ("li", NOW)}
    assert sides_of(store.overrides()[0]) == ([A1, A2], [B1, C1])


def test_a_decision_made_without_an_audit_entry_is_known_while_it_is_in_force() -> None:
    store = InMemoryStore()
    store.add_override("identity_merge", subject_of([A1], [B1], ["x", "y"]), reason="r", by="wang", at=NOW)
    [made] = decisions_made(store)
    assert (made.number, made.action, made.customers, made.undone) == (1, Action.MERGE, frozenset({"x", "y"}), None)


def test_a_model_is_read_back_from_its_file_as_it_was(model: MatchModel, tmp_path: Path) -> None:
    gate = replace(
        model.comparisons[0], frequencies={"张伟": 0.0031, "是: {怪}": 0.001, "null": 0.0005, "1": 0.0004}, rare=0.0001
    )
    odd = rounded(
        replace(model, comparisons=(gate, *model.comparisons[1:]), trained={"as_of": "2025-03-01", "n_records": 5})
    )
    path = write_model(tmp_path, odd, run_id="r1", on=date(2025, 3, 2))
    assert path == tmp_path / "conf" / "identity_models" / "person.yaml"
    assert read_match_models(read_definitions([tmp_path / "conf"]).definitions) == (odd,)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# 2025-03-02: fitted by zhike identity fit to 5 records as of 2025-03-01 (run r1)")
    assert sum(line.lstrip().startswith("frequencies: {") for line in lines) == 1
    write_model(tmp_path, model, run_id="r2", on=date(2025, 3, 3))
    assert read_match_models(read_definitions([tmp_path / "conf"]).definitions) == (model,)


def test_a_file_with_other_models_is_not_written_over(model: MatchModel, tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "identity_models"
    folder.mkdir(parents=True)
    other, ours = model_yaml(replace(model, key="mine")), model_yaml(model)
    for name, text in (("person.yaml", other), ("person.yaml", other + ours), ("all.yaml", other + ours)):
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(Conflict, match=r"identity\.model_elsewhere"):
            write_model(tmp_path, model, run_id="r1", on=date(2025, 3, 2))
        assert (folder / name).read_text(encoding="utf-8") == text
        (folder / name).unlink()


@pytest.fixture(scope="module")
def fitted(model: MatchModel) -> Iterator[Fitted]:
    """A model fitted to a drawn bank that has no addresses at all."""
    records = draw_linkage_set(4_000, 11).records
    for name in ("address", "district"):
        nothing = pa.nulls(records.num_rows, pa.string())
        records = records.set_column(records.schema.get_field_index(name), name, nothing)
    settings = IdentitySettings()
    engine = open_engine(threads=2, memory="1GB")
    with engine.holding("parties", records) as parties:
        versions = standardised(engine, versions_as_of(parties, settings.as_of(date(2026, 1, 1))))
    yield fit_model(engine, versions, model, as_of=date(2026, 1, 1))
    engine.close()


@pytest.mark.slow
@pytest.mark.requirement("B1")
def test_what_nothing_was_learned_of_keeps_its_worth_and_the_rest_is_learned(model: MatchModel, fitted: Fitted) -> None:
    before = {(c.name, v.name): v for c in model.comparisons for v in c.levels}
    after = {(c.name, v.name): v for c in fitted.model.comparisons for v in c.levels}
    for (comparison, name), level in before.items():
        if comparison in ("place", "region"):
            assert after[comparison, name].weight == pytest.approx(level.weight, abs=0.01), name
    assert after["name", "equal"] != before["name", "equal"]
    assert all(v.weight < 0 for (_, name), v in after.items() if name in ("different", "elsewhere", "other_door"))


@pytest.mark.slow
def test_a_fit_is_told_level_by_level_beside_what_was_before(model: MatchModel, fitted: Fitted) -> None:
    told = told_fit(FitOutcome(model, fitted, {"n_pairs_newly_linked": 3}))
    name = {r["level"]: r for r in told["levels"] if r["comparison"] == "name"}
    assert name["equal"]["links_from_before"] == 12.0
    assert (name["same_family"]["links_from"], name["one_character"]["links_from_before"]) == ("never", "never")
    assert "links_from" not in next(r for r in told["levels"] if r["comparison"] == "sex")
    assert told["n_pairs_newly_linked"] == 3
    linked = [b for b in told["bins"] if b["level"] == "equal" and b["from_bits"] >= name["equal"]["links_from"]]
    assert linked
    assert all(b["precision"] > 0.98 for b in linked)


def line(**values: object) -> str:
    return json.dumps({"source": "web", "source_key": "1", "party_kind": "person", **values}, ensure_ascii=False)


def test_live_records_are_typed_as_the_table_types_them() -> None:
    whole = line(name="张三", birth_on="1990-01-02", is_staff=True, n_children=1, mobile=None, email="")
    first, second = read_records(
        [whole, "", line(source_key="2", recorded_at="2025-03-01T08:00:00+08:00")], now=NOW, on=NOW.date()
    )
    assert first == {
        "source": "web", "source_key": "1", "party_kind": "person", "name": "张三", "birth_on": date(1990, 1, 2), "is_staff": True, "n_children": 1,
        "recorded_at": datetime(2025, 3, 1, 9, 30),
    }  # fmt: skip
    assert second["recorded_at"] == datetime(2025, 3, 1)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "line 1: is no JSON"), ("[]", "line 1: is no JSON object"), (line(nmae="张三"), "line 1 nmae: there is no such column → did you mean name?"),
        (line(**{"13912345679": "x"}), "line 1: there is no such column"), (line(party_kind="human"), "line 1 party_kind: is an unknown code"),
        (line(source_key=1001), "line 1 source_key: is no text"), (line(name=chr(0xD800)), "line 1 name: holds characters that are no text"),
        (line(name="张\x00三"), "line 1 name: holds characters that are no text"),
        (line().replace("}", ', "annual_income_amount": NaN}'), "line 1 annual_income_amount: is no number"),
        (line().replace("}", ', "annual_income_amount": 1e400}'), "line 1 annual_income_amount: is no number"),
        (line(birth_on="1990-02-30"), "line 1 birth_on: is no day"), (line(birth_on=1990), "line 1 birth_on: is no day"),
        (line(is_staff="yes"), "line 1 is_staff: is true or false"), (line(n_children="two"), "line 1 n_children: is no number"), (line(n_children=True), "line 1 n_children: is no number"),
        (line(recorded_at="now"), "line 1 recorded_at: is no moment"), ('{"source": "web", "source_key": "1"}', "line 1 party_kind: is required and missing"),
    ],
)  # fmt: skip
def test_a_live_record_that_does_not_fit_names_line_and_column_and_never_the_value(written: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_records([written], now=NOW, on=NOW.date())
    told = str(caught.value)
    assert said in told
    assert [v for v in ("张三", "13912345679", "1990-02-30", "human") if v in told] == []


def test_all_lines_that_do_not_fit_are_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        read_records(["{", line(), *["[]"] * 30], now=NOW, on=NOW.date())
    assert "31 lines are no record" in str(caught.value)
    assert len(caught.value.findings) == 20


def test_two_lines_of_one_record_and_day_are_refused_with_both_numbers() -> None:
    today, dated = line(name="张三"), line(name="李四", valid_from_on="2025-03-01")
    with pytest.raises(BadInput) as caught:
        read_records([today, "", line(source_key="2"), dated, dated], now=NOW, on=NOW.date())
    assert caught.value.code == "identity.record_twice"
    assert [f.where for f in caught.value.findings] == ["lines 1 and 4", "lines 1 and 5"]
    assert [v for v in ("张三", "李四") if v in str(caught.value)] == []
    later = line(name="李四", valid_from_on="2025-03-02")
    assert len(read_records([later, today], now=NOW, on=NOW.date())) == 2


def test_a_truth_is_read_as_the_simulator_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "party.parquet"
    pq.write_table(pa.table({"source": ["core", "card"], "source_key": ["1", "2"], "true_party": [7, 7]}), path)
    assert read_truth(path).to_pylist() == [
        {"source": "core", "source_key": "1", "person": "7"}, {"source": "card", "source_key": "2", "person": "7"},
    ]  # fmt: skip
    without = pa.table({"source": ["a"], "source_key": ["1"]})
    twice = pa.table({"source": ["a", "a"], "source_key": ["1", "1"], "person": ["x", "y"]})
    for bad in (without, twice):
        pq.write_table(bad, path)
        with pytest.raises(BadInput, match=r"identity\.truth_malformed"):
            read_truth(path)
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(BadInput, match="can't be read"):
        read_truth(path)
