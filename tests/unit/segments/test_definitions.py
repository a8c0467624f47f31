"""What a segment may say; the standard pack parses, and the global exclusion cannot be let go."""

from pathlib import Path

import pytest

from tests.unit.segments.world import EXCLUSION, VOCABULARY, definition, segments
from zhike.kernel.definitions import read_definitions
from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Text
from zhike.profile.tables import PROFILE
from zhike.profile.tags import parse_tag_definitions, tag_term
from zhike.rules import Vocabulary, field_terms
from zhike.segments import parse_segments, segment_terms

STANDARD = Path(__file__).parents[3] / "src" / "zhike" / "standard"
BUCKET = {"key": "a", "zh": "甲", "en": "A", "when": {"everyone": True}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "needs `when` or `buckets`"),
        ({"when": {"everyone": True}, "otherwise": {"key": "b", "zh": "乙", "en": "B"}}, "goes with `buckets`"),
        ({"buckets": [BUCKET, BUCKET]}, "two buckets have the same key"),
        ({"buckets": [BUCKET], "is_partition": True}, "a partition has no `when`"),
        ({"when": {"everyone": True}, "bucketz": []}, "did you mean buckets"),
        ({"when": {"field": "aum_mavg_amont", "above": 0}}, "aum_mavg_amount"),
        ({"buckets": [{**BUCKET, "when": {"tag": "no_such_tag"}}]}, "no_such_tag"),
    ],
)
def test_a_malformed_segment_is_told_where_and_why(body, said):
    with pytest.raises(BadInput) as told:
        segments(broken=body)
    assert said in str(told.value)
    assert "segments/x.yaml:7 broken" in str(told.value)


@pytest.mark.requirement("F2")
@pytest.mark.parametrize("written", [[], [definition("global_exclusion", **{**EXCLUSION, "is_pinned": False})]])
def test_the_global_exclusion_can_neither_be_left_out_nor_unpinned(written):
    with pytest.raises(BadInput, match="cannot be removed or unpinned"):
        parse_segments([*written, definition("other", when={"everyone": True})], VOCABULARY)


@pytest.mark.requirement("D1")
@pytest.mark.requirement("D2")
@pytest.mark.requirement("D3")
def test_the_standard_segments_parse_with_every_threshold_a_parameter():
    everything = read_definitions([STANDARD])
    written = everything.of_kind("segment")
    tags = {key: tag_term(tag) for key, (_, tag) in parse_tag_definitions(everything.definitions).items()}
    models = {m.key: Text(m.key, m.key) for m in everything.of_kind("model")}
    words = Vocabulary(field_terms(PROFILE), tags, segment_terms(written), models)
    found = parse_segments(written, words)
    codes = {s.definition.code for s in found.values()} - {""}
    assert codes >= {f"S{n:02d}" for n in range(1, 31)}
    assert found["global_exclusion"].definition.is_pinned
    partitions = {k for k, s in found.items() if s.definition.is_partition}
    assert partitions >= {"value_tiers", "life_stages", "relationship_stages", "corporate_tiers", "company_stages"}
    assert all(s.definition.zh and s.definition.en and s.definition.meaning_zh for s in found.values())


def test_thresholds_of_the_standard_segments_are_written_as_parameters():
    small = {"0", "1"}
    for path in sorted((STANDARD / "segments").glob("*.yaml")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for word in ("at_least", "at_most", "above", "below", "within_next_days", "within_last_days", "between"):
                _, found, rest = line.partition(f"{word}: ")
                if found and rest[:1].isdigit():
                    assert rest.split(",")[0].split("}")[0].strip() in small, f"{path.name}: {line.strip()}"
