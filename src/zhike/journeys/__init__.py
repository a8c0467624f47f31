"""旅程 Journeys: graphs of steps through which customers go, and the customers on their way.

Out: ``enrolment``. The contract stands here; nothing advances journeys yet.
"""

from zhike.journeys.tables import OWNS, READS

__all__ = ["OWNS", "READS"]
