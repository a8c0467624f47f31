"""Saying a rule in plain Chinese or English, with the names that the vocabulary gives."""

# ruff: noqa: PLR0911, PLR0912 - one return per kind of term

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from zhike.kernel.money import show_amount
from zhike.kernel.terms import Text
from zhike.rules.terms import (
    DAY_WINDOWS,
    AllOf,
    AnyOf,
    Arithmetic,
    AtLeastOf,
    Compare,
    Comparison,
    Computed,
    Contactable,
    DaysUntil,
    EventPattern,
    EventStat,
    EventValue,
    EventWindow,
    Everyone,
    Expression,
    Field,
    FollowedBy,
    HasTag,
    InSegment,
    Literal,
    Lookup,
    Measure,
    MonthStart,
    Negated,
    OnCalendar,
    OnList,
    Provided,
    Related,
    Rule,
    ScoreValue,
    TagPart,
    TagValue,
    WindowUnit,
)
from zhike.rules.vocabulary import Vocabulary
from zhike.warehouse.contracts import Kind

C = Comparison
_COMPARED: Mapping[Comparison, Text] = {
    C.IS: Text("为", "is"),
    C.IS_NOT: Text("不为", "is not"),
    C.IN: Text("属于", "is one of"),
    C.NOT_IN: Text("不属于", "is none of"),
    C.AT_LEAST: Text("≥", "≥"),
    C.AT_MOST: Text("≤", "≤"),
    C.ABOVE: Text("＞", ">"),
    C.BELOW: Text("＜", "<"),
    C.STARTS_WITH: Text("开头为", "begins with"),
    C.IS_MISSING: Text("缺失", "is missing"),
    C.IS_PRESENT: Text("有值", "is present"),
}
_WINDOWS: Mapping[Comparison, Text] = {
    C.WITHIN_NEXT_DAYS: Text("在未来{n}天内", "within the next {n} days"),
    C.WITHIN_LAST_DAYS: Text("在最近{n}天内", "within the last {n} days"),
    C.AT_LEAST_DAYS_AGO: Text("已过至少{n}天", "at least {n} days ago"),
    C.AT_LEAST_DAYS_AHEAD: Text("还有至少{n}天", "at least {n} days ahead"),
    C.ANNIVERSARY_WITHIN_NEXT_DAYS: Text("的周年在未来{n}天内", "has its anniversary within the next {n} days"),
}
_ARITHMETIC: Mapping[Arithmetic, Text] = {
    Arithmetic.PLUS: Text(" + ", " + "),
    Arithmetic.MINUS: Text(" − ", " − "),
    Arithmetic.TIMES: Text(" × ", " × "),
    Arithmetic.DIVIDED_BY: Text(" ÷ ", " ÷ "),
    Arithmetic.GREATEST: Text("最大值", "the greatest of"),
    Arithmetic.LEAST: Text("最小值", "the least of"),
    Arithmetic.OR_ELSE: Text("，缺失时取", ", or else "),
}
_PARTS: Mapping[TagPart, Text] = {
    TagPart.TEXT: Text("", ""),
    TagPart.NUMBER: Text("的数值", " (number)"),
    TagPart.AMOUNT: Text("的金额", " (amount)"),
    TagPart.DAY: Text("的日期", " (day)"),
    TagPart.SINCE: Text("的起始日", " (since)"),
}
_PURPOSES: Mapping[str, str] = {"marketing": "营销", "service": "服务", "profiling": "画像"}
_UNITS: Mapping[str, Text] = {
    "day_of_month": Text("当月第{}日", "day {} of the month"),
    "month": Text("{}月", "month {}"),
    "day_of_week": Text("星期{}", "day {} of the week"),
    "trading_day_of_month": Text("当月第{}个交易日", "trading day {} of the month"),
    "trading_days_left": Text("当月还剩{}个交易日的交易日", "a trading day with {} left in the month"),
    "lunar_month": Text("农历{}月", "lunar month {}"),
    "lunar_day": Text("农历当月第{}日", "day {} of the lunar month"),
}


