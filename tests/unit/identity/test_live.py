"""Live placing where the index knows what the few records at hand do not show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.unit.identity.conftest import CONTRACTS, DAY, ID_LI, ID_ZHANG, Row, Tables, id_of, party
from zhike.identity import Action, IdentitySettings, Override, RecordKey
from zhike.identity.live import LiveIdentity, build_index
from zhike.kernel.errors import NotFound
from zhike.warehouse import Engine
from zhike.warehouse.testing import catalog

Link = Callable[..., Tables]
NEXT = date(2025, 3, 2)
MOBILE = "13912345679"


@pytest.fixture
def live(engine: Engine, link: Link, tmp_path: Path) -> Callable[..., tuple[Tables, LiveIdentity]]:
    """Return a function that links records and opens the live index of that run."""

    def work(rows: list[Row], settings: IdentitySettings, *overrides: Override) -> tuple[Tables, LiveIdentity]:
        made = link(rows, settings=settings)
        tables = catalog(engine, made, CONTRACTS)
        index = build_index(
            tmp_path, engine, tables, as_of=settings.as_of(DAY), settings=settings, models=(), run_id="r1"
        )
        return made, LiveIdentity(index, settings, (), b"secret", overrides)

    return work


@pytest.mark.requirement("B1")
def test_a_number_that_too_many_share_joins_nobody_though_few_of_them_are_near(
    link: Link, live: Callable[..., tuple[Tables, LiveIdentity]]
) -> None:
    settings = IdentitySettings(max_sharing={"mobile_name": 2})
    rows = [
        party("core", "1", name="张三", mobile=MOBILE, email="zs@qq.com"), party("core", "3", name="张三", mobile=MOBILE),
        party("core", "2", name="张三", mobile=MOBILE, wechat_unionid="oAbCdEfGh12345", id_number=ID_LI),
    ]  # fmt: skip
    new = party("web", "9", name="张三", email="zs@qq.com", wechat_unionid="oAbCdEfGh12345", id_number=ID_ZHANG)
    first, placed = live(rows, settings)
    whole = link([*rows, new], settings=settings, previous=first, as_of=NEXT)
    assert id_of(whole, "9") == id_of(whole, "1") != id_of(whole, "2")
    assert placed.place([new]).placements[0].customer_id == id_of(whole, "9")


@pytest.mark.requirement("B2")
def test_a_merge_with_a_record_that_comes_later_holds_from_the_moment_it_comes(
    live: Callable[..., tuple[Tables, LiveIdentity]],
) -> None:
    merge = Override("1", Action.MERGE, RecordKey("core", "1"), RecordKey("web", "9"), "柜面核实")
    first, placed = live([party("core", "1", name="张三")], IdentitySettings(), merge)
    found = placed.place([party("web", "9", name="李四")]).placements[0]
    assert (found.customer_id, found.linked_by, found.n_records) == (id_of(first, "1"), "override_merge", 2)


def test_a_record_that_no_run_knows_is_not_found(live: Callable[..., tuple[Tables, LiveIdentity]]) -> None:
    _, placed = live([party("core", "1", name="张三")], IdentitySettings())
    with pytest.raises(NotFound, match=r"identity\.record_unknown"):
        placed.reconsider([RecordKey("core", "2")])
