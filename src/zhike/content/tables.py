"""The tables of content: none; approved content is kept as definitions."""

from zhike.warehouse.contracts import Contract, Reads

OWNS: tuple[Contract, ...] = ()
READS: tuple[Reads, ...] = ()
