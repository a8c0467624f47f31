"""Nouns of the graph of companies: who holds how much of whom, what rings do, which limits hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
NOBODY = -1
TOLERANCE = 1e-6  # shares are written with six places
MOST_IN_RING = 400  # a larger ring of companies is bad data: the shares inside it are not followed
MOST_LEVELS = 100  # longest chain of companies that is followed
SMALLEST_SHARE = 1e-4  # what has become smaller on its way down a chain is not followed further


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """Thresholds of group structure, filled from the definitions' parameters by the pipeline.

    ``control_above_rate`` : more than this part of a company's votes is control, in [0.5, 1).
    ``owner_from_rate`` : a person with at least this multiplied share is a beneficial owner, in [0.01, 1].
    ``most_controlled`` : whom a source calls controller of more companies than this is an agent, and makes no group.
    """

    control_above_rate: float = 0.5
    owner_from_rate: float = 0.25
    most_controlled: int = 50


@dataclass(frozen=True, slots=True)
class Nodes:
    """Customers that hold or are held, in order of ``number`` (dense customer number, ascending); others name them by place."""

    number: Ints
    is_company: Flags

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True)
class Links:
    """Edges between places of :class:`Nodes`: ``holder`` → ``company``, with the day (since 1970) it holds from.

    ``share`` in [0, 1], of relations without one 0. ``is_dated`` false where the source does not say since when.
    """

    holder: Ints
    company: Ints
    share: Floats
    since: Ints
    is_dated: Flags

    def __len__(self) -> int:
        return len(self.holder)

    def where(self, kept: Flags | Ints) -> Links:
        """Return the edges that are ``kept``: flags, or places in the order wanted."""
        return Links(self.holder[kept], self.company[kept], self.share[kept], self.since[kept], self.is_dated[kept])


def proper_holdings(links: Links, nodes: Nodes) -> tuple[Links, int]:
    """Return holdings as they can be: of companies only, each company's shares at most 1; and how many were scaled down.

    Shares that add up to more than 1 (two registers, a sale that one of them missed) are scaled to add up to 1.
    """
    kept = links.where(nodes.is_company[links.company] & (links.holder != links.company) & (links.share > 0))
    kept = kept.where(np.lexsort((kept.holder, kept.company)))  # sums of doubles must not depend on the order of input
    total = np.bincount(kept.company, weights=kept.share, minlength=len(nodes))
    scaled = kept.share / np.maximum(total, 1.0)[kept.company]
    return Links(kept.holder, kept.company, scaled, kept.since, kept.is_dated), int((total > 1 + TOLERANCE).sum())


__all__ = [
    "MOST_IN_RING",
    "MOST_LEVELS",
    "NOBODY",
    "SMALLEST_SHARE",
    "TOLERANCE",
    "Flags",
    "Floats",
    "GraphSettings",
    "Ints",
    "Links",
    "Nodes",
    "proper_holdings",
]
