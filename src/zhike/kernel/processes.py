"""What a forked process needs to know of its parent: it must not outlive it."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when process ``parent`` ends, however that ends (Linux; elsewhere a closed pipe tells)."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


__all__ = ["die_with_parent"]
