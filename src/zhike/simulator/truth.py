"""What really is: who is the same party, who tends to leave, potential outcomes of maturing money, planted dirt.

Kept in ``truth/``; only tests, benchmarks and self-checks of measure may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from zhike.simulator.arrays import ArrowTable, Flags, pa
from zhike.simulator.behaviour import SOURCES
from zhike.simulator.causal import maturing_truth
from zhike.simulator.identifiers import day_number
from zhike.simulator.ownership import draw_ownership
from zhike.simulator.population import COMPANY
from zhike.simulator.records.daily import contract_numbers
from zhike.simulator.records.keys import second_core_keys, source_keys
from zhike.simulator.records.parties import Identity
from zhike.simulator.state import N_CONTRACTS, ChunkState
from zhike.simulator.terms import BankPlan

HORIZON_DAYS = 30
PERSUASION = ("unmoved", "persuadable", "do_not_disturb")


class Truth:
    """The truth tables, written chunk by chunk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def write(self, tables: Mapping[str, ArrowTable]) -> None:
        """Append what one chunk tells."""
        for name, table in tables.items():
            if name not in self._writers:
                self._writers[name] = pq.ParquetWriter(
                    self.folder / f"{name}.parquet", table.schema, compression="zstd", compression_level=1
                )
            self._writers[name].write_table(table)

    def finish(self, planted: Mapping[tuple[str, str, str], int]) -> None:
        """Close the tables and write the count of planted dirt."""
        for writer in self._writers.values():
            writer.close()
        listed = sorted(planted.items())
        pq.write_table(pa.table({
            "file": pa.array([k[0] for k, _ in listed], pa.string()), "reason": pa.array([k[1] for k, _ in listed], pa.string()),
            "column": pa.array([k[2] for k, _ in listed], pa.string()), "n": pa.array([n for _, n in listed], pa.int64()),
        }), self.folder / "dirt.parquet")  # fmt: skip


def truth_of(plan: BankPlan, state: ChunkState, identity: Identity, known_in: Flags) -> dict[str, ArrowTable]:
    """Return parties, customers, companies and maturing contracts of one chunk."""
    return {
        "party": _parties(state, identity, known_in),
        "customer": _customers(state),
        "company": _companies(plan, state),
        "maturing": _maturing(state, day_number(plan.last_day) + HORIZON_DAYS),
    }


def _parties(state: ChunkState, identity: Identity, known_in: Flags) -> ArrowTable:
    number = state.people.number
    sources, keys, parties = [], [], []
    for position, source in enumerate(SOURCES):
        who = np.flatnonzero(known_in[position])
        sources += [source] * len(who)
        keys.append(source_keys(source, number[who]))
        parties.append(number[who])
    sources += ["core"] * len(identity.is_twice)
    keys.append(second_core_keys(number[identity.is_twice]))
    parties.append(number[identity.is_twice])
    return pa.table(
        {"source": pa.array(sources), "source_key": pa.concat_arrays(keys), "true_party": np.concatenate(parties)}
    )


def _customers(state: ChunkState) -> ArrowTable:
    people = state.people
    return pa.table({
        "true_party": people.number, "core_key": source_keys("core", people.number), "party_kind": people.kind,
        "rate_sense": people.rate_sense, "loyalty": people.loyalty, "digital": people.digital,
        "persuasion": pa.DictionaryArray.from_arrays(pa.array(people.persuasion.astype(np.int8)), pa.array(PERSUASION)),
        "churn_per_day": people.churn_per_day, "has_churned": state.is_gone,
    })  # fmt: skip


def _companies(plan: BankPlan, state: ChunkState) -> ArrowTable:
    """Return the companies of a chunk, and which true party controls each in the end; missing where nobody does."""
    people, ownership = state.people, draw_ownership(plan, state.people, state.chunk)
    who = np.flatnonzero(people.kind == COMPANY)
    leader = ownership.leader[who]
    return pa.table({
        "true_party": people.number[who], "core_key": source_keys("core", people.number[who]),
        "leader_true_party": pa.array(people.number[np.maximum(leader, 0)], mask=leader < 0),
    })  # fmt: skip


def _maturing(state: ChunkState, until_day: int) -> ArrowTable:
    """Return potential outcomes of the contracts that mature by ``until_day``."""
    rows = maturing_truth(state, until_day)
    places = rows.pop("place")
    who, contracts = places // N_CONTRACTS, state.contracts
    return pa.table({
        "contract_id": contract_numbers(state, places, contracts.started[places]), "core_key": source_keys("core", state.people.number[who]),
        "true_party": state.people.number[who], "matures_on": pa.array(contracts.matures[places]).cast(pa.date32()),
        "principal_cents": contracts.principal[places], "auto_renews": contracts.auto[places],
        "persuasion": pa.DictionaryArray.from_arrays(pa.array(state.people.persuasion[who].astype(np.int8)), pa.array(PERSUASION)), **rows,
    })  # fmt: skip


__all__ = ["HORIZON_DAYS", "PERSUASION", "Truth", "truth_of"]
