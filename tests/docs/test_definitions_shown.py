"""Definitions and mappings that pages show are ones that zhike reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Example, examples
from tests.docs.test_rule_language import vocabulary
from zhike.decision.definitions import CampaignDefinition, OfferDefinition
from zhike.kernel.clock import VirtualClock
from zhike.kernel.definitions import Definition, parse_definition, read_definitions
from zhike.pipeline.project import standard_pack
from zhike.policy.definitions import ContactPolicyDefinition, GateDefinition, RegulationDefinition
from zhike.policy.gates import compile_gate
from zhike.profile.features import Feature
from zhike.profile.tags_reading import parse_tags
from zhike.rules import parse_rule
from zhike.scores.definition import parse_model
from zhike.segments.definition import SegmentDefinition
from zhike.segments.lists import ListDefinition
from zhike.sources import open_mapping, steps
from zhike.sources.tables import OWNS
from zhike.warehouse import RunPlan, Warehouse, open_catalog, open_engine, run_steps
from zhike.warehouse.contracts import contract_by_name

CONTRACTS = contract_by_name(OWNS)
GET_STARTED = DOCS / "get-started.md"


def read_segment(definition: Definition) -> None:
    segment = parse_definition(SegmentDefinition, definition)
    for rule in (segment.when, *(b.when for b in segment.buckets)):
        if rule is not None:
            parse_rule(rule, vocabulary())


def read_gate(definition: Definition) -> None:
    parse_definition(GateDefinition, definition)
    compile_gate(definition, vocabulary())


def read_campaign(definition: Definition) -> None:
    parse_rule(parse_definition(CampaignDefinition, definition).audience, vocabulary())


SHOWN: dict[tuple[str, int], tuple[str, Callable[[Definition], object]]] = {
    ("profile.md", 0): ("features", lambda d: parse_definition(Feature, d)),
    ("profile.md", 1): ("features", lambda d: parse_definition(Feature, d)),
    ("tags.md", 0): ("tags", lambda d: parse_tags([d], vocabulary())),
    ("segments.md", 0): ("segments", read_segment),
    ("segments.md", 1): ("lists", lambda d: parse_definition(ListDefinition, d)),
    ("scores.md", 0): ("models", parse_model),
    ("policy.md", 0): ("gates", read_gate),
    ("policy.md", 1): ("contact_policies", lambda d: parse_definition(ContactPolicyDefinition, d)),
    ("policy.md", 2): ("regulations", lambda d: parse_definition(RegulationDefinition, d)),
    ("decision.md", 0): ("campaigns", read_campaign),
    ("decision.md", 1): ("offers", lambda d: parse_definition(OfferDefinition, d)),
}


def yaml_of(page: str) -> list[Example]:
    return [e for e in examples(DOCS / "concepts" / page) if e.kind == "yaml"]


@pytest.mark.parametrize(("page", "place"), SHOWN, ids=str)
def test_a_definition_shown_is_read(page: str, place: int, tmp_path: Path):
    kind, read = SHOWN[(page, place)]
    shutil.copy(standard_pack() / "parameters.yaml", tmp_path / "parameters.yaml")
    (tmp_path / kind).mkdir()
    (tmp_path / kind / "shown.yaml").write_text(yaml_of(page)[place].content, encoding="utf-8")
    definitions = read_definitions([tmp_path]).definitions
    assert definitions
    for definition in definitions:
        read(definition)


def test_no_definition_shown_is_left_unread():
    pages = ("profile.md", "tags.md", "segments.md", "scores.md", "policy.md", "decision.md")
    assert {(page, i) for page in pages for i in range(len(yaml_of(page)))} == set(SHOWN)


def test_the_mapping_shown_is_read(tmp_path: Path):
    (tmp_path / "mapping.yaml").write_text(yaml_of("sources.md")[0].content, encoding="utf-8")
    assert [e.to for e in open_mapping(tmp_path / "mapping.yaml", CONTRACTS).tables] == ["source_party"]


def files_of_get_started(folder: Path) -> None:
    """Write the files that the page shows, each named behind its fence."""
    for example in examples(GET_STARTED):
        _, _, name = example.kind.partition(" ")
        if "." in name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(example.content, encoding="utf-8")


@pytest.mark.requirement("A2")
def test_the_files_of_get_started_load_and_its_two_mistakes_are_held_back(tmp_path: Path):
    files_of_get_started(tmp_path)
    day = date(2025, 3, 31)
    mapping = open_mapping(tmp_path / "mapping.yaml", CONTRACTS)
    plan = RunPlan(steps(mapping, tmp_path / "data", day, CONTRACTS), CONTRACTS, day)
    engine, warehouse = open_engine(threads=1, scratch=tmp_path / "scratch"), Warehouse(tmp_path / "warehouse")
    try:
        run_steps(
            warehouse, engine, plan, clock=VirtualClock(datetime(2025, 4, 1, tzinfo=UTC)), results=tmp_path / "runs"
        )
        manifest = warehouse.current()
        assert manifest is not None
        held = open_catalog(engine, warehouse, CONTRACTS, manifest.entries)["quarantine"].to_pyarrow().to_pylist()
    finally:
        engine.close()
    told = {
        f"| `{r['file']}` | {r['row_number']} | `{r['column_name']}` | `{r['rule']}` | {r['value_masked']} |"
        for r in held
    }
    assert len(told) == 2
    text = GET_STARTED.read_text(encoding="utf-8")
    assert [row for row in told if row not in text] == []
