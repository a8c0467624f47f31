"""接入 Sources: a bank's files become contract tables, loaded exactly, held with a reason, or quarantined row by row.

In: a data folder and ``mapping.yaml`` (which file feeds which table, column by column). Out: the tables of
``sources.tables``, ``quarantine`` (every bad row with file, line, column, rule, masked value and what to do) and
``load_count`` (read = loaded + quarantined + left out, per file).

::

    mapping → check → deliveries → readers → fields → (warehouse.loading) → load → steps
    what     fits?    which files  as text   columns   rows judged in SQL     held?  in the run

Never here: what a table means to anybody (profile, identity), or a bank's own columns (its mapping). To take in a new
kind of file, make ``readers`` turn it into text or Parquet. To add a table, write its contract under ``tables``.
"""

from zhike.sources.check import check_mapping, open_mapping
from zhike.sources.mapping import Mapping, read_mapping
from zhike.sources.steps import steps

__all__ = ["Mapping", "check_mapping", "open_mapping", "read_mapping", "steps"]
