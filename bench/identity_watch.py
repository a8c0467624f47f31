"""Seconds of the parts of a piece of work, by the wall and of the processor: the latter hold when others use the machine, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Watch:
    """``wall`` and ``cpu`` are seconds by part, of all threads of this process."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Count what is done inside as ``part``."""
        begun, used = time.perf_counter(), time.process_time()
        yield
        self.wall[part] = round(time.perf_counter() - begun, 3)
        self.cpu[part] = round(time.process_time() - used, 3)


__all__ = ["Watch"]
