"""Relations in an audience index: who is reached from whom over so many steps, on arrays of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Edges:
    """From whom to whom a rule looks: node numbers; below ``n`` they are slots of customers, above parties without a profile."""

    n: int
    n_nodes: int
    key: Ints
    other: Ints

    def any(self) -> npt.NDArray[np.uint32]:
        """Return the customers that have one, whoever is at its other end."""
        return self._customers(self.key)

    def reaching(self, matched: Flags, hops: int) -> npt.NDArray[np.uint32]:
        """Return the customers that reach one of ``matched`` (a flag per customer) over at most so many edges.

        Over more than one edge the customer itself does not count. Nobody's reach is listed: each node only hands on the first and the
        last of those it reaches; one of the two is another than the customer itself exactly when somebody else is reached.
        """
        found = np.zeros(self.n_nodes, np.bool_)
        found[: self.n] = matched
        if hops == 1:
            return self._customers(self.key[found[self.other]])
        nobody, own = np.int64(self.n_nodes), np.flatnonzero(found)
        first, last = np.full(self.n_nodes, nobody), np.full(self.n_nodes, -1, np.int64)
        first[own], last[own] = own, own
        for hop in range(hops):
            reached_first, reached_last = np.full(self.n_nodes, nobody), np.full(self.n_nodes, -1, np.int64)
            np.minimum.at(reached_first, self.key, first[self.other])
            np.maximum.at(reached_last, self.key, last[self.other])
            if hop < hops - 1:
                first, last = reached_first.copy(), reached_last.copy()
                first[own], last[own] = np.minimum(first[own], own), np.maximum(last[own], own)
        node = np.arange(self.n_nodes)
        is_other = (reached_last >= 0) & ((reached_first != node) | (reached_last != node))
        return np.flatnonzero(is_other[: self.n]).astype(np.uint32)

    def _customers(self, nodes: Ints) -> npt.NDArray[np.uint32]:
        return np.unique(nodes[nodes < self.n]).astype(np.uint32)


__all__ = ["Edges"]
