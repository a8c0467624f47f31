"""Static lists filled by people: whom a file names is put on a list, or taken off, from a day on; the next run follows.

A file names customers by ``customer_id``, or by ``source`` and ``source_key`` as the bank's systems know them. A line that names nobody is an
error of the whole file, so that nobody is missed in silence.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis

from zhike.kernel.errors import BadInput, Conflict, Finding, NotFound
from zhike.kernel.hashing import fingerprint
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.engagement import EngagementLog
from zhike.pipeline.nightly import engagement_log
from zhike.pipeline.project import Project
from zhike.pipeline.store import OperationsStore
from zhike.segments.tables import LIST_ENTRY

Row = dict[str, Any]
MOST_FINDINGS = 10
MOST_LINES = 1_000_000


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to a list: by whom, why, from which day on; ``to_on`` is the last day of those who are put on it."""

    by: str
    reason: str
    at: datetime
    from_on: date
    to_on: date | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """A project with its store: where what is done to lists is kept."""

    project: Project
    store: OperationsStore

    @property
    def log(self) -> EngagementLog:
        """The files of entries."""
        return engagement_log(self.project)


def list_lists(project: Project) -> list[Row]:
    """Return every list with its meaning and how many are on it on the day of the published run."""
    with opened(project) as o:
        held = o.tables["list_entry"]
        day = ibis.literal(o.manifest.as_of)
        on = held.filter((held.from_on <= day) & (held.to_on.isnull() | (held.to_on >= day)))
        counted = {r["list"]: r["n"] for r in o.rows(on.group_by("list").aggregate(n=on.customer_id.nunique()))}
        rows = o.tables["customer_list"]
        links = o.tables["identity_link"].select("source", "source_key", "customer_id")
        joined = rows.inner_join(links, ["source", "source_key"])
        joined = joined.filter(
            (joined.valid_from_on <= day) & (joined.valid_to_on.isnull() | (joined.valid_to_on >= day))
        )
        for r in o.rows(joined.group_by("list_kind").aggregate(n=joined.customer_id.nunique())):
            counted[r["list_kind"]] = counted.get(r["list_kind"], 0) + r["n"]
        return [
            {"list": key, "zh": d.zh, "en": d.en, "held_by": d.held_by, "owner": d.owner, "customers": counted.get(key, 0), "meaning_zh": d.meaning_zh, "meaning_en": d.meaning_en}
            for key, d in o.compiled.lists.items()
        ]  # fmt: skip


def show_list(project: Project, key: str) -> list[Row]:
    """Return the entries of a list that zhike holds, also those that the next run will see first."""
    project.definitions.get("list", key)
    entries = _entries(engagement_log(project))
    return [
        {n: row[n] for n in ("customer_id", "from_on", "to_on", "added_by", "reason")}
        for row in sorted(entries.values(), key=lambda r: (r["from_on"], r["customer_id"])) if row["list"] == key
    ]  # fmt: skip


def add_to_list(keeping: Keeping, key: str, file: Path, act: Act) -> Row:
    """Put the customers that a file names on a list, from a day on; those who are on it already stay as they are.

    Raises
    ------
    NotFound : there is no such list.
    BadInput : the bank holds the list, the file is malformed, or a line names nobody.
    """
    with opened(keeping.project) as o:
        _check_ours(o, key)
        wanted = _customers(o, file)
    if act.to_on is not None and act.to_on < act.from_on:
        raise BadInput("lists.days", zh="截止日早于起始日", en="the last day lies before the first", todo_zh="改正 --from 与 --to", todo_en="correct --from and --to")  # fmt: skip
    on_it = {
        r["customer_id"] for r in _entries(keeping.log).values()
        if r["list"] == key and r["from_on"] <= act.from_on and (r["to_on"] is None or r["to_on"] >= act.from_on)
    }  # fmt: skip
    rows = [
        {"list": key, "customer_id": c, "from_on": act.from_on, "to_on": act.to_on, "added_by": act.by, "reason": act.reason}
        for c in wanted if c not in on_it
    ]  # fmt: skip
    _keep(keeping, "list.added", key, rows, act)
    return {
        "list": key,
        "added": len(rows),
        "on_it_already": len(wanted) - len(rows),
        "from": act.from_on.isoformat(),
        "effective": "next run",
    }


def take_off_list(keeping: Keeping, key: str, file: Path, act: Act) -> Row:
    """Take the customers that a file names off a list: the day before ``from_on`` is their last on it.

    Raises
    ------
    NotFound : there is no such list.
    BadInput : the bank holds the list, the file is malformed, or a line names nobody.
    Conflict : nobody in the file is on it.
    """
    with opened(keeping.project) as o:
        _check_ours(o, key)
        wanted = set(_customers(o, file))
    rows = []
    for row in _entries(keeping.log).values():
        is_held = row["to_on"] is None or row["to_on"] >= act.from_on
        if row["list"] == key and row["customer_id"] in wanted and is_held:
            rows.append({**row, "to_on": max(act.from_on - timedelta(days=1), row["from_on"] - timedelta(days=1))})
    if not rows:
        raise Conflict(
            "lists.nobody_on_it", zh=f"文件中没有人在名单 {key} 上", en=f"nobody in the file is on the list {key}",
            todo_zh="用 zhike lists show 查看名单", todo_en="`zhike lists show` tells who is on it",
        )  # fmt: skip
    _keep(keeping, "list.taken_off", key, rows, act)
    return {
        "list": key,
        "taken_off": len({r["customer_id"] for r in rows}),
        "last_day": (act.from_on - timedelta(days=1)).isoformat(),
        "effective": "next run",
    }


