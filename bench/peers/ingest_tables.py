"""The tables of the ingest peer: for each the bank's files, the SELECT that types a row, and what makes a row bad.

Written by hand from the bank's mapping. A SELECT may use the columns of the file and its own earlier names; names that begin
with ``raw_`` are read by checks only and are not written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PLAIN, SHAPE = "plain", "shape"  # how a value is shown: long runs of digits gone, or only its shape


@dataclass(frozen=True)
class Check:
    """A bad row: rule, column, condition, and the value that is shown."""

    rule: str
    column: str
    condition: str
    shown: str
    mask: str = PLAIN


@dataclass(frozen=True)
class Feed:
    """Files of one kind (``name`` in each day's folder, or in ``static``) and the SELECT list over their columns."""

    name: str
    select: str
    checks: Sequence[Check] = ()


@dataclass(frozen=True)
class Reference:
    """Columns that must exist in a table loaded before."""

    columns: tuple[str, ...]
    table: str
    target: tuple[str, ...]
    masks: tuple[str, ...] = (PLAIN,)


@dataclass(frozen=True)
class Table:
    """``replaces``: a row of a later day replaces the row of its key. ``closes``: a version ends when the next begins."""

    name: str
    key: tuple[str, ...]
    columns: str
    feeds: Sequence[Feed]
    references: Sequence[Reference] = ()
    replaces: bool = False
    closes: tuple[str, ...] = ()
    key_masks: tuple[str, ...] = (PLAIN,)


def unknown(column: str, raw: str | None = None, mask: str = PLAIN) -> Check:
    """Return the check of a translated code."""
    raw = raw or f"raw_{column}"
    return Check("unknown_code", column, f"{raw} IS NOT NULL AND {column} IS NULL", raw, mask)


def missing(column: str) -> Check:
    """Return the check of a value that must be there."""
    return Check("missing", column, f"{column} IS NULL", f"{column}::VARCHAR")


def below(column: str, least: float, mask: str = PLAIN) -> Check:
    """Return the check of a least value."""
    return Check("below_minimum", column, f"{column} < {least}", f"{column}::VARCHAR", mask)


def above(column: str, most: float, mask: str = PLAIN) -> Check:
    """Return the check of a greatest value."""
    return Check("above_maximum", column, f"{column} > {most}", f"{column}::VARCHAR", mask)


def outside(column: str, codes: Sequence[str]) -> Check:
    """Return the check of a code that is taken as it comes."""
    listed = ", ".join(f"'{c}'" for c in codes)
    return Check("unknown_code", column, f"{column} NOT IN ({listed})", column)


CLASSES = (
    "demand", "term", "large_cd", "notice", "structured", "agreement", "cash_wealth", "fixed_income", "mixed_equity", "fund",
    "insurance", "trust", "savings_bond", "gold", "pension", "mortgage", "consumer_loan", "business_loan", "car_loan",
    "credit_card", "working_capital", "bill", "supply_chain", "mobile_bank", "quick_pay", "payroll", "direct_debit", "acquiring",
    "settlement", "cash_management", "trade",
)  # fmt: skip
CHANNELS = (
    "core_banking", "card", "app", "app_push", "web", "mobile_web", "mini_program", "wechat", "wechat_video", "wecom", "sms", "email",
    "call_centre", "voice_bot", "branch", "teller_machine", "atm", "remote_video", "rm", "rm_card", "qr_code", "referral", "survey",
    "interview", "social", "partner",
)  # fmt: skip

PRODUCT = Table(
    "product", ("product_id",),
    "product_id, name, family, product_class, risk_grade, issuer, minimum_amount, annual_rate, term_days, counts_in_aum",
    [Feed("PROD_INFO", """
        clean(PROD_CD) AS product_id, clean(PROD_NM) AS name, clean(PROD_FAM) AS raw_family,
        CASE raw_family WHEN '01' THEN 'deposit' WHEN '02' THEN 'wealth' WHEN '03' THEN 'credit' WHEN '04' THEN 'payment'
             WHEN '05' THEN 'corporate' END AS family,
        clean(PROD_CLS) AS product_class, clean(RISK_LVL) AS risk_grade, clean(ISSUER) AS issuer,
        MIN_AMT::DECIMAL(18,2) AS minimum_amount, ratio(RATE) AS annual_rate, TERM_D::BIGINT AS term_days,
        clean(AUM_FLAG) AS raw_counts_in_aum, CASE raw_counts_in_aum WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS counts_in_aum""",
        [missing("product_id"), missing("name"), unknown("family"), Check("missing", "family", "raw_family IS NULL", "raw_family"),
         missing("product_class"), outside("product_class", CLASSES), outside("risk_grade", ("R1", "R2", "R3", "R4", "R5")),
         below("annual_rate", -1), above("annual_rate", 1), below("term_days", 0), unknown("counts_in_aum")])],
)  # fmt: skip

RATE_HISTORY = Table(
    "rate_history", ("product_id", "valid_from_on"), "product_id, annual_rate, valid_from_on, valid_to_on",
    [Feed("RATE_HIST", """
        clean(PROD_CD) AS product_id, ratio(RATE) AS annual_rate, BGN_DT::DATE AS valid_from_on, END_DT::DATE AS valid_to_on""",
        [missing("product_id"), missing("annual_rate"), missing("valid_from_on"), below("annual_rate", -1), above("annual_rate", 1)])],
    key_masks=(PLAIN, PLAIN),
)  # fmt: skip

STAFF = Table(
    "staff", ("staff_id",), "staff_id, name, org_id, role, joined_on, left_on",
    [Feed("EMP_INFO", """
        clean(EMP_NO) AS staff_id, clean(EMP_NM) AS name, clean(ORG_NO) AS org_id, clean(POST_CD) AS raw_role,
        CASE raw_role WHEN '01' THEN 'rm' WHEN '02' THEN 'company_rm' WHEN '03' THEN 'teller' WHEN '04' THEN 'manager'
             WHEN '05' THEN 'tele_agent' WHEN '06' THEN 'other' END AS role,
        JOIN_DT::DATE AS joined_on, LEAVE_DT::DATE AS left_on""",
        [missing("staff_id"), missing("org_id"), unknown("role"), Check("missing", "role", "raw_role IS NULL", "raw_role")])],
)  # fmt: skip

PARTY_COLUMNS = """source, source_key, party_kind, name, id_type, id_number, id_expires_on, mobile, email, wechat_unionid, wechat_openid,
    device_id, address, sex, birth_on, marital_status, n_children, education, occupation, is_student, is_staff, annual_income_amount,
    district, industry, company_size, n_employees, annual_revenue_amount, founded_on, tax_grade, certificate,
    has_court_record, registered_on, deceased_on, valid_from_on, valid_to_on, recorded_at"""
BORN = [
    Check("impossible_date", "birth_on", "raw_birth_on IS NOT NULL AND birth_on IS NULL", "raw_birth_on", SHAPE),
    Check("below_minimum", "birth_on", "birth_on < DATE '1850-01-01'", "raw_birth_on", SHAPE),
]
PARTY_KEY = [
    Check("missing", "source_key", "source_key IS NULL", "source_key", SHAPE),
    Check("missing", "valid_from_on", "valid_from_on IS NULL", "valid_from_on::VARCHAR"),
]
SOURCE_PARTY = Table(
    "source_party", ("source", "source_key", "valid_from_on"), PARTY_COLUMNS,
    [
        Feed("CORE_CUST", """
            'core' AS source, clean(CUST_NO) AS source_key, clean(CUST_TYPE) AS raw_party_kind,
            CASE raw_party_kind WHEN '1' THEN 'person' WHEN '2' THEN 'sole_trader' WHEN '3' THEN 'company' END AS party_kind,
            clean(CUST_NM) AS name, clean(ID_TYPE) AS raw_id_type,
            CASE raw_id_type WHEN '101' THEN 'resident_id' WHEN '102' THEN 'passport' WHEN '201' THEN 'uscc'
                 WHEN '199' THEN 'other' END AS id_type,
            clean(ID_NO) AS id_number, ID_EXP_DT::DATE AS id_expires_on, clean(MOBILE_NO) AS mobile, clean(EMAIL) AS email,
            NULL::VARCHAR AS wechat_unionid, NULL::VARCHAR AS wechat_openid, NULL::VARCHAR AS device_id, clean(ADDR) AS address, clean(SEX) AS raw_sex,
            CASE raw_sex WHEN '1' THEN 'male' WHEN '2' THEN 'female' END AS sex,
            clean(BIRTH_DT) AS raw_birth_on, eight_digits(raw_birth_on) AS birth_on, clean(MARRY_ST) AS raw_marital_status,
            CASE raw_marital_status WHEN '01' THEN 'single' WHEN '02' THEN 'married' WHEN '03' THEN 'divorced'
                 WHEN '04' THEN 'widowed' END AS marital_status,
            CHILD_CNT::BIGINT AS n_children, clean(EDU) AS education, clean(OCCU) AS occupation,
            clean(STU_FLAG) AS raw_is_student, CASE raw_is_student WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_student,
            clean(EMP_FLAG) AS raw_is_staff, CASE raw_is_staff WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_staff,
            YR_INCOME::DECIMAL(18,2) AS annual_income_amount, clean(DIST_CD) AS district, clean(INDU_CD) AS industry,
            clean(ENT_SIZE) AS raw_company_size,
            CASE raw_company_size WHEN '01' THEN 'micro' WHEN '02' THEN 'small' WHEN '03' THEN 'medium' WHEN '04' THEN 'large'
                 WHEN '05' THEN 'institution' END AS company_size,
            EMP_CNT::BIGINT AS n_employees, YR_REVENUE::DECIMAL(18,2) AS annual_revenue_amount, FOUND_DT::DATE AS founded_on,
            clean(TAX_GRADE) AS tax_grade, clean(CERT_NM) AS certificate, clean(COURT_FLAG) AS raw_has_court_record,
            CASE raw_has_court_record WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS has_court_record,
            OPEN_DT::DATE AS registered_on, DEATH_DT::DATE AS deceased_on, BGN_DT::DATE AS valid_from_on,
            END_DT::DATE AS valid_to_on, day_end(valid_from_on) AS recorded_at""",
            [*PARTY_KEY, unknown("party_kind"), Check("missing", "party_kind", "raw_party_kind IS NULL", "raw_party_kind"),
             unknown("id_type"), unknown("sex", mask=SHAPE), *BORN, unknown("marital_status", mask=SHAPE),
             below("n_children", 0, SHAPE), above("n_children", 20, SHAPE), unknown("is_student", mask=SHAPE),
             unknown("is_staff"), below("annual_income_amount", 0, SHAPE), unknown("company_size"), below("n_employees", 0),
             below("annual_revenue_amount", 0),
             Check("below_minimum", "founded_on", "founded_on < DATE '1800-01-01'", "founded_on::VARCHAR"),
             outside("tax_grade", ("A", "B", "M", "C", "D")), unknown("has_court_record")]),
        Feed("CARD_CUST", """
            'card' AS source, clean(CARD_CUST_ID) AS source_key, 'person' AS party_kind, clean(EMBOSS_NM) AS name,
            clean(ID_TYPE) AS raw_id_type, CASE raw_id_type WHEN 'A' THEN 'resident_id' WHEN 'B' THEN 'passport' END AS id_type,
            clean(ID_NO) AS id_number, clean(MOBILE) AS mobile, clean(BILL_ADDR) AS address, clean(SEX) AS raw_sex,
            CASE raw_sex WHEN 'M' THEN 'male' WHEN 'F' THEN 'female' END AS sex,
            clean(BIRTH_DT) AS raw_birth_on, eight_digits(raw_birth_on) AS birth_on,
            INCOME_YR::DECIMAL(18,2) AS annual_income_amount, APPLY_DT::DATE AS registered_on, EFF_DT::DATE AS valid_from_on,
            day_end(valid_from_on) AS recorded_at""",
            [*PARTY_KEY, unknown("id_type"), unknown("sex", mask=SHAPE), *BORN, below("annual_income_amount", 0, SHAPE)]),
        Feed("MBS_USER", """
            'mobile' AS source, clean(USER_ID) AS source_key, 'person' AS party_kind, clean(REAL_NAME) AS name,
            clean(ID_TYPE) AS raw_id_type, CASE raw_id_type WHEN '1' THEN 'resident_id' END AS id_type,
            clean(CERT_NO) AS id_number, clean(PHONE) AS mobile, clean(MAIL) AS email, clean(UNION_ID) AS wechat_unionid,
            clean(DEV_ID) AS device_id, REG_DT::DATE AS registered_on, UPD_DT::DATE AS valid_from_on,
            day_end(valid_from_on) AS recorded_at""",
            [*PARTY_KEY, unknown("id_type")]),
        Feed("SCRM_EXT", """
            'wecom' AS source, clean(EXT_USERID) AS source_key, 'person' AS party_kind, clean(NICK_NM) AS name,
            clean(REMARK_PHONE) AS mobile, clean(UNIONID) AS wechat_unionid, clean(GENDER) AS raw_sex,
            CASE raw_sex WHEN '1' THEN 'male' WHEN '2' THEN 'female' END AS sex, ADD_DT::DATE AS registered_on,
            EFF_DT::DATE AS valid_from_on, day_end(valid_from_on) AS recorded_at""",
            [*PARTY_KEY, unknown("sex", mask=SHAPE)]),
        Feed("CCS_CALLER", """
            'call_centre' AS source, clean(CALLER_ID) AS source_key, clean(CALLER_TP) AS raw_party_kind,
            CASE raw_party_kind WHEN 'P' THEN 'person' WHEN 'E' THEN 'company' END AS party_kind, clean(CALLER_NM) AS name,
            clean(CALL_NO) AS mobile, FIRST_DT::DATE AS registered_on, EFF_DT::DATE AS valid_from_on,
            day_end(valid_from_on) AS recorded_at""",
            [*PARTY_KEY, unknown("party_kind", mask=SHAPE), Check("missing", "party_kind", "raw_party_kind IS NULL", "raw_party_kind")]),
    ],
    replaces=True, closes=("source", "source_key"), key_masks=(PLAIN, SHAPE, PLAIN),
)  # fmt: skip

RELATION_KEY = ("source", "from_key", "to_key", "kind", "valid_from_on")
PARTY_RELATION = Table(
    "party_relation", RELATION_KEY, "source, from_key, to_key, kind, share_rate, valid_from_on, valid_to_on, recorded_at",
    [Feed("CUST_REL", """
        'core' AS source, clean(CUST_NO_A) AS from_key, clean(CUST_NO_B) AS to_key, clean(REL_CD) AS raw_kind,
        CASE raw_kind WHEN '01' THEN 'legal_representative_of' WHEN '02' THEN 'controller_of' WHEN '03' THEN 'shareholder_of'
             WHEN '04' THEN 'employee_of' WHEN '05' THEN 'spouse_of' WHEN '06' THEN 'parent_of' WHEN '07' THEN 'household_of'
             WHEN '08' THEN 'guarantor_of' WHEN '09' THEN 'supplier_of' WHEN '10' THEN 'group_member_of'
             WHEN '11' THEN 'referred' WHEN '12' THEN 'contact_of' WHEN '13' THEN 'disponent_of'
             WHEN '14' THEN 'beneficial_owner_of' END AS kind,
        ratio(SHARE) AS share_rate, BGN_DT::DATE AS valid_from_on, END_DT::DATE AS valid_to_on,
        day_end(valid_from_on) AS recorded_at""",
        [Check("missing", "from_key", "from_key IS NULL", "from_key", SHAPE), Check("missing", "to_key", "to_key IS NULL", "to_key", SHAPE),
         unknown("kind"), Check("missing", "kind", "raw_kind IS NULL", "raw_kind"), below("share_rate", 0), above("share_rate", 1),
         missing("valid_from_on")])],
    [Reference(("source", "from_key"), "source_party", ("source", "source_key"), (PLAIN, SHAPE)),
     Reference(("source", "to_key"), "source_party", ("source", "source_key"), (PLAIN, SHAPE))],
    replaces=True, closes=RELATION_KEY[:-1], key_masks=(PLAIN, SHAPE, SHAPE, PLAIN, PLAIN),
)  # fmt: skip

PARTY = Reference(("source", "source_key"), "source_party", ("source", "source_key"), (PLAIN, SHAPE))
ON_ACCOUNT = Reference(("account_id",), "account", ("account_id",), (SHAPE,))
OF_PRODUCT = Reference(("product_id",), "product", ("product_id",))
WHO = Check("missing", "source_key", "source_key IS NULL", "source_key", SHAPE)
WHERE = Check("missing", "account_id", "account_id IS NULL", "account_id", SHAPE)

COMPANY_CONTACT = Table(
    "company_contact", ("source", "company_key", "contact_key", "role"), "source, company_key, contact_key, role, is_authorised, valid_from_on, valid_to_on",
    [Feed("ENT_CONTACT", """
        'core' AS source, clean(ENT_NO) AS company_key, clean(CONT_NO) AS contact_key, clean(ROLE_CD) AS raw_role,
        CASE raw_role WHEN '01' THEN 'legal_representative' WHEN '02' THEN 'finance' WHEN '03' THEN 'operator'
             WHEN '04' THEN 'owner' END AS role,
        clean(AUTH_FLAG) AS raw_is_authorised, CASE raw_is_authorised WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_authorised,
        BGN_DT::DATE AS valid_from_on, END_DT::DATE AS valid_to_on""",
        [Check("missing", "company_key", "company_key IS NULL", "company_key", SHAPE),
         Check("missing", "contact_key", "contact_key IS NULL", "contact_key", SHAPE), unknown("role"),
         Check("missing", "role", "raw_role IS NULL", "raw_role"), unknown("is_authorised")])],
    [Reference(("source", "company_key"), "source_party", ("source", "source_key"), (PLAIN, SHAPE)),
     Reference(("source", "contact_key"), "source_party", ("source", "source_key"), (PLAIN, SHAPE))],
    key_masks=(PLAIN, SHAPE, SHAPE, PLAIN),
)  # fmt: skip

CONSENT_RECORD = Table(
    "consent_record", ("source", "source_key", "channel", "purpose", "recorded_at"),
    'source, source_key, channel, purpose, state, "on", evidence, recorded_at',
    [
        Feed("CONSENT_CHG", """
            'core' AS source, clean(CUST_NO) AS source_key, clean(CHNL_CD) AS channel, 'marketing' AS purpose,
            'withdrawn' AS state, CHG_DT::DATE AS "on", clean(EVID_CD) AS evidence, day_end("on") AS recorded_at""",
            [WHO, missing("channel"), Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR')]),
        Feed("CONSENT", """
            'core' AS source, clean(CUST_NO) AS source_key, clean(CHNL_CD) AS channel, clean(PURP_CD) AS raw_purpose,
            CASE raw_purpose WHEN '01' THEN 'marketing' WHEN '02' THEN 'service' WHEN '03' THEN 'profiling' END AS purpose,
            clean(CONSENT_ST) AS raw_state, CASE raw_state WHEN '1' THEN 'granted' WHEN '0' THEN 'withdrawn' END AS state,
            CONSENT_DT::DATE AS "on", clean(EVID_CD) AS evidence, day_end("on") AS recorded_at""",
            [WHO, missing("channel"), unknown("purpose"), Check("missing", "purpose", "raw_purpose IS NULL", "raw_purpose"),
             unknown("state"), Check("missing", "state", "raw_state IS NULL", "raw_state"),
             Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR')]),
    ],
    [PARTY], key_masks=(PLAIN, SHAPE, PLAIN, PLAIN, PLAIN),
)  # fmt: skip

RISK_ASSESSMENT = Table(
    "risk_assessment", ("source", "source_key", "assessed_on"),
    "source, source_key, risk_grade, assessed_on, expires_on, channel, questionnaire, recorded_at",
    [Feed("RISK_EVAL", """
        'core' AS source, clean(CUST_NO) AS source_key, clean(RISK_LVL) AS raw_risk_grade,
        CASE raw_risk_grade WHEN '01' THEN 'C1' WHEN '02' THEN 'C2' WHEN '03' THEN 'C3' WHEN '04' THEN 'C4' WHEN '05' THEN 'C5'
             END AS risk_grade,
        EVAL_DT::DATE AS assessed_on, EXP_DT::DATE AS expires_on, clean(CHNL_CD) AS channel, clean(PAPER_VER) AS questionnaire,
        day_end(assessed_on) AS recorded_at""",
        [WHO, unknown("risk_grade"), Check("missing", "risk_grade", "raw_risk_grade IS NULL", "raw_risk_grade"), missing("assessed_on")])],
    [PARTY], key_masks=(PLAIN, SHAPE, PLAIN),
)  # fmt: skip

SIGNING = Table(
    "signing", ("source", "source_key", "service", "signed_on"), "source, source_key, service, signed_on, ended_on, recorded_at",
    [Feed("SIGN_INFO", """
        'core' AS source, clean(CUST_NO) AS source_key, clean(SIGN_CD) AS raw_service,
        CASE raw_service WHEN '01' THEN 'mobile_bank' WHEN '02' THEN 'online_bank' WHEN '03' THEN 'quick_pay'
             WHEN '04' THEN 'direct_debit' WHEN '05' THEN 'payroll' WHEN '06' THEN 'acquiring' WHEN '07' THEN 'third_party_custody'
             WHEN '08' THEN 'sms_notice' WHEN '09' THEN 'auto_transfer' WHEN '10' THEN 'cash_management'
             WHEN '11' THEN 'pension_account' WHEN '12' THEN 'official_account' WHEN '13' THEN 'mini_program' END AS service,
        SIGN_DT::DATE AS signed_on, END_DT::DATE AS ended_on, day_end(signed_on) AS recorded_at""",
        [WHO, unknown("service"), Check("missing", "service", "raw_service IS NULL", "raw_service"), missing("signed_on")])],
    [PARTY], replaces=True, key_masks=(PLAIN, SHAPE, PLAIN, PLAIN),
)  # fmt: skip

ACCOUNT = Table(
    "account", ("account_id",),
    "account_id, product_id, org_id, account_kind, currency, opened_on, closed_on, status, recorded_at",
    [Feed("CORE_ACCT", """
        clean(ACCT_NO) AS account_id, clean(PROD_CD) AS product_id, clean(ORG_NO) AS org_id, clean(ACCT_TYPE) AS raw_account_kind,
        CASE raw_account_kind WHEN '01' THEN 'demand' WHEN '02' THEN 'term' WHEN '03' THEN 'wealth' WHEN '04' THEN 'fund'
             WHEN '05' THEN 'insurance' WHEN '06' THEN 'loan' WHEN '07' THEN 'card' WHEN '08' THEN 'settlement_basic'
             WHEN '09' THEN 'settlement_general' WHEN '10' THEN 'other' END AS account_kind,
        clean(CCY) AS currency, OPEN_DT::DATE AS opened_on, CLOSE_DT::DATE AS closed_on, clean(ACCT_ST) AS raw_status,
        CASE raw_status WHEN '01' THEN 'normal' WHEN '02' THEN 'dormant' WHEN '03' THEN 'frozen' WHEN '04' THEN 'closed' END AS status,
        day_end(opened_on) AS recorded_at""",
        [WHERE, unknown("account_kind"), Check("missing", "account_kind", "raw_account_kind IS NULL", "raw_account_kind"),
         missing("opened_on"), unknown("status")])],
    [OF_PRODUCT], replaces=True, key_masks=(SHAPE,),
)  # fmt: skip

ROLES = "CASE raw_role WHEN '1' THEN 'owner' WHEN '2' THEN 'joint_owner' WHEN '3' THEN 'disponent' WHEN '4' THEN 'guardian' END"
ACCOUNT_PARTY = Table(
    "account_party", ("account_id", "source", "source_key", "role"), "account_id, source, source_key, role, share_rate",
    [
        Feed("CORE_ACCT_CUST", f"""
            clean(ACCT_NO) AS account_id, 'core' AS source, clean(CUST_NO) AS source_key, clean(REL_CD) AS raw_role,
            {ROLES} AS role, ratio(SHARE) AS share_rate""",
            [WHERE, WHO, unknown("role"), Check("missing", "role", "raw_role IS NULL", "raw_role"), below("share_rate", 0), above("share_rate", 1)]),
        Feed("CARD_ACCT_CUST", """
            clean(ACCT_NO) AS account_id, 'card' AS source, clean(CARD_CUST_ID) AS source_key, clean(REL_CD) AS raw_role,
            CASE raw_role WHEN '1' THEN 'owner' END AS role""",
            [WHERE, WHO, unknown("role"), Check("missing", "role", "raw_role IS NULL", "raw_role")]),
    ],
    [ON_ACCOUNT, PARTY], replaces=True, key_masks=(SHAPE, PLAIN, SHAPE, PLAIN),
)  # fmt: skip

CARD = Table(
    "card", ("card_id",), "card_id, account_id, card_kind, issued_on, activated_on, last_used_on, owed_amount, closed_on, recorded_at",
    [Feed("CARD_CARD", """
        clean(CARD_ID) AS card_id, clean(ACCT_NO) AS account_id, clean(CARD_KIND) AS card_kind, ISSUE_DT::DATE AS issued_on,
        ACT_DT::DATE AS activated_on, LAST_TXN_DT::DATE AS last_used_on, OWED_AMT::DECIMAL(18,2) AS owed_amount, CANCEL_DT::DATE AS closed_on, day_end(issued_on) AS recorded_at""",
        [missing("card_id"), WHERE, missing("card_kind"), missing("issued_on")])],
    replaces=True,
)  # fmt: skip

CREDIT_FACILITY = Table(
    "credit_facility", ("facility_id",),
    "facility_id, source, source_key, product_class, limit_amount, is_revolving, approved_on, expires_on, status, recorded_at",
    [Feed("LOAN_LIMIT", """
        clean(LMT_NO) AS facility_id, 'core' AS source, clean(CUST_NO) AS source_key, clean(PROD_CLS) AS product_class,
        LMT_AMT::DECIMAL(18,2) AS limit_amount, clean(REVOLVE) AS raw_is_revolving,
        CASE raw_is_revolving WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_revolving, APPR_DT::DATE AS approved_on,
        EXP_DT::DATE AS expires_on, clean(LMT_ST) AS raw_status,
        CASE raw_status WHEN '01' THEN 'valid' WHEN '02' THEN 'frozen' WHEN '03' THEN 'cancelled' WHEN '04' THEN 'expired' END AS status,
        day_end(approved_on) AS recorded_at""",
        [missing("facility_id"), WHO, missing("product_class"), missing("limit_amount"), below("limit_amount", 0),
         unknown("is_revolving"), missing("approved_on"), missing("expires_on"), unknown("status")])],
    [PARTY], replaces=True,
)  # fmt: skip

LOAN = Table(
    "loan", ("loan_id",),
    """loan_id, facility_id, account_id, product_class, principal_amount, annual_rate, term_months, instalment_amount, drawn_on,
       due_on, settled_on, five_class, arrears_days, arrears_days_12m, arrears_days_24m, recorded_at""",
    [Feed("LOAN_DUE", """
        clean(LOAN_NO) AS loan_id, clean(LMT_NO) AS facility_id, clean(ACCT_NO) AS account_id, clean(PROD_CLS) AS product_class,
        LOAN_AMT::DECIMAL(18,2) AS principal_amount, ratio(RATE) AS annual_rate, TERM_M::BIGINT AS term_months,
        INST_AMT::DECIMAL(18,2) AS instalment_amount, PUT_DT::DATE AS drawn_on, DUE_DT::DATE AS due_on,
        SETTLE_DT::DATE AS settled_on, clean(CLASS5) AS raw_five_class,
        CASE raw_five_class WHEN '01' THEN 'normal' WHEN '02' THEN 'special_mention' WHEN '03' THEN 'substandard'
             WHEN '04' THEN 'doubtful' WHEN '05' THEN 'loss' END AS five_class,
        OVD_DAYS::BIGINT AS arrears_days, NULL::BIGINT AS arrears_days_12m, OVD_DAYS_24M::BIGINT AS arrears_days_24m, day_end(drawn_on) AS recorded_at""",
        [missing("loan_id"), WHERE, missing("product_class"), missing("principal_amount"), below("principal_amount", 0),
         below("annual_rate", 0), above("annual_rate", 1), below("term_months", 0), missing("drawn_on"), unknown("five_class"),
         below("arrears_days", 0), below("arrears_days_24m", 0)])],
    [ON_ACCOUNT], replaces=True,
)  # fmt: skip

REPAYMENT_PLAN = Table(
    "repayment_plan", ("loan_id", "due_on"),
    "loan_id, due_on, principal_due_amount, interest_due_amount, paid_on, recorded_at",
    [Feed("LOAN_PLAN", """
        clean(LOAN_NO) AS loan_id, DUE_DT::DATE AS due_on, PRIN_DUE::DECIMAL(18,2) AS principal_due_amount,
        INT_DUE::DECIMAL(18,2) AS interest_due_amount, PAID_DT::DATE AS paid_on, day_end(due_on) AS recorded_at""",
        [missing("loan_id"), missing("due_on"), missing("principal_due_amount"), below("principal_due_amount", 0),
         below("interest_due_amount", 0)])],
    [Reference(("loan_id",), "loan", ("loan_id",))], replaces=True, key_masks=(PLAIN, PLAIN),
)  # fmt: skip

BALANCE_DAILY = Table(
    "balance_daily", ("account_id", "on"), 'account_id, "on", until_on, balance_amount, recorded_at',
    [Feed("CORE_BAL", """
        clean(ACCT_NO) AS account_id, BGN_DT::DATE AS "on", END_DT::DATE AS until_on,
        (BAL_FEN::DECIMAL(16,2) * 0.01)::DECIMAL(18,2) AS balance_amount, day_end("on") AS recorded_at""",
        [WHERE, Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), missing("balance_amount")])],
    [ON_ACCOUNT], replaces=True, key_masks=(SHAPE, PLAIN),
)  # fmt: skip

HOLDING_DAILY = Table(
    "holding_daily", ("account_id", "product_id", "on"),
    'account_id, product_id, "on", until_on, units, cost_amount, value_amount, recorded_at',
    [Feed("WMS_HOLD", """
        clean(ACCT_NO) AS account_id, clean(PROD_CD) AS product_id, BGN_DT::DATE AS "on", END_DT::DATE AS until_on,
        QTY AS raw_units, ratio(QTY) AS units, COST_AMT::DECIMAL(18,2) AS cost_amount, MKT_VAL::DECIMAL(18,2) AS value_amount,
        day_end("on") AS recorded_at""",
        [WHERE, missing("product_id"), Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), missing("value_amount"),
         Check("not_a_number", "units", "raw_units IS NOT NULL AND units IS NULL", "raw_units")])],
    [ON_ACCOUNT, OF_PRODUCT], replaces=True, key_masks=(SHAPE, PLAIN, PLAIN),
)  # fmt: skip

TERM_CONTRACT = Table(
    "term_contract", ("contract_id",),
    """contract_id, account_id, product_id, principal_amount, annual_rate, started_on, matures_on, auto_renews, ended_on, end_kind,
       recorded_at""",
    [Feed("CORE_TERM", """
        clean(CONTR_NO) AS contract_id, clean(ACCT_NO) AS account_id, clean(PROD_CD) AS product_id,
        PRIN_AMT::DECIMAL(18,2) AS principal_amount, ratio(INT_RATE) AS annual_rate, VAL_DT::DATE AS started_on,
        MAT_DT::DATE AS matures_on, clean(AUTO_RENEW) AS raw_auto_renews,
        CASE raw_auto_renews WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS auto_renews, END_DT::DATE AS ended_on,
        clean(END_CD) AS raw_end_kind,
        CASE raw_end_kind WHEN '01' THEN 'matured' WHEN '02' THEN 'renewed' WHEN '03' THEN 'broken' END AS end_kind,
        day_end(started_on) AS recorded_at""",
        [Check("missing", "contract_id", "contract_id IS NULL", "contract_id", SHAPE), WHERE, missing("product_id"),
         missing("principal_amount"), below("principal_amount", 0), below("annual_rate", -1), above("annual_rate", 1),
         missing("started_on"), missing("matures_on"), unknown("auto_renews"), unknown("end_kind")])],
    [ON_ACCOUNT, OF_PRODUCT], replaces=True, key_masks=(SHAPE,),
)  # fmt: skip

TRANSACTION = Table(
    "transaction", ("txn_id",),
    """txn_id, account_id, "on", "at", direction, amount, balance_after_amount, txn_kind, channel, is_initiated, counterparty_kind,
       counterparty_bank, counterparty_key, is_counterparty_person, is_within_group, merchant_category, recorded_at""",
    [Feed("CORE_TXN", """
        clean(TXN_SEQ) AS txn_id, clean(ACCT_NO) AS account_id, TXN_DT::DATE AS "on", to_utc(TXN_TM) AS "at",
        clean(DR_CR) AS raw_direction, CASE raw_direction WHEN 'C' THEN 'in' WHEN 'D' THEN 'out' END AS direction,
        TXN_AMT::DECIMAL(18,2) AS amount, ACCT_BAL::DECIMAL(18,2) AS balance_after_amount, clean(TXN_CD) AS raw_txn_kind,
        CASE raw_txn_kind WHEN '01' THEN 'cash_in' WHEN '02' THEN 'cash_out' WHEN '03' THEN 'transfer_in'
             WHEN '04' THEN 'transfer_out' WHEN '05' THEN 'payment' WHEN '06' THEN 'card_payment' WHEN '07' THEN 'payroll'
             WHEN '08' THEN 'pension' WHEN '09' THEN 'interest' WHEN '10' THEN 'fee' WHEN '11' THEN 'direct_debit'
             WHEN '12' THEN 'loan_drawdown' WHEN '13' THEN 'loan_repayment' WHEN '14' THEN 'product_purchase'
             WHEN '15' THEN 'product_redemption' WHEN '16' THEN 'reversal' WHEN '17' THEN 'judicial' WHEN '18' THEN 'tax'
             WHEN '19' THEN 'settlement' WHEN '20' THEN 'cross_border' WHEN '21' THEN 'insurance' WHEN '22' THEN 'household'
             WHEN '23' THEN 'other' END AS txn_kind,
        clean(CHNL_CD) AS channel, clean(CUST_INIT) AS raw_is_initiated,
        CASE raw_is_initiated WHEN '1' THEN TRUE WHEN '0' THEN FALSE END AS is_initiated, clean(OPP_TYPE) AS raw_counterparty_kind,
        CASE raw_counterparty_kind WHEN '01' THEN 'own_bank_self' WHEN '02' THEN 'own_bank_other' WHEN '03' THEN 'other_bank_self'
             WHEN '04' THEN 'other_bank_other' WHEN '05' THEN 'broker_self' WHEN '06' THEN 'wallet_self' WHEN '07' THEN 'merchant'
             WHEN '08' THEN 'employer' WHEN '09' THEN 'cash' WHEN '10' THEN 'bank' WHEN '11' THEN 'government'
             WHEN '12' THEN 'unknown' END AS counterparty_kind,
        clean(OPP_BANK) AS counterparty_bank, clean(OPP_ACCT) AS counterparty_key, clean(OPP_PERSON) AS raw_is_counterparty_person,
        CASE raw_is_counterparty_person WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_counterparty_person,
        clean(GRP_FLAG) AS raw_is_within_group, CASE raw_is_within_group WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS is_within_group,
        clean(MCC_CLASS) AS merchant_category, day_end("on") AS recorded_at""",
        [missing("txn_id"), WHERE, Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), unknown("direction"),
         Check("missing", "direction", "raw_direction IS NULL", "raw_direction"), missing("amount"), below("amount", 0),
         unknown("txn_kind"), Check("missing", "txn_kind", "raw_txn_kind IS NULL", "raw_txn_kind"), unknown("is_initiated"),
         unknown("counterparty_kind"), unknown("is_counterparty_person"), unknown("is_within_group")])],
    [ON_ACCOUNT],
)  # fmt: skip

PAYROLL_ITEM = Table(
    "payroll_item", ("payroll_item_id",), 'payroll_item_id, agreement_id, account_id, "on", purpose, amount, recorded_at',
    [Feed("PAY_ITEM", """
        clean(ITEM_NO) AS payroll_item_id, clean(AGRT_NO) AS agreement_id, clean(ACCT_NO) AS account_id, PAY_DT::DATE AS "on",
        clean(PURP_CD) AS raw_purpose, CASE raw_purpose WHEN '01' THEN 'wage' WHEN '02' THEN 'bonus' WHEN '03' THEN 'pension' END AS purpose,
        PAY_AMT::DECIMAL(18,2) AS amount, day_end("on") AS recorded_at""",
        [missing("payroll_item_id"), WHERE, Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), unknown("purpose"),
         Check("missing", "purpose", "raw_purpose IS NULL", "raw_purpose"), missing("amount"), below("amount", 0)])],
    [ON_ACCOUNT],
)  # fmt: skip


def event_feed(name: str, source: str) -> Feed:
    """Return the feed of one source's events: all have one layout."""
    return Feed(
        name,
        f"""clean(EVT_ID) AS event_id, '{source}' AS source, clean(USER_NO) AS source_key, clean(EVT_CD) AS event_kind,
            clean(CHNL_CD) AS channel, EVT_DT::DATE AS "on", to_utc(EVT_TM) AS "at", clean(SUBJ_CD) AS subject,
            clean(SESS_ID) AS session_id, clean(ORG_NO) AS org_id, ratio(EVT_VAL) AS "value", day_end("on") AS recorded_at""",
        [missing("event_id"), WHO, missing("event_kind"), missing("channel"), outside("channel", CHANNELS),
         Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), Check("missing", "at", '"at" IS NULL', '"at"::VARCHAR')],
    )  # fmt: skip


