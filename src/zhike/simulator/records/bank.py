"""The bank's own small tables: units, staff, products, prices of money, market, competitors, capacity, targets, benefits."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Columns, Texts, pa
from zhike.simulator.catalogue import RATE_CUT_BP, products
from zhike.simulator.files.terms import (
    NO_AMOUNT,
    NO_DAY,
    FileSpec,
    amount,
    code,
    day,
    flag,
    integer,
    number,
    plain,
    text,
)
from zhike.simulator.identifiers import day_number, to_date
from zhike.simulator.organisation import ROLES, closed_units, n_sub_branches, staff, sub_branch_id, units
from zhike.simulator.randomness import draw_bits
from zhike.simulator.terms import BankPlan
from zhike.simulator.words import read_words

CLASSES = tuple(dict.fromkeys(p.product_class for p in products()))
GRADES = ("R1", "R2", "R3", "R4", "R5")
FACTS = ("LPR1Y", "LPR5Y", "CPI", "rate_cut", "savings_bond_issue")
COMPETITORS = ("ICBC", "CCB", "CMB", "CIB", "local_rural_bank")
BENEFITS = ("BF001", "BF002", "BF003")
KPIS = (
    "aum_yavg_growth",
    "deposit_yavg",
    "maturity_kept_rate",
    "payroll_net_new",
    "mobile_bank_mau",
    "first_loan_count",
)

UNITS = FileSpec(
    "bank_units", "ORG_INFO", "core", "org_unit", is_dated=False,
    columns=(
        text("ORG_NO", "org_id"), text("ORG_NM", "name"), code("ORG_LVL", "level", {"1": "head_office", "2": "branch", "3": "sub_branch", "4": "team"}),
        text("UP_ORG_NO", "parent_org_id"), plain("BIZ_LINE", "line", ("all",)), text("DIST_CD", "district"), text("MERGED_TO", "merged_into"),
        day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on"),
    ),
)  # fmt: skip
STAFF = FileSpec(
    "bank_staff", "EMP_INFO", "core", "staff", is_dated=False,
    columns=(text("EMP_NO", "staff_id"), text("EMP_NM", "name"), text("ORG_NO", "org_id"), code("POST_CD", "role", ROLES), day("JOIN_DT", "joined_on"), day("LEAVE_DT", "left_on")),
)  # fmt: skip
PRODUCTS = FileSpec(
    "bank_products", "PROD_INFO", "core", "product", is_dated=False,
    columns=(
        text("PROD_CD", "product_id"), text("PROD_NM", "name"), code("PROD_FAM", "family", ("deposit", "wealth", "credit", "payment", "corporate")),
        plain("PROD_CLS", "product_class", CLASSES), plain("RISK_LVL", "risk_grade", GRADES), plain("ISSUER", "issuer", ("own", "partner")),
        amount("MIN_AMT", "minimum_amount"), number("RATE", "annual_rate"), integer("TERM_D", "term_days"), flag("AUM_FLAG", "counts_in_aum"),
    ),
)  # fmt: skip
RATES = FileSpec(
    "bank_rate_history", "RATE_HIST", "core", "rate_history", is_dated=False,
    columns=(text("PROD_CD", "product_id"), number("RATE", "annual_rate"), day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on")),
)  # fmt: skip
FTP = FileSpec(
    "bank_ftp_rates", "FTP_RATE", "core", "ftp_rate", is_dated=False,
    columns=(plain("PROD_CLS", "product_class", CLASSES), number("FTP_RATE", "annual_rate"), day("BGN_DT", "valid_from_on"), day("END_DT", "valid_to_on")),
)  # fmt: skip
MARKET = FileSpec(
    "market_facts", "MKT_FACT", "core", "market_fact", is_dated=False, form="csv",
    columns=(plain("FACT_CD", "fact", FACTS), day("FACT_DT", "on"), day("PUB_DT", "published_on"), number("FACT_VAL", "value"), text("FACT_NOTE", "note")),
)  # fmt: skip
RIVALS = FileSpec(
    "competitor_products", "RIVAL_PROD", "core", "competitor_product", is_dated=False, form="csv",
    columns=(plain("BANK_CD", "competitor", COMPETITORS), text("PROD_NM", "product_name"), plain("PROD_CLS", "product_class", CLASSES), number("RATE", "annual_rate"), day("SEEN_DT", "seen_on"), text("SEEN_AT", "seen_at_source")),
)  # fmt: skip
CAPACITY = FileSpec(
    "bank_capacity", "CAPACITY", "core", "capacity", is_dated=False,
    columns=(plain("RES_KIND", "resource_kind", ("rm", "counter", "channel", "video", "tele")), text("RES_ID", "resource_id"), day("CAP_DT", "on"), number("HOURS", "available_hours"), integer("CNTC_LMT", "n_contacts_limit")),
)  # fmt: skip
TARGETS = FileSpec(
    "bank_kpi_targets", "KPI_TGT", "core", "kpi_target", is_dated=False, form="csv",
    columns=(plain("KPI_CD", "kpi", KPIS), text("ORG_NO", "org_id"), plain("BIZ_LINE", "line", ("retail", "corporate")), text("EMP_NO", "staff_id"), text("PERIOD", "period"), amount("TGT_VAL", "target_amount")),
)  # fmt: skip
STOCK = FileSpec(
    "benefit_stock", "BNFT_STOCK", "core", "benefit_stock", is_dated=False,
    columns=(plain("BNFT_CD", "benefit_id", BENEFITS), day("STK_DT", "on"), integer("QTY", "n_available"), amount("UNIT_COST", "unit_cost_amount")),
)  # fmt: skip
CONTROL = FileSpec(
    "bank_control_totals", "GL_TOTAL", "core", "control_total", mode="append", is_daily=True,
    columns=(day("RPT_DT", "on"), text("ORG_NO", "org_id"), plain("PROD_CLS", "product_class", CLASSES), code("IDX_CD", "measure", ("aum_amount", "deposit_amount", "loan_amount", "n_customers")), amount("IDX_VAL", "value_amount")),
)  # fmt: skip
SPECS = (UNITS, STAFF, PRODUCTS, RATES, FTP, MARKET, RIVALS, CAPACITY, TARGETS, STOCK)


def _texts(values: list[str]) -> Texts:
    return pa.array([v or None for v in values], pa.string())


def bank_tables(plan: BankPlan) -> dict[str, Columns]:
    """Return all of the bank's own tables."""
    return _organisation(plan) | _prices(plan) | _outside(plan) | _limits(plan)


