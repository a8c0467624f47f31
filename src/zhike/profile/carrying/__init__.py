"""Sums carried from one day to the next (增量): a new day is added to what the day before knew, and the days that leave are taken away.

A profile is a function of the facts; nothing here changes what it says, only what it costs. For the long fact tables (transactions,
events) the counts, sums, days and bits of every customer are kept when a night has made them (``store``). The next night reads only the
rows of the days that enter or leave a window, and the rows that came late (``rows``, ``deltas``). Customers whose earlier rows
were corrected, taken away or given to somebody else are *restated*: counted again from all of their rows. What cannot be carried exactly
(a greatest amount, a number of different values) is counted from all rows as before. The result equals the full build to the
last bit (sums below 2^53, which is ninety thousand billion yuan), and where there is nothing to carry on from, it is the full build.
"""

from zhike.profile.carrying.carry import Carrier, Told

__all__ = ["Carrier", "Told"]
