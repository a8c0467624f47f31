"""What anonymous to known owns: whose the events without a user are, and which user keys continue others."""

from zhike.identity.anonymous.terms import How, Left
from zhike.warehouse.contracts import Contract, Personal, Reads, code, day, moment, text

EVENT_PARTY = Contract(
    "event_party", "identity", "匿名行为归属", "Whose an event without a user is: the party that identified on the same device, or nobody; and identifications that were corrected",
    key=("event_id",), dated_by="on",
    columns=(
        text("event_id", "事件号", "Event", required=True),
        code("source", "来源系统", "Source system", required=True),
        day("on", "日期", "Business day of the event", required=True),
        text("source_key", "来源客户号", "Whose it is, as the source knows that party; missing = nobody's", personal=Personal.DIRECT),
        code("how", "归属方式", "How that is known", allowed=(How.BEFORE_LOGIN.value, How.AFTER_LOGIN.value, How.ALIAS.value)),
        text("evidence_id", "依据事件", "Event by which the party identified on the device"),
        moment("known_at", "得知时间", "From when it is known whose it is"),
        code("left_because", "未归属原因", "Why it is nobody's", allowed=tuple(w.value for w in Left)),
    ),
)  # fmt: skip

PARTY_ALIAS = Contract(
    "party_alias", "identity", "客户号沿用", "A user key that no record of a party carries, and the known one that continues it",
    key=("source", "previous_key"),
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("previous_key", "原客户号", "Key that was used before", required=True, personal=Personal.DIRECT),
        text("source_key", "现客户号", "Key that continues it, which a record of a party carries", required=True, personal=Personal.DIRECT),
        moment("known_at", "得知时间", "From when that is known", required=True),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (EVENT_PARTY, PARTY_ALIAS)
READS: tuple[Reads, ...] = (
    Reads("event", ("event_id", "source", "source_key", "anonymous_id", "previous_id", "event_kind", "on", "at", "session_id", "recorded_at")),
)  # fmt: skip

__all__ = ["EVENT_PARTY", "OWNS", "PARTY_ALIAS", "READS"]