def _organisation(plan: BankPlan) -> dict[str, Columns]:
    closed, people = closed_units(plan), staff(plan)
    rows = [*units(plan), *(c.unit for c in closed)]
    open_since = np.full(len(rows) - len(closed), day_number(plan.first_day) - 7_300)
    still = np.full(len(open_since), int(NO_DAY))
    words = read_words()
    bits = draw_bits(plan.seed, "staff_names", size=len(people.number))
    surnames, given = words.surnames.draw(bits).tolist(), words.given_female.draw(bits, 16).tolist()
    names = [words.surnames.words[i] + words.given_female.words[j] for i, j in zip(surnames, given, strict=True)]
    levels = ("head_office", "branch", "sub_branch")
    return {
        UNITS.name: {
            "ORG_NO": _texts([u.org_id for u in rows]), "ORG_NM": _texts([u.name for u in rows]), "ORG_LVL": np.array([levels.index(u.level) for u in rows]),
            "UP_ORG_NO": _texts([u.parent for u in rows]), "BIZ_LINE": np.zeros(len(rows), np.int64), "DIST_CD": _texts([u.district for u in rows]),
            "MERGED_TO": _texts([""] * len(still) + [c.into for c in closed]), "BGN_DT": np.append(open_since, [c.first_day for c in closed]),
            "END_DT": np.append(still, [c.last_day for c in closed]),
        },
        STAFF.name: {
            "EMP_NO": _texts([str(x) for x in people.number]), "EMP_NM": _texts(names), "ORG_NO": _texts(people.org), "POST_CD": people.role,
            "JOIN_DT": people.joined, "LEAVE_DT": np.where(people.left > 0, people.left, NO_DAY),
        },
    }  # fmt: skip


