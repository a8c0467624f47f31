"""Explanations of identity as plain values, ready for JSON and for tables: hidden values, both languages, bits to two digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from zhike.identity.changes import KEYS_CHANGED, NEW_RECORDS, RECORDS_GONE, RETURNED, UNDONE
from zhike.identity.evidence import VERDICTS, Contradiction, Verdict, Waterfall
from zhike.identity.explain import REFUSALS, Explanation, PairExplained, Rival, Step
from zhike.identity.live import LiveChange
from zhike.identity.rules import MEANINGS
from zhike.identity.shown import shown
from zhike.identity.terms import Override, RecordKey
from zhike.kernel.terms import Text

Row = dict[str, Any]
BITS = 2
COMPARISONS: Mapping[str, Text] = {
    "name": Text("姓名/名称", "name"), "birth": Text("出生日期", "birth"), "mobile": Text("手机号", "mobile"), "email": Text("邮箱", "e-mail"),
    "place": Text("门牌", "door"), "region": Text("地区", "region"), "sex": Text("性别", "sex"),
}  # fmt: skip
LEVELS: Mapping[str, Text] = {
    "equal": Text("相同", "equal"), "same_sound": Text("同音", "same sound"), "one_character": Text("差一字", "one character differs"),
    "close_sound": Text("音近", "close in sound"), "same_family": Text("同姓", "same family name"), "different": Text("不同", "different"),
    "swapped": Text("月日颠倒", "day and month swapped"), "one_digit": Text("差一位", "one digit differs"), "same_year": Text("同年", "same year"),
    "close": Text("相近", "close"), "same_door": Text("门牌相同", "same door"), "other_door": Text("门牌不同", "another door"),
    "same_district": Text("同区县", "same district"), "same_city": Text("同城市", "same city"), "same_province": Text("同省", "same province"),
    "elsewhere": Text("异地", "elsewhere"), "missing": Text("缺失，不计", "missing, counts nothing"),
}  # fmt: skip
PRIOR = Text("先验（任意两条记录为同一人）", "prior: any two records are one")


def record_text(key: RecordKey) -> str:
    """Return a record as commands write it."""
    return f"{key.source}:{key.source_key}"


def both(text: Text, prefix: str = "") -> Row:
    """Return a text under ``zh`` and ``en``."""
    return {f"{prefix}zh": text.zh, f"{prefix}en": text.en}


def _named(names: Mapping[str, Text], key: str) -> Text:
    """Return what a key of a definition is called; one that a bank made is called by its key."""
    return names.get(key, Text(key, key))


def told_step(step: Step) -> Row:
    """Return one link of a chain."""
    weight = None if step.weight is None else round(step.weight, BITS)
    return {
        "left": record_text(step.left),
        "right": record_text(step.right),
        "rule": step.rule,
        "weight": weight,
        **both(step.meaning),
    }


def told_refusal(step: Step, reason: str) -> Row:
    """Return an edge that did not link, and what kept it from it."""
    return {**told_step(step), "because": reason, **both(REFUSALS_BY_NAME[reason], "because_")}


REFUSALS_BY_NAME: Mapping[str, Text] = {str(r): text for r, text in REFUSALS.items()}


def told_contradiction(found: Contradiction, *, is_open: bool) -> Row:
    """Return two facts that cannot be of one customer."""
    return {
        "reason": found.reason.value, **both(REFUSALS[found.reason]), "left": record_text(found.left), "right": record_text(found.right),
        "left_value": shown(found.column, found.left_value, is_open=is_open), "right_value": shown(found.column, found.right_value, is_open=is_open),
        "is_final": found.is_final,
    }  # fmt: skip


def told_rival(found: Rival, *, is_open: bool) -> Row:
    """Return which other customer an ambiguous record fits as well."""
    why = told_contradiction(found.contradiction, is_open=is_open)
    return {
        "record": record_text(found.record), "fits_customer_id": found.customer_id, "rule": found.rule, "contradicts": why,
        "zh": f"{record_text(found.record)} 也符合客户 {found.customer_id}，而后者与对方矛盾：{why['zh']}",
        "en": f"{record_text(found.record)} fits customer {found.customer_id} as well, which contradicts the other: {why['en']}",
    }  # fmt: skip


def told_waterfall(found: Waterfall, *, is_open: bool) -> Row:
    """Return the evidence of the model, line by line with its running sum."""
    total = found.prior
    lines: list[Row] = [{"what": "prior", **both(PRIOR), "level": None, "left": None, "right": None, "bits": round(total, BITS), "rarity": 0.0, "sum": round(total, BITS)}]  # fmt: skip
    columns = dict(zip((e.comparison for e in found.evidence), found.columns, strict=True))
    for e in found.evidence:
        total += e.weight + e.rarity
        level = _named(LEVELS, e.level)
        lines.append({
            "what": e.comparison, **both(_named(COMPARISONS, e.comparison)), "level": e.level, **both(level, "level_"),
            "left": shown(columns[e.comparison], e.left, is_open=is_open), "right": shown(columns[e.comparison], e.right, is_open=is_open),
            "bits": round(e.weight, BITS), "rarity": round(e.rarity, BITS), "sum": round(total, BITS),
        })  # fmt: skip
    return {
        "model": found.model, "left_version": found.left_on.isoformat(), "right_version": found.right_on.isoformat(), "lines": lines,
        "total": round(found.total, BITS), "probability": round(found.probability, 6), "gate": found.gate, "gate_level": found.gate_level,
        "links_from": None if found.links_from is None else round(found.links_from, BITS), "review_from": found.review_from,
        "blocks": [list(b) for b in found.blocks], "verdict": found.verdict.value, **both(_verdict(found)),
    }  # fmt: skip


def _verdict(found: Waterfall) -> Text:
    """Return the verdict with the threshold that applied."""
    text, level = VERDICTS[found.verdict], _named(LEVELS, found.gate_level)
    if found.links_from is None:
        zh, en = f"「{level.zh}」级从不自动归并", f"pairs at «{level.en}» are never linked by weight"
    else:
        zh = f"「{level.zh}」级自 {found.links_from:.2f} 位起自动归并，现为 {found.total:.2f} 位"
        en = f"pairs at «{level.en}» are linked from {found.links_from:.2f} bits on, this one has {found.total:.2f}"
    return Text(f"{text.zh}（{zh}）", f"{text.en} ({en})")


def told_pair(found: PairExplained, *, is_open: bool) -> Row:
    """Return what two records share and what the model makes of them."""
    return {
        "left": record_text(found.left), "right": record_text(found.right),
        "shared_keys": [
            {"rule": s.rule, **both(MEANINGS[s.rule]), "values": {c: shown(c, v, is_open=is_open) for c, v in s.values}} for s in found.shared
        ],
        "weighed": None if found.weighed is None else told_waterfall(found.weighed, is_open=is_open),
    }  # fmt: skip


def told_overrides(overrides: Sequence[Override], published_at: datetime) -> list[Row]:
    """Return officers' words, each once; those made since the run hold from the next one on."""
    found: dict[str, Row] = {}
    for o in overrides:
        is_since = o.decided_at is not None and o.decided_at > published_at
        found.setdefault(o.override_id, {
            "override": int(o.override_id), "action": o.action.value, "reason": o.reason, "by": o.decided_by,
            "at": o.decided_at.isoformat(timespec="seconds") if o.decided_at else None, "holds_from_next_run": is_since,
        })  # fmt: skip
    return [found[key] for key in sorted(found, key=int)]


