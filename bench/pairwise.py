"""How well clusters agree with the truth; the counting is that of the product's own report of quality, imported when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def score_clusters(truth: Sequence[Any], clusters: Sequence[Any]) -> Any:
    """Return how ``clusters`` agree with ``truth``; see ``zhike.identity.agreement``."""
    from zhike.identity.agreement import score_clusters as count

    return count(truth, clusters)


__all__ = ["score_clusters"]