def _prices(plan: BankPlan) -> dict[str, Columns]:
    """Return products, their posted rates (one cut in the middle of the history) and funds-transfer prices."""
    rows = products()
    first, middle = day_number(plan.first_day), day_number(plan.first_day) + plan.n_days // 2
    priced = [p for p in rows if p.annual_rate]
    cut = (
        [p.product_id for p in priced],
        [round(p.annual_rate + (RATE_CUT_BP / 10_000 if p.tenor_days else 0), 6) for p in priced],
        [p.annual_rate for p in priced],
    )
    classes = [
        c for c in CLASSES if any(p.family in ("deposit", "credit", "wealth") for p in rows if p.product_class == c)
    ]
    mean = {c: [p.annual_rate for p in rows if p.product_class == c and p.annual_rate] for c in classes}
    credit = {p.product_class for p in rows if p.family == "credit"}
    ftp = [
        round((sum(mean[c]) / len(mean[c]) if mean[c] else 0.015) + (-0.012 if c in credit else 0.009), 6)
        for c in classes
    ]
    return {
        PRODUCTS.name: {
            "PROD_CD": _texts([p.product_id for p in rows]), "PROD_NM": _texts([p.name for p in rows]),
            "PROD_FAM": np.array([("deposit", "wealth", "credit", "payment", "corporate").index(p.family) for p in rows]),
            "PROD_CLS": np.array([CLASSES.index(p.product_class) for p in rows]), "RISK_LVL": np.array([GRADES.index(p.grade) if p.grade else -1 for p in rows]),
            "ISSUER": np.array([1 if p.product_class in ("fund", "insurance", "trust") else 0 for p in rows]),
            "MIN_AMT": np.array([p.minimum_amount * 100 or NO_AMOUNT for p in rows]), "RATE": np.array([p.annual_rate or np.nan for p in rows]),
            "TERM_D": np.array([p.tenor_days or NO_AMOUNT for p in rows]), "AUM_FLAG": np.array([0 if p.counts_in_aum else 1 for p in rows]),
        },
        RATES.name: {
            "PROD_CD": _texts(cut[0] * 2), "RATE": np.array(cut[1] + cut[2]), "BGN_DT": np.array([first - 400] * len(priced) + [middle] * len(priced)),
            "END_DT": np.array([middle - 1] * len(priced) + [int(NO_DAY)] * len(priced)),
        },
        FTP.name: {
            "PROD_CLS": np.array([CLASSES.index(c) for c in classes]), "FTP_RATE": np.array(ftp), "BGN_DT": np.full(len(classes), first - 400),
            "END_DT": np.full(len(classes), NO_DAY),
        },
    }  # fmt: skip


