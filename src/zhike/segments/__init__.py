"""segments 客群: who belongs together today, since when, and who came and went.

Tables in: ``profile``, ``tag_value``, ``score_value``, ``event``, ``customer_relation``, ``contactability``, and the last run's own members.
Tables out: ``segment_member`` as intervals (with a bucket for partitions such as tiers), ``segment_change`` (entered, left, moved:
what journeys start on; none on a segment's first run), ``segment_health``.

Where to add: a segment is a few lines in ``standard/segments/*.yaml`` or a project's ``conf/segments``, in the rule language. A pinned
segment (``global_exclusion``) is taken out of every audience; no definition and no argument lets it back in.
"""

from zhike.segments.audience import Audiences
from zhike.segments.definition import Segment, parse_segments, segment_terms
from zhike.segments.portrait import say_portrait
from zhike.segments.steps import segment_steps

__all__ = [
    "Audiences",
    "Segment",
    "parse_segments",
    "say_portrait",
    "segment_steps",
    "segment_terms",
]
