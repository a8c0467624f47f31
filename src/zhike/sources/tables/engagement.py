"""What they did, said and signed: events on every touchpoint, words, answers, signings, merchants, benefits, lists."""

from zhike.kernel.terms import Channel
from zhike.warehouse.contracts import Contract, Personal, amount, code, day, integer, moment, number, text

DIRECT, SENSITIVE = Personal.DIRECT, Personal.SENSITIVE
CHANNELS = tuple(c.value for c in Channel)

EVENT = Contract(
    "event", "sources", "行为事件", "Something a customer did on a touchpoint",
    key=("event_id",), dated_by="on", partitioned_by="batch",
    columns=(
        text("event_id", "事件号", "Event", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Key of the user in the source; missing while nobody is logged in", personal=DIRECT),
        text("anonymous_id", "匿名标识", "Key of the browser or app install, where the touchpoint keeps one", personal=DIRECT),
        text("previous_id", "原标识", "alias: the anonymous_id, or the user's key, that this one continues", personal=DIRECT),
        code("event_kind", "事件类型", "Kind: app_login, page_view, loan_page_view, counter_visit …; identify and alias say who somebody is", required=True),
        code("channel", "渠道", "Touchpoint", required=True, allowed=CHANNELS),
        day("on", "日期", "Business day", required=True),
        moment("at", "时间", "Moment", required=True),
        code("subject", "对象", "What it was about: product class, page, article"),
        code("session_id", "会话", "Session"),
        code("org_id", "机构号", "Unit, where one was visited"),
        number("value", "数值", "Value carried, e.g. seconds read"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

TEXT = Contract(
    "text", "sources", "文本", "Words of a customer or the public",
    key=("text_id",), dated_by="on",
    columns=(
        code("text_id", "文本号", "Text", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Author, where known", personal=DIRECT),
        code("text_kind", "文本类型", "Comment, complaint, call note, interview, social post", required=True),
        code("channel", "渠道", "Touchpoint", allowed=CHANNELS),
        day("on", "日期", "Business day", required=True),
        code("language", "语言", "Language", allowed=("zh", "en")),
        text("body", "正文", "Body", required=True, personal=DIRECT),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

SURVEY_ANSWER = Contract(
    "survey_answer", "sources", "问卷答案", "One answer to one question",
    key=("survey_id", "respondent_key", "question_id"), dated_by="on",
    columns=(
        code("survey_id", "问卷号", "Survey", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("respondent_key", "答题人", "Respondent", required=True, personal=DIRECT),
        code("question_id", "题号", "Question", required=True),
        day("on", "日期", "Business day", required=True),
        number("answer_value", "数值答案", "Answer as a number"),
        text("answer_text", "文字答案", "Answer in words", personal=DIRECT),
    ),
)  # fmt: skip

SIGNING = Contract(
    "signing", "sources", "签约", "Service signed: mobile bank, quick pay, direct debit, payroll …",
    key=("source", "source_key", "service", "signed_on"), dated_by="signed_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("service", "服务", "Service", required=True, allowed=(
            "mobile_bank", "online_bank", "quick_pay", "direct_debit", "payroll", "acquiring", "third_party_custody", "sms_notice",
            "auto_transfer", "cash_management", "pension_account", "official_account", "mini_program")),
        day("signed_on", "签约日", "Signed on", required=True),
        day("ended_on", "解约日", "Ended on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

ACQUIRING_MERCHANT = Contract(
    "acquiring_merchant", "sources", "收单商户", "Acquiring merchant",
    key=("merchant_id",), dated_by="opened_on",
    columns=(
        code("merchant_id", "商户号", "Merchant", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Owner", required=True, personal=DIRECT),
        code("merchant_category", "商户类别", "Category"),
        day("opened_on", "开通日", "Opened on", required=True),
        day("closed_on", "关闭日", "Closed on"),
    ),
)  # fmt: skip

ACQUIRING_SETTLEMENT = Contract(
    "acquiring_settlement", "sources", "收单清算", "What a merchant took in through acquiring, settled on a day",
    key=("merchant_id", "on"), dated_by="on",
    columns=(
        code("merchant_id", "商户号", "Merchant", required=True, references="acquiring_merchant.merchant_id"),
        day("on", "清算日", "Settled on: for the time since the last settlement", required=True),
        integer("n_transactions", "交易笔数", "Transactions", required=True, minimum=0),
        amount("gross_amount", "交易金额", "Amount before fees, refunds taken off", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

CUSTOMER_LIST = Contract(
    "customer_list", "sources", "总行名单", "Customers that the bank itself lists: strategic, institutional, guarded",
    key=("list_kind", "source", "source_key", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("list_kind", "名单类型", "Kind of list", required=True, allowed=("strategic", "institutional", "protected")),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

BENEFIT_STOCK = Contract(
    "benefit_stock", "sources", "权益库存", "Stock of a benefit",
    key=("benefit_id", "on"), dated_by="on",
    columns=(
        code("benefit_id", "权益编号", "Benefit", required=True),
        day("on", "日期", "Day", required=True),
        integer("n_available", "可用数量", "Available", required=True, minimum=0),
        amount("unit_cost_amount", "单位成本", "Cost of one", minimum=0),
    ),
)  # fmt: skip

BENEFIT_GRANT = Contract(
    "benefit_grant", "sources", "权益发放", "Benefit granted",
    key=("grant_id",), dated_by="granted_on",
    columns=(
        code("grant_id", "发放编号", "Grant", required=True),
        code("benefit_id", "权益编号", "Benefit", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        day("granted_on", "发放日", "Granted on", required=True),
        day("expires_on", "到期日", "Expires on"),
    ),
)  # fmt: skip

BENEFIT_REDEEM = Contract(
    "benefit_redeem", "sources", "权益核销", "Benefit redeemed",
    key=("grant_id",), dated_by="redeemed_on",
    columns=(
        code("grant_id", "发放编号", "Grant", required=True, references="benefit_grant.grant_id"),
        day("redeemed_on", "核销日", "Redeemed on", required=True),
    ),
)  # fmt: skip

LIST_DELIVERED = Contract(
    "list_delivered", "sources", "外部名单", "List item that other systems handed to staff",
    key=("list_id", "source", "source_key"), dated_by="issued_on",
    columns=(
        code("list_id", "名单编号", "List", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("staff_id", "员工号", "Given to"),
        day("issued_on", "下发日", "Issued on", required=True),
        code("feedback", "反馈码", "Feedback code"),
    ),
)  # fmt: skip

CONTACT_HISTORY = Contract(
    "contact_history", "sources", "历史触达", "Contacts made by all senders of the bank before or outside zhike",
    key=("contact_id",), dated_by="on",
    columns=(
        text("contact_id", "触达号", "Contact", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        code("channel", "渠道", "Channel", required=True, allowed=CHANNELS),
        code("purpose", "目的", "Marketing or service", required=True, allowed=("marketing", "service")),
        day("on", "日期", "Business day", required=True),
        code("answer", "回应", "Answer", allowed=("none", "positive", "negative", "unsubscribe")),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

OWNS = (EVENT, TEXT, SURVEY_ANSWER, SIGNING, ACQUIRING_MERCHANT, ACQUIRING_SETTLEMENT, CUSTOMER_LIST, BENEFIT_STOCK, BENEFIT_GRANT, BENEFIT_REDEEM,
        LIST_DELIVERED, CONTACT_HISTORY)  # fmt: skip
