"""Intermediate results computed once, as temporary tables of an engine, and dropped when the work is done.

A profile of hundreds of features is one expression; asked for in one piece, shared parts may be computed again and the plan grows
large. Handing ``keep`` to :func:`zhike.profile.build_profile` computes part by part instead. The values are the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import ibis.expr.types as ir

from zhike.warehouse import TableEngine


@dataclass(slots=True)
class Kept:
    """Temporary tables of one engine, named so that they meet no others."""

    engine: TableEngine
    on_disk: bool = False
    prefix: str = field(default_factory=lambda: f"kept_{uuid.uuid4().hex[:12]}")
    made: dict[str, ir.Table] = field(default_factory=dict)
    n_made: int = 0

    def __call__(self, table: ir.Table) -> ir.Table:
        """Compute a table at once and return it as a temporary table."""
        name = f"{self.prefix}_{self.n_made}"
        self.n_made += 1
        self.made[name] = self.engine.keep(name, table, on_disk=self.on_disk)
        return self.made[name]

    def drop(self, table: ir.Table) -> None:
        """Drop one of them."""
        (name,) = (n for n, made in self.made.items() if made is table)
        del self.made[name]
        self.engine.drop(name)


@contextmanager
def keeping(engine: TableEngine, *, on_disk: bool = False) -> Iterator[Kept]:
    """Give what computes a table at once and returns it as a temporary table; all are dropped at the end."""
    kept = Kept(engine, on_disk)
    try:
        yield kept
    finally:
        for name in kept.made:
            engine.drop(name)


__all__ = ["Kept", "keeping"]
