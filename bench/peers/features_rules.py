"""The tags and segments of the features peer: who has which today. How today is laid over the run before stands in ``features``."""

from __future__ import annotations

from dataclasses import dataclass

PERSONS = ("person",)
PRIVATE = ("person", "sole_trader")
COMPANIES = ("company",)
EVERYBODY = ("person", "sole_trader", "company")


@dataclass(frozen=True)
class TagSql:
    """A tag: for whom, the value of each part, when it holds; which parts begin a new interval; days that it lives; what ends it."""

    key: str
    subjects: tuple[str, ...]
    holds: str
    text: str = "NULL"
    number: str = "NULL"
    amount: str = "NULL"
    day: str = "NULL"
    tracked: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    lives_days: int = 0
    ended: str = "FALSE"


@dataclass(frozen=True)
class SegmentSql:
    """A segment: for whom, the bucket (NULL where there are none), who belongs."""

    key: str
    subjects: tuple[str, ...]
    belongs: str
    bucket: str = "NULL"
    reads: tuple[str, ...] = ()
    has_buckets: bool = False


LARGEST = "greatest(largest_external_in_7d_amount, largest_external_out_7d_amount)"
NEXT_TIER = """CASE customer_tier_text WHEN 'diamond' THEN 6000000 WHEN 'wealth' THEN 1000000 WHEN 'value' THEN 200000 WHEN 'basic' THEN 50000
    WHEN 'long_tail' THEN 1000 END"""
PROTECTED = "greatest(aum_mavg_amount, aum_mavg_1m_ago_amount, aum_mavg_2m_ago_amount)"
RICH = "coalesce(customer_tier_text IN ('diamond', 'private'), FALSE)"
AFFLUENT = "coalesce(customer_tier_text IN ('wealth', 'diamond', 'private'), FALSE)"
RATE_MOVES = "n_moved_for_rate_12m + n_chasing_contracts_12m + n_broken_redeposited_12m"

TAGS = (
    TagSql(
        "customer_tier", PRIVATE, "TRUE",
        text=f"""CASE WHEN {PROTECTED} >= 6000000 THEN 'private' WHEN {PROTECTED} >= 1000000 THEN 'diamond' WHEN {PROTECTED} >= 200000 THEN 'wealth'
                 WHEN {PROTECTED} >= 50000 THEN 'value' WHEN {PROTECTED} >= 1000 THEN 'basic' ELSE 'long_tail' END""",
        amount=PROTECTED, tracked=("value_text",),
    ),
    TagSql(
        "near_upgrade", PRIVATE, f"aum_mavg_amount >= {NEXT_TIER} * 0.8 AND aum_mavg_amount < {NEXT_TIER}",
        text="""CASE customer_tier_text WHEN 'diamond' THEN 'private' WHEN 'wealth' THEN 'diamond' WHEN 'value' THEN 'wealth' WHEN 'basic' THEN 'value'
                WHEN 'long_tail' THEN 'basic' END""",
        amount=f"{NEXT_TIER} - aum_mavg_amount", tracked=("value_text", "value_amount"), reads=("customer_tier",),
    ),
    TagSql(
        "large_fund_movement", EVERYBODY,
        f"""CASE WHEN party_kind = 'company' THEN {LARGEST} >= greatest(500000, aum_mean_90d_amount * 0.3) WHEN {RICH} THEN {LARGEST} >= 500000
            ELSE {LARGEST} >= greatest(50000, aum_mean_90d_amount * 0.3) END""",
        text="CASE WHEN largest_external_in_7d_amount >= largest_external_out_7d_amount THEN 'in' ELSE 'out' END", amount=LARGEST,
        day="CASE WHEN largest_external_in_7d_amount >= largest_external_out_7d_amount THEN largest_external_in_7d_on ELSE largest_external_out_7d_on END",
        tracked=("value_text", "value_amount", "value_on"), reads=("customer_tier",),
    ),
    TagSql(
        "funds_maturing_30d", EVERYBODY, "maturing_30d_amount >= CASE WHEN party_kind = 'company' THEN 500000 ELSE 10000 END",
        text="maturing_30d_product_class", number="coalesce(maturing_30d_auto_renews, FALSE)::INT", amount="maturing_30d_amount",
        day="maturing_30d_first_on", tracked=("value_text", "value_number", "value_amount", "value_on"),
    ),
    TagSql(
        "idle_demand_deposit", PRIVATE, "demand_minimum_30d_amount >= 50000 AND demand_minimum_30d_amount >= payments_mean_180d_amount * 3",
        amount="demand_minimum_30d_amount",
    ),
    TagSql(
        "product_depth", EVERYBODY, "n_product_classes >= 1",
        text="CASE WHEN n_product_classes >= 4 THEN 'deep' WHEN n_product_classes >= 2 THEN 'some' ELSE 'one' END", number="n_product_classes",
        tracked=("value_text", "value_number"),
    ),
    TagSql(
        "payroll_status", PERSONS, "value_text IS NOT NULL",
        text="""CASE WHEN payroll_age_days <= 60 AND days_since_payroll < 45 AND n_payroll_months_3m >= 1 THEN 'new'
                     WHEN n_payroll_months_6m_before >= 3 AND days_since_payroll >= 45 THEN 'interrupted'
                     WHEN n_payroll_months_3m >= 2 THEN 'active' END""",
        tracked=("value_text",),
    ),
    TagSql(
        "primary_bank_customer", PRIVATE,
        """(n_income_months_3m >= 3)::INT + (n_initiated_months_3m >= 3)::INT + (n_quick_pay_months_3m >= 3)::INT + has_direct_debit::INT
           + (n_active_months_3m >= 3)::INT >= 3""",
    ),
    TagSql(
        "channel_habit", PRIVATE, "n_contacts_180d >= 6",
        text="CASE WHEN digital_share_rate >= 0.8 THEN 'digital' WHEN branch_share_rate >= 0.5 THEN 'branch' ELSE 'mixed' END",
        number="digital_share_rate", tracked=("value_text",),
    ),
    TagSql("rate_sensitive", PERSONS, f"{RATE_MOVES} >= 2", number=RATE_MOVES),
    TagSql(
        "loan_intent", EVERYBODY, "n_loan_page_7d >= 2 OR n_limit_trial_7d >= 1 OR n_unfinished_application_7d >= 1",
        lives_days=14, ended="n_finished_application_14d >= 1",
    ),
    TagSql(
        "risk_profile_status", PERSONS, "TRUE",
        text="""CASE WHEN risk_grade IS NULL THEN 'none' WHEN risk_expires_on < {today} THEN 'expired' WHEN risk_expires_on - {today} <= 30 THEN 'expiring'
                ELSE 'valid' END""",
        number="coalesce(age >= 65, FALSE)::INT", day="risk_expires_on", tracked=("value_text", "value_number", "value_on"),
    ),
)  # fmt: skip

