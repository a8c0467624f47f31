"""What the commands of identity say to people: headings on stderr, tables on stdout, in the language of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zhike.cli.edge import print_rows, say, speaks_chinese

Row = Mapping[str, Any]


HEADINGS = {
    "left": "甲", "right": "乙", "rule": "规则", "why": "说明", "bits": "位", "kept apart by": "未归并原因", "what": "内容", "left value": "甲的值", "left name": "甲的名称", "right name": "乙的名称", "n_customers": "客户数",
    "right value": "乙的值", "officer may overrule": "人工可否推翻", "evidence": "依据", "level": "级别", "rarity": "稀有度", "sum": "累计", "field": "字段",
    "called": "名称", "value": "值", "record": "来源记录", "known on": "生效日", "because": "采用原因", "others": "其他值", "version of": "版本生效日",
    "linked by": "归并规则", "meaning": "含义", "valid document": "证件有效", "flaws": "问题值", "on": "日期", "event": "事件", "records": "记录数",
    "reason": "原因", "decision": "人工判定", "to undo": "如何撤销", "probability": "概率", "decided": "已裁定", "customer": "客户", "records without": "若不裁定的记录",
    "records then": "届时记录", "new": "新客户", "comparison": "比较项", "m": "m", "u": "u", "bits before": "原位", "links from": "自动归并自",
    "links from before": "原自动归并自", "from bits": "自（位）", "pairs": "记录对", "known": "证件已知", "precision": "准确率", "figure": "指标",
    "estimated": "估计", "true": "真值", "mention": "提及", "name": "名称", "documents": "单据数", "last on": "最近出现日", "company": "企业",
    "state": "状态", "kind": "类型", "source": "来源", "tax_id": "税号", "phone": "电话", "region": "地区", "n_documents": "单据数",
    "override": "判定号", "action": "动作", "by": "经办人", "at": "时间", "first_on": "首次出现日", "last_on": "最近出现日", "context": "上下文",
}  # fmt: skip
"""What columns are called in Chinese."""


def _print(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table under headings in the language of messages."""
    print_rows([{HEADINGS.get(n, n): v for n, v in row.items()} for row in rows] if speaks_chinese() else rows)


def yes_no(flag: object) -> str:
    """Return a flag in the language of messages."""
    return ("是" if flag else "否") if speaks_chinese() else ("yes" if flag else "no")


def likelihood(probability: float) -> str:
    """Return a probability as people read it: never quite certain."""
    return f"{probability:.2%}" if 0.0001 <= probability <= 0.9999 else ("> 99.99%" if probability > 0.5 else "< 0.01%")


def said(row: Row, prefix: str = "") -> str:
    """Return the text of a row in the language of messages."""
    return str(row[f"{prefix}zh" if speaks_chinese() else f"{prefix}en"])


def tell_why(found: Row) -> None:
    """Print an explanation of two records."""
    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    say(found["zh"], found["en"])
    if found["chain"]:
        say("归并链：", "the chain:")
        _print([_step_row(s) for s in found["chain"]])
    if found["refusals"]:
        say("有共同依据而未归并：", "what would link them, and does not:")
        _print([{**_step_row(r), "kept apart by": said(r, "because_")} for r in found["refusals"]])
    _tell_contradictions(found["contradictions"])
    for rival in found["ambiguous"]:
        say(rival["zh"], rival["en"])
    _tell_decisions(found["decisions"])
    for pair in found["pairs"]:
        _tell_pair(pair)


def _tell_contradictions(contradictions: Sequence[Row]) -> None:
    if contradictions:
        say("矛盾之处：", "what contradicts:")
        _print([
            {"what": said(c), "left": c["left"], "left value": c["left_value"], "right": c["right"], "right value": c["right_value"],
             "officer may overrule": yes_no(not c["is_final"])}
            for c in contradictions
        ])  # fmt: skip


def _step_row(step: Row) -> dict[str, Any]:
    return {
        "left": step["left"],
        "right": step["right"],
        "rule": step["rule"],
        "why": said(step),
        "bits": step["weight"],
    }


def _tell_decisions(decisions: Sequence[Row]) -> None:
    for d in decisions:
        zh, en = ("，下次跑批起生效", ", holds from the next run on") if d["holds_from_next_run"] else ("", "")
        act = {"merge": ("归并", "merge"), "split": ("拆分", "split")}[d["action"]]
        say(
            f"第 {d['override']} 条人工{act[0]}：{d['reason']}（{d['by']}，{d['at']}{zh}）",
            f"override {d['override']}, a {act[1]}: {d['reason']} ({d['by']}, {d['at']}{en})",
        )


