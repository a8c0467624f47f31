from decimal import Decimal

import pytest

from zhike.report.numbers import exact, show, show_interval, show_tick
from zhike.report.terms import Quantity, Unit


@pytest.mark.parametrize(
    ("quantity", "zh", "en"),
    [
        (Quantity(Decimal("352184000"), Unit.AMOUNT), "¥3.52亿", "¥352.18M"),
        (Quantity(Decimal("-125000.50"), Unit.AMOUNT), "−¥12.50万", "−¥125.00K"),
        (Quantity(Decimal("1760.4"), Unit.AMOUNT_CHANGE), "+¥1,760.40", "+¥1.76K"),
        (Quantity(12345, Unit.COUNT), "12,345", "12,345"),
        (Quantity(0.8614, Unit.RATE), "86.1%", "86.1%"),
        (Quantity(0.068, Unit.POINTS), "+6.8 个百分点", "+6.8 pp"),
        (Quantity(-0.068, Unit.POINTS), "−6.8 个百分点", "−6.8 pp"),
        (Quantity(0.0, Unit.POINTS), "0.0 个百分点", "0.0 pp"),
        (Quantity(2.834, Unit.TIMES), "2.83 倍", "2.83×"),
        (Quantity(0.8123, Unit.NUMBER), "0.8123", "0.8123"),
        (Quantity(1234.5, Unit.NUMBER), "1,234.50", "1,234.50"),
        (Quantity(3.414, Unit.SECONDS), "3.41 秒", "3.41 s"),
        (Quantity(None, Unit.AMOUNT), "—", "—"),
    ],
)
def test_a_quantity_is_shown_as_people_of_each_language_read_it(quantity, zh, en):
    assert (show(quantity, language="zh"), show(quantity, language="en")) == (zh, en)


def test_an_interval_says_its_unit_once():
    points = Quantity(0.068, Unit.POINTS, -0.001, 0.135)
    assert show_interval(points, language="zh") == "[−0.1, +13.5] 个百分点"
    assert show_interval(points, language="en") == "[−0.1, +13.5] pp"
    assert show_interval(Quantity(0.8, Unit.RATE), language="zh") == ""
    amounts = Quantity(1, Unit.AMOUNT, Decimal("-10000"), Decimal("20000"))
    assert show_interval(amounts, language="zh") == "[−¥1.00万, ¥2.00万]"


def test_another_currency_has_its_own_symbol():
    assert show(Quantity(Decimal("5000"), Unit.AMOUNT), language="en", currency="CZK") == "Kč 5.00K"
    assert show(Quantity(Decimal("50"), Unit.AMOUNT), language="en", currency="JPY") == "JPY 50.00"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(0.05, Unit.RATE, "5%"), (0.125, Unit.POINTS, "12.5%"), (20000.0, Unit.AMOUNT, "¥2万"), (-15000.0, Unit.AMOUNT, "−¥1.5万"), (0.0, Unit.AMOUNT, "¥0"), (300.0, Unit.AMOUNT_CHANGE, "¥300"), (1.5, Unit.NUMBER, "1.5")],
)  # fmt: skip
def test_axis_numbers_are_as_short_as_can_be(value, unit, shown):
    assert show_tick(value, unit, language="zh", currency="CNY") == shown


def test_the_full_value_stays_behind_the_shown_one():
    assert exact(Quantity(Decimal("352184000.37"), Unit.AMOUNT)) == "352184000.37"
    assert exact(Quantity(0.068000001, Unit.POINTS)) == "0.068000001"
    assert exact(Quantity(None, Unit.COUNT)) == ""
