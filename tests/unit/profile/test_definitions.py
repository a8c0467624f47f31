"""What a feature definition may say, and what it is told when it says something else."""

from datetime import date

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.profile.bank import AS_OF, CONTRACTS, bank, engine, only, person, profile
from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput
from zhike.profile.features import parse_features, standard_features
from zhike.profile.formula import compile_formula, names_in
from zhike.profile.steps import profile_step
from zhike.profile.tables import profile_contract
from zhike.profile.windows import Days, Window
from zhike.warehouse.contracts import Personal
from zhike.warehouse.testing import run_step

NAMES = {"zh": "甲", "en": "A", "meaning_zh": "甲", "meaning_en": "A"}


def definition(key: str, **body):
    return Definition("feature", key, {**NAMES, **body}, "features/x.yaml", 3, key)


def read(*definitions):
    return parse_features(definitions)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"value": "amount", "derive": "b + nothing_like_it"}, "there is no feature"),
        ({"value": "amount"}, "exactly one of"),
        ({"value": "amount", "attribute": "sex", "derive": "b"}, "exactly one of"),
        ({"value": "amount", "facts": {"table": "event", "stat": "sum"}}, "needs `of`"),
        ({"value": "integer", "facts": {"table": "event", "stat": "count", "windw": {"days": 3}}}, "facts.windw"),
        ({"value": "integer", "facts": {"table": "event", "stat": "count", "window": {"days": 3, "months": 2}}}, "exactly one thing"),
        ({"value": "integer", "facts": {"table": "event", "stat": "days", "window": {"days": 90}}}, "at most 62 days"),
        ({"value": "amount", "balance": {"classes": ["demand"], "stat": "mean"}}, "a point takes days_ago"),
        ({"value": "amount", "relation": {"kinds": ["controller_of"], "look": "from", "of": "b", "stat": "max"}}, "balances and facts only"),
        ({"value": "moment", "attribute": "sex"}, "a feature is no"),
    ],
)  # fmt: skip
def test_a_malformed_feature_is_told_where_and_why(body, said):
    with pytest.raises(BadInput) as told:
        read(definition("a", **body), definition("b", value="amount", attribute="annual_income_amount"))
    assert said in str(told.value)
    assert "features/x.yaml:3 a" in str(told.value)


def test_features_that_need_one_another_name_their_ring():
    with pytest.raises(BadInput, match="a → b → a"):
        read(definition("a", value="amount", derive="b + 1"), definition("b", value="amount", derive="a + 1"))


def test_a_fact_table_and_a_column_that_do_not_exist_suggest_the_nearest():
    tables = bank({"customer": [person(1)]})
    count = {"stat": "count", "where": {"chanel": "app"}}
    with pytest.raises(BadInput, match="did you mean channel"):
        profile(tables, features=read(definition("n", value="integer", facts={"table": "event", **count})))
    with pytest.raises(BadInput, match="did you mean event"):
        profile(tables, features=read(definition("n", value="integer", facts={"table": "events", "stat": "count"})))


@pytest.mark.parametrize(
    ("formula", "value"),
    [("a + b * 2 - 1", 8.0), ("ratio(a, zero)", None), ("a / zero", None), ("greatest(a, nothing)", 3.0), ("a + nothing", None),
     ("coalesce(nothing, b)", 3.0), ("when(a > 2 and not b < 3, 1, 0)", 1), ("choose(1, 'x', 'y')", "y"), ("clip(a, 0, 1)", 1),
     ("clip(nothing, 0, 1)", None),
     ("(a >= 3) + (b >= 4)", 1), ("-a", -3.0)],
)  # fmt: skip
def test_formulas_are_arithmetic_with_missing_values(formula, value):
    rows = pa.table({"a": [3.0], "b": [3.0], "zero": [0.0], "nothing": pa.array([None], pa.float64())})
    table = ibis.memtable(rows)
    found = engine().fetch(table.select(x=compile_formula(formula, {n: table[n] for n in table.columns})))
    assert found["x"].to_pylist() == [value]


def test_days_added_to_a_day_are_written_as_a_day(tmp_path):
    table = ibis.memtable(pa.table({"on": pa.array([date(2024, 2, 28)])}))
    later = table.select(x=compile_formula("add_days(on, 2)", {"on": table.on}))
    engine().write(later, tmp_path / "x.parquet")
    found = pq.read_table(tmp_path / "x.parquet")
    assert (found.schema.field("x").type, found["x"].to_pylist()) == (pa.date32(), [date(2024, 3, 1)])


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "a.b", "a[0]", "a if b else c", "a +", "lambda: 1", "rtio(a, b)", "a < b < a"]
)
def test_anything_but_arithmetic_is_refused(formula):
    table = ibis.memtable(pa.table({"a": [1.0], "b": [1.0]}))
    with pytest.raises(BadInput):
        compile_formula(formula, {"a": table.a, "b": table.b})


def test_names_in_a_formula_leave_out_functions():
    assert names_in("ratio(a, b) + greatest(a, c)") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("window", "days"),
    [
        ({"days": 30}, (date(2025, 6, 1), date(2025, 6, 30))),
        ({"ahead_days": 30}, (date(2025, 7, 1), date(2025, 7, 30))),
        ({"months": 3}, (date(2025, 4, 1), date(2025, 6, 30))),
        ({"complete_months": 3}, (date(2025, 3, 1), date(2025, 5, 31))),
        ({"complete_month": 6}, (date(2024, 12, 1), date(2024, 12, 31))),
        ({"month_to_date": True}, (date(2025, 6, 1), date(2025, 6, 30))),
        ({"from_days_ago": 36, "to_days_ago": 7}, (date(2025, 5, 25), date(2025, 6, 23))),
    ],
)
def test_windows_are_what_they_say(window, days):
    assert Window(**window).on(AS_OF) == Days(*days)


def test_months_are_newest_first_and_a_single_month_stays_single():
    months = Window(complete_months=2).months_on(date(2024, 3, 31))
    assert months == (Days(date(2024, 2, 1), date(2024, 2, 29)), Days(date(2024, 1, 1), date(2024, 1, 31)))
    assert Window(complete_month=2).on(date(2024, 3, 31)) == months[1]


def test_the_profile_carries_no_direct_identifier_and_its_contract_follows_the_definitions():
    contract = profile_contract(standard_features())
    assert not [c.name for c in contract.columns if c.personal is Personal.DIRECT]
    assert not {"name", "mobile", "email", "id_number", "address"} & set(contract.column_names)
    assert set(contract.column_names) >= set(standard_features().names)
    assert all(c.zh and c.en for c in contract.columns)


@pytest.mark.requirement("C1")
def test_the_step_writes_every_customer_even_of_an_otherwise_empty_bank():
    features = only("aum_mavg_amount", "n_logins_30d", "sex", "has_payroll")
    contracts = {**CONTRACTS, "profile": profile_contract(features)}
    written = run_step(
        profile_step(features), engine(), {"customer": [person(1), person(2)]}, as_of=AS_OF, contracts=contracts
    )
    rows = written[("profile", "")].to_pylist()
    assert [r["customer_id"] for r in sorted(rows, key=lambda r: r["customer_no"])] == ["c1", "c2"]
    assert {r["n_logins_30d"] for r in rows} == {0}


@pytest.mark.requirement("C1")
@pytest.mark.slow
def test_all_standard_features_compute_on_an_empty_bank():
    rows = profile(bank({"customer": [person(1)]}), features=standard_features())
    assert set(rows["c1"]) == {"customer_id", "customer_no", *standard_features().names}
