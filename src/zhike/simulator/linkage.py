"""Frozen sets of records with known truth, by which the joining of records is measured: persons of a Chinese bank in four systems.

What: :func:`draw_linkage_set` draws families, their records as the systems hold them with named rates of error, and who each
record is. Unlike the bank of :func:`zhike.simulator.simulate` nothing behaves here: a million records take seconds.

Frozen: the same number of persons and seed give the same rows for ever, so that figures of different years can be compared.
A test pins digests; a better set is a new set beside this one.

What makes it hard is what makes it hard in a bank. Couples share an address and at times a telephone, children carry their
father's surname, twins a birthday too, shops have one telephone for several of their people, and a mistyped surname is another
surname. ``linkage_people.py`` says who they are, ``linkage_records.py`` what was written down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.kernel.errors import BadInput
from zhike.simulator.arrays import ArrowTable, Columns, pa
from zhike.simulator.linkage_people import draw_persons
from zhike.simulator.linkage_records import SOURCES, draw_records

EMPTY_COLUMNS = {
    "wechat_unionid": pa.string(), "wechat_openid": pa.string(), "device_id": pa.string(), "id_expires_on": pa.date32(), "marital_status": pa.string(),
    "n_children": pa.int64(), "education": pa.string(), "occupation": pa.string(), "is_student": pa.bool_(), "is_staff": pa.bool_(),
    "annual_income_amount": pa.decimal128(18, 2), "industry": pa.string(), "company_size": pa.string(), "n_employees": pa.int64(),
    "annual_revenue_amount": pa.decimal128(18, 2), "founded_on": pa.date32(), "tax_grade": pa.string(), "certificate": pa.string(),
    "has_court_record": pa.bool_(), "deceased_on": pa.date32(), "valid_to_on": pa.date32(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LinkageSet:
    """``records`` are rows of ``source_party``; ``truth`` is [source, source_key, person], one row for each, in the same order."""

    records: ArrowTable
    truth: ArrowTable


def draw_linkage_set(n_persons: int, seed: int = 1) -> LinkageSet:
    """Return the records that four systems hold of ``n_persons`` persons, and who each record is.

    About 1.45 records a person, the first in core. Of the records outside core 75 % have no document number. 3 % of persons
    give somebody else's telephone, 12 % of later records have a new one; 5 % of names and of e-mail addresses are mistyped,
    10 % of names written in traditional characters, 2 % of birth dates have day and month swapped. 8 % of later records have
    another address, and fields are missing as often as in such systems.

    Parameters
    ----------
    n_persons : ≥ 10; 690,000 give a million records.
    seed : another seed, another set of the same kind.

    Returns
    -------
    rows ordered by (source, source_key), keys in no relation to persons; valid from 2021 on, recorded by April 2025.

    Raises
    ------
    BadInput : fewer than ten persons.
    """
    if n_persons < 10:
        raise BadInput(
            "simulator.linkage_too_small", zh="人数至少为 10", en="n_persons must be at least 10", todo_zh="请用更大的人数",
            todo_en="ask for more persons",
        )  # fmt: skip
    drawn = draw_records(draw_persons(n_persons, seed), seed)
    person, source = drawn.pop("person"), drawn.pop("source_no")
    order = np.lexsort((drawn.pop("key_no"), source))
    n = len(order)
    named: Columns = {"source": pa.array(SOURCES).take(pa.array(source)), **drawn}
    rows = pa.table(named).take(pa.array(order))
    for name, kind in EMPTY_COLUMNS.items():
        rows = rows.append_column(name, pa.nulls(n, kind))
    truth = rows.select(["source", "source_key"]).append_column("person", pa.array(person[order]))
    return LinkageSet(rows.combine_chunks(), truth.combine_chunks())


__all__ = ["LinkageSet", "draw_linkage_set"]
