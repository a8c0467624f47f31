"""Audience index 受众索引: the third evaluator of the rule language, for people who wait: counts in milliseconds over millions of customers.

In: a :class:`TableSource` over profile, tags, segments, scores, events, relations, lists and policy's answers of one run. Out: an
:class:`AudienceIndex` that says who matches a rule. The batch evaluator is its oracle: ``tests/property/test_rules_index.py``.
"""

from zhike.rules.index.audience import AudienceIndex
from zhike.rules.index.members import Members, in_all, in_any
from zhike.rules.index.source import TableSource

__all__ = ["AudienceIndex", "Members", "TableSource", "in_all", "in_any"]
