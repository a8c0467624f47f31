"""What a model of a written file found wrong, told in both languages: one finding per field.

Definitions, mappings and settings are read by pydantic, whose messages are English and speak of inputs. Here they become
sentences for the person who wrote the file. Where the file and the line are known is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zhike.kernel.errors import Finding

SHOWN_CHARACTERS = 40
CHINESE: Mapping[str, str] = {
    "literal_error": "应为 {expected}",
    "enum": "应为 {expected}",
    "greater_than_equal": "不得小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "不得大于 {le}",
    "less_than": "应小于 {lt}",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不符",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
}
KINDS: tuple[tuple[str, str], ...] = (  # beginnings of the types that pydantic gives to values of another kind
    ("int_", "应为整数"), ("float_", "应为数字"), ("decimal_", "应为数字"), ("bool_", "应为 true 或 false"), ("string_", "应为文本"),
    ("date", "应为日期，如 2025-01-31"), ("list_", "应为列表"), ("tuple_", "应为列表"), ("dict_", "应为 键: 值"),
    ("mapping_", "应为 键: 值"), ("model_", "应为 键: 值"),
)  # fmt: skip


def problem_of(item: Mapping[str, Any]) -> str:
    """Return what is wrong with one field, ``English · 中文``; ``item`` is one of ``ValidationError.errors()``."""
    kind, english = str(item["type"]), str(item["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return "is required · 必填"
    if kind == "extra_forbidden":
        return "there is no such field · 没有这个字段"
    chinese = CHINESE.get(kind) or next((told for beginning, told in KINDS if kind.startswith(beginning)), "")
    if not chinese:
        return english
    told = {name: str(value).replace(" or ", " 或 ") for name, value in item.get("ctx", {}).items()}
    return f"{english} · {chinese.format(**told)}"


def did_you_mean(near: str) -> str:
    """Return the question about the nearest known word, in both languages; "" when none is near."""
    return f"did you mean {near}? 是否要写 {near}？" if near else ""


def written_value(item: Mapping[str, Any]) -> str:
    """Return the value that was written, when it is one short word and not what is missing or too much."""
    value = item.get("input")
    if item["type"] in ("missing", "extra_forbidden") or not isinstance(value, str | int | float | bool):
        return ""
    told = str(value)
    return told if len(told) <= SHOWN_CHARACTERS else f"{told[:SHOWN_CHARACTERS]}…"


def finding_of(item: Mapping[str, Any], where: str, *, nearest: Callable[[str], str]) -> Finding:
    """Return the finding about one field.

    Parameters
    ----------
    where : file, line and path of the field.
    nearest : the known field that is nearest to a name; asked only for a field that there is not.
    """
    near = nearest(str(item["loc"][-1])) if item["type"] == "extra_forbidden" else ""
    return Finding(where, problem_of(item), value=written_value(item), todo=did_you_mean(near))


__all__ = ["did_you_mean", "finding_of", "problem_of", "written_value"]
