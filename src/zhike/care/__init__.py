"""关系维护 Care: worklists, visits, promises, complaints, points.

Out: ``task``, ``list_item``, ``complaint``, ``points_entry``. The contracts stand here; nothing fills these tables yet.
"""

from zhike.care.tables import OWNS, READS

__all__ = ["OWNS", "READS"]