@dataclass(frozen=True, slots=True)
class _Speech:
    """One language and the names to be used."""

    language: str
    words: Vocabulary

    def pick(self, text: Text) -> str:
        return text.zh if self.language == "zh" else text.en

    def of(self, zh: str, en: str) -> str:
        return zh if self.language == "zh" else en

    def named(self, key: str, term: object) -> str:
        """The name of a term in this language, or its key."""
        return getattr(term, self.language, "") or key

    def joined(self, items: list[str], zh: str, en: str) -> str:
        return self.of(zh, en).join(items)

    # ---- values

    def constant(self, literal: Literal, beside: Expression | None = None) -> str:
        value = literal.value
        if isinstance(value, bool):
            return self.of("是" if value else "否", "yes" if value else "no")
        if isinstance(value, str) and isinstance(beside, TagValue) and beside.tag in self.words.tags:
            return self.named(value, self.words.tags[beside.tag].values.get(value))
        is_money = beside is not None and beside.kind is Kind.AMOUNT
        if isinstance(value, Decimal):
            return show_amount(value, language=self.language) if is_money else f"{value.normalize():f}"
        return f"{value:g}" if isinstance(value, float) else str(value)

    def value(self, expression: Expression) -> str:
        words = self.words
        match expression:
            case Field(name) | Measure(name):
                return self.named(name, words.fields.get(name))
            case TagValue(tag, part):
                return self.named(tag, words.tags.get(tag)) + self.pick(_PARTS[part])
            case ScoreValue(model, part):
                name = self.named(model, words.models.get(model))
                return self.of(f"{name}的{'概率' if part == 'score' else '十分位'}", f"the {part} of {name}")
            case Literal():
                return self.constant(expression)
            case DaysUntil(of):
                return self.of(f"距{self.value(of)}的天数", f"days until {self.value(of)}")
            case MonthStart(months):
                return self.of(f"{months}个月后的月初", f"the first day of the month {months} months ahead")
            case Lookup(of):
                return self.of(f"{self.value(of)}对应的值", f"what stands beside {self.value(of)}")
            case EventValue():
                return self.event_value(expression)
            case Provided(of, where):
                return self.of(
                    f"{self.value(of)}（仅当{self.rule(where)}）", f"{self.value(of)} (only if {self.rule(where)})"
                )
            case Computed(by, of):
                return self._computed(by, [self.value(e) for e in of])

    def _computed(self, by: Arithmetic, values: list[str]) -> str:
        word = self.pick(_ARITHMETIC[by])
        if by in (Arithmetic.GREATEST, Arithmetic.LEAST):
            return self.of(f"{'、'.join(values)}的{word}", f"{word} {', '.join(values)}")
        return word.join(values)

    # ---- conditions

    def compare(self, test: Compare) -> str:
        left = self.value(test.left)
        space = self.of("", " ")
        if test.by in DAY_WINDOWS:
            n = self.constant(test.right[0]) if isinstance(test.right[0], Literal) else ""
            return f"{left}{space}{self.pick(_WINDOWS[test.by]).format(n=n)}"
        right = [self.constant(r, test.left) if isinstance(r, Literal) else self.value(r) for r in test.right]
        if test.by is C.BETWEEN:
            return self.of(f"{left}在{right[0]}至{right[1]}之间", f"{left} is between {right[0]} and {right[1]}")
        listed = self.joined(right, "、", ", ")
        return f"{left} {self.pick(_COMPARED[test.by])} {listed}".rstrip()

    def event(self, pattern: EventPattern) -> str:
        known = self.words.events or {}
        names = [self.named(k, known.get(k)) for k in pattern.kinds]
        filters = [self.compare(f) for f in pattern.filters]
        shown = self.joined(names, "或", " or ")
        return shown + (self.of(f"（{'，'.join(filters)}）", f" ({', '.join(filters)})") if filters else "")

    def window(self, window: EventWindow) -> str:
        zh, en = {
            WindowUnit.DAYS: ("最近{n}天", "in the last {n} days"),
            WindowUnit.TRADING_DAYS: ("最近{n}个交易日", "in the last {n} trading days"),
            WindowUnit.COMPLETE_MONTHS: ("最近{n}个完整月", "in the last {n} complete months"),
            WindowUnit.MONTH_TO_DATE: ("本月至今", "in the month to date"),
            WindowUnit.MONTH_AGO: ("往前第{n}个完整月", "in complete month {n} before"),
            WindowUnit.WEEK_AGO: ("往前第{n}个完整周", "in complete week {n} before"),
        }[window.unit]
        if window.years_ago:
            zh = ("去年同期" if window.years_ago == 1 else f"{window.years_ago}年前同期") + zh
            en = f"{en}, {window.years_ago} year{'s' if window.years_ago > 1 else ''} ago"
        return self.of(zh, en).format(n=window.n)

    def event_value(self, value: EventValue) -> str:
        event, window = self.event(value.pattern), self.window(value.window)
        zh, en = {
            EventStat.COUNT: ("{w}{e}次数", "number of {e} {w}"),
            EventStat.DAYS: ("{w}{e}天数", "days with {e} {w}"),
            EventStat.SUM: ("{w}{e}合计", "sum of {e} {w}"),
            EventStat.DAYS_SINCE: ("距{w}内最近一次{e}的天数", "days since the latest {e} {w}"),
        }[value.stat]
        return self.of(zh, en).format(e=event, w=window)

    def sequence(self, leaf: FollowedBy) -> str:
        first, second = self.event(leaf.first), self.event(leaf.second)
        zh = f"最近{leaf.in_last_days}天有{first}，且其后{leaf.within_days}天内{'有' if leaf.is_followed else '没有'}{second}"
        verb = "followed" if leaf.is_followed else "not followed"
        en = f"{first} in the last {leaf.in_last_days} days, {verb} by {second} within {leaf.within_days} days"
        return self.of(zh, en)

    def segment(self, leaf: InSegment) -> str:
        term = self.words.segments.get(leaf.segment)
        name = self.named(leaf.segment, term)
        buckets = [self.named(b, term.buckets.get(b) if term else None) for b in leaf.buckets]
        inside = self.of(f"（{'、'.join(buckets)}）", f" ({', '.join(buckets)})") if buckets else ""
        days = leaf.entered_within_days
        since = self.of(f"（{days}天内进入）", f", entered within {days} days") if days is not None else ""
        return self.of(f"在客群“{name}”中", f"in segment “{name}”") + inside + since

    def related(self, leaf: Related) -> str:
        names = [self.named(r, self.words.relations.get(r)) for r in leaf.relations]
        name = self.joined(names, "或", " or ")
        zh, en = f"是某方的{name}", f"is {name} one"
        if leaf.ways != (False,):
            zh = f"有其{name}" if leaf.ways == (True,) else f"是某方的{name}或有其{name}"
            en = f"has a {name}" if leaf.ways == (True,) else f"is {name} one or has one that is"
        if leaf.is_declared is not None:
            zh += "（来源声明）" if leaf.is_declared else "（推断）"
            en += " (declared)" if leaf.is_declared else " (inferred)"
        if leaf.hops > 1:
            zh, en = f"{leaf.hops}层关系以内{zh}", f"{en} within {leaf.hops} relations"
        if leaf.where is not None:
            zh, en = f"{zh}，且该方：{self.rule(leaf.where)}", f"{en} who: {self.rule(leaf.where)}"
        return self.of(zh, en)

    def contactable(self, leaf: Contactable) -> str:
        limits = [*leaf.channels, *leaf.product_lines]
        inside = self.of(f"（{'、'.join(limits)}）", f" ({', '.join(limits)})") if limits else ""
        purpose = _PURPOSES.get(leaf.purpose, leaf.purpose)
        return self.of(f"可{purpose}触达", f"may be contacted for {leaf.purpose}") + inside

    def inner(self, rule: Rule) -> str:
        said = self.rule(rule)
        is_group = isinstance(rule, AllOf | AnyOf | AtLeastOf) and len(rule.of) > 1
        return self.of(f"（{said}）", f"({said})") if is_group else said

    def rule(self, rule: Rule) -> str:
        match rule:
            case Compare():
                return self.compare(rule)
            case AllOf(of):
                return self.joined([self.inner(c) for c in of], "，且", " and ")
            case AnyOf(of):
                return self.joined([self.inner(c) for c in of], "，或", " or ")
            case AtLeastOf(n, of):
                listed = self.joined([self.inner(c) for c in of], "；", "; ")
                return self.of(f"以下至少{n}项：{listed}", f"at least {n} of: {listed}")
            case Negated(of):
                return self.of(f"并非{self.inner(of)}", f"not {self.inner(of)}")
            case Everyone():
                return self.of("全部客户", "every customer")
            case OnCalendar(unit, values):
                days = self.joined([str(v) for v in values], "、", ", ")
                return self.of("业务日为", "the business day is ") + self.pick(_UNITS[unit]).format(days)
            case HasTag(tag):
                name = self.named(tag, self.words.tags.get(tag))
                return self.of(f"有标签“{name}”", f"has tag “{name}”")
            case InSegment():
                return self.segment(rule)
            case OnList(name, days):
                shown = self.named(name, (self.words.lists or {}).get(name))
                since = self.of(f"（{days}天内列入）", f", added within {days} days") if days is not None else ""
                return self.of(f"在名单“{shown}”上", f"on the list “{shown}”") + since
            case FollowedBy():
                return self.sequence(rule)
            case Related():
                return self.related(rule)
            case Contactable():
                return self.contactable(rule)


def describe(rule: Rule, vocabulary: Vocabulary, *, language: str = "zh") -> str:
    """Return ``rule`` as one sentence in ``language`` (``zh`` or ``en``), with the names of ``vocabulary``."""
    return _Speech(language, vocabulary).rule(rule)


def describe_value(expression: Expression, vocabulary: Vocabulary, *, language: str = "zh") -> str:
    """Return what an expression stands for, in ``language`` (``zh`` or ``en``)."""
    return _Speech(language, vocabulary).value(expression)


__all__ = ["describe", "describe_value"]