EVENT = Table(
    "event", ("event_id",),
    'event_id, source, source_key, event_kind, channel, "on", "at", subject, session_id, org_id, "value", recorded_at',
    [event_feed("CORE_EVT", "core"), event_feed("CARD_EVT", "card"), event_feed("MBS_EVT", "mobile"),
     event_feed("SCRM_EVT", "wecom"), event_feed("CCS_EVT", "call_centre")],
)  # fmt: skip

LOAN_APPLICATION = Table(
    "loan_application", ("application_id",),
    "application_id, source, source_key, product_class, requested_amount, applied_on, status, decided_on, recorded_at",
    [Feed("LOAN_APPLY", """
        clean(APPLY_NO) AS application_id, 'core' AS source, clean(CUST_NO) AS source_key, clean(PROD_CLS) AS product_class,
        APPLY_AMT::DECIMAL(18,2) AS requested_amount, APPLY_DT::DATE AS applied_on, clean(APPLY_ST) AS raw_status,
        CASE raw_status WHEN '01' THEN 'started' WHEN '02' THEN 'submitted' WHEN '03' THEN 'approved' WHEN '04' THEN 'declined'
             WHEN '05' THEN 'withdrawn' END AS status,
        DECIDE_DT::DATE AS decided_on, day_end(applied_on) AS recorded_at""",
        [missing("application_id"), WHO, missing("product_class"), below("requested_amount", 0), missing("applied_on"),
         unknown("status"), Check("missing", "status", "raw_status IS NULL", "raw_status")])],
    [PARTY], replaces=True,
)  # fmt: skip

