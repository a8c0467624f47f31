"""What happened outside the run, brought into it: contacts and consent entries, kept as files that never change.

Whoever contacts customers appends a file (``keep_rows``); the first steps of a run (``snapshot_steps``) read all files and
hold them to their contracts. A contact may be told more than once on its way (planned, then sent): the last word counts.
What came back is told by the bank in ``contact_history``, by the number of the contact.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from zhike.channels.tables import CONTACT, RECEIPT
from zhike.kernel.errors import Conflict
from zhike.kernel.hashing import file_fingerprint
from zhike.policy.tables import CONSENT_ENTRY
from zhike.segments.lists import current_entries
from zhike.segments.tables import LIST_ENTRY
from zhike.warehouse import Contract, Input, Output, Step, StepContext
from zhike.warehouse.conform import rows_table
from zhike.warehouse.engine import empty_rows
from zhike.warehouse.manifest import sync_folder

KEPT: tuple[Contract, ...] = (CONTACT, CONSENT_ENTRY, LIST_ENTRY)
RECEIPTS = {"none": "delivered", "positive": "answered", "negative": "declined", "unsubscribe": "opted_out"}


@dataclass(frozen=True, slots=True)
class EngagementLog:
    """A folder per table, a numbered file per append."""

    folder: Path

    def files(self, contract: Contract) -> list[Path]:
        """Return the files of a table, oldest first."""
        return sorted((self.folder / contract.name).glob("*.parquet"))

    def keep_rows(self, contract: Contract, rows: list[dict[str, Any]], *, name: str) -> Path:
        """Append rows as one file named ``name``; it is there whole or not at all.

        Raises
        ------
        Conflict : that name was used before.
        """
        place = self.folder / contract.name
        place.mkdir(parents=True, exist_ok=True)
        target = place / f"{name}.parquet"
        if target.exists():
            raise Conflict("engagement.name_used", zh=f"{target.name} 已存在", en=f"{target.name} was written before")
        draft = place / f".{name}.{os.getpid()}.draft"
        pq.write_table(rows_table(contract, rows), draft)
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        draft.replace(target)
        sync_folder(place)
        return target


def _snapshot(log: EngagementLog, contract: Contract, context: StepContext) -> Mapping[str, Any]:
    rows = [
        pq.read_table(p).append_column("kept_in", pa.array([p.stem] * pq.read_metadata(p).num_rows))
        for p in log.files(contract)
    ]
    if not rows:
        return {"rows": context.write(contract.name, empty_rows(contract))}
    told = ibis.memtable(pa.concat_tables(rows, promote_options="default"))
    nth = ibis.row_number().over(group_by=list(contract.key), order_by=told.kept_in.desc())
    last = told.mutate(nth=nth).filter(lambda t: t.nth == 0)
    if contract.dated_by:
        last = last.filter(last[contract.dated_by] <= ibis.literal(context.as_of))
    if contract is LIST_ENTRY:
        last = _each_once(current_entries(last, context.tables["identity_register"]))
    return {"rows": context.write(contract.name, last)}


def _each_once(entries: Any) -> Any:
    """Return one entry per list, customer and first day: two customers who have become one may both have been on it."""
    last_first = [entries.to_on.isnull().desc(), entries.to_on.desc(), entries.kept_in]
    nth = ibis.row_number().over(group_by=list(LIST_ENTRY.key), order_by=last_first)
    return entries.mutate(nth=nth).filter(lambda t: t.nth == 0)


def _receipts(context: StepContext) -> Mapping[str, Any]:
    """Write what the bank says came back of our own contacts: each was delivered, some were answered."""
    contact, history = context.tables["contact"], context.tables["contact_history"]
    ours = history.semi_join(contact, "contact_id").filter(history.answer.notnull())
    answered = ours.answer.cases(
        *((ibis.literal(a), ibis.literal(r)) for a, r in RECEIPTS.items()), else_=ibis.null("string")
    )
    columns = {"on": ours.on, "at": ours.recorded_at}
    told = ours.select("contact_id", receipt_kind=answered, **columns).union(
        ours.select("contact_id", receipt_kind=ibis.literal("delivered"), **columns)
    )
    rows = told.group_by("contact_id", "receipt_kind", "on").aggregate(at=told["at"].min())
    return {"rows": context.write("receipt", rows)}


def snapshot_steps(log: EngagementLog) -> list[Step]:
    """Return the steps that bring contacts, consent entries and receipts into the run."""
    kept = [
        Step(
            key=f"snapshot:{contract.name}",
            writes=(Output(contract.name),),
            reads=(Input("identity_register"),) if contract is LIST_ENTRY else (),
            work=partial(_snapshot, log, contract),
            material=tuple((p.stem, file_fingerprint(p)) for p in log.files(contract)),
        )
        for contract in KEPT
    ]
    reads = (Input("contact"), Input("contact_history"))
    return [*kept, Step("snapshot:receipt", (Output(RECEIPT.name),), reads, _receipts)]


__all__ = ["KEPT", "EngagementLog", "snapshot_steps"]