def _tell_pair(pair: Row) -> None:
    say(f"\n{pair['left']} 与 {pair['right']}", f"\n{pair['left']} and {pair['right']}")
    for shared in pair["shared_keys"]:
        values = " · ".join(str(v) for v in shared["values"].values())
        say(f"  {shared['zh']}：{values}", f"  {shared['en'].lower()}: {values}")
    weighed = pair["weighed"]
    if weighed is None:
        say("  没有适用的匹配模型", "  no match model is for them")
        return
    _print([
        {"evidence": said(line), "level": said(line, "level_") if line["level"] else "", "left": line["left"], "right": line["right"],
         "bits": f"{line['bits']:+.2f}", "rarity": f"{line['rarity']:+.2f}" if line["rarity"] else "", "sum": f"{line['sum']:.2f}"}
        for line in weighed["lines"]
    ])  # fmt: skip
    say(
        f"  合计 {weighed['total']:.2f} 位，概率 {likelihood(weighed['probability'])}：{weighed['zh']}",
        f"  {weighed['total']:.2f} bits in all, probability {likelihood(weighed['probability'])}: {weighed['en']}",
    )


def tell_customer(found: Row) -> None:
    """Print a golden record and the records behind it."""
    n = found["n_records"]
    thin_zh, thin_en = ("，无可用标识", ", thin: no usable identifier") if found["is_thin"] else ("", "")
    say(
        f"客户 {found['customer_id']}（{found['party_kind']}，{found['since_on']} 起，{found['n_records']} 条来源记录{thin_zh}）",
        f"customer {found['customer_id']} ({found['party_kind']}, since {found['since_on']}, {n} record{'' if n == 1 else 's'}{thin_en})",
    )
    _print([
        {"field": f["field"], "called": said(f, "field_"), "value": f["value"], "record": f"{f['source']}:{f['source_key']}",
         "known on": f["known_on"], "because": said(f), "others": " · ".join(_other(o) for o in f["others"])}
        for f in found["fields"]
    ])  # fmt: skip
    say("来源记录：", "its records:")
    _print([
        {"record": r["record"], "version of": r["version_on"], "linked by": r["linked_by"], "meaning": said(r),
         "valid document": yes_no(r["has_valid_document"]), "flaws": "; ".join(r["flaws"])}
        for r in found["records"]
    ])  # fmt: skip


def _other(other: Row) -> str:
    return f"{other['value']} ({other['source']})"


def tell_history(found: Row) -> None:
    """Print the events of an id."""
    ended_zh, ended_en = "", ""
    if found["ended_on"]:
        heir = found["merged_into"]
        ended_zh = f"，{found['ended_on']} " + (f"并入 {heir}" if heir else "注销")
        ended_en = f", ended {found['ended_on']}" + (f": merged into {heir}" if heir else "")
    say(
        f"客户 {found['customer_id']}，建于 {found['created_on']}{ended_zh}",
        f"customer {found['customer_id']}, given on {found['created_on']}{ended_en}",
    )
    _print([
        {"on": e["on"], "event": e["kind"], "what": said(e), "records": e["n_records"], "reason": said(e, "reason_"),
         "decision": "; ".join(_decided(d) for d in e["decisions"]), "to undo": said(e, "undo_")}
        for e in found["events"]
    ])  # fmt: skip


def _decided(d: Row) -> str:
    undone = f", undone by {d['undone']['by']}: {d['undone']['reason']}" if d["undone"] else ""
    return f"#{d['override']} {d['by']}: {d['reason']}{undone}"


def tell_queue(found: Row) -> None:
    """Print the queue of cases, and how many there are."""
    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    _print([
        {"left": c["left"], "right": c["right"], "probability": None if c["probability_rate"] is None else likelihood(c["probability_rate"]),
         "bits": c["weight"], "reason": c["reason"], "why": said(c), "decided": _decided_by(c)}
        for c in found["cases"]
    ])  # fmt: skip
    _say_counts(found, "按原因", "by reason", n_shown=len(found["cases"]))


def _say_counts(found: Row, zh: str, en: str, *, n_shown: int) -> None:
    """Say how many there are of each sort, and that there are more than are shown."""
    counts = ", ".join(f"{sort} {n}" for sort, n in found["counts"].items())
    if counts:
        say(f"{zh}：{counts}", f"{en}: {counts}")
    if found["n_all"] > n_shown:
        say(f"共 {found['n_all']} 项；--limit 可多列", f"{found['n_all']} in all; --limit shows more")


def _say_decided(case: Row) -> None:
    """Say which decision in force is about a case, where there is one."""
    if case["decided_by_override"]:
        n = case["decided_by_override"]
        say(f"已由第 {n} 条人工判定裁定", f"decided by override {n}")


