"""The tables that sources owns, one file per subject: what a bank's own columns are mapped to."""

from zhike.sources.tables import control, engagement, lending, money, organisation, party, quality
from zhike.warehouse.contracts import Contract, Reads

DELIVERED: tuple[Contract, ...] = (
    *party.OWNS, *organisation.OWNS, *money.OWNS, *lending.OWNS, *engagement.OWNS, *control.OWNS,
)  # fmt: skip
OWNS: tuple[Contract, ...] = (*DELIVERED, *quality.OWNS)
READS: tuple[Reads, ...] = ()

__all__ = ["DELIVERED", "OWNS", "READS"]
