"""What may be said: forbidden claims with their negations, combinations such as gifts for deposits, required warnings.

The phrases and patterns are dated regulations (``standard/regulations/*.yaml``), each with source and article. This module
only reads text: it folds width, case, spaces and separators that are put inside words to slip through (保·本, 保 本), finds
phrases, and lets pass what the clause denies (非保本, 不保证收益, "not guaranteed").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from zhike.kernel.terms import Channel, Purpose, Text
from zhike.policy.definitions import RegulationDefinition
from zhike.policy.terms import ProductLine

CLAUSE_ENDS = frozenset("。！？；;!?\n，,：:")
FILLERS = frozenset("·•・-_*~^|/\\.'\"“”‘’「」『』【】")
NEGATORS_ZH = (
    "不", "非", "无", "没有", "没", "未", "勿", "莫", "禁止", "严禁", "不得", "不能", "不会", "不可", "不再", "不是", "并非", "绝非", "不属于", "不等于",
    "不构成", "无法", "不承诺", "不保证", "不提供", "不存在", "杜绝", "拒绝", "谨防", "警惕", "远离", "切勿",
)  # fmt: skip
NOT_NEGATORS_ZH = (
    "不仅",
    "不但",
    "不只",
    "不光",
    "不单",
    "不止",
    "不愧",
    "无不",
    "无非",
    "非常",
    "无论",
    "不论",
    "不管",
    "不妨",
)
DOUBLE_NEGATORS_ZH = ("不得不", "不会不", "不能不", "不可不", "没有不", "无不", "并非不", "不是不", "不无")
BETWEEN_ZH = re.compile(
    r"^(?:是|属于|等于|构成|做出|作出|提供|承诺|保证|代表|意味着|任何|的|有|存在|所谓|等|或者|或|和|、|及|理财|产品|投资|相信|轻信|宣传|宣称|“|”)*$"
)
NEGATORS_EN = re.compile(
    r"(?:\bnot\b|\bno\b|\bnever\b|\bnon\b|\bneither\b|\bnor\b|\bwithout\b|n't\b|\bcannot\b)(?:\s+\w+){0,3}\s*$"
)
NOT_NEGATORS_EN = re.compile(r"\bnot only\b")


@dataclass(frozen=True, slots=True)
class ContentFinding:
    """One thing a text says, or fails to say: which rule, where in the text, and how serious it is."""

    regulation: RegulationDefinition
    found: str
    start: int
    end: int

    @property
    def is_refusal(self) -> bool:
        """Whether it stops the message; otherwise it is shown to the approver."""
        return self.regulation.severity == "refuse"

    @property
    def reason(self) -> Text:
        """What is wrong, with the words found, in both languages."""
        shown = f"“{self.found}”" if self.found else ""
        return Text(f"{self.regulation.reason_zh}{shown}", f"{self.regulation.reason_en} {shown}".strip())


@dataclass(frozen=True, slots=True)
class _Folded:
    """Text as it is searched, with the place of each character in the original."""

    text: str
    places: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        return self.places[start], self.places[end - 1] + 1


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _is_dropped(text: str, place: int) -> bool:
    """Spaces and separators between Chinese characters do not part words; between Latin letters spaces do."""
    character = text[place]
    if unicodedata.category(character) in ("Cf", "Mn"):
        return True
    if character.isspace() and character != "\n":
        before = text[place - 1] if place else ""
        if before.isspace():
            return True
        after = text[place + 1 : place + 2]
        return not (before.isascii() and after.isascii() and before and after) or _is_wide(before) or _is_wide(after)
    if character in FILLERS:
        around = text[place - 1 : place] + text[place + 1 : place + 2]
        return len(around) == 2 and all(_is_wide(c) for c in around)
    return False


def fold(text: str) -> _Folded:
    """Return ``text`` in compatibility form and lower case, without what is put inside words to hide them."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if _is_dropped(text, place):
            continue
        for piece in unicodedata.normalize("NFKC", character).lower():
            kept.append(piece)
            places.append(place)
    return _Folded("".join(kept), tuple(places))


def _clause_before(text: str, start: int) -> str:
    begin = start
    while begin > 0 and text[begin - 1] not in CLAUSE_ENDS:
        begin -= 1
    return text[begin:start]


