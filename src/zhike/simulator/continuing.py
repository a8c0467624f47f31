"""What happens next: the bank runs on from its last day, with the contacts that were made, in files as before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from zhike.kernel.errors import BadInput
from zhike.simulator.arrays import ArrowTable, pa
from zhike.simulator.contacting import contacts_by_chunk
from zhike.simulator.drawing import BY_NAME, ChunkDone, continue_chunk
from zhike.simulator.files.terms import Write
from zhike.simulator.files.write import DeliveryWriter
from zhike.simulator.identifiers import day_number
from zhike.simulator.sharing import ChunkWorkers
from zhike.simulator.simulate import PLAN_FILE, SPOOL, read_plan, report_days, summary, workers_for
from zhike.simulator.terms import BankSummary, Contact
from zhike.simulator.totals import Totals
from zhike.simulator.truth import Truth


def continue_with_contacts(
    folder: Path, contacts: Iterable[Contact], until: date, *, n_workers: int = 2
) -> BankSummary:
    """Run the simulated bank on to ``until`` and add one folder of files per day; contacts work from their day on.

    Customers who are not contacted behave, to the cent, as they would have without anybody's contact. Calling again
    continues from ``until``. Contacts are kept in ``truth/contacts.parquet`` for :func:`zhike.simulator.true_effect`.

    Parameters
    ----------
    folder : what :func:`zhike.simulator.simulate` filled.
    contacts : at most one a day and customer works; customers by core number, days in (last day so far, ``until``].
    until : last business day to deliver.
    n_workers : as for :func:`zhike.simulator.simulate`; the bytes do not depend on it.

    Raises
    ------
    BadInput : ``until`` is not later than the last day so far; a contact names no customer or a day outside.
    NotFound : no simulated bank in the folder.
    """
    folder = folder.resolve()
    plan, simulated_to = read_plan(folder)
    if until <= simulated_to:
        raise BadInput(
            "simulator.until", zh=f"模拟已到 {simulated_to}", en=f"the bank already stands at {simulated_to}",
            todo_zh="请给出更晚的日期", todo_en="give a later day",
        )  # fmt: skip
    start, end = day_number(simulated_to), day_number(until)
    listed = list(contacts)
    due = contacts_by_chunk(plan, listed, after=start, until=end)
    totals, truth = Totals(plan), Truth(folder / "truth")

    def task(chunk: int, write: Write) -> ChunkDone:
        return continue_chunk(plan, folder, chunk, write, span=(start, end), contacts=due.get(chunk, {}))

    with (
        ChunkWorkers(task, BY_NAME, folder / SPOOL, n_workers=workers_for(plan, n_workers)) as workers,
        DeliveryWriter(folder / "data", plan.delivery) as writer,
    ):
        for done in workers.draw(plan.n_chunks, writer.write):
            totals.add_all(done.totals)
            truth.write(done.truth)
        report_days(writer, totals, after=start)
    truth.close()
    _keep_contacts(folder, listed)
    _set_simulated_to(folder, until)
    return summary(plan, folder, writer.n_rows, {})


def read_contacts(folder: Path) -> ArrowTable:
    """Return all contacts handed in so far; an empty table when there were none."""
    file = folder / "truth" / "contacts.parquet"
    return pq.read_table(file) if file.is_file() else _contact_table([])


def _contact_table(contacts: list[Contact]) -> ArrowTable:
    return pa.table({
        "contact_id": pa.array([c.contact_id for c in contacts], pa.string()), "source_key": pa.array([c.source_key for c in contacts], pa.string()),
        "channel": pa.array([str(c.channel) for c in contacts], pa.string()), "on": pa.array([c.on for c in contacts], pa.date32()),
        "offer": pa.array([c.offer for c in contacts], pa.string()),
    })  # fmt: skip


def _keep_contacts(folder: Path, contacts: list[Contact]) -> None:
    table = pa.concat_tables([read_contacts(folder), _contact_table(contacts)])
    pq.write_table(table, folder / "truth" / "contacts.parquet")


def _set_simulated_to(folder: Path, until: date) -> None:
    file = folder / "truth" / PLAN_FILE
    body = json.loads(file.read_text(encoding="utf-8")) | {"simulated_to": until.isoformat()}
    file.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


__all__ = ["continue_with_contacts", "read_contacts"]