def _outside(plan: BankPlan) -> dict[str, Columns]:
    first, last = day_number(plan.first_day), day_number(plan.last_day)
    monthly = [d for d in range(first - 90, last + 1) if to_date(d).day == 20]
    facts = [
        (k, d, d, v, "")
        for d in monthly
        for k, v in ((0, 3.1 - 0.1 * (d > first + plan.n_days // 2)), (1, 3.6 - 0.1 * (d > first + plan.n_days // 2)))
    ]
    facts += [(2, d, d + 9, round(0.2 + (d % 7) / 10, 2), "") for d in monthly]
    facts += [(3, first + plan.n_days // 2, first + plan.n_days // 2, -0.1, "存款挂牌利率下调10个基点")]
    facts += [(4, d - 10, d - 20, 1.93, "储蓄国债发行") for d in monthly if 3 <= to_date(d).month <= 11]
    seen = [(b, c, d) for d in monthly for b in range(len(COMPETITORS)) for c in ("term", "large_cd", "fixed_income")]
    names = {"term": "一年定期", "large_cd": "三年大额存单", "fixed_income": "九十天固收理财"}
    base = {"term": 0.0155, "large_cd": 0.019, "fixed_income": 0.0235}
    return {
        MARKET.name: {
            "FACT_CD": np.array([f[0] for f in facts]), "FACT_DT": np.array([f[1] for f in facts]), "PUB_DT": np.array([f[2] for f in facts]),
            "FACT_VAL": np.array([float(f[3]) for f in facts]), "FACT_NOTE": _texts([f[4] for f in facts]),
        },
        RIVALS.name: {
            "BANK_CD": np.array([b for b, _, _ in seen]), "PROD_NM": _texts([names[c] for _, c, _ in seen]), "PROD_CLS": np.array([CLASSES.index(c) for _, c, _ in seen]),
            "RATE": np.array([round(base[c] + 0.0005 * ((b * 3 + d) % 5), 6) for b, c, d in seen]), "SEEN_DT": np.array([d for *_, d in seen]),
            "SEEN_AT": _texts(["官网公示"] * len(seen)),
        },
    }  # fmt: skip


def _limits(plan: BankPlan) -> dict[str, Columns]:
    """Return what managers, counters, agents and channels can do in the four weeks after the last day, targets and benefits."""
    last, subs, people = day_number(plan.last_day), n_sub_branches(plan.n_customers), staff(plan)
    rows: list[tuple[int, str, int, float, int]] = []
    for d in range(last + 1, last + 29):
        if to_date(d).weekday() >= 5:
            continue
        for number_, role, left in zip(people.number.tolist(), people.role.tolist(), people.left.tolist(), strict=True):
            if role in (0, 1) and not left:
                rows.append((0, str(number_), d, 3.0, 12))
            elif role == 4:
                rows.append((4, str(number_), d, 6.5, 80))
        rows += [(1, sub_branch_id(s), d, 16.0, 96) for s in range(subs)]
        rows += [
            (2, c, d, 24.0, int(plan.n_customers * share))
            for c, share in (("sms", 0.2), ("app_push", 0.5), ("wecom", 0.05))
        ]
        rows.append((3, "video", d, 12.0, 36))
    quarter = f"{plan.last_day.year}Q{(plan.last_day.month - 1) // 3 + 1}"
    targets = [(k, u.org_id) for k in range(len(KPIS)) for u in units(plan) if u.level != "sub_branch"]
    return {
        CAPACITY.name: {
            "RES_KIND": np.array([r[0] for r in rows]), "RES_ID": _texts([r[1] for r in rows]), "CAP_DT": np.array([r[2] for r in rows]),
            "HOURS": np.array([r[3] for r in rows]), "CNTC_LMT": np.array([r[4] for r in rows]),
        },
        TARGETS.name: {
            "KPI_CD": np.array([k for k, _ in targets]), "ORG_NO": _texts([o for _, o in targets]), "BIZ_LINE": np.array([int(k in (5,)) for k, _ in targets]),
            "EMP_NO": _texts(["*"] * len(targets)), "PERIOD": _texts([quarter] * len(targets)), "TGT_VAL": np.array([(k + 1) * 10_000_000 for k, _ in targets]),
        },
        STOCK.name: {
            "BNFT_CD": np.arange(len(BENEFITS)), "STK_DT": np.full(len(BENEFITS), last), "QTY": np.array([5_000, 1_200, 300]), "UNIT_COST": np.array([500, 2_000, 8_800]),
        },
    }  # fmt: skip


__all__ = ["CLASSES", "CONTROL", "PRODUCTS", "SPECS", "bank_tables"]
