"""What a forked worker does first: it must not outlive its parent, be interrupted beside it, or tidy up after it."""

from __future__ import annotations

import ctypes
import gc
import os
import signal

PR_SET_PDEATHSIG = 1


def become_worker(parent: int) -> None:
    """Make this process, just forked by process ``parent``, one that works for it and ends with it, however that ends.

    What the parent had left for the garbage collector stays the parent's: its connections have threads that are not here, and
    closing one here could wait for them forever. An interrupt is the parent's, too, which ends its workers.
    """
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent(parent)


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends (Linux; elsewhere a closed pipe tells)."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


__all__ = ["become_worker"]
