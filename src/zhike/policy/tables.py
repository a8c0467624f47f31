"""The tables of policy: the consent ledger, control flags per customer, and who may be contacted how."""

from zhike.kernel.terms import Channel
from zhike.policy.terms import ALL_CHANNELS, ConsentState, ProductLine, Stage
from zhike.sources.tables.control import CONTROL_FLAG
from zhike.warehouse.contracts import Contract, Reads, code, day, flag, moment, text

CHANNELS = tuple(c.value for c in Channel)
PURPOSES = ("marketing", "service", "profiling")
STATES = (ConsentState.GRANTED.value, ConsentState.WITHDRAWN.value)
FLAGS: tuple[str, ...] = CONTROL_FLAG.column("flag").allowed

FLAG_NAMES = {
    "do_not_contact": ("免扰名单", "On the do-not-contact list"),
    "complaint_open": ("投诉处理中", "Complaint open"),
    "complaint_closed": ("有已结投诉", "A complaint was closed"),
    "judicial_freeze": ("司法冻结", "Frozen by a court"),
    "fraud_control": ("涉案涉诈管控", "Under fraud control"),
    "aml_high_risk": ("反洗钱高风险或调查中", "High money-laundering risk"),
    "sanctioned": ("制裁名单", "Sanctioned"),
    "litigation": ("诉讼中", "In litigation"),
    "account_inactive": ("账户长期不动管控", "Account held as long inactive"),
    "credit_watch": ("信贷关注", "On credit watch"),
    "legal_dispute": ("法律纠纷中", "In a legal dispute"),
    "related_party": ("关联方", "Related party of the bank"),
}

CONSENT_ENTRY = Contract(
    "consent_entry", "policy", "同意台账快照", "Entries made in zhike itself (unsubscribe, console, manager), as snapshot from the store",
    key=("entry_id",), dated_by="on",
    columns=(
        text("entry_id", "台账号", "Entry", required=True),
        text("customer_id", "接收人", "The natural person it concerns", required=True),
        code("channel", "渠道", "Channel, or * for all", required=True, allowed=(ALL_CHANNELS, *CHANNELS)),
        code("purpose", "用途", "Purpose", required=True, allowed=PURPOSES),
        code("state", "状态", "Granted or withdrawn", required=True, allowed=STATES),
        day("on", "日期", "On", required=True),
        moment("at", "时间", "At", required=True),
        code("evidence", "凭证", "Evidence"),
    ),
)  # fmt: skip

CONSENT = Contract(
    "consent", "policy", "同意台账", "The consent ledger: append-only, the bank's file and zhike's own entries; the latest wins, a withdrawal beats",
    key=("entry_id",), dated_by="on",
    columns=(
        text("entry_id", "台账号", "Entry", required=True),
        text("customer_id", "接收人", "The natural person it concerns", required=True),
        code("channel", "渠道", "Channel, or * for all", required=True, allowed=(ALL_CHANNELS, *CHANNELS)),
        code("purpose", "用途", "Purpose", required=True, allowed=PURPOSES),
        code("state", "状态", "Granted or withdrawn", required=True, allowed=STATES),
        day("on", "日期", "On", required=True),
        moment("at", "时间", "At; missing where the source gives the day only"),
        code("origin", "来源", "Bank's file or zhike's own entry", required=True, allowed=("bank_file", "zhike")),
        code("evidence", "凭证", "Evidence"),
    ),
)  # fmt: skip

CUSTOMER_CONTROL = Contract(
    "customer_control", "policy", "客户管控", "Control flags that hold for a customer on the day; one row for every customer",
    key=("customer_id",),
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        *(flag(f"has_{f}", *FLAG_NAMES[f], required=True) for f in FLAGS),
        day("complaint_closed_on", "最近投诉结案日", "Latest complaint closed on"),
        text("recipient_id", "接收人", "The natural person who receives contacts for the customer; missing = nobody is authorised"),
        code("recipient_role", "接收人角色", "Why it is this person", allowed=(
            "self", "owner", "finance", "operator", "legal_representative", "controller")),
    ),
)  # fmt: skip

CONTACTABILITY = Contract(
    "contactability", "policy", "可触达状态", "May a customer be contacted: per channel, purpose and product line, with the first reason why not",
    key=("customer_id", "channel", "purpose", "product_line"),
    columns=(
        text("customer_id", "客户", "For whom", required=True),
        text("recipient_id", "接收人", "Who receives it"),
        code("channel", "渠道", "Channel", required=True, allowed=CHANNELS),
        code("purpose", "用途", "Purpose", required=True, allowed=PURPOSES),
        code("product_line", "产品条线", "Product line", required=True, allowed=tuple(p.value for p in ProductLine)),
        flag("is_allowed", "可触达", "May be contacted, as far as the day's facts say", required=True),
        code("stage", "阶段", "Stage of the gate that refuses", allowed=tuple(s.value for s in Stage)),
        code("rule", "规则", "Gate that refuses first"),
        text("reason", "原因", "Its reason, in Chinese"),
        text("reason_en", "原因(英)", "Its reason, in English"),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (CONSENT_ENTRY, CONSENT, CUSTOMER_CONTROL, CONTACTABILITY)
READS: tuple[Reads, ...] = (
    Reads("consent_record"),
    Reads("consent_entry"),
    Reads("control_flag"),
    Reads(
        "company_contact",
        ("source", "company_key", "contact_key", "role", "is_authorised", "valid_from_on", "valid_to_on"),
    ),
    Reads("customer", ("customer_id", "party_kind")),
    Reads("identity_link", ("source", "source_key", "customer_id")),
    Reads("identity_register", ("customer_id", "merged_into")),
    Reads("identity_change", ("changed_on", "kind", "customer_id", "other_customer_id")),
    Reads(
        "customer_relation",
        ("from_customer_id", "to_customer_id", "kind", "is_declared", "valid_from_on", "valid_to_on"),
    ),
    Reads("consent"),
    Reads("customer_control"),
    Reads("profile"),
)

__all__ = ["OWNS", "READS"]
