"""What an officer is told is what a run does: the same contradictions, and the same weight for every pair."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity import IdentitySettings, read_match_models
from zhike.identity.clusters import COMPANY, PERSON, SOLE_TRADER, Facts, build_clusters
from zhike.identity.codes import MISSING
from zhike.identity.edges import edges_from_lists
from zhike.identity.evidence import Verdict, contradictions, waterfall
from zhike.identity.resolve import resolve_records
from zhike.identity.standardise import standardised, versions_as_of
from zhike.kernel.definitions import read_definitions
from zhike.pipeline.project import standard_pack
from zhike.simulator.linkage import draw_linkage_set
from zhike.warehouse import Engine, open_engine

KINDS = {"person": PERSON, "sole_trader": SOLE_TRADER, "company": COMPANY}
SEXES = {"female": 0, "male": 1}
OTHER_SEX = "other_sex"
CLAIMS = st.fixed_dictionaries({
    "resident_id": st.sampled_from([None, "1", "2"]), "uscc": st.sampled_from([None, "8", "9"]),
    "born": st.sampled_from([None, "19800102", "19800201", "19800103", "19911130"]), "sex": st.sampled_from([None, *SEXES]),
    "party_kind": st.sampled_from(list(KINDS)),
})  # fmt: skip
GROUPS = st.tuples(
    CLAIMS, st.integers(1, 3), st.sampled_from([(), ("born",), ("sex", "resident_id"), ("uscc",), ("born", OTHER_SEX)])
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1, memory="500MB")
    yield opened
    opened.close()


def rows_of(group: tuple[dict[str, Any], int, tuple[str, ...]], name: str) -> list[dict[str, Any]]:
    """Return the records of one customer: the first says all, the others leave something out, or say another sex and no birth."""
    claims, n, left_out = group
    varied: dict[str, Any] = dict.fromkeys(c for c in left_out if c != OTHER_SEX)
    if OTHER_SEX in left_out and claims["sex"] is not None:
        varied["sex"] = next(s for s in SEXES if s != claims["sex"])
    rows = [{**claims, **(varied if i else {})} for i in range(n)]
    return [{**r, "source": name, "source_key": str(i)} for i, r in enumerate(rows)]


def code(value: Any, known: dict[str, int] | None = None) -> int:
    return MISSING if value is None else (known[value] if known else int(value))


@settings(max_examples=examples(300), deadline=None)
@given(GROUPS, GROUPS)
def test_two_customers_contradict_for_the_reason_for_which_a_run_keeps_them_apart(one: Any, other: Any) -> None:
    left, right = rows_of(one, "a"), rows_of(other, "b")
    rows = [*left, *right]
    columns = [[code(r[c]) for r in rows] for c in ("resident_id", "uscc", "born")]
    columns += [[code(r["sex"], SEXES) for r in rows], [KINDS[r["party_kind"]] for r in rows]]
    facts = Facts(*(np.array(c, np.int64) for c in columns))
    ends = (
        [(0, i) for i in range(1, len(left))]
        + [(len(left), len(left) + i) for i in range(1, len(right))]
        + [(0, len(left))]
    )
    priorities = [1] * (len(ends) - 1) + [5]
    edges = edges_from_lists([a for a, _ in ends], [b for _, b in ends], priorities, list(range(len(ends))))
    clusters = build_clusters(facts, edges)
    told = contradictions(left, right)
    assert [c.reason for c in told[:1]] == list(clusters.refused_because)
    assert (clusters.root[0] == clusters.root[-1]) == (not told)
    for c in told:
        assert c.left_value != c.right_value or c.reason == "birth_on"
        assert (c.left.source, c.right.source) == ("a", "b")
    forced = build_clusters(facts, edges.take(edges.priority == 1), merges=[(0, len(left))])
    assert (forced.root[0] == forced.root[-1]) == (not any(c.is_final for c in told))


@pytest.mark.slow
@pytest.mark.requirement("B1")
def test_a_waterfall_adds_up_to_what_the_run_weighed_and_ends_as_the_run_decided(engine: Engine) -> None:
    limits = IdentitySettings()
    models = read_match_models(read_definitions([standard_pack()]).definitions)
    with engine.holding("parties", draw_linkage_set(3_000, 7).records) as parties:
        versions = standardised(
            engine, versions_as_of(parties, limits.as_of(date(2026, 1, 1))), limits.placeholder_birth_on
        )
    resolved = resolve_records(engine, versions, settings=limits, models=models)
    by_record: dict[int, list[dict[str, Any]]] = {}
    for row in versions.to_pylist():
        by_record.setdefault(row["record_no"], []).append(row)
    verdicts = set()
    assert resolved.weighed.num_rows > 30
    for pair in resolved.weighed.to_pylist():
        found = waterfall(models, by_record[pair["left_record"]], by_record[pair["right_record"]])
        assert found is not None
        assert found.total == pytest.approx(pair["weight"], abs=2e-4)
        assert found.total == pytest.approx(found.prior + sum(e.weight + e.rarity for e in found.evidence))
        assert (found.verdict is Verdict.LINKED) == pair["is_automatic"]
        assert found.blocks
        verdicts.add(found.verdict)
    assert verdicts == {Verdict.LINKED, Verdict.REVIEW}
