"""Writing a delivery: typed Parquet, or files as a bank's host sends them, with a control file beside each."""

from __future__ import annotations

import datetime
import gzip
import tarfile
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from zhike.simulator.arrays import ArrowTable, pa
from zhike.simulator.files.columns import conform, delimited_bytes, fixed_width_bytes, to_table
from zhike.simulator.files.terms import Data, FileSpec
from zhike.simulator.terms import Delivery

ENCODING = "gb18030"
DELIMITER = "|+|"
MAX_WAITING, N_THREADS = 12, 2
ROW_GROUP_ROWS = 262_144


def file_name(spec: FileSpec, delivery: Delivery, day: datetime.date | None) -> str:
    """Return where a file lies under the data folder; ``None`` gives the pattern of the mapping."""
    folder = f"{day:%Y%m%d}" if day else "{day:%Y%m%d}"
    if delivery == "parquet":
        return f"{folder}/{spec.code}.parquet" if spec.is_dated else f"static/{spec.code}.parquet"
    if spec.form == "archive":
        return f"{spec.code}_{folder}.txt"
    suffix = "csv" if spec.form == "csv" else "txt"
    return f"{folder}/{spec.code}_{folder}.{suffix}" if spec.is_dated else f"static/{spec.code}.{suffix}"


def archive_name(spec: FileSpec, day: datetime.date | None) -> str:
    """Return where the archive of a file lies under the data folder; ``None`` gives the pattern of the mapping."""
    folder = f"{day:%Y%m%d}" if day else "{day:%Y%m%d}"
    return f"{folder}/{spec.code}_{folder}.tar.gz"


class DeliveryWriter:
    """Keeps the files of a delivery open and appends to them on two background threads, to each file in the order given.

    Use as a context manager; leaving it closes files, packs archives and writes control files.
    """

    def __init__(self, data_folder: Path, delivery: Delivery) -> None:
        self.data_folder = data_folder
        self.delivery = delivery
        self.n_rows: Counter[str] = Counter()
        self._parquet: dict[Path, pq.ParquetWriter] = {}
        self._schemas: dict[Path, Any] = {}
        self._text: dict[Path, IO[bytes]] = {}
        self._counts: Counter[Path] = Counter()
        self._archives: dict[Path, tuple[Path, str]] = {}
        self._threads = [ThreadPoolExecutor(max_workers=1) for _ in range(N_THREADS)]
        self._thread_of: dict[str, ThreadPoolExecutor] = {}
        self._waiting: list[Future[None]] = []

    def __enter__(self) -> DeliveryWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._drain(0)
        for thread in self._threads:
            thread.shutdown()
        for writer in self._parquet.values():
            writer.close()
        for stream in self._text.values():
            stream.close()
        if kind is None and self.delivery == "bank_files":
            self._finish_texts()

    def write(self, spec: FileSpec, day: datetime.date, data: Data | ArrowTable) -> None:
        """Append rows to the file of ``spec`` for a business day; no rows make an empty file."""
        thread = self._thread_of.setdefault(spec.name, self._threads[len(self._thread_of) % N_THREADS])
        self._waiting.append(thread.submit(self._append, spec, day, data))
        self._drain(MAX_WAITING)

    def _drain(self, at_most: int) -> None:
        while len(self._waiting) > at_most:
            self._waiting.pop(0).result()

    def _append(self, spec: FileSpec, day: datetime.date, data: Data | ArrowTable) -> None:
        table = to_table(spec, data)
        self.n_rows[spec.name] += table.num_rows
        if self.delivery == "parquet":
            path = self.data_folder / file_name(spec, "parquet", day)
            if path not in self._parquet:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._schemas[path] = table.schema
                self._parquet[path] = _parquet_writer(path, spec, table.schema)
            if table.num_rows:
                n_groups = max(1, round(table.num_rows / ROW_GROUP_ROWS))
                rows = conform(table, self._schemas[path])
                self._parquet[path].write_table(rows, row_group_size=-(-table.num_rows // n_groups))
            return
        name = file_name(spec, "bank_files", day)
        path = self.data_folder / (f"{archive_name(spec, day)}.part" if spec.form == "archive" else name)
        if path not in self._text:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._text[path] = path.open("wb")
            if spec.form == "archive":
                self._archives[path] = (self.data_folder / archive_name(spec, day), name)
            if spec.form == "csv":
                self._text[path].write((",".join(c.name for c in spec.columns) + "\n").encode())
        self._text[path].write(self._bytes(spec, table))
        self._counts[path] += table.num_rows

    def _bytes(self, spec: FileSpec, table: ArrowTable) -> bytes:
        if spec.form == "fixed":
            return fixed_width_bytes(spec, table, ENCODING)
        if spec.form == "csv":
            return delimited_bytes(spec, table, ",", "utf-8")
        return delimited_bytes(spec, table, DELIMITER, ENCODING)

    def _finish_texts(self) -> None:
        for path in self._text:
            shown = path
            if path in self._archives:
                shown, member = self._archives[path]
                _pack(path, shown, member)
                path.unlink()
            if path.suffix != ".csv":
                shown.with_name(shown.name + ".OK").write_text(f"{self._counts[path]}\n", encoding="ascii")


def _parquet_writer(path: Path, spec: FileSpec, schema: Any) -> pq.ParquetWriter:
    """Return a writer that spends nothing on what does not pay.

    A dictionary is tried only where values repeat (where we have one, and for days): keys and amounts are nearly all
    different, and a dictionary that fails costs more bytes and time than plain values. No smallest and largest texts.
    """
    kinds = {c.name: c.kind for c in spec.columns}
    repeating: Any = [f.name for f in schema if pa.types.is_dictionary(f.type) or kinds[f.name] in ("day", "day_text")]
    ordered: Any = [n for n, kind in kinds.items() if kind not in ("text", "code", "day_text")]
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, store_decimal_as_integer=True, use_dictionary=repeating,
        write_statistics=ordered,
    )  # fmt: skip


def _pack(content: Path, archive: Path, member: str) -> None:
    """Pack one file into a ``.tar.gz`` whose bytes depend on nothing but the content."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        content.open("rb") as source,
    ):
        info = tarfile.TarInfo(member)
        info.size = content.stat().st_size
        tar.addfile(info, source)


__all__ = ["DELIMITER", "ENCODING", "DeliveryWriter", "archive_name", "file_name"]
