"""Fit a match model to a bank's own records: standardise, learn, set thresholds. The result is a definition like any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from zhike.identity.matching import MatchModel
from zhike.identity.matching.calibrate import Bin, calibrate
from zhike.identity.matching.definition import rounded
from zhike.identity.matching.fit import learn
from zhike.kernel.errors import BadInput
from zhike.warehouse import QueryEngine

FEWEST_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model, and what its thresholds were set by."""

    model: MatchModel
    bins: tuple[Bin, ...]


def fit_model(engine: QueryEngine, versions: pa.Table, model: MatchModel, *, as_of: date) -> Fitted:
    """Return ``model`` fitted to records, without labels.

    Parameters
    ----------
    versions : standardised versions of the records known at the end of ``as_of``; the latest of each count.
    model : says what is compared and where to begin; its probabilities and thresholds are replaced.

    Raises
    ------
    BadInput : there are too few records to learn from.
    """
    latest = versions.filter(versions["is_latest"])
    rows = latest.filter(pc.is_in(latest["party_kind"], pa.array(model.party_kinds)))
    if rows.num_rows < FEWEST_RECORDS:
        raise BadInput(
            "identity.too_few_to_fit", zh=f"只有 {rows.num_rows} 条记录，不足以训练匹配模型", en=f"{rows.num_rows} records are too few to fit a match model to",
            todo_zh=f"至少需要 {FEWEST_RECORDS} 条；在此之前使用随附模型", todo_en=f"it takes {FEWEST_RECORDS}; until then use the model that is shipped",
        )  # fmt: skip
    rows = rows.append_column("document_no", pc.coalesce(rows["resident_id"], rows["uscc"]))
    with engine.holding("identity_to_fit", rows) as table:
        learned = rounded(learn(engine, table, model))
    fitted, bins = calibrate(engine, rows.append_column("home", rows["record_no"]), learned)
    trained = {**fitted.trained, "as_of": as_of.isoformat()}
    return Fitted(rounded(replace(fitted, trained=trained)), tuple(bins))


__all__ = ["Fitted", "fit_model"]
