"""Ranks: the share that lies below with half of those who are level; who is not ranked has none."""

from __future__ import annotations

import pytest

from tests.unit.profile.bank import AS_OF, account, balance, bank, link, person, profile, txn
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.profile.features import parse_features

pytestmark = pytest.mark.requirement("C3")
WORDS = {"zh": "甲", "en": "A", "meaning_zh": "甲", "meaning_en": "A"}
KIND = {"value": "code", "attribute": "party_kind"}


def features(**bodies):
    return parse_features([Definition("feature", k, {**WORDS, **b}, "f.yaml", 1, k) for k, b in bodies.items()])


SPENT = {"value": "amount", "facts": {"table": "transaction", "stat": "sum", "of": "amount", "window": {"days": 30}}}
PER_DAY = {"value": "number", "derive": "ratio(spent, spent)"}


def spenders(amounts, **kinds):
    people = [person(i, party_kind=kinds.get(f"c{i}", "person")) for i in range(1, len(amounts) + 1)]
    accounts = [account(f"a{i}", i) for i in range(1, len(amounts) + 1)]
    moves = [txn(f"a{i}", AS_OF, "out", a) for i, a in enumerate(amounts, start=1) if a]
    return bank({"customer": people}, *accounts, {"transaction": moves})


def test_ties_share_the_mean_of_their_places():
    made = features(spent=SPENT, rank={"value": "rate", "rank": {"of": "spent"}})
    rows = profile(spenders([10, 20, 20, 40]), features=made)
    assert [rows[f"c{i}"]["rank"] for i in range(1, 5)] == [0.125, 0.5, 0.5, 0.875]


def test_everybody_level_is_in_the_middle_and_nobody_in_the_top():
    made = features(spent=SPENT, rank={"value": "rate", "rank": {"of": "spent"}})
    assert {r["rank"] for r in profile(spenders([0, 0, 0]), features=made).values()} == {0.5}


def test_missing_values_and_others_are_not_ranked():
    made = features(
        party_kind=KIND, spent=SPENT, known=PER_DAY,
        rank={"value": "rate", "subjects": ["person"], "rank": {"of": "spent"}}, of_known={"value": "rate", "rank": {"of": "known"}},
    )  # fmt: skip
    rows = profile(spenders([10, 30, 99, 0], c3="company"), features=made)
    assert [rows[f"c{i}"]["rank"] for i in range(1, 5)] == [0.5, 0.833333, None, 0.166667]  # three persons
    assert [rows[f"c{i}"]["of_known"] for i in range(1, 5)] == [0.5, 0.5, 0.5, None]  # nothing over nothing is no value


def test_a_bank_of_nobody_has_no_ranks():
    made = features(spent=SPENT, rank={"value": "rate", "rank": {"of": "spent"}})
    assert profile(bank({}), features=made) == {}


def test_the_pack_ranks_formulas_of_formulas():
    runs = [balance(f"a{i}", AS_OF.replace(month=1, day=1), None, 100 * i) for i in (1, 2)]
    tables = bank(
        {"customer": [person(1), person(2)], "identity_link": [link(1), link(2)]},
        account("a1", 1),
        account("a2", 2),
        {"balance_daily": runs},
    )
    rows = profile(tables, "aum_rank_rate", "loyalty_rank_rate")
    assert [rows[c]["aum_rank_rate"] for c in ("c1", "c2")] == [0.25, 0.75]
    assert [rows[c]["loyalty_rank_rate"] for c in ("c1", "c2")] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("bodies", "says"),
    [
        ({"rank": {"value": "rate", "rank": {"of": "kind"}}, "kind": KIND}, "a rank orders numbers"),
        ({"rank": {"value": "number", "rank": {"of": "spent"}}, "spent": SPENT}, "a rank is a rate"),
        ({"rank": {"value": "rate", "rank": {"of": "nothing"}}}, "there is no feature nothing"),
        (
            {"rank": {"value": "rate", "subjects": ["person"], "rank": {"of": "spent"}}, "spent": SPENT},
            "there is no feature party_kind",
        ),
    ],
)
def test_a_rank_of_what_has_no_order_is_refused(bodies, says):
    with pytest.raises(BadInput, match=says):
        features(**bodies)