def _say_how_to_decide(one: str, other: str) -> None:
    say(
        f"\n裁定：zhike identity merge {one} {other} --reason …  或  zhike identity split {one} {other} --reason …",
        f"\nto decide: zhike identity merge {one} {other} --reason …  or  zhike identity split {one} {other} --reason …",
    )


def _decided_by(case: Row) -> str:
    return f"#{case['decided_by_override']}" if case["decided_by_override"] else ""


def tell_case(found: Row) -> None:
    """Print one case of the queue."""
    case = found["case"]
    say(f"待核实：{case['zh']}", f"to be looked at: {case['en']}")
    _say_decided(case)
    tell_why(found)
    _say_how_to_decide(case["left_customer_id"], case["right_customer_id"])


def tell_mentions(found: Row) -> None:
    """Print mentions of companies, and how many there are by state."""
    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    _print([
        {"mention": m["mention"], "name": m["name"], "documents": m["n_documents"], "last on": m["last_on"], "company": m["company"],
         "probability": likelihood(m["probability"]), "evidence": said(m), "decided": _decided_by(m)}
        for m in found["mentions"]
    ])  # fmt: skip
    _say_counts(found, "按状态", "by state", n_shown=len(found["mentions"]))


def tell_mention(found: Row) -> None:
    """Print one mention, and how to settle it."""
    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    _tell_facts(found)
    _say_decided(found)
    whose = found["customer_id"] or found["candidate_customer_id"] or ("客户" if speaks_chinese() else "CUSTOMER")
    _say_how_to_decide(found["mention"], whose)


def _tell_facts(mention: Row) -> None:
    """Print what a mention says and the evidence for the company that it is taken for."""
    facts = (
        "mention", "state", "kind", "source", "name", "tax_id", "phone", "region", "n_documents", "first_on", "last_on", "context", "company",
    )  # fmt: skip
    told = {c: mention[c] for c in facts if mention.get(c) is not None}
    told["evidence"] = f"{said(mention)} ({likelihood(mention['probability'])})"
    _print([{"what": HEADINGS[c] if speaks_chinese() else c, "value": value} for c, value in told.items()])


def tell_why_mention(found: Row) -> None:
    """Print why a mention is taken for a company or not."""
    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    say(found["zh"], found["en"])
    _tell_facts(found["mention"])
    _tell_contradictions(found["contradictions"])
    _tell_decisions(found["decisions"])
    if found["mention"]["state"] == "review":
        _say_how_to_decide(found["mention"]["mention"], found["company"])


def tell_decision(found: Row) -> None:
    """Print what the next run will do for this decision, what it will do in any case, and whether that was decided."""
    if found["changes"] or not found["averted"]:
        say("因本次裁定，下次跑批将：", "for this decision the next run will do this:")
    if not found["changes"] and not found["averted"]:
        say("  不改变任何客户", "  no customer changes")
    _print_changes(found["changes"])
    if found["averted"]:
        say("因本次裁定，下次跑批不再：", "for this decision the next run will no longer do this:")
        _print_changes(found["averted"])
    if found["customers"]:
        _print([
            {"customer": c["customer_id"], "records without": " ".join(c["records_before"]), "records then": " ".join(c["records_after"])}
            for c in found["customers"]
        ])  # fmt: skip
    if found["pending"]:
        say("无论本次裁定与否，这些记录已待执行：", "what was pending for these records, with or without it:")
        _print_changes(found["pending"])
    n = found["n_other_decisions"]
    if n:
        say(
            f"另有 {n} 条裁定或撤销待下次跑批执行",
            f"{n} other decision{' waits' if n == 1 else 's wait'} for the next run",
        )
    if not found["is_kept"]:
        say("仅预演，未作裁定", "this was a dry run: nothing is decided")
    elif found["action"] == "undo":
        say(f"已撤销第 {found['override']} 条人工判定", f"override {found['override']} is undone")
    else:
        n = found["override"]
        say(
            f"已作为第 {n} 条人工判定保存；撤销：zhike identity undo {n}",
            f"kept as override {n}; to take it back: zhike identity undo {n}",
        )


def _print_changes(changes: Sequence[Row]) -> None:
    for change in changes:
        print(f"  {said(change)}")


def tell_placed(found: Row) -> None:
    """Print where live records were placed, and what that changes for customers that were there."""
    n, ms = found["n_records"], found["seconds"] * 1000
    say(
        f"以 {found['as_of']} 日终的结果为基础，{n} 条，{ms:.1f} 毫秒",
        f"on top of the close of {found['as_of']}: {n} record{'' if n == 1 else 's'} in {ms:.1f} ms",
    )
    for warning in found["warnings"]:
        say(warning["zh"], warning["en"])
    _print([
        {"record": p["record"], "customer": p["customer_id"], "new": yes_no(p["is_new_customer"]), "linked by": p["linked_by"], "why": said(p),
         "records": p["n_records"]}
        for p in found["placements"]
    ])  # fmt: skip
    for change in found["changes"]:
        print(said(change))


