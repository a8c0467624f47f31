"""What may be done: consent as the bank's file appends it, control flags, risk tests; and outside facts, dated."""

from zhike.warehouse.contracts import Contract, Personal, code, day, moment, number, text

DIRECT = Personal.DIRECT

CONSENT_RECORD = Contract(
    "consent_record", "sources", "同意记录", "Consent given or withdrawn, as the bank's file says",
    key=("source", "source_key", "channel", "purpose", "recorded_at"), dated_by="on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("channel", "渠道", "Channel, or * for all", required=True),
        code("purpose", "用途", "Purpose", required=True, allowed=("marketing", "service", "profiling")),
        code("state", "状态", "Granted or withdrawn", required=True, allowed=("granted", "withdrawn")),
        day("on", "日期", "On", required=True),
        code("evidence", "凭证", "Evidence"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

CONTROL_FLAG = Contract(
    "control_flag", "sources", "管控标志", "Control flag: four different things, never mixed, and do-not-contact",
    key=("source", "source_key", "flag", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("flag", "标志", "Flag", required=True, allowed=(
            "do_not_contact", "complaint_open", "complaint_closed", "judicial_freeze", "fraud_control", "aml_high_risk",
            "sanctioned", "litigation", "account_inactive", "credit_watch", "legal_dispute", "related_party")),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

RISK_ASSESSMENT = Contract(
    "risk_assessment", "sources", "风险测评", "Risk test of a customer",
    key=("source", "source_key", "assessed_on"), dated_by="assessed_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("risk_grade", "风险等级", "C-grade", required=True, allowed=("C1", "C2", "C3", "C4", "C5")),
        day("assessed_on", "测评日", "Tested on", required=True),
        day("expires_on", "到期日", "Expires on"),
        code("channel", "渠道", "Channel"),
        code("questionnaire", "问卷版本", "Questionnaire version"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

COMPETITOR_PRODUCT = Contract(
    "competitor_product", "sources", "竞品", "A competitor's product, as seen on a day",
    key=("competitor", "product_name", "seen_on"), dated_by="seen_on",
    columns=(
        code("competitor", "同业", "Competitor", required=True),
        text("product_name", "产品名称", "Product", required=True),
        code("product_class", "产品大类", "Product class"),
        number("annual_rate", "年利率", "Annual rate"),
        day("seen_on", "采集日", "Seen on", required=True),
        text("seen_at_source", "来源", "Where it was seen"),
    ),
)  # fmt: skip

MARKET_FACT = Contract(
    "market_fact", "sources", "市场与政策事实", "Dated fact of market or policy",
    key=("fact", "on"), dated_by="published_on",
    columns=(
        code("fact", "事实", "Fact: LPR1Y, CPI, rate_cut …", required=True),
        day("on", "所属日", "Holds for", required=True),
        day("published_on", "发布日", "Published on", required=True),
        number("value", "数值", "Value"),
        text("note", "说明", "Note"),
    ),
)  # fmt: skip

OWNS = (CONSENT_RECORD, CONTROL_FLAG, RISK_ASSESSMENT, COMPETITOR_PRODUCT, MARKET_FACT)