def _ends_with_negator_zh(clause: str) -> bool:
    for length in range(len(clause) + 1):
        gap = clause[len(clause) - length :]
        if not BETWEEN_ZH.match(gap):
            continue
        head = clause[: len(clause) - length]
        if head.endswith(DOUBLE_NEGATORS_ZH):
            return False
        denying = [n for n in NEGATORS_ZH if head.endswith(n)]
        if denying and not any(
            _overlaps(clause, len(head) - len(n), word) for n in denying for word in NOT_NEGATORS_ZH
        ):
            return True
    return False


def _overlaps(clause: str, start: int, word: str) -> bool:
    """Whether ``word`` (不仅, 非常 …) stands where the negator at ``start`` stands."""
    return any(clause.startswith(word, begin) for begin in range(max(0, start - len(word) + 1), start + 1))


def is_negated(text: str, start: int) -> bool:
    """Return whether what begins at ``start`` of a folded text is denied within its clause."""
    clause = _clause_before(text, start)
    if NEGATORS_EN.search(clause.replace("-", " ")) and not NOT_NEGATORS_EN.search(clause):
        return True
    return _ends_with_negator_zh(clause)


def _occurrences(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    if phrase.isascii():
        pattern = rf"(?<![a-z0-9]){re.escape(phrase)}(?![a-z0-9])"
        yield from (m.span() for m in re.finditer(pattern, text))
        return
    start = text.find(phrase)
    while start >= 0:
        yield start, start + len(phrase)
        start = text.find(phrase, start + 1)


def _phrase_findings(folded: _Folded, original: str, rule: RegulationDefinition) -> Iterator[ContentFinding]:
    if rule.forbidden_phrases is None:
        return
    for phrase in rule.forbidden_phrases.phrases:
        for start, end in _occurrences(folded.text, fold(phrase).text):
            if rule.forbidden_phrases.is_negatable and is_negated(folded.text, start):
                continue
            begin, stop = folded.original(start, end)
            yield ContentFinding(rule, original[begin:stop], begin, stop)


def _pattern_findings(folded: _Folded, original: str, rule: RegulationDefinition) -> Iterator[ContentFinding]:
    for item in rule.forbidden_patterns:
        for match in re.finditer(item.pattern, folded.text):
            start, end = match.span()
            if is_negated(folded.text, start) or (item.unless and re.search(item.unless, match.group())):
                continue
            begin, stop = folded.original(start, end)
            yield ContentFinding(rule, original[begin:stop], begin, stop)


def _missing_text(folded: _Folded, rule: RegulationDefinition) -> Iterator[ContentFinding]:
    if rule.required_text is not None and not any(fold(t).text in folded.text for t in rule.required_text.any_of):
        yield ContentFinding(rule, "", 0, 0)


def _concerns(rule: RegulationDefinition, channel: Channel, purpose: Purpose, line: ProductLine) -> bool:
    return (
        purpose in rule.purposes
        and (not rule.product_lines or line in rule.product_lines)
        and (not rule.channels or channel in rule.channels)
    )


def check_content(
    text: str,
    *,
    channel: Channel,
    purpose: Purpose,
    product_line: ProductLine,
    regulations: Iterable[RegulationDefinition],
) -> tuple[ContentFinding, ...]:
    """Return what is wrong with a text, in order of the text; nothing when it may be sent.

    Parameters
    ----------
    text : as the recipient will read it, in Chinese or English.
    regulations : rules in force (see ``Policy.regulations_on``); those for other channels, purposes or lines are ignored.
    """
    folded = fold(text)
    found: list[ContentFinding] = []
    for rule in regulations:
        if _concerns(rule, channel, purpose, product_line):
            found += _phrase_findings(folded, text, rule)
            found += _pattern_findings(folded, text, rule)
            found += _missing_text(folded, rule)
    return tuple(sorted(_longest(found), key=lambda f: (f.start, f.end, f.regulation.key)))


def _longest(found: Sequence[ContentFinding]) -> list[ContentFinding]:
    """Drop a find that lies inside a longer one of the same rule (保本 inside 保本保息)."""
    return [
        f
        for f in found
        if not any(
            o.regulation.key == f.regulation.key and o.start <= f.start and f.end <= o.end and (o.end - o.start) > (f.end - f.start)
            for o in found
        )
    ]  # fmt: skip


__all__ = ["ContentFinding", "check_content", "fold", "is_negated"]
