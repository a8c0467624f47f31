"""Keys that records share, as arrays: who shares them, which mean nobody, in which order; and that they are found without standardising."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from zhike.identity import IdentitySettings, MatchModel, Override, RecordKey, steps
from zhike.identity.codes import Codes
from zhike.identity.keys import shared_keys, texts_of
from zhike.identity.rules import rules
from zhike.identity.standardise import COLUMNS
from zhike.identity.terms import Action
from zhike.warehouse import Step

A, B, C = "+8613912345679", "+8613677345621", "+8613577345622"
Row = dict[str, Any]


def versions(*rows: Row) -> pa.Table:
    """Return standardised rows, one version a record unless ``record_no`` is said."""
    filled = [
        {"record_no": i, "row_no": i, "party_kind": "person", "is_latest": True, **row} for i, row in enumerate(rows)
    ]
    kinds = {"record_no": pa.int64(), "row_no": pa.int64(), "is_latest": pa.bool_()}
    return pa.table({c: pa.array([r.get(c) for r in filled], kinds.get(c, pa.string())) for c in COLUMNS})


def stars(table: pa.Table, **limits: int) -> list[tuple[str, int, int, int]]:
    """Return (rule, key number, left, right) of the edges, in order."""
    known = rules(IdentitySettings(default_max_sharing=limits.get("limit", 10), max_sharing={}))
    found = shared_keys(table, known).stars()
    names = {r.priority: r.name for r in known}
    columns = (found.priority, found.key_no, found.left, found.right)
    return sorted((names[p], k, a, b) for p, k, a, b in zip(*(c.tolist() for c in columns), strict=True))


def test_records_that_share_a_key_make_a_star_around_the_first_and_a_record_is_in_it_once() -> None:
    table = versions(
        {"record_no": 0, "mobile": A, "name_key": "张三"}, {"record_no": 2, "mobile": A, "name_key": "张三"},
        {"record_no": 1, "mobile": A, "name_key": "张三"}, {"record_no": 1, "mobile": A, "name_key": "张三"},
        {"record_no": 3, "mobile": A, "name_key": "李四"}, {"record_no": 4, "mobile": None, "name_key": "张三"},
    )  # fmt: skip
    assert stars(table) == [("mobile_name", 0, 0, 1), ("mobile_name", 0, 0, 2)]


def test_a_key_of_one_record_alone_is_none_however_many_versions_have_it() -> None:
    assert stars(versions({"record_no": 0, "resident_id": "1"}, {"record_no": 0, "resident_id": "1"})) == []


def test_a_key_that_more_records_share_than_its_rule_allows_makes_no_edge_and_is_counted() -> None:
    table = versions(
        *({"mobile": A, "name_key": "张三"} for _ in range(4)), *({"mobile": B, "name_key": "张三"} for _ in range(2))
    )
    assert stars(table, limit=3) == [("mobile_name", 1, 4, 5)]
    found = shared_keys(table, rules(IdentitySettings(default_max_sharing=3, max_sharing={})))
    assert (found.n_records.tolist(), found.is_too_wide.tolist()) == ([4, 2], [True, False])
    assert texts_of(table, "mobile_name", found.row) == [f"{A}|张三", f"{B}|张三"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_two_keys_of_one_rule_around_one_record_are_numbered_by_their_texts(order: tuple[int, ...]) -> None:
    rows = [{"record_no": n, "mobile": m, "name_key": "张三"} for n, m in ((0, A), (0, C), (1, A), (2, C))]
    assert stars(versions(*(rows[i] for i in order))) == [("mobile_name", 0, 0, 2), ("mobile_name", 1, 0, 1)]


@pytest.mark.parametrize(
    ("others", "is_joined"),
    [
        ([{"mobile": A, "name_key": "张三", "initial": "张"}], True),
        (
            [{"mobile": A, "name_key": "张三", "initial": "张"}, {"mobile": A, "name_key": "李四", "initial": "李"}],
            False,
        ),
        ([{"mobile": A, "name_key": "张三", "initial": "张"}, {"mobile": A, "initial": "王"}], False),
        ([{"mobile": A, "initial": "张"}], True),
    ],
)
def test_a_record_without_a_name_is_joined_where_its_telephone_belongs_to_one_name(
    others: list[Row], is_joined: bool
) -> None:
    found = [(a, b) for rule, _, a, b in stars(versions({"mobile": A}, *others)) if rule == "mobile_nameless"]
    assert found == ([(0, 1)] if is_joined else [])


def test_nothing_shares_nothing() -> None:
    assert stars(versions()) == []
    assert [len(a) for a in Codes(versions()).shared(["mobile", "name_key"])] == [0, 0]


def test_another_model_or_an_officers_word_leaves_the_standard_forms_as_they_are(person_model: MatchModel) -> None:
    word = Override("1", Action.MERGE, RecordKey("core", "1"), RecordKey("core", "2"), "")

    def versions_of(**given: Any) -> dict[str, Any]:
        made: list[Step] = steps(
            **{"settings": IdentitySettings(), "overrides": (), "key": b"k", "models": [person_model], **given}
        )
        return {s.key: s.material for s in made if s.key in ("identity:standardise", "identity:link")}

    before = versions_of()
    for changed in ({"overrides": [word]}, {"models": [replace(person_model, prior=0.5)]}):
        after = versions_of(**changed)
        assert after["identity:standardise"] == before["identity:standardise"]
        assert after["identity:link"] != before["identity:link"]
