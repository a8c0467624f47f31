"""Records that share no key, weighed by the match models: edges where a model is sure, pairs to be looked at where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.codes import Codes
from zhike.identity.edges import Edges
from zhike.identity.matching import MatchModel
from zhike.identity.matching.score import score
from zhike.warehouse import QueryEngine

_KINDS: dict[str, pa.DataType] = {
    "left_record": pa.int64(), "right_record": pa.int64(), "weight": pa.float64(), "is_automatic": pa.bool_(),
}  # fmt: skip
WEIGHED = pa.schema(_KINDS)


def weigh_records(
    engine: QueryEngine, versions: pa.Table, models: Sequence[MatchModel], *, homes: npt.NDArray[np.int64],
    codes: Codes | None = None,
) -> pa.Table:  # fmt: skip
    """Return the pairs of records that a model links or wants seen: [left_record, right_record, weight, is_automatic].

    Parameters
    ----------
    versions : standardised versions of records.
    homes : per record the number of the component that shared keys put it in: what is together already is not compared.
    codes : of the versions, where others use them, too.
    """
    all_codes = codes or Codes(versions)
    at_home = versions.append_column("home", pa.array(homes).take(versions["record_no"]))
    found = []
    for model in models:
        columns = dict.fromkeys(["record_no", "home", "resident_id", "uscc", *model.columns])
        is_mine: Any = pc.is_in(at_home["party_kind"], pa.array(model.party_kinds))
        mine = at_home.select(list(columns)).filter(is_mine)
        if mine.num_rows > 1:
            found.append(score(engine, mine, model, all_codes.of_chosen(mine, is_mine.to_numpy())).cast(WEIGHED))
    return pa.concat_tables(found) if found else WEIGHED.empty_table()


def automatic_edges(weighed: pa.Table, priority: int) -> Edges:
    """Return the pairs that a model is sure of as edges, heaviest first: each is a key of its own."""
    sure = weighed.filter(weighed["is_automatic"])
    left, right = (sure[c].to_numpy().astype(np.int64) for c in ("left_record", "right_record"))
    bits = sure["weight"].to_numpy().astype(np.float64)
    order = np.lexsort((right, left, -bits))
    n = len(order)
    return Edges(left[order], right[order], np.full(n, priority, np.int64), np.arange(n, dtype=np.int64), bits[order])


__all__ = ["WEIGHED", "automatic_edges", "weigh_records"]