def told_explanation(found: Explanation, *, is_open: bool, published_at: datetime) -> Row:
    """Return an explanation of two records."""
    return {
        "left": record_text(found.left), "right": record_text(found.right), "left_customer_id": found.left_customer_id,
        "right_customer_id": found.right_customer_id, "is_one_customer": found.link.is_linked, **both(_headline(found)),
        "chain": [told_step(s) for s in found.link.chain], "refusals": [told_refusal(s, why) for s, why in found.link.refusals],
        "contradictions": [told_contradiction(c, is_open=is_open) for c in found.contradictions],
        "ambiguous": [told_rival(r, is_open=is_open) for r in found.rivals],
        "decisions": told_overrides(found.overrides, published_at), "pairs": [told_pair(p, is_open=is_open) for p in found.pairs],
    }  # fmt: skip


def _headline(found: Explanation) -> Text:
    one, other = found.left_customer_id, found.right_customer_id
    if found.link.is_linked:
        n = len(found.link.chain)
        return Text(f"同一客户 {one}，经 {n} 步相连", f"one customer, {one}, by {n} step{'' if n == 1 else 's'}")
    if found.link.refusals:
        reasons = list(dict.fromkeys(why for _, why in found.link.refusals))
        zh, en = "；".join(REFUSALS_BY_NAME[r].zh for r in reasons), "; ".join(REFUSALS_BY_NAME[r].en for r in reasons)
    elif found.contradictions:
        zh, en = REFUSALS[found.contradictions[0].reason].zh, REFUSALS[found.contradictions[0].reason].en
    elif any(p.shared for p in found.pairs):
        zh, en = "共同的标识被过多记录共用，不作依据", "what they share is shared by too many records to mean anybody"
    elif any(p.weighed is not None and p.weighed.verdict is Verdict.REVIEW for p in found.pairs):
        zh, en = "匹配模型不确定，待人工核实", "the match model is not sure: an officer is asked"
    else:
        zh, en = (
            "没有共同的可用标识，综合匹配也不足以归并",
            "they share no usable identifier, and the model does not link them",
        )
    return Text(f"两个客户 {one} 与 {other}：{zh}", f"two customers, {one} and {other}: {en}")


REASONS: Mapping[str, Text] = {
    **MEANINGS, **REFUSALS_BY_NAME,
    KEYS_CHANGED: Text("标识变化", "What they shared has changed"), NEW_RECORDS: Text("新记录", "New records"),
    RECORDS_GONE: Text("记录已不存在", "Its records are gone"), RETURNED: Text("恢复原标识", "An id that was out of use came back"),
    UNDONE: Text("人工归并已撤销", "An officer's merge was undone"),
}  # fmt: skip
"""Reasons of changes, rules and refusals together."""
CHANGES: Mapping[str, Text] = {
    "created": Text("新建客户", "is given"), "merged": Text("并入", "is merged into"), "split": Text("拆出自", "is split out of"),
    "moved": Text("收到一条记录，来自", "gets a record from"), "retired": Text("注销", "is retired"),
}  # fmt: skip


def reason_text(reason: str) -> Text:
    """Return what a reason of a change is called."""
    return _named(REASONS, reason)


def told_change(found: LiveChange) -> Row:
    """Return what will happen to a customer id."""
    what, why = CHANGES[found.kind], reason_text(found.reason)
    other = f" {found.other_customer_id}" if found.other_customer_id else ""
    return {
        "kind": found.kind, "customer_id": found.customer_id, "other_customer_id": found.other_customer_id, "reason": found.reason,
        "zh": f"{found.customer_id} {what.zh}{other}（{why.zh}）", "en": f"{found.customer_id} {what.en}{other} ({why.en})",
    }  # fmt: skip


__all__ = [
    "REFUSALS_BY_NAME",
    "both",
    "reason_text",
    "record_text",
    "told_change",
    "told_contradiction",
    "told_explanation",
    "told_overrides",
    "told_refusal",
    "told_step",
]
