"""What may be said: claims with and without a negation, tricks with spaces, gifts, required words."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.unit.policy.world import TODAY, policy
from zhike.kernel.terms import Channel, Purpose
from zhike.policy import ProductLine
from zhike.policy.content_check import check_content, fold

WARNING = "理财非存款，产品有风险，投资须谨慎。"


def _found(
    text: str, line: str = "investment", *, on: dt.date = TODAY, channel=Channel.APP_PUSH, purpose=Purpose.MARKETING
):
    rules = [r.definition for r in policy().on(on).regulations]
    return check_content(text, channel=channel, purpose=purpose, product_line=ProductLine(line), regulations=rules)


def _refusals(text: str, line: str = "investment", **options) -> list[tuple[str, str]]:
    return [(f.regulation.key, f.found) for f in _found(text, line, **options) if f.is_refusal]


@pytest.mark.requirement("G6")
@pytest.mark.parametrize(
    "claim",
    [
        "本产品保本", "保 本 收益", "保·本保·息", "保‌本理财", "零风险理财", "０风险", "收益稳赚不赔", "不仅保本还高息", "非常稳赚", "不得不说稳赚",
        "A guaranteed return for you", "Guaranteed  Returns", "completely risk-free", "不会不保本", "理财产品不等于存款，保本",
    ],
)  # fmt: skip
def test_promises_are_found_however_they_are_written(claim):
    assert "guaranteed_return" in {key for key, _ in _refusals(claim + "。" + WARNING)}


@pytest.mark.requirement("G6")
@pytest.mark.parametrize(
    "claim",
    [
        "非保本浮动收益型", "本产品不保本", "不保证收益", "我们不承诺保本", "并非零风险", "没有零风险的投资", "谨防“保本理财”宣传", "请勿轻信保本承诺",
        "不保证本金和收益", "无法保证收益", "not a guaranteed return", "This is not risk-free", "no guaranteed returns",
        "Returns are never guaranteed", "存款保险保障您的存款",
    ],
)  # fmt: skip
def test_denials_are_not_finds(claim):
    assert _refusals(claim + "。" + WARNING) == []


def test_a_find_shows_the_words_as_they_stand_in_the_text():
    text = "到期理财：保·本 收益好。" + WARNING
    finding = next(f for f in _found(text) if f.regulation.key == "guaranteed_return")
    assert text[finding.start : finding.end] == finding.found == "保·本"
    assert "保·本" in finding.reason.zh


def test_the_longest_phrase_is_reported_once():
    assert _refusals("保本保息" + WARNING) == [("guaranteed_return", "保本保息")]


@pytest.mark.requirement("F2")
@pytest.mark.parametrize(
    "text",
    [
        "存 5 万送食用油", "存定期满5万元送大米一袋", "存款50万元，抽奖赢手机", "存入即返现100元", "送大米，存款即享", "转存满三万赠购物卡",
        "Make a deposit and get a free gift", "存5万，送油！",
    ],
)  # fmt: skip
def test_gifts_tied_to_deposits_are_refused(text):
    assert "deposit_gift" in {key for key, _ in _refusals(text, "deposit")}


@pytest.mark.parametrize(
    "text",
    [
        "您的存款将于7月1日到期，利率表见手机银行", "5万元起存，年利率1.5%，可提前支取", "本行不赠送任何礼品，存款利率以挂牌为准", "存款到期，我们将为您送达对账单",
        "开立定期存款可获得利息5000元", "存款不附赠任何礼品", "您不在存款名单内",
    ],
)  # fmt: skip
def test_plain_words_about_deposits_pass(text):
    assert _refusals(text, "deposit") == []


def test_required_words_must_be_there():
    assert _refusals("了解固收类理财", "investment") == [("investment_warning", "")]
    assert _refusals("消费贷款，秒批", "loan") == [("loan_annual_rate", "")]
    assert _refusals("定期到期", "deposit", channel=Channel.SMS) == [("sms_refusal", "")]
    assert _refusals("定期到期。拒收请回复R", "deposit", channel=Channel.SMS) == []


def test_a_rule_speaks_from_its_day_on_only():
    text = "低门槛，欢迎了解。" + WARNING
    assert [f.regulation.severity for f in _found(text)] == ["warn"]
    assert [k for k, _ in _refusals(text, on=dt.date(2026, 9, 30))] == ["inducing_wording"]


def test_deposits_may_say_what_investments_may_not():
    assert _refusals("本金保本，受存款保险保护", "deposit") == []


def test_folding_keeps_english_words_apart_and_drops_hidden_characters():
    assert fold("Risk free\u200b 保 本").text == "risk free保本"
    assert fold("").text == ""


@pytest.mark.parametrize("text", ["", " ", "保", "\n\n", "🎁" * 50, "存" * 300 + "送" * 300, "a" * 5000])
def test_odd_texts_do_not_break_the_checker(text):
    _found(text, "deposit")
