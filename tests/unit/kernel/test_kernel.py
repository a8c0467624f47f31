"""Clock, hashes, money and settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from zhike.kernel.clock import VirtualClock, business_day, moment_on
from zhike.kernel.errors import BadInput
from zhike.kernel.hashing import assignment_share, keyed_id
from zhike.kernel.money import show_amount, to_amount
from zhike.kernel.settings import load_settings


def test_a_business_day_ends_at_midnight_of_the_bank_not_of_utc() -> None:
    assert business_day(datetime(2025, 6, 30, 16, 30, tzinfo=UTC), "Asia/Shanghai") == date(2025, 7, 1)
    assert moment_on(date(2025, 7, 1), "Asia/Shanghai", hour=8) == datetime(2025, 7, 1, 0, 0, tzinfo=UTC)


def test_a_virtual_clock_only_moves_forward() -> None:
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    assert clock.advance(timedelta(days=14)) == datetime(2025, 1, 15, tzinfo=UTC)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(0))


def test_assignment_is_sticky_uniform_and_independent_between_experiments() -> None:
    shares = [assignment_share("one", str(i)) for i in range(4000)]
    other = [assignment_share("two", str(i)) for i in range(4000)]
    assert shares[:5] == [assignment_share("one", str(i)) for i in range(5)]
    assert abs(sum(s < 0.1 for s in shares) / 4000 - 0.1) < 0.02
    both = sum(a < 0.5 and b < 0.5 for a, b in zip(shares, other, strict=True)) / 4000
    assert abs(both - 0.25) < 0.03


def test_a_keyed_id_needs_the_key() -> None:
    assert keyed_id(b"k", "core", "1", "0") == keyed_id(b"k", "core", "1", "0")
    assert keyed_id(b"k", "core", "1", "0") != keyed_id(b"other", "core", "1", "0")
    assert keyed_id(b"k", "core", "1", "0") != keyed_id(b"k", "core1", "", "0")


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (352_000_000, "¥3.52亿", "¥352.00M"),
        (125_000, "¥12.50万", "¥125.00K"),
        (-99.5, "-¥99.50", "-¥99.50"),
        (0, "¥0.00", "¥0.00"),
    ],
)
def test_money_is_shown_as_people_read_it(value: float, zh: str, en: str) -> None:
    assert show_amount(value) == zh
    assert show_amount(value, language="en") == en


def test_amounts_round_half_to_even() -> None:
    assert to_amount("0.125") == Decimal("0.12")
    assert to_amount(0.1) == Decimal("0.10")


def test_settings_come_from_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zhike.toml").write_text('name = "城市银行"\nengine_threads = 1\n', encoding="utf-8")
    monkeypatch.setenv("ZHIKE_ENGINE_THREADS", "4")
    settings = load_settings(tmp_path)
    assert (settings.name, settings.engine_threads) == ("城市银行", 4)


def test_a_misspelt_setting_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "zhike.toml").write_text("engine_treads = 1\n", encoding="utf-8")
    with pytest.raises(BadInput, match="did you mean engine_threads"):
        load_settings(tmp_path)


def test_a_folder_without_settings_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no zhike project"):
        load_settings(tmp_path)


def test_a_missing_secret_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "zhike.toml").write_text("", encoding="utf-8")
    settings = load_settings(tmp_path)
    with pytest.raises(BadInput, match="put your copy of nowhere back"):
        settings.secret("file:nowhere")