def _check_ours(o: Opened, key: str) -> None:
    o.compiled.definitions.get("list", key)
    if o.compiled.lists[key].held_by != "zhike":
        raise BadInput(
            "lists.held_by_bank", zh=f"名单 {key} 由银行系统下发，不能在此增减", en=f"the bank delivers the list {key}: it is not filled here",
            todo_zh="在 conf/lists 中另建名单（held_by: zhike）", todo_en="make a list of your own in conf/lists (held_by: zhike)",
        )  # fmt: skip


def _entries(log: EngagementLog) -> dict[tuple[str, str, date], Row]:
    """Return the last word about each list, customer and first day."""
    import pyarrow.parquet as pq

    found: dict[tuple[str, str, date], Row] = {}
    for path in log.files(LIST_ENTRY):
        for row in pq.read_table(path).to_pylist():
            found[row["list"], row["customer_id"], row["from_on"]] = row
    return found


def _customers(o: Opened, file: Path) -> list[str]:
    """Return the customers that a file names, each once, in order."""
    header, lines = _read(file)
    given: list[tuple[int, tuple[str, ...]]]
    known: dict[tuple[str, ...], str]
    if "customer_id" in header:
        given = [(n, (row["customer_id"],)) for n, row in lines]
        known = {(r["customer_id"],): r["customer_id"] for r in _asked(o, "customer", given, ("customer_id",))}
    elif {"source", "source_key"} <= set(header):
        given = [(n, (row["source"], row["source_key"])) for n, row in lines]
        known = {
            (r["source"], r["source_key"]): r["customer_id"]
            for r in _asked(o, "identity_link", given, ("source", "source_key"))
        }
    else:
        raise BadInput(
            "lists.columns", zh=f"{file.name} 缺少 customer_id 列，或 source 与 source_key 两列", en=f"{file.name} has neither the column customer_id nor source and source_key",
            todo_zh="第一行写列名", todo_en="write the names of the columns into the first line",
        )  # fmt: skip
    nobody = [n for n, key in given if key not in known]
    if nobody or not given:
        findings = tuple(
            Finding(f"{file.name}:{n}", "names nobody who is published · 已发布结果中没有该客户")
            for n in nobody[:MOST_FINDINGS]
        )
        raise BadInput(
            "lists.nobody", zh=f"{file.name} 有 {len(nobody)} 行找不到客户" if given else f"{file.name} 没有任何客户",
            en=f"{len(nobody)} lines of {file.name} name nobody" if given else f"{file.name} names nobody",
            findings=findings, todo_zh="改正或删去这些行；未改动名单", todo_en="correct or remove them; the list was not changed",
        )  # fmt: skip
    return list(dict.fromkeys(known[key] for _, key in given))


def _read(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the columns and the lines of a CSV file in UTF-8, with their numbers."""
    if not file.is_file():
        raise NotFound(
            "lists.no_file", zh=f"没有文件 {file}", en=f"there is no file {file}", todo_zh="核对路径", todo_en="check the path"
        )  # fmt: skip
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            "lists.not_utf8", zh=f"{file.name} 不是 UTF-8 文本", en=f"{file.name} is not UTF-8", todo_zh="另存为 UTF-8 的 CSV", todo_en="save it as CSV in UTF-8"
        ) from error  # fmt: skip
    reader = csv.DictReader(text.splitlines())
    lines = [
        (n, {k: (v or "").strip() for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)})
        for n, row in enumerate(reader, start=2)
    ]
    if len(lines) > MOST_LINES:
        raise BadInput(
            "lists.too_long", zh=f"{file.name} 超过 {MOST_LINES} 行", en=f"{file.name} has more than {MOST_LINES} lines",
            todo_zh="大名单请写成规则，或分批加入", todo_en="write a rule, or add it in parts",
        )  # fmt: skip
    return [h.strip() for h in reader.fieldnames or []], lines


def _asked(o: Opened, table: str, given: Sequence[tuple[int, tuple[str, ...]]], columns: Sequence[str]) -> list[Row]:
    schema = dict.fromkeys(columns, "string")
    wanted = ibis.memtable([dict(zip(columns, key, strict=True)) for _, key in given] or [], schema=schema)
    rows = o.tables[table]
    return o.rows(rows.semi_join(wanted, list(columns)).select(*dict.fromkeys([*columns, "customer_id"])))


def _keep(keeping: Keeping, action: str, key: str, rows: list[Row], act: Act) -> None:
    """Keep entries, and what was done in the audit, together."""
    if not rows:
        return
    name = f"{act.at:%Y%m%dT%H%M%S%f}-{fingerprint(action, key, len(rows))[:8]}"
    with keeping.store.together():
        detail = {"customers": len(rows), "from_on": act.from_on.isoformat(), "reason": act.reason, "kept_in": name}
        keeping.store.add_audit(act.by, action, f"list {key}", detail, act.at)
        keeping.log.keep_rows(LIST_ENTRY, rows, name=name)


__all__ = ["Act", "Keeping", "add_to_list", "list_lists", "show_list", "take_off_list"]
