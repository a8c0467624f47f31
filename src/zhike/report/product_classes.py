"""The classes of product (``product.product_class``) as people name them."""

from collections.abc import Mapping

from zhike.kernel.terms import Text

PRODUCT_CLASSES: Mapping[str, Text] = {
    "demand": Text("活期", "Demand deposit"), "term": Text("定期", "Term deposit"), "large_cd": Text("大额存单", "Large CD"),
    "notice": Text("通知存款", "Notice deposit"), "structured": Text("结构性存款", "Structured deposit"), "agreement": Text("协定存款", "Agreement deposit"),
    "cash_wealth": Text("现金管理理财", "Cash-management wealth"), "fixed_income": Text("固收理财", "Fixed-income wealth"),
    "mixed_equity": Text("混合与权益理财", "Mixed and equity wealth"), "fund": Text("公募基金", "Fund"), "insurance": Text("保险", "Insurance"),
    "trust": Text("信托与资管", "Trust"), "savings_bond": Text("储蓄国债", "Savings bond"), "gold": Text("贵金属", "Gold"),
    "pension": Text("个人养老金", "Personal pension"), "mortgage": Text("按揭", "Mortgage"), "consumer_loan": Text("消费贷", "Consumer loan"),
    "business_loan": Text("经营贷", "Business loan"), "car_loan": Text("车贷", "Car loan"), "credit_card": Text("信用卡", "Credit card"),
    "instalment": Text("分期", "Instalment"), "working_capital": Text("流贷", "Working-capital loan"), "mobile_bank": Text("手机银行", "Mobile bank"),
    "quick_pay": Text("快捷支付", "Quick pay"), "payroll": Text("代发", "Payroll"), "direct_debit": Text("代扣", "Direct debit"),
    "acquiring": Text("收单", "Acquiring"), "settlement": Text("结算账户", "Settlement account"), "cash_management": Text("现金管理", "Cash management"),
    "bill": Text("票据", "Bills"), "supply_chain": Text("供应链", "Supply chain"), "trade": Text("国际结算", "Trade"),
}  # fmt: skip

__all__ = ["PRODUCT_CLASSES"]
