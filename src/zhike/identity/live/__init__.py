"""Live 实时: place one new or changed record among a million in milliseconds, with the answer that a whole run would give.

:func:`build_index` makes the index of a published run, :class:`LiveIdentity` places records on top of it.
"""

from zhike.identity.live.index import LiveIndex, build_index, open_index
from zhike.identity.live.place import LiveChange, LiveIdentity, Placed, Placement, Reconsidered

__all__ = [
    "LiveChange",
    "LiveIdentity",
    "LiveIndex",
    "Placed",
    "Placement",
    "Reconsidered",
    "build_index",
    "open_index",
]
