"""What they owe or might: facilities, loans, plans, collateral, cards, applications, external credit facts."""

from zhike.warehouse.contracts import Contract, Personal, amount, code, day, flag, integer, moment, rate, text

DIRECT, SENSITIVE = Personal.DIRECT, Personal.SENSITIVE
FIVE_CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")

CREDIT_FACILITY = Contract(
    "credit_facility", "sources", "授信额度", "Credit limit",
    key=("facility_id",), dated_by="approved_on",
    columns=(
        code("facility_id", "额度编号", "Facility", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Borrower", required=True, personal=DIRECT),
        code("product_class", "产品大类", "Product class", required=True),
        amount("limit_amount", "额度", "Limit", required=True, minimum=0),
        flag("is_revolving", "可循环", "Revolving"),
        day("approved_on", "审批日", "Approved on", required=True),
        day("expires_on", "到期日", "Expires on", required=True),
        code("status", "状态", "Status", allowed=("valid", "frozen", "cancelled", "expired")),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

LOAN = Contract(
    "loan", "sources", "贷款", "Loan",
    key=("loan_id",), dated_by="drawn_on",
    columns=(
        code("loan_id", "借据号", "Loan", required=True),
        code("facility_id", "额度编号", "Facility"),
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        code("product_class", "产品大类", "Product class", required=True),
        amount("principal_amount", "发放金额", "Principal", required=True, minimum=0),
        rate("annual_rate", "年利率", "Annual rate", minimum=0, maximum=1),
        integer("term_months", "期限(月)", "Term in months", minimum=0),
        amount("instalment_amount", "每期还款", "Instalment"),
        day("drawn_on", "放款日", "Drawn on", required=True),
        day("due_on", "到期日", "Due on"),
        day("settled_on", "结清日", "Settled on"),
        code("five_class", "五级分类", "Five-class grade", allowed=FIVE_CLASSES),
        integer("arrears_days", "逾期天数", "Days in arrears now", unit="days", minimum=0),
        integer("arrears_days_12m", "近12月最长逾期", "Longest arrears in 12 months", unit="days", minimum=0),
        integer("arrears_days_24m", "近24月最长逾期", "Longest arrears in 24 months", unit="days", minimum=0),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

REPAYMENT_PLAN = Contract(
    "repayment_plan", "sources", "还款计划", "Repayment plan",
    key=("loan_id", "due_on"), dated_by="",
    columns=(
        code("loan_id", "借据号", "Loan", required=True, references="loan.loan_id"),
        day("due_on", "应还日", "Due on", required=True),
        amount("principal_due_amount", "应还本金", "Principal due", required=True, minimum=0),
        amount("interest_due_amount", "应还利息", "Interest due", minimum=0),
        day("paid_on", "实还日", "Paid on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

COLLATERAL = Contract(
    "collateral", "sources", "押品", "Collateral",
    key=("collateral_id",),
    columns=(
        code("collateral_id", "押品编号", "Collateral", required=True),
        code("facility_id", "额度编号", "Facility", references="credit_facility.facility_id"),
        code("collateral_kind", "押品类型", "Kind", required=True),
        amount("value_amount", "评估价值", "Value", minimum=0),
        day("valued_on", "评估日", "Valued on"),
    ),
)  # fmt: skip

CARD = Contract(
    "card", "sources", "卡", "Card",
    key=("card_id",), dated_by="issued_on",
    columns=(
        code("card_id", "卡号标识", "Card (token)", required=True),
        text("account_id", "账号", "Account", required=True, personal=SENSITIVE),
        code("card_kind", "卡种", "Kind", required=True),
        day("issued_on", "发卡日", "Issued on", required=True),
        day("activated_on", "激活日", "Activated on"),
        day("last_used_on", "最近用卡日", "Last transaction by the cardholder (no interest, fees, instalments); of a card never used the day of activation; missing = not known"),
        amount("owed_amount", "账面余额", "Owed now, below zero where overpaid; missing = not known"),
        day("closed_on", "销卡日", "Closed on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

HOUSING_FUND = Contract(
    "housing_fund", "sources", "公积金缴存", "Housing fund of a person, by an authorised query",
    key=("source", "source_key", "queried_on"), dated_by="queried_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Person", required=True, personal=DIRECT),
        day("queried_on", "查询日", "Queried on", required=True),
        integer("n_months_paid", "连续缴存月数", "Months paid without a gap up to the last", required=True, minimum=0),
        day("last_paid_on", "最近缴存日", "Last paid on"),
        amount("base_amount", "缴存基数", "Monthly wage that the payments are counted from", minimum=0),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

CARD_BILL = Contract(
    "card_bill", "sources", "账单", "Card bill",
    key=("card_id", "billed_on"), dated_by="billed_on",
    columns=(
        code("card_id", "卡号标识", "Card (token)", required=True),
        day("billed_on", "账单日", "Billed on", required=True),
        day("due_on", "还款日", "Due on"),
        amount("bill_amount", "账单金额", "Amount", required=True),
        amount("paid_amount", "已还金额", "Paid"),
    ),
)  # fmt: skip

INSTALMENT = Contract(
    "instalment", "sources", "分期", "Instalment plan",
    key=("instalment_id",), dated_by="started_on",
    columns=(
        code("instalment_id", "分期编号", "Plan", required=True),
        code("card_id", "卡号标识", "Card (token)", required=True),
        amount("principal_amount", "分期本金", "Principal", required=True, minimum=0),
        rate("annual_cost_rate", "年化成本", "Annualised cost", minimum=0, maximum=1),
        integer("n_periods", "期数", "Periods", minimum=1),
        day("started_on", "起始日", "Started on", required=True),
    ),
)  # fmt: skip

LOAN_APPLICATION = Contract(
    "loan_application", "sources", "贷款申请", "Loan application",
    key=("application_id",), dated_by="applied_on",
    columns=(
        code("application_id", "申请编号", "Application", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Applicant", required=True, personal=DIRECT),
        code("product_class", "产品大类", "Product class", required=True),
        amount("requested_amount", "申请金额", "Requested", minimum=0),
        day("applied_on", "申请日", "Applied on", required=True),
        code("status", "状态", "Status", required=True, allowed=("started", "submitted", "approved", "declined", "withdrawn")),
        day("decided_on", "审批日", "Decided on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

CREDIT_RECORD = Contract(
    "credit_record", "sources", "征信记录", "Credit record from an authorised query (never for marketing)",
    key=("source", "source_key", "queried_on"), dated_by="queried_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Subject", required=True, personal=DIRECT),
        day("queried_on", "查询日", "Queried on", required=True),
        integer("n_loans", "贷款笔数", "Loans on record", minimum=0),
        code("credit_grade", "信用等级", "Grade"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

FINANCIAL_STATEMENT = Contract(
    "financial_statement", "sources", "财务报表", "A company's statement",
    key=("source", "source_key", "period_end_on", "item"), dated_by="published_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Company", required=True, personal=DIRECT),
        day("period_end_on", "报告期末", "Period ends on", required=True),
        day("published_on", "报送日", "Handed in on", required=True),
        code("item", "科目", "Item", required=True),
        amount("value_amount", "金额", "Value", required=True),
    ),
)  # fmt: skip

INVOICE = Contract(
    "invoice", "sources", "发票", "VAT invoice: both sides as printed, with the bank's own number where it knows one",
    key=("invoice_id",), dated_by="issued_on",
    columns=(
        code("invoice_id", "发票号", "Invoice", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("seller_key", "销方客户号", "Seller's key in the source, where the bank knows it", personal=DIRECT),
        text("buyer_key", "购方客户号", "Buyer's key in the source, where the bank knows it", personal=DIRECT),
        text("seller_name", "销方名称", "Seller's name as printed", personal=DIRECT),
        text("seller_tax_id", "销方税号", "Seller's taxpayer number: unified social credit code, or one of 15 digits", personal=DIRECT),
        text("seller_phone", "销方电话", "Seller's telephone as printed", personal=DIRECT),
        text("buyer_name", "购方名称", "Buyer's name as printed", personal=DIRECT),
        text("buyer_tax_id", "购方税号", "Buyer's taxpayer number", personal=DIRECT),
        text("buyer_phone", "购方电话", "Buyer's telephone as printed", personal=DIRECT),
        day("issued_on", "开票日", "Issued on", required=True),
        amount("total_amount", "价税合计", "Total", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

TAX_RECORD = Contract(
    "tax_record", "sources", "纳税记录", "Tax paid, by authorisation",
    key=("source", "source_key", "period", "tax_kind"), dated_by="paid_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Taxpayer", required=True, personal=DIRECT),
        code("period", "所属期", "Period", required=True),
        code("tax_kind", "税种", "Tax", required=True),
        amount("paid_amount", "已缴税额", "Paid", required=True),
        day("paid_on", "缴纳日", "Paid on", required=True),
    ),
)  # fmt: skip

PROJECT = Contract(
    "project", "sources", "融资项目", "Project of a company to be financed",
    key=("project_id",), dated_by="registered_on",
    columns=(
        code("project_id", "项目编号", "Project", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Company", required=True, personal=DIRECT),
        code("sector", "行业", "Sector"),
        amount("financing_amount", "融资金额", "Amount sought", minimum=0),
        integer("term_months", "期限(月)", "Term in months", minimum=0),
        code("stage", "阶段", "Stage", allowed=("planned", "approved", "building", "operating", "closed")),
        day("registered_on", "登记日", "Registered on", required=True),
    ),
)  # fmt: skip

WHITELIST = Contract(
    "whitelist", "sources", "风控白名单", "Risk department's list",
    key=("list_id", "source", "source_key"), dated_by="issued_on",
    columns=(
        code("list_id", "名单编号", "List", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer", required=True, personal=DIRECT),
        amount("limit_amount", "预授信额度", "Pre-approved limit", minimum=0),
        day("issued_on", "下发日", "Issued on", required=True),
        day("valid_to_on", "有效期至", "Valid to (inclusive)", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

OWNS = (CREDIT_FACILITY, LOAN, REPAYMENT_PLAN, COLLATERAL, CARD, HOUSING_FUND, CARD_BILL, INSTALMENT, LOAN_APPLICATION, CREDIT_RECORD,
        FINANCIAL_STATEMENT, INVOICE, TAX_RECORD, PROJECT, WHITELIST)  # fmt: skip
