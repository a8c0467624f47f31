"""渠道 Channels: the ways a message leaves, and what comes back. Only Permits are taken.

Out: ``contact`` and ``receipt``. The pipeline's stories write contacts through the simulator's door; real channels are added
as one file per kind.
"""

from zhike.channels.tables import OWNS, READS

__all__ = ["OWNS", "READS"]
