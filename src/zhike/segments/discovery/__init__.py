"""Discovery 客群发现: RFM, clusters with a stability check, what goes together, and what sets a group apart, in plain words.

In: columns of ``profile``, products held, tags. Out: figures for people, and a cluster as a definition in the rule language
(``surrogate``), which is then approved and run like any other segment. Nothing here writes a table.

Where to add: a form of money for RFM is a line in ``rfm.MONEY``; a method of clustering is a case of ``clustering._fit``.
"""

from zhike.segments.discovery.association import Associations, AssociationSettings, find_associations
from zhike.segments.discovery.clustering import Clustering, ClusterSettings, find_clusters, nearest_to_centre
from zhike.segments.discovery.portraits import Described, Portrait, Trait, measure_traits, paint, paint_one
from zhike.segments.discovery.preparing import Prepared, PrepareSettings, prepare
from zhike.segments.discovery.rfm import CELL_NAMES, Money, Rfm, score_rfm, summarise_cells
from zhike.segments.discovery.surrogate import Surrogate, learn_surrogate, write_definition

__all__ = [
    "CELL_NAMES",
    "AssociationSettings",
    "Associations",
    "ClusterSettings",
    "Clustering",
    "Described",
    "Money",
    "Portrait",
    "PrepareSettings",
    "Prepared",
    "Rfm",
    "Surrogate",
    "Trait",
    "find_associations",
    "find_clusters",
    "learn_surrogate",
    "measure_traits",
    "nearest_to_centre",
    "paint",
    "paint_one",
    "prepare",
    "score_rfm",
    "summarise_cells",
    "write_definition",
]
