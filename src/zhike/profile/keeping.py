"""Intermediate results computed once, as temporary tables of an engine, and dropped when the work is done.

A profile of hundreds of features is one expression; asked for in one piece, shared parts may be computed again and the plan grows
large. Handing ``keep`` to :func:`zhike.profile.build_profile` computes part by part instead. The values are the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ibis.expr.types as ir

from zhike.warehouse import Engine


@contextmanager
def keeping(engine: Engine) -> Iterator[Callable[[ir.Table], ir.Table]]:
    """Give a function that computes a table at once and returns it as a temporary table; all are dropped at the end."""
    names: list[str] = []
    prefix = f"kept_{uuid.uuid4().hex[:12]}"

    def keep(table: ir.Table) -> ir.Table:
        names.append(f"{prefix}_{len(names)}")
        return engine.connection.create_table(names[-1], table, temp=True)

    try:
        yield keep
    finally:
        for name in names:
            engine.connection.drop_table(name, force=True)


__all__ = ["keeping"]
