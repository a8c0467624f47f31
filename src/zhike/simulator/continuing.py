"""What happens next: the bank runs on from its last day, with the contacts that were made, in files as before."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from zhike.kernel.errors import BadInput
from zhike.simulator.arrays import ArrowTable, pa
from zhike.simulator.contacting import contacts_by_chunk
from zhike.simulator.files.write import DeliveryWriter
from zhike.simulator.identifiers import day_number
from zhike.simulator.population import People, draw_people
from zhike.simulator.records import parties
from zhike.simulator.records.accounts_of import make_keys
from zhike.simulator.running import known_sources
from zhike.simulator.simulate import PLAN_FILE, read_plan, report_days, summary, write_days
from zhike.simulator.start import rate_cut_day
from zhike.simulator.state import ChunkState, load_state, save_state
from zhike.simulator.terms import BankPlan, BankSummary, Contact
from zhike.simulator.totals import Totals


def continue_with_contacts(folder: Path, contacts: Iterable[Contact], until: date) -> BankSummary:
    """Run the simulated bank on to ``until`` and add one folder of files per day; contacts work from their day on.

    Customers who are not contacted behave, to the cent, as they would have without anybody's contact. Calling again
    continues from ``until``. Contacts are kept in ``truth/contacts.parquet`` for :func:`zhike.simulator.true_effect`.

    Parameters
    ----------
    folder : what :func:`zhike.simulator.simulate` filled.
    contacts : at most one a day and customer works; customers by core number, days in (last day so far, ``until``].
    until : last business day to deliver.

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
    totals = Totals(plan)
    with DeliveryWriter(folder / "data", plan.delivery) as writer:
        for chunk in range(plan.n_chunks):
            people = draw_people(plan, chunk)
            state = load_chunk(plan, people, chunk, state_file(folder, start, chunk))
            twice = parties.entered_twice(plan, people, chunk)
            known_in = known_sources(plan, state)
            write_days(
                plan,
                state,
                make_keys(people),
                twice,
                end,
                writer=writer,
                totals=totals,
                known_in=known_in,
                contacts=due.get(chunk, defaultdict(list)),
            )
            save_state(state, state_file(folder, end, chunk))
        report_days(writer, totals, after=start)
    _keep_contacts(folder, listed)
    _set_simulated_to(folder, until)
    return summary(plan, folder, writer.n_rows, {})


def load_chunk(plan: BankPlan, people: People, chunk: int, file: Path) -> ChunkState:
    """Return the state of a chunk as it was saved."""
    state = load_state(people, chunk, file)
    state.rate_cut_day = rate_cut_day(plan)
    return state


def state_file(folder: Path, day: int, chunk: int) -> Path:
    """Return where the state of a chunk at the close of a day is kept."""
    return folder / "truth" / "state" / str(day) / f"chunk-{chunk:05d}.npz"


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


__all__ = ["continue_with_contacts", "load_chunk", "read_contacts", "state_file"]
