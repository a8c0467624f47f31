"""Where customers stand among all: percentile ranks of features, computed from a narrow table of values, one sort for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from zhike.profile.features import PARTY_KIND, Feature
from zhike.profile.observation import Observation
from zhike.profile.plan import CUSTOMER, NO

OF_RANKS = "of_ranks"


def with_ranks(table: ir.Table, features: Sequence[Feature], observation: Observation) -> ir.Table:
    """Return the customers with their ranks.

    rank = (customers below + half of those who are level, the customer among them) / customers ranked

    Only subjects of a feature whose value is known are ranked; for everybody else the rank is missing. With everybody level each
    rank is 0.5.

    Parameters
    ----------
    table : one row per customer with the features that are ranked, and ``party_kind`` where a rank is for some kinds only.
    """
    needed = list(dict.fromkeys([CUSTOMER, *(n for f in features for n in f.needs)]))
    narrow = observation.keep(table.select(*needed))
    values = ibis.union(*(_values(narrow, f) for f in features)) if len(features) > 1 else _values(narrow, features[0])
    values = observation.keep(values)
    below = ibis.rank().over(group_by=values.of, order_by=values.value)
    level = values.count().over(group_by=[values.of, values.value])
    n = values.count().over(group_by=values.of)
    ranked = values.select("no", "of", share=(below * 2 + level).cast("float64") / (n * 2).cast("float64"))
    each = {f.key: ranked.share.max(where=ranked.of == f.key) for f in features}
    wide = observation.keep(ranked.group_by(**{OF_RANKS: ranked.no}).aggregate(**each))
    return table.left_join(wide, [(CUSTOMER, OF_RANKS)]).drop(OF_RANKS)


def _values(table: ir.Table, feature: Feature) -> ir.Table:
    assert feature.rank is not None
    of = table[feature.rank.of]
    counts = of.notnull()
    if feature.subjects:
        counts = counts & table[PARTY_KIND].isin(sorted(k.value for k in feature.subjects)).fill_null(NO)
    rows = table.filter(counts)
    return rows.select(no=CUSTOMER, of=ibis.literal(feature.key), value=rows[feature.rank.of].cast("float64"))


__all__ = ["with_ranks"]