def tell_fit(found: Row) -> None:
    """Print a fitted model beside the one in force, and what it would change."""
    facts = ", ".join(f"{k} {v}" for k, v in found["trained"].items())
    say(f"匹配模型 {found['model']}：{facts}", f"match model {found['model']}: {facts}")
    _print([
        {"comparison": level["comparison"], "level": level["level"], "m": f"{level['m']:.4g}", "u": f"{level['u']:.4g}", "bits": level["bits"],
         "bits before": level["bits_before"], "links from": level.get("links_from"), "links from before": level.get("links_from_before")}
        for level in found["levels"]
    ])  # fmt: skip
    say("阈值所据（每级由重到轻）：", "what thresholds were set by (per level, from the heaviest down):")
    _print([
        {"level": b["level"], "from bits": b["from_bits"], "pairs": b["n_pairs"], "known": b["n_known"], "precision": b["precision"]}
        for b in found["bins"]
    ])  # fmt: skip
    say("与现行模型相比：", "beside the model in force:")
    figures = [n for n in found if n.startswith("n_")]
    _print([{"figure": n, "value": found[n]} for n in figures])
    for name, zh, en in (("newly_linked", "将新归并（最轻者在前）：", "would be newly linked (the lightest first):"),
                         ("no_longer_linked", "将不再归并（最轻者在前）：", "would no longer be linked (the lightest first):")):  # fmt: skip
        if found[name]:
            say(zh, en)
            _print([{"left": e["left"], "right": e["right"], "bits": e["weight"]} for e in found[name]])
    if found["file"]:
        key = found["model"]
        say(
            f"已写入 {found['file']}；接着：zhike check，zhike apply，由他人 zhike approve identity_model {key}",
            f"written to {found['file']}; now: zhike check, zhike apply, and somebody else: zhike approve identity_model {key}",
        )
    else:
        say("未写入；加 --write 写成定义", "nothing was written: --write makes it a definition")


def tell_quality(found: Row) -> None:
    """Print the main figures of the quality report and the coverage of the sources."""
    from zhike.pipeline.identity.measuring import head_figures

    say(f"截至 {found['as_of']} 日终", f"as of the close of {found['as_of']}")
    _print(head_figures(found))
    if found["true"]:
        n, rest = found["true"]["n_records"], found["true"]["n_records_without_truth"]
        say(
            f"真值：按 {n} 条有真值的记录（另有 {rest} 条无真值）",
            f"true: of {n} records whose person is told ({rest} are not)",
        )
    say("各来源的可用标识：", "usable identifiers per source:")
    _print([dict(s) for s in found["sources"]])
    for name, zh, en in (("rules", "归并规则：", "rules that link:"), ("flaws", "无效标识：", "values that name nobody:"),
                         ("too_wide", "被过多记录共用的标识：", "keys that too many share:"), ("review", "待人工核实：", "to be looked at:")):  # fmt: skip
        if found[name]:
            say(zh, en)
            _print([_without_texts(r) for r in found[name]])
    _tell_names_apart(found["names_apart"])


def _tell_names_apart(rules: Sequence[Row]) -> None:
    """Print how many customers a number holds together although names have nothing in common, and the first of them."""
    if not rules:
        return
    say(
        "号码相同而名称毫无共同之处（仍归并，请核实）：",
        "one number, names that have nothing in common (still linked, to be looked at):",
    )
    _print([{"rule": r["rule"], "n_customers": r["n_customers"], "meaning": said(r)} for r in rules])
    _print([
        {"rule": r["rule"], "customer": e["customer_id"], "left": e["left"], "left name": e["left_name"], "right": e["right"],
         "right name": e["right_name"]}
        for r in rules for e in r["examples"]
    ])  # fmt: skip


def _without_texts(row: Row) -> dict[str, Any]:
    """Return a row with one text, in the language of messages, in the place of both."""
    kept = {n: v for n, v in row.items() if n not in ("zh", "en") and not n.endswith(("_zh", "_en"))}
    return kept | ({"meaning": said(row)} if "zh" in row else {})


def tell_decisions(rows: Sequence[dict[str, Any]]) -> None:
    """Print the decisions that are in force."""
    _print(rows)


__all__ = [
    "tell_case",
    "tell_customer",
    "tell_decision",
    "tell_decisions",
    "tell_fit",
    "tell_history",
    "tell_mention",
    "tell_mentions",
    "tell_placed",
    "tell_quality",
    "tell_queue",
    "tell_why",
    "tell_why_mention",
]
