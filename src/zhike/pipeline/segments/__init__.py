"""What the commands of segments do beyond counting: discover, paint, compare days, judge health, over what is published.

``columns`` reads the profile as arrays; ``discovering`` finds groups, ``tracking`` follows them. Both give plain figures, which
``report.segment_pages`` shows.
"""

__all__: list[str] = []
