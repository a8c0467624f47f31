"""The profile of the features peer: one temporary table per kind of fact, each from one scan, then one join over the customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Days:
    """Day literals around the day that is looked at."""

    as_of: date

    def ago(self, n: int) -> str:
        """The day ``n`` days ago; negative: ahead."""
        return f"DATE '{self.as_of - timedelta(days=n)}'"

    def first(self, months_ago: int) -> str:
        """The first day of the month so many months ago."""
        return f"DATE '{self._first(months_ago)}'"

    def last(self, months_ago: int) -> str:
        """The last day of that month; the day itself in the running one."""
        return f"DATE '{self._first(months_ago - 1) - timedelta(days=1) if months_ago else self.as_of}'"

    def _first(self, months_ago: int) -> date:
        months = self.as_of.year * 12 + self.as_of.month - 1 - months_ago
        return date(months // 12, months % 12 + 1, 1)

    def within(self, column: str, months_ago: int) -> str:
        """Whether a day lies in the month so many months ago."""
        return f"({column} BETWEEN {self.first(months_ago)} AND {self.last(months_ago)})"

    @property
    def known(self) -> str:
        """What had been recorded by the end of the business day in Shanghai, 16:00 UTC."""
        return f"recorded_at <= {self.day_end}"

    @property
    def day_end(self) -> str:
        """The end of the business day in Shanghai, UTC."""
        return f"TIMESTAMP '{self.as_of} 16:00:00'"


EXTERNAL = "('other_bank_self', 'other_bank_other', 'broker_self', 'wallet_self', 'cash')"
OWN = "('own_bank_self', 'other_bank_self', 'broker_self', 'wallet_self')"
SAME_NAME = "('other_bank_self', 'broker_self', 'wallet_self')"
LOGINS = "('app_login', 'web_login', 'online_bank_login', 'mini_program_login', 'mini_program_visit')"
VIEWS = """('page_view', 'product_page_view', 'wealth_page_view', 'deposit_page_view', 'rate_page_view', 'loan_page_view',
    'transfer_page_view', 'article_read', 'video_view', 'push_open', 'email_open', 'sms_click', 'bot_answer')"""


def setting_up(d: Days) -> list[str]:
    """Return macros and the tables that the rest shares: whose an account is, and what kind of money lies on it."""
    return [
        "CREATE MACRO shared_days(first_on, last_on, a, b) AS greatest(least(last_on, b) - greatest(first_on, a) + 1, 0)",
        "CREATE MACRO amount(cents) AS (coalesce(cents, 0) / 100)::DECIMAL(18,2)",
        "CREATE MACRO mean(cents, days) AS (round(coalesce(cents, 0) / days) / 100)::DECIMAL(18,2)",
        "CREATE MACRO ratio(a, b) AS round(a::DOUBLE / nullif(b::DOUBLE, 0), 6)",
        "CREATE MACRO months_full(a, b) AS (year(b) - year(a)) * 12 + month(b) - month(a) - (day(b) < day(a))::BIGINT",
        "CREATE TEMP TABLE holder AS SELECT account_id, customer_no, sum(share_rate) AS share_rate "
        "FROM customer_account JOIN customer USING (customer_id) WHERE role IN ('owner', 'joint_owner') GROUP BY ALL",
        "CREATE MACRO money_group(class) AS CASE WHEN class IN ('demand', 'agreement') THEN 'demand' "
        "WHEN class IN ('term', 'large_cd', 'notice', 'structured') THEN 'term' "
        "WHEN class IN ('cash_wealth', 'fixed_income', 'mixed_equity', 'trust') THEN 'wealth' "
        "WHEN class IN ('fund', 'insurance', 'savings_bond', 'gold', 'pension') THEN class "
        "WHEN class IN ('loan', 'mortgage', 'consumer_loan', 'business_loan', 'car_loan', 'working_capital', 'bill', 'supply_chain', "
        "'credit_card') THEN 'loan' END",
        f"""CREATE TEMP TABLE money_account AS
            WITH classed AS (
                SELECT account_id, account_kind, risk_grade, coalesce(NOT counts_in_aum AND family IN ('deposit', 'wealth'), FALSE) AS is_out,
                       CASE WHEN account_kind IN ('settlement_basic', 'settlement_general') AND coalesce(family, 'corporate') <> 'deposit'
                            THEN 'demand' ELSE coalesce(product_class, CASE account_kind WHEN 'demand' THEN 'demand' WHEN 'term' THEN 'term'
                            WHEN 'settlement_basic' THEN 'demand' WHEN 'settlement_general' THEN 'demand' WHEN 'loan' THEN 'loan'
                            WHEN 'card' THEN 'credit_card' ELSE 'other' END) END AS class
                FROM account LEFT JOIN product USING (product_id) WHERE opened_on <= {d.ago(0)})
            SELECT account_id, customer_no, share_rate, account_kind IN ('loan', 'card') AS is_debt, class, risk_grade,
                   money_group(class) AS kind
            FROM classed JOIN holder USING (account_id)
            WHERE account_kind NOT IN ('wealth', 'fund', 'insurance') AND NOT is_out AND money_group(class) IS NOT NULL""",
    ]


def of_money(d: Days, history: date) -> list[str]:
    """Return what makes the features of balances: runs of days once, then two group-bys (points and means; days of demand money)."""
    months = [m for m in range(1, 13) if d._first(m - 1) > history]
    spans = {m: ((d._first(m - 1) - timedelta(days=1)) - max(d._first(m), history)).days + 1 for m in months}

    def since(day: str) -> str:
        return f"greatest({day}, DATE '{history}')"

    def over(flag: str, first: str, last: str) -> str:
        return f"sum(CASE WHEN {flag} THEN cents * shared_days(first_on, last_on, {since(first)}, {last}) END)"

    monthly = ", ".join(f"{over('is_aum', d.first(m), d.last(m))} AS m{m}" for m in months)
    groups = ("demand", "term", "wealth", "fund", "insurance", "savings_bond", "gold", "pension", "loan")
    now = f"last_on >= {d.ago(0)}"
    points = ", ".join(f"sum(CASE WHEN kind = '{k}' AND {now} THEN cents END) AS {k}" for k in groups)
    six, year = sum(spans[m] for m in months if m <= 6), sum(spans.values())
    days_90, days_mtd = min(90, (d.as_of - history).days + 1), d.as_of.day

    def mean_of(m: int) -> str:
        return f"mean(m{m}, {spans[m]})" if m in spans else "NULL::DECIMAL(18,2)"

    daily = ", ".join(
        f"coalesce(sum(CASE WHEN {d.ago(i)} BETWEEN first_on AND last_on THEN cents END), 0) AS d{i}" for i in range(30)
    )
    return [
        f"""CREATE TEMP TABLE run AS
            SELECT customer_no, kind, class, coalesce(risk_grade IN ('R3', 'R4', 'R5'), FALSE) AS is_risky, kind <> 'loan' AS is_aum, "on" AS first_on,
                   least(coalesce(until_on, {d.ago(0)}), {d.ago(0)}) AS last_on,
                   round(CASE WHEN is_debt THEN abs(balance_amount) ELSE balance_amount END::DOUBLE * 100 * share_rate) AS cents
            FROM balance_daily JOIN money_account USING (account_id) WHERE "on" <= {d.ago(0)} AND {d.known}
            UNION ALL
            SELECT customer_no, money_group(product_class), product_class, coalesce(risk_grade IN ('R3', 'R4', 'R5'), FALSE),
                   money_group(product_class) <> 'loan', "on", least(coalesce(until_on, {d.ago(0)}), {d.ago(0)}),
                   round(value_amount::DOUBLE * 100 * share_rate)
            FROM holding_daily JOIN product USING (product_id) JOIN holder USING (account_id)
            WHERE "on" <= {d.ago(0)} AND {d.known} AND money_group(product_class) IS NOT NULL
              AND NOT coalesce(NOT counts_in_aum AND family IN ('deposit', 'wealth'), FALSE)""",
        f"""CREATE TEMP TABLE of_money AS
            WITH summed AS (
                SELECT customer_no, {monthly}, {points}, sum(CASE WHEN is_risky AND is_aum AND {now} THEN cents END) AS risky,
                       sum(CASE WHEN is_aum AND {now} THEN cents END) AS aum, sum(CASE WHEN class = 'mortgage' AND {now} THEN cents END) AS mortgage,
                       {over("is_aum", d.first(0), d.ago(0))} AS mtd, {over("is_aum", d.ago(89), d.ago(0))} AS d90,
                       {over("kind IN ('demand', 'term')", d.first(12), d.last(1))} AS deposit_year,
                       {over("class IN ('term', 'large_cd', 'savings_bond')", d.first(6), d.last(1))} AS safe_six
                FROM run GROUP BY customer_no)
            SELECT customer_no, amount(aum) AS aum_point_amount, mean(mtd, {days_mtd}) AS aum_mtd_amount, {mean_of(1)} AS aum_mavg_amount,
                   {mean_of(2)} AS aum_mavg_1m_ago_amount, {mean_of(3)} AS aum_mavg_2m_ago_amount, {mean_of(4)} AS aum_mavg_3m_ago_amount,
                   mean(d90, {days_90}) AS aum_mean_90d_amount,
                   greatest({", ".join(mean_of(m) for m in months)}) AS aum_peak_12m_amount, mean(deposit_year, {year}) AS deposit_yavg_amount,
                   amount(demand) AS demand_amount, amount(term) AS term_amount, amount(wealth) AS wealth_amount, amount(fund) AS fund_amount,
                   amount(insurance) AS insurance_amount, amount(savings_bond) AS savings_bond_amount, amount(gold) AS gold_amount,
                   amount(pension) AS pension_amount, amount(risky) AS risky_amount, mean(safe_six, {six}) AS safe_mean_6m_amount,
                   mean({" + ".join(f"coalesce(m{m}, 0)" for m in months if m <= 6)}, {six}) AS aum_mean_6m_amount,
                   amount(loan) AS loan_balance_amount, amount(mortgage) AS mortgage_balance_amount
            FROM summed""",
        f"""CREATE TEMP TABLE of_demand_days AS
            SELECT customer_no, amount(least({", ".join(f"d{i}" for i in range(30))})) AS demand_minimum_30d_amount
            FROM (SELECT customer_no, {daily} FROM run WHERE kind = 'demand' AND last_on >= {d.ago(29)} GROUP BY customer_no)""",
        "DROP TABLE run",
    ]


def of_movements(d: Days) -> list[str]:
    """Return what makes the features of transactions and of payroll."""
    initiated = "coalesce(is_initiated, TRUE) AND coalesce(txn_kind NOT IN ('interest', 'fee', 'direct_debit', 'judicial', 'reversal'), TRUE)"
    paid = (
        "is_out AND txn_kind IN ('payment', 'card_payment', 'transfer_out', 'direct_debit', 'household', 'insurance', 'tax', 'cash_out') "
        f"AND coalesce(counterparty_kind NOT IN {OWN}, TRUE)"
    )
    initiated_months = " + ".join(
        f"(count(CASE WHEN is_initiated_here AND {d.within('day', m)} THEN 1 END) >= 10)::BIGINT" for m in (1, 2, 3)
    )
    quick_months = " + ".join(
        f"(count(CASE WHEN is_quick AND {d.within('day', m)} THEN 1 END) >= 5)::BIGINT" for m in (1, 2, 3)
    )

    def paid_months(months: range, test: str) -> str:
        return " + ".join(f"coalesce({test.format(month=d.within('day', m))}, FALSE)::BIGINT" for m in months)

    wage = "sum(CASE WHEN purpose = 'wage' AND {month} THEN amount END) >= 1000"
    pension = "count(CASE WHEN purpose = 'pension' AND {month} THEN 1 END) >= 1"
    income = "count(CASE WHEN purpose IN ('wage', 'pension') AND {month} THEN 1 END) >= 1"
    return [
        f"""CREATE TEMP TABLE of_transactions AS
            WITH moved AS (
                SELECT customer_no, t."on" AS day, t.amount, direction = 'in' AND counterparty_kind IN {EXTERNAL} AND t."on" >= {d.ago(89)} AS is_external_in,
                       direction = 'out' AS is_out, direction = 'out' AND counterparty_kind IN {EXTERNAL} AND t."on" >= {d.ago(89)} AS is_external_out,
                       {initiated} AS is_initiated_here, direction = 'out' AND channel IN ('wallet', 'partner') AS is_quick,
                       txn_kind, counterparty_kind, merchant_category
                FROM "transaction" t JOIN holder USING (account_id) WHERE t."on" BETWEEN {d.ago(179)} AND {d.ago(0)} AND {d.known})
            SELECT customer_no, coalesce(sum(CASE WHEN is_external_in THEN amount END), 0) AS external_inflow_90d_amount,
                   coalesce(sum(CASE WHEN is_external_out THEN amount END), 0) AS external_outflow_90d_amount,
                   count(CASE WHEN is_initiated_here THEN 1 END) AS n_initiated_180d, {initiated_months} AS n_initiated_months_3m,
                   {quick_months} AS n_quick_pay_months_3m, coalesce(sum(CASE WHEN {paid} THEN amount END), 0) AS payments_180d_amount,
                   count(CASE WHEN is_out AND merchant_category IN ('education', 'baby', 'kindergarten', 'training') THEN 1 END)
                       AS n_education_payments_180d
            FROM moved GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_large_days AS
            WITH days AS (
                SELECT customer_no, t."on" AS day, coalesce(sum(CASE WHEN direction = 'in' THEN t.amount END), 0) AS came_in,
                       coalesce(sum(CASE WHEN direction = 'out' THEN t.amount END), 0) AS went_out
                FROM "transaction" t JOIN holder USING (account_id)
                WHERE t."on" BETWEEN {d.ago(6)} AND {d.ago(0)} AND {d.known} AND counterparty_kind IN {EXTERNAL} GROUP BY ALL)
            SELECT customer_no, max(came_in) AS largest_external_in_7d_amount, max(went_out) AS largest_external_out_7d_amount,
                   CASE WHEN max(came_in) > 0 THEN arg_max(day, (came_in, {d.ago(0)} - day)) END AS largest_external_in_7d_on,
                   CASE WHEN max(went_out) > 0 THEN arg_max(day, (went_out, {d.ago(0)} - day)) END AS largest_external_out_7d_on
            FROM days GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_payroll AS
            SELECT customer_no, min(CASE WHEN purpose = 'wage' THEN day END) AS payroll_first_on, max(CASE WHEN purpose = 'wage' THEN day END) AS payroll_last_on,
                   {paid_months(range(3), wage)} AS n_payroll_months_3m, {paid_months(range(1, 7), wage)} AS n_payroll_months_6m_before,
                   {paid_months(range(3), pension)} AS n_pension_months_3m, {paid_months(range(1, 4), income)} AS n_income_months_3m
            FROM (SELECT customer_no, purpose, amount, p."on" AS day FROM payroll_item p JOIN holder USING (account_id)
                  WHERE p."on" <= {d.ago(0)} AND {d.known})
            GROUP BY customer_no""",
    ]


def of_behaviour(d: Days) -> list[str]:
    """Return what makes the features of events, signings and contacts."""
    half_year = f"day >= {d.ago(179)}"
    months = " + ".join(
        f"(bit_count(coalesce(bit_or(CASE WHEN is_digital AND {d.within('day', m)} THEN 1::BIGINT << (day - {d.first(m)}) END), 0)) >= 4)::BIGINT"
        for m in (1, 2, 3)
    )

    def signed(service: str) -> str:
        return f"coalesce(bool_or(service = '{service}' AND NOT is_over), FALSE)"

    return [
        f"""CREATE TEMP TABLE of_events AS
            WITH whose AS (
                SELECT e.event_kind, e.channel, e."on", e.source, coalesce(e.source_key, p.source_key) AS source_key
                FROM event e LEFT JOIN (SELECT event_id, source_key FROM event_party WHERE source_key IS NOT NULL AND known_at <= {d.day_end}) p
                     ON e.source_key IS NULL AND e.event_id = p.event_id
                WHERE e.event_kind NOT IN ('identify', 'alias') AND e."on" <= {d.ago(0)} AND {d.known}),
            keys AS (
                SELECT source, source_key, customer_no FROM identity_link
                UNION ALL
                SELECT a.source, a.previous_key, k.customer_no FROM party_alias a JOIN identity_link k USING (source, source_key)
                WHERE a.known_at <= {d.day_end}),
            acts AS (
                SELECT customer_no, e."on" AS day, event_kind, event_kind IN {LOGINS} AS is_login, channel IN ('app', 'web', 'mobile_web', 'mini_program') AS is_digital,
                       channel IN ('branch', 'teller_machine', 'atm') AS is_branch, event_kind NOT IN {VIEWS} AS is_contact
                FROM whose e JOIN keys USING (source, source_key))
            SELECT customer_no, count(CASE WHEN is_login AND {half_year} THEN 1 END) AS n_logins_180d, max(CASE WHEN is_login THEN day END) AS last_login_on,
                   {months} AS n_active_months_3m, count(CASE WHEN is_contact AND {half_year} THEN 1 END) AS n_contacts_180d,
                   count(CASE WHEN is_contact AND is_digital AND {half_year} THEN 1 END) AS n_digital_180d,
                   count(CASE WHEN is_contact AND is_branch AND {half_year} THEN 1 END) AS n_branch_180d,
                   count(CASE WHEN event_kind = 'loan_page_view' AND day >= {d.ago(6)} THEN 1 END) AS n_loan_page_7d,
                   count(CASE WHEN event_kind IN ('limit_trial', 'loan_limit_trial') AND day >= {d.ago(6)} THEN 1 END) AS n_limit_trial_7d
            FROM acts GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_signings AS
            SELECT customer_no, {signed("mobile_bank")} AS has_mobile_bank, {signed("quick_pay")} AS has_quick_pay,
                   {signed("direct_debit")} AS has_direct_debit, {signed("payroll")} AS has_payroll_signing
            FROM (SELECT customer_no, service, coalesce(ended_on <= {d.ago(0)}, FALSE) AS is_over FROM signing JOIN identity_link USING (source, source_key)
                  WHERE signed_on <= {d.ago(0)} AND {d.known})
            GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_contacts AS
            SELECT customer_no, count(CASE WHEN purpose = 'marketing' AND c."on" >= {d.ago(59)} THEN 1 END) AS contacts_marketing_60d,
                   count(CASE WHEN purpose = 'marketing' AND answer = 'positive' AND c."on" >= {d.ago(59)} THEN 1 END) AS positive_answers_60d,
                   count(CASE WHEN answer IN ('negative', 'unsubscribe') THEN 1 END) AS negative_answers_90d
            FROM contact_history c JOIN identity_link USING (source, source_key) WHERE c."on" BETWEEN {d.ago(89)} AND {d.ago(0)} AND {d.known}
            GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_tests AS
            SELECT customer_no, arg_max(risk_grade, (assessed_on, source_key)) AS risk_grade, max(assessed_on) AS risk_assessed_on,
                   arg_max(expires_on, (assessed_on, source_key)) AS risk_source_expires_on
            FROM risk_assessment JOIN identity_link USING (source, source_key) WHERE assessed_on <= {d.ago(0)} AND {d.known} GROUP BY customer_no""",
    ]


def of_contracts(d: Days) -> list[str]:
    """Return what makes the features of accounts, cards, loans, limits, applications and term contracts."""
    return [
        f"""CREATE TEMP TABLE of_accounts AS
            SELECT customer_no, min(opened_on) AS first_account_on, count(CASE WHEN closed_on IS NULL OR closed_on > {d.ago(0)} THEN 1 END) AS n_open_accounts,
                   arg_min(org_id, (opened_on, account_id)) AS opening_org_id
            FROM account JOIN holder USING (account_id) WHERE opened_on <= {d.ago(0)} AND {d.known} GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_cards AS
            SELECT customer_no, count(*) AS n_cards,
                   count(CASE WHEN (activated_on IS NULL OR activated_on > {d.ago(0)}) AND issued_on <= {d.ago(30)} THEN 1 END) AS n_cards_idle
            FROM card JOIN holder USING (account_id)
            WHERE issued_on <= {d.ago(0)} AND {d.known} AND (closed_on IS NULL OR closed_on > {d.ago(0)}) GROUP BY customer_no""",
        f"""CREATE TEMP TABLE loan_now AS
            WITH owed AS (
                SELECT account_id, sum(abs(balance_amount))::DECIMAL(18,2) AS owed FROM balance_daily
                WHERE "on" <= {d.ago(0)} AND {d.known} AND coalesce(until_on, {d.ago(0)}) >= {d.ago(0)}
                  AND account_id IN (SELECT account_id FROM account WHERE account_kind = 'loan' AND opened_on <= {d.ago(0)})
                GROUP BY account_id)
            SELECT loan_id, facility_id, account_id, due_on, arrears_days, coalesce(owed, 0) AS owed, settled_on IS NULL OR settled_on > {d.ago(0)} AS is_running,
                   CASE five_class WHEN 'normal' THEN 0 WHEN 'special_mention' THEN 1 WHEN 'substandard' THEN 2 WHEN 'doubtful' THEN 3
                        WHEN 'loss' THEN 4 END AS class_rank
            FROM loan LEFT JOIN owed USING (account_id) WHERE drawn_on <= {d.ago(0)} AND {d.known}""",
        """CREATE TEMP TABLE of_loans AS
            SELECT customer_no, count(*) AS n_loans_ever, coalesce(max(CASE WHEN is_running THEN arrears_days END), 0) AS arrears_days,
                   max(CASE WHEN is_running THEN class_rank END) AS five_class_rank
            FROM loan_now JOIN holder USING (account_id) GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_due AS
            WITH due AS (
                SELECT account_id, p.due_on, principal_due_amount FROM repayment_plan p JOIN loan_now USING (loan_id)
                WHERE is_running AND (paid_on IS NULL OR paid_on > {d.ago(0)})
                UNION ALL
                SELECT account_id, due_on, owed FROM loan_now WHERE is_running AND loan_id NOT IN (SELECT loan_id FROM repayment_plan))
            SELECT customer_no, sum(principal_due_amount) AS loan_due_60d_amount FROM due JOIN holder USING (account_id)
            WHERE due_on BETWEEN {d.ago(-1)} AND {d.ago(-60)} GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_limits AS
            WITH drawn AS (SELECT facility_id, sum(owed) AS owed, count(*) AS n FROM loan_now WHERE facility_id IS NOT NULL GROUP BY facility_id),
                valid AS (
                SELECT customer_no, limit_amount, approved_on, expires_on,
                       CASE WHEN is_revolving THEN coalesce(owed, 0)::DOUBLE / nullif(limit_amount::DOUBLE, 0) ELSE (coalesce(n, 0) > 0)::INT END AS used
                FROM credit_facility LEFT JOIN drawn USING (facility_id) JOIN identity_link USING (source, source_key)
                WHERE approved_on <= {d.ago(0)} AND {d.known} AND coalesce(status, 'valid') = 'valid' AND expires_on >= {d.ago(0)})
            SELECT customer_no, sum(limit_amount) AS limit_amount,
                   sum(CASE WHEN used <= 0.1 AND approved_on <= {d.ago(30)} AND expires_on >= {d.ago(-30)} THEN limit_amount END) AS undrawn_aged_amount
            FROM valid GROUP BY customer_no""",
        f"""CREATE TEMP TABLE of_applications AS
            SELECT customer_no, count(CASE WHEN status = 'started' AND applied_on >= {d.ago(6)} THEN 1 END) AS n_unfinished_application_7d,
                   count(CASE WHEN status IN ('submitted', 'approved', 'declined') THEN 1 END) AS n_finished_application_14d
            FROM loan_application JOIN identity_link USING (source, source_key)
            WHERE applied_on BETWEEN {d.ago(13)} AND {d.ago(0)} AND {d.known} GROUP BY customer_no""",
        f"""CREATE TEMP TABLE term_now AS
            SELECT contract_id, customer_no, product_class, principal_amount, term_contract.annual_rate, started_on, matures_on, auto_renews,
                   CASE WHEN ended_on <= {d.ago(0)} THEN ended_on END AS ended_on, CASE WHEN ended_on <= {d.ago(0)} THEN end_kind END AS end_kind
            FROM term_contract JOIN holder USING (account_id) LEFT JOIN product USING (product_id) WHERE started_on <= {d.ago(0)} AND {d.known}""",
        f"""CREATE TEMP TABLE of_terms AS
            WITH best AS (
                SELECT s.started_on, s.product_class, max(o.annual_rate) AS best_rate, count(DISTINCT o.annual_rate) AS n_offers
                FROM (SELECT DISTINCT started_on, product_class FROM term_now WHERE started_on >= {d.ago(364)}) s
                JOIN (SELECT r.annual_rate, valid_from_on, valid_to_on, product_class FROM rate_history r JOIN product USING (product_id)) o
                  ON o.product_class = s.product_class AND s.started_on BETWEEN o.valid_from_on AND coalesce(o.valid_to_on, DATE '9999-12-31')
                GROUP BY ALL),
                ended AS (SELECT contract_id, customer_no, ended_on FROM term_now WHERE ended_on >= {d.ago(364)}),
                again AS (
                SELECT DISTINCT e.contract_id, e.customer_no FROM ended e JOIN term_now o
                  ON o.customer_no = e.customer_no AND o.contract_id <> e.contract_id AND o.started_on BETWEEN e.ended_on AND e.ended_on + 7),
                away AS (
                SELECT e.contract_id, e.customer_no, sum(m.amount) AS moved FROM ended e
                JOIN (SELECT customer_no, t."on" AS day, t.amount FROM "transaction" t JOIN holder USING (account_id)
                      WHERE direction = 'out' AND counterparty_kind IN {SAME_NAME} AND t."on" <= {d.ago(0)} AND {d.known}) m
                  ON m.customer_no = e.customer_no AND m.day BETWEEN e.ended_on AND e.ended_on + 7
                GROUP BY ALL)
            SELECT customer_no, sum(CASE WHEN is_maturing THEN principal_amount END) AS maturing_30d_amount,
                   min(CASE WHEN is_maturing THEN matures_on END) AS maturing_30d_first_on,
                   arg_min(product_class, (matures_on, contract_id)) FILTER (is_maturing) AS maturing_30d_product_class,
                   bool_and(coalesce(auto_renews, FALSE)) FILTER (is_maturing) AS maturing_30d_auto_renews,
                   count(CASE WHEN moved >= 10000 THEN 1 END) AS n_moved_for_rate_12m,
                   count(CASE WHEN n_offers > 1 AND annual_rate >= best_rate THEN 1 END) AS n_chasing_contracts_12m,
                   count(CASE WHEN end_kind = 'broken' AND is_again THEN 1 END) AS n_broken_redeposited_12m
            FROM (SELECT *, ended_on IS NULL AND matures_on BETWEEN {d.ago(-1)} AND {d.ago(-30)} AS is_maturing FROM term_now)
            LEFT JOIN best USING (started_on, product_class) LEFT JOIN away USING (contract_id, customer_no)
            LEFT JOIN (SELECT *, TRUE AS is_again FROM again) USING (contract_id, customer_no)
            GROUP BY customer_no""",
    ]


COUNTS = (
    "n_initiated_180d", "n_initiated_months_3m", "n_quick_pay_months_3m", "n_education_payments_180d", "n_payroll_months_3m",
    "n_payroll_months_6m_before", "n_pension_months_3m", "n_income_months_3m", "n_logins_180d", "n_active_months_3m", "n_contacts_180d",
    "n_digital_180d", "n_branch_180d", "n_loan_page_7d", "n_limit_trial_7d", "contacts_marketing_60d", "positive_answers_60d",
    "negative_answers_90d", "n_open_accounts", "n_cards", "n_cards_idle", "n_loans_ever", "arrears_days", "n_unfinished_application_7d",
    "n_finished_application_14d", "n_moved_for_rate_12m", "n_chasing_contracts_12m", "n_broken_redeposited_12m",
)  # fmt: skip
AMOUNTS = (
    "aum_point_amount", "aum_mtd_amount", "aum_mavg_amount", "aum_mavg_1m_ago_amount", "aum_mavg_2m_ago_amount", "aum_mavg_3m_ago_amount",
    "aum_mean_90d_amount", "aum_peak_12m_amount", "deposit_yavg_amount", "demand_amount", "demand_minimum_30d_amount", "term_amount",
    "wealth_amount", "fund_amount", "insurance_amount", "savings_bond_amount", "gold_amount", "pension_amount", "risky_amount",
    "safe_mean_6m_amount", "aum_mean_6m_amount", "loan_balance_amount", "mortgage_balance_amount", "external_inflow_90d_amount",
    "external_outflow_90d_amount", "largest_external_in_7d_amount", "largest_external_out_7d_amount", "payments_180d_amount",
    "limit_amount", "undrawn_aged_amount", "loan_due_60d_amount", "maturing_30d_amount",
)  # fmt: skip
FLAGS = ("has_mobile_bank", "has_quick_pay", "has_direct_debit", "has_payroll_signing")
PLAIN = (
    "largest_external_in_7d_on", "largest_external_out_7d_on", "payroll_first_on", "payroll_last_on", "last_login_on", "risk_grade", "risk_assessed_on",
    "risk_source_expires_on", "first_account_on", "opening_org_id", "five_class_rank::BIGINT AS five_class_rank", "maturing_30d_first_on",
    "maturing_30d_product_class", "maturing_30d_auto_renews",
)  # fmt: skip
OWN_COLUMNS = "party_kind, since_on, sex, birth_on, marital_status, n_children, is_student, company_size, founded_on"
PARTS = (
    "of_money", "of_demand_days", "of_transactions", "of_large_days", "of_payroll", "of_events", "of_signings", "of_contacts", "of_tests",
    "of_accounts", "of_cards", "of_loans", "of_due", "of_limits", "of_applications", "of_terms",
)  # fmt: skip


def whole_profile(d: Days) -> str:
    """Return the SELECT of the profile: every customer known by the day, zeros where nothing happened, then what follows from it."""
    joins = " ".join(f"LEFT JOIN {part} USING (customer_no)" for part in PARTS)
    filled = [f"coalesce({n}, 0)::BIGINT AS {n}" for n in COUNTS]
    filled += [f"coalesce({n}, 0)::DECIMAL(18,2) AS {n}" for n in AMOUNTS]
    filled += [f"coalesce({n}, FALSE) AS {n}" for n in FLAGS]
    day = d.ago(0)
    return f"""
        WITH known AS (
            SELECT customer_id, customer_no, {OWN_COLUMNS}, CASE WHEN deceased_on <= {day} THEN deceased_on END AS deceased_on, {", ".join(PLAIN)},
                   {", ".join(filled)}
            FROM (FROM customer WHERE since_on IS NULL OR since_on <= {day}) {joins}),
        dated AS (
            SELECT *, year({day}) - year(birth_on) - ((month({day}), day({day})) < (month(birth_on), day(birth_on)))::BIGINT AS age,
                   months_full(founded_on, {day}) AS company_age_months, {day} - first_account_on AS first_account_age_days,
                   {day} - payroll_first_on AS payroll_age_days, {day} - payroll_last_on AS days_since_payroll, {day} - last_login_on AS days_since_login,
                   CASE WHEN birth_on IS NOT NULL THEN greatest(0, least(36, floor(months_full(CASE WHEN sex = 'female' THEN DATE '1970-01-01'
                        ELSE DATE '1965-01-01' END, birth_on) / 4)::BIGINT + 1)) END AS retirement_delay_months,
                   has_payroll_signing OR coalesce({day} - payroll_last_on <= 90, FALSE) AS has_payroll
            FROM known)
        SELECT *, CASE sex WHEN 'female' THEN 660 WHEN 'male' THEN 720 END + retirement_delay_months - months_full(birth_on, {day}) AS months_to_retirement,
               ratio(safe_mean_6m_amount, aum_mean_6m_amount) AS safe_share_6m_rate,
               ratio(greatest(demand_amount, term_amount, wealth_amount, fund_amount, insurance_amount, savings_bond_amount, gold_amount,
                              pension_amount), aum_point_amount) AS top_class_share_rate,
               (demand_amount >= 1000)::BIGINT + (term_amount >= 1000)::BIGINT + (wealth_amount >= 1000)::BIGINT + (fund_amount >= 100)::BIGINT
                   + (insurance_amount >= 1000)::BIGINT + (savings_bond_amount >= 1000)::BIGINT + (gold_amount >= 1000)::BIGINT
                   + (pension_amount > 0)::BIGINT + (loan_balance_amount > 0)::BIGINT + has_payroll::BIGINT + has_quick_pay::BIGINT
                   + has_mobile_bank::BIGINT AS n_product_classes,
               CASE five_class_rank WHEN 0 THEN 'normal' WHEN 1 THEN 'special_mention' WHEN 2 THEN 'substandard' WHEN 3 THEN 'doubtful'
                    WHEN 4 THEN 'loss' END AS five_class_worst,
               coalesce(risk_source_expires_on, (risk_assessed_on + 365)::DATE) AS risk_expires_on,
               (external_inflow_90d_amount - external_outflow_90d_amount)::DECIMAL(18,2) AS external_net_inflow_90d_amount,
               round(payments_180d_amount::DOUBLE / 6, 2)::DECIMAL(18,2) AS payments_mean_180d_amount,
               ratio(n_digital_180d, n_contacts_180d) AS digital_share_rate, ratio(n_branch_180d, n_contacts_180d) AS branch_share_rate
        FROM dated"""


def statements(d: Days, history: date) -> list[str]:
    """Return all statements before the profile itself, in order."""
    return [*setting_up(d), *of_money(d, history), *of_movements(d), *of_behaviour(d), *of_contracts(d)]