SEGMENTS = (
    SegmentSql("value_tiers", PRIVATE, "TRUE", "coalesce(customer_tier_text, 'long_tail')", ("customer_tier",), has_buckets=True),
    SegmentSql("quiet_affluent", PERSONS, f"{AFFLUENT} AND (days_since_login IS NULL OR days_since_login >= 60)", reads=("customer_tier",)),
    SegmentSql("payroll_newcomers", PERSONS, "payroll_status_text = 'new'", reads=("payroll_status",)),
    SegmentSql(
        "maturing_pool", EVERYBODY, "funds_maturing_30d_from IS NOT NULL",
        "CASE WHEN maturing_30d_amount >= 200000 THEN 'A' WHEN maturing_30d_amount >= 50000 THEN 'B' ELSE 'C' END",
        ("funds_maturing_30d",), has_buckets=True,
    ),
    SegmentSql("conservative_savers", PERSONS, "aum_mavg_amount >= 50000 AND safe_share_6m_rate >= 0.8"),
    SegmentSql(
        "wealth_step_up", PERSONS,
        f"""{AFFLUENT} AND risk_profile_status_text IN ('valid', 'expiring') AND risk_grade IN ('C3', 'C4', 'C5') AND risky_amount <= 0
            AND n_product_classes <= 3""",
        reads=("customer_tier", "risk_profile_status"),
    ),
    SegmentSql("app_dormant", PRIVATE, "has_mobile_bank AND days_since_login BETWEEN 60 AND 365 AND aum_point_amount >= 1000"),
    SegmentSql(
        "new_not_activated", PRIVATE, "first_account_age_days BETWEEN 7 AND 90 AND bucket IS NOT NULL",
        """CASE WHEN aum_point_amount < 1000 AND NOT coalesce(aum_peak_12m_amount >= 1000, FALSE) THEN 'no_money' WHEN last_login_on IS NULL THEN 'no_login'
           WHEN NOT has_quick_pay THEN 'no_quick_pay' END""",
        has_buckets=True,
    ),
    SegmentSql(
        "life_stages", PERSONS, "TRUE",
        """CASE WHEN n_pension_months_3m >= 2 THEN 'retired' WHEN months_to_retirement BETWEEN 0 AND 60 THEN 'near_retirement'
                WHEN is_student AND age BETWEEN 18 AND 24 AND NOT has_payroll THEN 'student'
                WHEN age BETWEEN 22 AND 30 AND payroll_age_days <= 1095 AND NOT coalesce(n_children >= 1, FALSE) THEN 'starter'
                WHEN age <= 50 AND (n_children >= 1 OR n_education_payments_180d >= 3 OR (marital_status = 'married' AND age < 35)) THEN 'family'
                WHEN age BETWEEN 35 AND 54 AND (mortgage_balance_amount > 0 OR has_payroll) THEN 'middle' ELSE 'unknown' END""",
        has_buckets=True,
    ),
    SegmentSql(
        "relationship_stages", PRIVATE, "TRUE",
        """CASE WHEN first_account_age_days <= 90 THEN 'new'
                WHEN n_open_accounts <= 0 OR (aum_peak_12m_amount >= 1000 AND aum_mavg_amount <= aum_peak_12m_amount * 0.1
                     AND aum_point_amount <= aum_peak_12m_amount * 0.1) THEN 'lost'
                WHEN aum_point_amount < 1000 AND n_initiated_180d <= 0 AND n_logins_180d <= 0 THEN 'dormant'
                WHEN aum_mavg_amount >= aum_mavg_3m_ago_amount * 1.2 AND external_net_inflow_90d_amount >= 10000 THEN 'growing' ELSE 'mature' END""",
        has_buckets=True,
    ),
    SegmentSql(
        "corporate_tiers", COMPANIES, "TRUE",
        """CASE WHEN company_size = 'institution' THEN 'institutional'
                WHEN deposit_yavg_amount >= 50000000 OR limit_amount >= 100000000 OR loan_balance_amount >= 100000000 THEN 'strategic'
                WHEN deposit_yavg_amount >= 5000000 OR limit_amount >= 10000000 OR loan_balance_amount >= 10000000 THEN 'key'
                WHEN company_size IN ('micro', 'small') THEN 'small_micro' ELSE 'general' END""",
        has_buckets=True,
    ),
    SegmentSql(
        "global_exclusion", EVERYBODY,
        """deceased_on IS NOT NULL OR coalesce(age < 18, FALSE) OR arrears_days > 0 OR negative_answers_90d >= 1
           OR (contacts_marketing_60d >= 5 AND positive_answers_60d <= 0)""",
    ),
)  # fmt: skip
