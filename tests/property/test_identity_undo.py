"""Officers' merges and splits, in any order, undone one after the other: every id and every link is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.property.effort import examples
from zhike.identity import Action, IdentitySettings, Override, RecordKey, steps
from zhike.identity.tables import OWNS as IDENTITY_TABLES
from zhike.sources.tables import OWNS as SOURCE_TABLES
from zhike.warehouse import Engine, open_engine
from zhike.warehouse.contracts import contract_by_name
from zhike.warehouse.testing import run_in_turn

CONTRACTS = contract_by_name((*SOURCE_TABLES, *IDENTITY_TABLES))
DAY = date(2025, 3, 1)
N_RECORDS = 6
Tables = dict[str, list[dict[str, Any]]]
NAMES, MOBILES = ("张伟", "李娜"), ("13912345679", "13677345621", None)
RECORDS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(MOBILES)), min_size=N_RECORDS, max_size=N_RECORDS)
DECISIONS = st.lists(
    st.tuples(st.sampled_from(list(Action)), st.integers(0, N_RECORDS - 1), st.integers(0, N_RECORDS - 1)), min_size=1, max_size=4
)  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine(threads=1, memory="500MB")
    yield opened
    opened.close()


def parties(drawn: list[tuple[str, str | None]]) -> list[dict[str, Any]]:
    known = {"party_kind": "person", "valid_from_on": date(2025, 1, 1), "recorded_at": datetime(2025, 1, 1, 12)}
    return [{"source": "core", "source_key": str(i), "name": n, "mobile": m, **known} for i, (n, m) in enumerate(drawn)]


def overrides(drawn: list[tuple[Action, int, int]]) -> list[Override]:
    """Return decisions that do not contradict one another: the first about a pair holds."""
    found: dict[frozenset[int], Override] = {}
    for number, (action, a, b) in enumerate(drawn):
        if a != b:
            left, right = RecordKey("core", str(a)), RecordKey("core", str(b))
            found.setdefault(frozenset((a, b)), Override(str(number), action, left, right, "officer"))
    return list(found.values())


def link(
    engine: Engine, rows: list[dict[str, Any]], decided: list[Override], on: date, before: Tables | None
) -> Tables:
    made = steps(settings=IdentitySettings(), overrides=decided, key=b"k")
    linking = [s for s in made if s.key in ("identity:standardise", "identity:link")]
    written = run_in_turn(linking, engine, {"source_party": rows}, as_of=on, contracts=CONTRACTS, previous=before)
    return {table: found.to_pylist() for (table, _), found in written.items()}


@pytest.mark.slow
@pytest.mark.requirement("B2")
@settings(max_examples=examples(15), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(RECORDS, DECISIONS)
def test_any_merges_and_splits_undone_one_by_one_restore_every_id_and_link(
    engine: Engine, drawn: list[tuple[str, str | None]], decisions: list[tuple[Action, int, int]]
) -> None:
    rows, decided = parties(drawn), overrides(decisions)
    first = tables = link(engine, rows, [], DAY, None)
    day = DAY
    for n in [*range(1, len(decided) + 1), *reversed(range(len(decided)))]:  # one more each day, then one fewer
        day += timedelta(days=1)
        tables = link(engine, rows, decided[:n], day, tables)
        together = {r["source_key"]: r["customer_id"] for r in tables["identity_link"]}
        for o in decided[:n]:
            if o.action is Action.SPLIT:
                assert together[o.left.source_key] != together[o.right.source_key]
    assert tables["identity_link"] == first["identity_link"]
    alive = {r["customer_id"] for r in tables["identity_register"] if r["ended_on"] is None}
    assert alive == {r["customer_id"] for r in first["identity_link"]}
