"""Statistics that several packages need and that no kept library does in this shape: sums that add up, intervals, checks.

Engines send up *sums, not rows*: :class:`Proportion`, :class:`Moments` and :class:`RatioSums` hold what an interval needs,
and two of them add to the sums of the union, so a shard, a branch or a day is merged exactly. Everything here is a plain
function of such sums. Where there is too little data for a number the function raises ``NotEstimable``: never 0, never
p = 1. What weakens a number without forbidding it travels with it as a warning code (:class:`Caveat`).

Look here
---------
- one group: :func:`wilson_interval`, :func:`mean_interval`, :func:`ratio_interval`, :func:`bootstrap_interval`
- two groups: :func:`newcombe_difference`, :func:`welch_difference`, :func:`ratio_difference`
- before launch: :func:`detectable_proportion_difference`, :func:`detectable_mean_difference`,
  :func:`detectable_ratio_difference`
- is the experiment sound: :func:`check_sample_ratio`

What is not here: p-values without an interval, sequential tests, models.
"""

from zhike.statistics.detectable import (
    detectable_mean_difference,
    detectable_proportion_difference,
    detectable_ratio_difference,
)
from zhike.statistics.differences import Difference, newcombe_difference, ratio_difference, welch_difference
from zhike.statistics.intervals import Caveat, Interval, mean_interval, ratio_interval, wilson_interval
from zhike.statistics.resampling import bootstrap_interval, seeded_generator
from zhike.statistics.sample_ratio import SampleRatio, check_sample_ratio
from zhike.statistics.sums import Moments, Proportion, RatioSums

__all__ = [
    "Caveat",
    "Difference",
    "Interval",
    "Moments",
    "Proportion",
    "RatioSums",
    "SampleRatio",
    "bootstrap_interval",
    "check_sample_ratio",
    "detectable_mean_difference",
    "detectable_proportion_difference",
    "detectable_ratio_difference",
    "mean_interval",
    "newcombe_difference",
    "ratio_difference",
    "ratio_interval",
    "seeded_generator",
    "welch_difference",
    "wilson_interval",
]