ANSWERS = "CASE raw_answer WHEN '01' THEN 'none' WHEN '02' THEN 'positive' WHEN '03' THEN 'negative' WHEN '04' THEN 'unsubscribe' END"
CONTACT_CHECKS = [
    Check("missing", "contact_id", "contact_id IS NULL", "contact_id"), WHO, missing("channel"), outside("channel", CHANNELS),
    Check("missing", "on", '"on" IS NULL', '"on"::VARCHAR'), unknown("answer"),
]  # fmt: skip
CONTACT_HISTORY = Table(
    "contact_history", ("contact_id",), 'contact_id, source, source_key, channel, purpose, "on", answer, recorded_at',
    [
        Feed("CONTACT_RCPT", f"""
            clean(CNTC_ID) AS contact_id, 'core' AS source, clean(CUST_NO) AS source_key, clean(CHNL_CD) AS channel,
            'marketing' AS purpose, CNTC_DT::DATE AS "on", clean(FDBK_CD) AS raw_answer, {ANSWERS} AS answer,
            day_end("on") AS recorded_at""", CONTACT_CHECKS),
        Feed("CONTACT_HIS", f"""
            clean(CNTC_ID) AS contact_id, 'core' AS source, clean(CUST_NO) AS source_key, clean(CHNL_CD) AS channel,
            clean(PURP_CD) AS raw_purpose, CASE raw_purpose WHEN '01' THEN 'marketing' WHEN '02' THEN 'service' END AS purpose,
            CNTC_DT::DATE AS "on", clean(FDBK_CD) AS raw_answer, {ANSWERS} AS answer, day_end("on") AS recorded_at""",
            [*CONTACT_CHECKS, unknown("purpose"), Check("missing", "purpose", "raw_purpose IS NULL", "raw_purpose")]),
    ],
)  # fmt: skip

TABLES: tuple[Table, ...] = (  # each after those it refers to
    PRODUCT, RATE_HISTORY, STAFF, SOURCE_PARTY, PARTY_RELATION, COMPANY_CONTACT, CONSENT_RECORD, RISK_ASSESSMENT, SIGNING,
    ACCOUNT, ACCOUNT_PARTY, CARD, CREDIT_FACILITY, LOAN, REPAYMENT_PLAN, BALANCE_DAILY, HOLDING_DAILY, TERM_CONTRACT,
    TRANSACTION, PAYROLL_ITEM, EVENT, LOAN_APPLICATION, CONTACT_HISTORY,
)  # fmt: skip
