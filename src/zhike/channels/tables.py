"""The tables of channels: what was sent, under which permit, and what came back."""

from zhike.kernel.terms import Channel
from zhike.warehouse.contracts import Contract, Reads, amount, code, day, moment, text

CHANNELS = tuple(c.value for c in Channel)

CONTACT = Contract(
    "contact", "channels", "触达", "A contact that was planned, and what became of it",
    key=("contact_id",), dated_by="on",
    columns=(
        text("contact_id", "触达号", "Contact", required=True),
        text("customer_id", "客户", "For whom", required=True),
        text("recipient_id", "接收人", "The natural person who receives it", required=True),
        code("campaign", "活动", "Campaign", required=True),
        code("offer_id", "产品优惠", "Offer"),
        code("channel", "渠道", "Channel", required=True, allowed=CHANNELS),
        day("on", "日期", "Business day", required=True),
        moment("planned_at", "计划时间", "Planned at", required=True),
        moment("sent_at", "发送时间", "Sent at"),
        code("state", "状态", "State", required=True, allowed=("planned", "refused", "sent", "delivered", "failed", "unknown")),
        text("permit_id", "许可号", "Permit under which it was sent"),
        code("refusal_rule", "拒绝规则", "Rule that refused it at the moment of sending"),
        amount("cost_amount", "成本", "Cost", minimum=0),
    ),
)  # fmt: skip

RECEIPT = Contract(
    "receipt", "channels", "回执", "What came back of a contact",
    key=("contact_id", "receipt_kind", "at"), dated_by="on",
    columns=(
        text("contact_id", "触达号", "Contact", required=True),
        code("receipt_kind", "回执类型", "Kind", required=True, allowed=("delivered", "failed", "opened", "clicked", "answered", "declined", "opted_out")),
        day("on", "日期", "Business day", required=True),
        moment("at", "时间", "Moment", required=True),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (CONTACT, RECEIPT)
READS: tuple[Reads, ...] = ()
