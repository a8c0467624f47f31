"""267,397 company short names as they are used: all are taken apart, and stay what they are inside a registered name."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from zhike.identity.standard.companies import CompanyNames

ROOT = Path(__file__).parents[2]
FILE = Path(os.environ.get("ZHIKE_REAL_DATA", ROOT.parent / "shared" / "data")) / "names" / "company_short_names.txt.gz"
FORMS = ("有限公司", "有限责任公司", "股份有限公司")
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def short_names() -> list[str]:
    if not FILE.is_file():
        pytest.skip("the data set names is not beside the project (set ZHIKE_REAL_DATA)")
    with gzip.open(FILE, "rt", encoding="utf-8-sig") as lines:
        return [line.strip() for line in lines][3:]


@pytest.mark.slow
def test_every_short_name_has_a_core_and_parses_to_the_same_again(short_names: list[str]) -> None:
    names = CompanyNames()
    n_with_region = 0
    for written in filter(None, short_names):
        name = names.parse(written)
        assert name.core, written
        assert names.parse(name.name)[1:9] == name[1:9], written
        n_with_region += bool(name.region)
    assert 0.001 < n_with_region / len(short_names) < 0.003  # names like 杭州银行, 太原重工: few are named for a place


@pytest.mark.slow
def test_a_short_name_is_found_again_in_a_registered_name(short_names: list[str]) -> None:
    names = CompanyNames()
    n_same = n_all = 0
    for at, written in enumerate(filter(None, short_names)):
        short = names.parse(written)
        if short.region or short.is_branch:
            continue
        full = names.parse(f"杭州{written}{FORMS[at % len(FORMS)]}")
        n_all += 1
        n_same += full.region == "330100" and (full.core, full.trade) == (short.core, short.trade)
    assert n_all > 260_000
    assert n_same / n_all > 0.997  # the rest are trades without a name (餐饮集团) and districts of 杭州
