"""Intermediate results as temporary tables: computed once, given up when asked, gone at the end."""

import ibis
import pyarrow as pa

from tests.unit.profile.bank import AS_OF, account, balance, bank, engine, only, person
from zhike.profile.build import build_profile
from zhike.profile.keeping import keeping


def kept_tables() -> set[str]:
    rows = engine().connection.raw_sql("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    return {name for (name,) in rows if name.startswith("kept_")}


def test_what_is_dropped_is_gone_at_once_and_the_rest_at_the_end():
    rows = ibis.memtable(pa.table({"n": [1, 2]}))
    with keeping(engine()) as kept:
        first, second = kept(rows), kept(rows.filter(rows.n > 1))
        assert len(kept_tables()) == 2
        kept.drop(first)
        assert len(kept_tables()) == 1
        assert engine().fetch(second)["n"].to_pylist() == [2]
    assert kept_tables() == set()


def test_runs_of_money_are_given_up_when_all_of_money_is_summed():
    tables = bank(
        {"customer": [person(1)]},
        account("a", 1),
        {"balance_daily": [balance("a", AS_OF.replace(month=1), None, 1_000)]},
    )
    features = only("demand_amount", "n_open_accounts")
    with keeping(engine()) as kept:
        (row,) = engine().fetch(build_profile(tables, features, AS_OF, keep=kept, drop=kept.drop)).to_pylist()
        assert (row["demand_amount"], row["n_open_accounts"]) == (1_000, 1)
        columns = {c for name in kept_tables() for c in engine().connection.table(name).columns}
        assert "demand_amount" in columns
        assert "last_day" not in columns
