"""How many examples a property test looks at under the chosen Hypothesis profile."""

from __future__ import annotations

from hypothesis import settings

FULL = 100  # examples of Hypothesis's own default, which the profiles scale


def examples(n: int) -> int:
    """Return ``n`` in full, and its share under a profile of fewer examples (``--hypothesis-profile=quick``: a fifth)."""
    return max(2, n * settings().max_examples // FULL)


__all__ = ["examples"]
