"""New kinds of features beside SQL written by hand, over random facts: streaks, trends, counterparties, rhythm, bills, ranks."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.unit.profile.bank import AS_OF, account, bank, link, person, profile, txn

pytestmark = pytest.mark.requirement("C1")
N = 40
NAMES = (
    "active_week_streak", "longest_active_week_streak", "n_active_weeks_26w", "active_month_streak", "inflow_slope_amount", "inflow_deviation_amount",
    "n_payers_180d", "top_payer_share_rate", "payer_concentration", "n_new_payers_30d", "receipt_gap_days", "receipt_gap_deviation_days",
    "n_recurring_bills", "recurring_bills_month_amount", "activity_rank_rate",
)  # fmt: skip
SQL = """
with t as (select *, date_diff('day', "on", as_of()) as ago from moves where "on" <= as_of()),
ini as (select * from t where txn_kind not in ('interest', 'fee', 'direct_debit', 'judicial', 'reversal')),
weeks as (select distinct who, ago // 7 as w from ini where ago < 182),
runs as (select who, w - row_number() over (partition by who order by w) as g, w from weeks),
lengths as (select who, min(w) as first_w, count(*) as n from runs group by who, g),
week as (select who, coalesce(max(n) filter (first_w = 0), 0) as streak, max(n) as longest, sum(n) as all_weeks from lengths group by who),
months as (select distinct who, date_diff('month', date_trunc('month', "on"), date_trunc('month', as_of())) as m from ini),
mruns as (select who, min(m) as first_m, count(*) as n from (select who, m, m - row_number() over (partition by who order by m) as g from months
  where m between 1 and 12) group by who, g),
month as (select who, coalesce(max(n) filter (first_m = 1), 0) as streak from mruns group by who),
covered as (select m from range(1, 7) r(m) where date_trunc('month', as_of())::date - to_months(m) >= (select min("on") from moves)),
grid as (select c.who, k.m, coalesce((select sum(amount) from t where t.who = c.who and direction = 'in'
  and date_diff('month', date_trunc('month', "on"), date_trunc('month', as_of())) = k.m), 0)::double as y from (select distinct who from people) c, covered k),
trend as (select who, regr_slope(y, -m) as slope, stddev_pop(y) as swing from grid group by who),
settled as (select * from t where direction = 'in' and ago < 180 and txn_kind in ('settlement', 'transfer_in') and not coalesce(is_within_group, false)
  and coalesce(counterparty_kind, '') not in ('own_bank_self', 'other_bank_self', 'broker_self', 'wallet_self')),
each as (select who, counterparty_key, sum(amount)::double as a, max(ago) as first_ago from settled where counterparty_key is not null group by all),
payers as (select who, count(*) as n, max(a) / sum(a) as top, sum(a * a) / (sum(a) * sum(a)) as hhi, count(*) filter (first_ago < 30) as fresh from each group by who),
gaps as (select who, ago, lead(ago) over (partition by who order by ago) - ago as gap from (select distinct who, ago from settled)),
rhythm as (select who, avg(gap) as mean, stddev_pop(gap) as dev from gaps group by who having count(*) >= 4),
paid as (select *, coalesce(counterparty_key, txn_kind || '/' || coalesce(merchant_category, '')) as payee,
  date_diff('month', date_trunc('month', "on"), date_trunc('month', as_of())) as m from t
  where direction = 'out' and amount > 0 and txn_kind in ('direct_debit', 'household', 'insurance', 'transfer_out') and not coalesce(is_within_group, false)),
bills as (select who, payee, sum(amount) as a, count(distinct m) as k from paid where m between 1 and 6 group by all
  having count(distinct m) >= 3 and count(*) <= 2 * count(distinct m) and max(amount) <= 1.2 * min(amount)),
bill as (select who, count(*) as n, sum(round((a / k)::double, 2)) as a from bills group by who),
active as (select p.who, p.kind, (select count(*) from ini where ini.who = p.who and ago < 90) as n from people p),
ranked as (select x.who, ((select count(*) from active y where y.kind <> 'company' and y.n < x.n)
  + (select count(*) from active y where y.kind <> 'company' and y.n = x.n) / 2.0) / (select count(*) from active where kind <> 'company') as r
  from active x where x.kind <> 'company')
select p.who, coalesce(week.streak, 0), coalesce(week.longest, 0), coalesce(week.all_weeks, 0), coalesce(month.streak, 0), trend.slope, trend.swing,
  coalesce(payers.n, 0), payers.top, payers.hhi, coalesce(payers.fresh, 0), rhythm.mean, rhythm.dev, coalesce(bill.n, 0), coalesce(bill.a, 0), ranked.r
from people p left join week using (who) left join month using (who) left join trend using (who) left join payers using (who)
left join rhythm using (who) left join bill using (who) left join ranked using (who) order by p.who
"""


def moves(seed: int) -> list[dict[str, Any]]:
    dice = random.Random(seed)
    found = []
    for number in range(N * 60):
        who = dice.randint(1, N)
        way = dice.choice(["in", "out"])
        kind = dice.choice(
            ["settlement", "transfer_in", "interest"]
            if way == "in"
            else ["direct_debit", "household", "transfer_out", "fee"]
        )
        amount = (
            dice.choice([100, 100.5, 110, dice.randint(1, 99999) / 100])
            if kind == "direct_debit"
            else dice.randint(1, 999999) / 100
        )
        found.append(
            txn(
                f"a{who}", AS_OF - timedelta(days=min(dice.randint(-20, 260), dice.randint(0, 400))), way, amount, txn_id=f"t{number}", txn_kind=kind,
                counterparty_key=dice.choice([None, *(f"p{i}" for i in range(6))]) if kind != "direct_debit" else None,
                counterparty_kind=dice.choice([None, "other_bank_other", "other_bank_self", "cash"]),
                is_within_group=dice.choice([None, None, True, False]), merchant_category=dice.choice([None, "utilities", "grocery"]),
            )
        )  # fmt: skip
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_features_are_what_hand_written_sql_gives(seed: int) -> None:
    rows = moves(seed)
    kinds = {i: "company" if i % 3 == 0 else "person" for i in range(1, N + 3)}  # the last two never move
    people = [person(i, party_kind=k) for i, k in kinds.items()]
    tables = bank(
        {"customer": people, "identity_link": [link(i) for i in kinds]},
        *(account(f"a{i}", i) for i in kinds),
        {"transaction": rows},
    )
    found = profile(tables, *NAMES)
    for name in NAMES:
        assert len({row[name] for row in found.values()}) > 1, name  # nothing is proved by one value for all
    connection = duckdb.connect()
    connection.execute(f"create macro as_of() as date '{AS_OF}'")
    names = (
        "on",
        "direction",
        "amount",
        "txn_kind",
        "counterparty_key",
        "counterparty_kind",
        "is_within_group",
        "merchant_category",
    )
    plain = pa.table({"who": [int(r["account_id"][1:]) for r in rows], **{n: [r.get(n) for r in rows] for n in names}})
    connection.register("raw", plain)
    connection.execute("create table moves as select * replace (amount::decimal(18, 2) as amount) from raw")
    connection.register("raw_people", pa.table({"who": list(kinds), "kind": list(kinds.values())}))
    connection.execute("create table people as select * from raw_people")
    for who, *wanted in connection.execute(SQL).fetchall():
        for name, value in zip(NAMES, wanted, strict=True):
            mine = found[f"c{who}"][name]
            assert (mine is None) == (value is None), (who, name, mine, value)
            if mine is not None:
                near = 0.0051 if name.endswith("amount") else 2e-6
                assert float(mine) == pytest.approx(float(value), abs=near), (who, name)
