"""profile 画像与标签: what is known of each customer as of a day, and the tags that follow from it.

Tables in: the facts of ``sources``, ``customer`` and its links from ``identity``, ``customer_control`` from ``policy``.
Tables out: ``profile``[customer_id], ``tag_value``[customer_id, tag, from_on], ``tag_health``.

Where to add: a feature is a few lines in ``standard/features/*.yaml`` (or a project's ``conf/features``); a new fact table is one
function in ``facts.py``; a base definition (口径) that needs several group-bys stands in ``base_definitions.py``. Features are read
through ``observation.py`` only, which shows nothing after the day asked for: that is why a profile of a past day may train a model.
"""

from zhike.profile.build import build_profile
from zhike.profile.features import Feature, FeatureSet, parse_features, standard_features
from zhike.profile.keeping import keeping
from zhike.profile.observation import Observation, observe

__all__ = [
    "Feature",
    "FeatureSet",
    "Observation",
    "build_profile",
    "keeping",
    "observe",
    "parse_features",
    "standard_features",
]
