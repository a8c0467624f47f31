"""What they hold and move: products, accounts, daily balances, holdings, term contracts, transactions, payroll, rates."""

from zhike.warehouse.contracts import Contract, Personal, amount, code, day, flag, integer, moment, number, rate, text

DIRECT, SENSITIVE = Personal.DIRECT, Personal.SENSITIVE
GRADES = ("R1", "R2", "R3", "R4", "R5")

PRODUCT = Contract(
    "product", "sources", "产品", "Product",
    key=("product_id",),
    columns=(
        code("product_id", "产品代码", "Product", required=True),
        text("name", "产品名称", "Name", required=True),
        code("family", "一级分类", "Level 1 of the product tree", required=True,
             allowed=("deposit", "wealth", "credit", "payment", "corporate")),
        code("product_class", "二级分类", "Level 2 of the product tree", required=True, allowed=(
            "demand", "term", "large_cd", "notice", "structured", "agreement",
            "cash_wealth", "fixed_income", "mixed_equity", "fund", "insurance", "trust", "savings_bond", "gold", "pension",
            "mortgage", "consumer_loan", "business_loan", "car_loan", "credit_card", "working_capital", "bill", "supply_chain",
            "mobile_bank", "quick_pay", "payroll", "direct_debit", "acquiring", "settlement", "cash_management", "trade")),
        code("risk_grade", "风险等级", "R-grade, higher of issuer's and distributor's", allowed=GRADES),
        code("issuer", "发行机构", "Issuer"),
        amount("minimum_amount", "起购金额", "Minimum"),
        rate("annual_rate", "年化利率", "Annual rate", minimum=-1, maximum=1),
        integer("term_days", "期限", "Term in days", minimum=0),
        flag("counts_in_aum", "计入AUM", "Counts in AUM"),
    ),
)  # fmt: skip

