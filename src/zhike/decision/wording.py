"""Reasons in words, for everybody at once: a sentence with fields in braces becomes a text column, in Chinese and in English.

Amounts are shown in 万 and 亿 (thousands and millions in English), days and shares as people write them, the score's own
reasons by the names of their features.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from string import Formatter
from typing import Literal as OneOf

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput
from zhike.warehouse.contracts import Kind

Language = OneOf["zh", "en"]
NOTHING = "—"
STEPS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "zh": ((1e8, "亿"), (1e4, "万"), (1.0, "")),
    "en": ((1e6, "M"), (1e3, "K"), (1.0, "")),
}
JOINERS = {"zh": "；", "en": "; "}


def fields_in(sentence: str) -> tuple[str, ...]:
    """Return the fields that a sentence names in braces, each once, in order."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(sentence) if name))


def check_sentence(sentence: str, known: Iterable[str], *, where: str) -> None:
    """Raise BadInput when a sentence names a field that there is not."""
    names = list(known)
    for name in fields_in(sentence):
        if name not in names:
            near = suggest(name, names)
            raise BadInput(
                "decision.sentence_field_unknown", zh=f"{where} 没有字段 {name}", en=f"{where}: there is no field {name}",
                todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
            )  # fmt: skip


def _decimal_text(number: ir.Value, places: int) -> ir.Value:
    text = number.cast(f"decimal(18,{places})").cast("string")
    return text.re_replace(r"\.0+$", "") if places else text


def _amount_text(value: ir.Value, language: Language, currency: str) -> ir.Value:
    number = value.cast("float64")
    size = number.abs()
    steps = [
        (size >= step, _decimal_text((number / step).round(1), 1) + unit) for step, unit in STEPS[language] if step > 1
    ]
    text = ibis.cases(*steps, else_=_decimal_text(number.round(0), 1))
    if language == "en":
        return f"{currency} " + text
    return text + ("元" if currency == "CNY" else f" {currency}")


def shown(value: ir.Value, kind: Kind, language: Language, *, currency: str = "CNY") -> ir.Value:
    """Return a column as people read it, amounts with the base currency; a dash where it is missing."""
    match kind:
        case Kind.AMOUNT:
            text = _amount_text(value, language, currency)
        case Kind.RATE:
            text = (value.cast("float64") * 100).round(0).cast("int64").cast("string") + "%"
        case Kind.DAY:
            text = value.strftime("%Y-%m-%d")
        case Kind.NUMBER:
            text = _decimal_text(value.cast("float64").round(2), 2)
        case Kind.FLAG:
            text = value.ifelse("是", "否") if language == "zh" else value.ifelse("yes", "no")
        case _:
            text = value.cast("string")
    return text.fill_null(NOTHING)


def sentence_column(
    table: ir.Table, sentence: str, kinds: Mapping[str, Kind], *, language: Language, currency: str = "CNY"
) -> ir.Value:
    """Return the sentence for each row of ``table``, its fields filled in.

    Parameters
    ----------
    kinds : kind of each field that the sentence may name.
    currency : code of the base currency, shown with amounts.
    """
    parts: list[ir.Value] = []
    for words, name, _, _ in Formatter().parse(sentence):
        if words:
            parts.append(ibis.literal(words))
        if name:
            parts.append(shown(table[name], kinds[name], language, currency=currency))
    return reduce(operator.add, parts)


def with_score_reasons(
    table: ir.Table, scores: ir.Table, features: Mapping[str, tuple[str, str]], *, model: str
) -> ir.Table:
    """Return ``table`` with ``score_reasons_zh`` and ``score_reasons_en``: the model's strongest reasons by name.

    Parameters
    ----------
    scores : ``score_value``; its reasons read ``feature=value``.
    features : feature → names in Chinese and English; a feature without names is shown by its key.
    """
    own = scores.filter(scores.model == model)
    zh, en = ([names[i] for names in features.values()] for i in (0, 1))
    names = ibis.memtable(pa.table({"_feature": pa.array(list(features), pa.string()), "_zh": zh, "_en": en}))
    columns = []
    for i in (1, 2, 3):
        reason = own[f"reason_{i}"]
        own = own.mutate(_key_of=reason.re_replace("=.*$", ""), _value_of=reason.re_replace("^[^=]*=", ""))
        own = own.left_join(names, own["_key_of"] == names["_feature"])
        told = {f"{a}_{i}": ibis.coalesce(own[f"_{a}"], own["_key_of"]) + " " + own["_value_of"] for a in ("zh", "en")}
        own = own.mutate(**told).drop("_feature", "_zh", "_en", "_key_of", "_value_of")
        columns += list(told)
    told_rows = own.select(*columns, _key="customer_id")
    joined = table.left_join(told_rows, table.customer_id == told_rows["_key"])
    texts = {
        f"score_reasons_{language}": _joined(
            [joined[f"{language}_{i}"] for i in (1, 2, 3)], "、" if language == "zh" else ", "
        )
        for language in ("zh", "en")
    }
    return joined.mutate(**texts).drop("_key", *columns)


def _joined(parts: Sequence[ir.Value], by: str) -> ir.Value:
    """Join texts, leaving out the missing ones (a reason is missing only after those before it)."""
    text = parts[0]
    for part in parts[1:]:
        text = part.isnull().ifelse(text, text + by + part)
    return text


__all__ = [
    "JOINERS", "NOTHING", "Language", "check_sentence", "fields_in", "sentence_column", "shown", "with_score_reasons",
]  # fmt: skip
