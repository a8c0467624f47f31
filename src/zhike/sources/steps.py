"""The steps of sources: one per table, and for tables that only grow one per entry and batch.

Planning looks at the data folder: which files are there, which are missing, and what their bytes are, so that a night on
which nothing came does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from zhike.kernel.hashing import fingerprint
from zhike.sources.deliveries import Delivery, find_deliveries, group_by_batch
from zhike.sources.derive import derive_balances
from zhike.sources.load import Batch, LoadJob
from zhike.sources.mapping import Entry, Mapping
from zhike.sources.references import reference_rules
from zhike.sources.survey import Fingerprints, open_fingerprints
from zhike.warehouse.contracts import Contract
from zhike.warehouse.steps import Input, Output, Step


@dataclass(frozen=True, slots=True)
class _Planner:
    mapping: Mapping
    folder: Path
    as_of: date
    contracts: Dictionary[str, Contract]
    timezone: str
    prints: Fingerprints
    seen: dict[str, tuple[Delivery, ...]]

    def deliveries(self, entry: Entry) -> tuple[Delivery, ...]:
        """Return the files of an entry, looked up once; none for a database or rows."""
        if entry.file is None:
            return ()
        if entry.name not in self.seen:
            self.seen[entry.name] = find_deliveries(self.mapping, entry, self.folder, self.as_of)
        return self.seen[entry.name]

    def batch(self, entry: Entry, deliveries: tuple[Delivery, ...]) -> Batch:
        """Return files with the fingerprints of their bytes, labelled so that no two loads of a table share a label."""
        shared = [e for e in self.mapping.feeding(entry.to) if (e.file, e.archive) == (entry.file, entry.archive)]
        labelled = deliveries
        if len(shared) > 1:
            labelled = tuple(d.relabelled(f"{d.label}#{entry.name}") for d in deliveries)
        return Batch(entry, labelled, tuple(self.prints.of(d.path) for d in deliveries))

    def table_steps(self, contract: Contract) -> list[Step]:
        """Return the steps that fill one table."""
        entries = self.mapping.feeding(contract.name)
        if contract.partitioned_by != "batch":
            batches = tuple(self.batch(e, self.deliveries(e)) for e in entries)
            return [self._step(contract, batches, partition="", label=contract.name, earlier=())]
        parts: list[tuple[str, int, str, Batch]] = []
        for i, entry in enumerate(entries):
            if entry.file is None:
                parts.append(("", i, entry.name, self.batch(entry, ())))
            for label, files in group_by_batch(self.deliveries(entry), self.mapping.batches):
                dated = files[0].day is not None
                name = f"{entry.name}.{label}" if dated else entry.name
                parts.append((label if dated else "", i, name, self.batch(entry, files)))
        parts.sort(key=lambda p: p[:2])
        names = [name for _, _, name, _ in parts]
        return [
            self._step(contract, (batch,), partition=name, label=f"{contract.name}.{name}", earlier=tuple(names[:i]))
            for i, (_, _, name, batch) in enumerate(parts)
        ]

    def _step(
        self, contract: Contract, batches: tuple[Batch, ...], *, partition: str, label: str, earlier: tuple[str, ...]
    ) -> Step:
        others = {j.table: self.mapping.entry(j.table) for b in batches for j in b.entry.join}
        joined = {name: self.batch(entry, self.deliveries(entry)) for name, entry in others.items()}
        references = reference_rules(contract, self.mapping)
        job = LoadJob(
            mapping=self.mapping, contract=contract, batches=batches, joined=joined, references=references,
            partition=partition, quarantine_partition=label, earlier=earlier, timezone=self.timezone,
        )  # fmt: skip
        used = [*batches, *joined.values()]
        inputs = [Input(t) for t in dict.fromkeys(r.target for r in references)]
        inputs += [Input(contract.name, p) for p in earlier]
        return Step(
            key=f"load:{label}",
            writes=(Output(contract.name, partition), Output("quarantine", label), Output("load_count", label)),
            reads=tuple(inputs),
            work=job,
            definition=fingerprint([b.entry.hash for b in used]),
            material=(
                self.timezone, self._limits(batches),
                [[d.label, d.batch, mark, self._control(d)] for b in used for d, mark in zip(b.deliveries, b.fingerprints, strict=True)],
            ),
            is_dated=any(b.entry.database is not None for b in used),
        )  # fmt: skip

    def _limits(self, batches: tuple[Batch, ...]) -> list[object]:
        own = [b.entry.quarantine_at_most_rate for b in batches]
        return [self.mapping.quarantine_at_most_rate, self.mapping.quarantine_tolerated_rows, own]

    def _control(self, delivery: Delivery) -> str:
        """The control file's content counts as the file's own: a late one lets a held file in."""
        return self.prints.of(delivery.control) if delivery.control is not None and delivery.control.is_file() else ""


def steps(
    mapping: Mapping, data_folder: Path, as_of: date, contracts: Dictionary[str, Contract],
    *, timezone: str = "Asia/Shanghai", fingerprints: Path | None = None,
) -> list[Step]:  # fmt: skip
    """Return the steps that load a bank's files as of a day.

    Parameters
    ----------
    mapping : checked by :func:`zhike.sources.check.open_mapping`.
    data_folder : where the bank delivers.
    as_of : files of later business days are not read.
    contracts : table name → contract, at least those of ``sources.tables``.
    timezone : of moments without one, and of business days.
    fingerprints : file in which the fingerprints of unchanged files are remembered; None reads every file each time.

    Raises
    ------
    BadInput : the day lies before the data, the folder or files are missing; nothing has been read or written.
    """
    planner = _Planner(mapping, data_folder, as_of, contracts, timezone, open_fingerprints(fingerprints), {})
    tables = dict.fromkeys(e.to for e in mapping.tables if e.to)
    planned = [step for name in tables for step in planner.table_steps(contracts[name])]
    planned += [derive_balances() for table in mapping.derive if table == "balance_daily"]
    planner.prints.remember(d.path for found in planner.seen.values() for d in found)
    return planned


__all__ = ["steps"]