ACCOUNT = Contract(
    "account", "sources", "账户", "Account",
    key=("account_id",), dated_by="opened_on",
    columns=(
        text("account_id", "账号", "Account", required=True, personal=SENSITIVE),
        code("product_id", "产品代码", "Product", references="product.product_id"),
        code("org_id", "开户机构", "Opening unit"),
        code("account_kind", "账户类型", "Kind", required=True, allowed=("demand", "term", "wealth", "fund", "insurance", "loan", "card", "settlement_basic", "settlement_general", "other")),
        code("currency", "币种", "Currency"),
        day("opened_on", "开户日", "Opened on", required=True),
        day("closed_on", "销户日", "Closed on"),
        code("status", "状态", "Status", allowed=("normal", "dormant", "frozen", "closed")),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

ACCOUNT_PARTY = Contract(
    "account_party", "sources", "账户客户关系", "Who stands in which role to an account",
    key=("account_id", "source", "source_key", "role"),
    columns=(
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        code("role", "角色", "Role", required=True, allowed=("owner", "joint_owner", "disponent", "guardian")),
        rate("share_rate", "份额", "Share of the balance", minimum=0, maximum=1),
    ),
)  # fmt: skip

BALANCE_DAILY = Contract(
    "balance_daily", "sources", "账户日余额", "Balance of an account over a run of days (demand, term, loan)",
    key=("account_id", "on"), dated_by="on",
    columns=(
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        day("on", "起始日", "First day with this closing balance", required=True),
        day("until_on", "截止日", "Last day with it (inclusive); missing = still. Equal to `on` in a daily snapshot"),
        amount("balance_amount", "余额", "Closing balance in base currency", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

HOLDING_DAILY = Contract(
    "holding_daily", "sources", "持仓", "Market value of an investment over a run of days",
    key=("account_id", "product_id", "on"), dated_by="on",
    columns=(
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        code("product_id", "产品代码", "Product", required=True, references="product.product_id"),
        day("on", "起始日", "First day with this value", required=True),
        day("until_on", "截止日", "Last day with it (inclusive); missing = still"),
        number("units", "份额", "Units"),
        amount("cost_amount", "成本", "Cost"),
        amount("value_amount", "市值", "Market value; insurance: premium paid less surrendered", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

TERM_CONTRACT = Contract(
    "term_contract", "sources", "定期合约", "Money placed for a term: term deposit, large CD, wealth product, bond, single-premium insurance",
    key=("contract_id",), dated_by="started_on",
    columns=(
        text("contract_id", "合约号", "Contract", required=True, personal=SENSITIVE),
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        code("product_id", "产品代码", "Product", required=True, references="product.product_id"),
        amount("principal_amount", "本金", "Principal", required=True, minimum=0),
        rate("annual_rate", "年化利率", "Annual rate", minimum=-1, maximum=1),
        day("started_on", "起息日", "Started on", required=True),
        day("matures_on", "到期日", "Matures on", required=True),
        flag("auto_renews", "自动转存", "Renews by itself"),
        day("ended_on", "结束日", "Ended on: matured or broken; missing = running"),
        code("end_kind", "结束方式", "How it ended", allowed=("matured", "renewed", "broken")),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

TRANSACTION = Contract(
    "transaction", "sources", "交易流水", "Movement on an account",
    key=("txn_id",), dated_by="on", partitioned_by="batch",
    columns=(
        text("txn_id", "流水号", "Transaction", required=True),
        text("account_id", "账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        day("on", "记账日", "Business day", required=True),
        moment("at", "交易时间", "Moment"),
        code("direction", "收付方向", "In or out", required=True, allowed=("in", "out")),
        amount("amount", "金额", "Amount, never negative", required=True, minimum=0),
        amount("balance_after_amount", "交易后余额", "Running balance after it"),
        code("txn_kind", "交易类型", "Kind", required=True, allowed=(
            "cash_in", "cash_out", "transfer_in", "transfer_out", "payment", "card_payment", "payroll", "pension", "interest", "fee",
            "direct_debit", "loan_drawdown", "loan_repayment", "product_purchase", "product_redemption", "reversal", "judicial",
            "tax", "settlement", "cross_border", "insurance", "household", "other")),
        code("channel", "渠道", "Channel"),
        flag("is_initiated", "客户主动", "Initiated by the customer"),
        code("counterparty_kind", "对手类型", "Counterparty", allowed=(
            "own_bank_self", "own_bank_other", "other_bank_self", "other_bank_other", "broker_self", "wallet_self", "merchant", "employer", "cash", "bank", "government", "unknown")),
        code("counterparty_bank", "对手行", "Counterparty's bank"),
        text("counterparty_key", "对手账户", "The counterparty's account, or a keyed hash of it: the same for the same account", personal=SENSITIVE),
        flag("is_counterparty_person", "对手为个人", "The counterparty is a natural person; missing = not known"),
        flag("is_within_group", "集团内往来", "Between companies of one group; missing = not known"),
        code("merchant_category", "商户类别", "Merchant category"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

STANDING_ORDER = Contract(
    "standing_order", "sources", "定期付款约定", "Standing order: money that leaves an account regularly",
    key=("order_id",),
    columns=(
        code("order_id", "约定编号", "Order", required=True),
        text("account_id", "付款账号", "Account", required=True, references="account.account_id", personal=SENSITIVE),
        amount("amount", "金额", "Amount of one payment", required=True, minimum=0),
        code("purpose", "用途", "Purpose", allowed=("household", "insurance", "leasing", "loan_repayment", "other")),
        code("counterparty_bank", "对手行", "Counterparty's bank"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

PAYROLL_AGREEMENT = Contract(
    "payroll_agreement", "sources", "代发协议", "Payroll agreement of a company",
    key=("agreement_id",), dated_by="signed_on",
    columns=(
        code("agreement_id", "协议号", "Agreement", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("company_key", "企业客户号", "Company", required=True, personal=DIRECT),
        day("signed_on", "签约日", "Signed on", required=True),
        day("ended_on", "终止日", "Ended on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

PAYROLL_ITEM = Contract(
    "payroll_item", "sources", "代发明细", "One payment of wages, bonus or pension",
    key=("payroll_item_id",), dated_by="on",
    columns=(
        text("payroll_item_id", "明细号", "Item", required=True),
        code("agreement_id", "协议号", "Agreement"),
        text("account_id", "收款账号", "Account paid into", required=True, references="account.account_id", personal=SENSITIVE),
        day("on", "发放日", "Paid on", required=True),
        code("purpose", "用途", "Purpose", required=True, allowed=("wage", "bonus", "pension", "reimbursement", "other")),
        amount("amount", "金额", "Amount", required=True, minimum=0),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

FTP_RATE = Contract(
    "ftp_rate", "sources", "FTP价格", "Funds-transfer price",
    key=("product_class", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("product_class", "产品大类", "Product class", required=True),
        rate("annual_rate", "FTP年利率", "Annual rate", required=True, minimum=-1, maximum=1),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
    ),
)  # fmt: skip

RATE_HISTORY = Contract(
    "rate_history", "sources", "利率历史", "Posted rates over time",
    key=("product_id", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("product_id", "产品代码", "Product", required=True),
        rate("annual_rate", "年利率", "Annual rate", required=True, minimum=-1, maximum=1),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
    ),
)  # fmt: skip

OWNS = (PRODUCT, ACCOUNT, ACCOUNT_PARTY, BALANCE_DAILY, HOLDING_DAILY, TERM_CONTRACT, TRANSACTION,
        STANDING_ORDER, PAYROLL_AGREEMENT, PAYROLL_ITEM, FTP_RATE, RATE_HISTORY)  # fmt: skip
