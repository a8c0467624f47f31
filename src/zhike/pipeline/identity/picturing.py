"""The picture of a customer, written as a file: its records, what links them, and what was kept apart from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from zhike.identity.picture import draw_cluster, picture_of
from zhike.pipeline.identity.opening import IdentityView
from zhike.warehouse.manifest import write_atomically


def write_picture(view: IdentityView, written: str, path: Path, *, language: str) -> dict[str, Any]:
    """Write the picture of a customer, or of the customer that a record is, as SVG; return what it shows.

    Raises
    ------
    NotFound : there is no such record or customer.
    """
    customer_id = view.subject(written).customer_id
    around = view.around([customer_id])
    ends = {
        (r[f"{s}_source"], r[f"{s}_key"]) for r in around.edges if r["state"] == "refused" for s in ("left", "right")
    }
    if ends:
        chosen = ibis.memtable(pa.table(list(zip(*sorted(ends), strict=True)), names=["source", "source_key"]))
        links = view.table("identity_link").semi_join(chosen, ["source", "source_key"])
        others = [str(r["customer_id"]) for r in view.rows(links.select("customer_id").distinct())]
        around = view.around(sorted({customer_id, *others}))
    picture = picture_of(around, customer_id)
    write_atomically(path, draw_cluster(picture, language=language))
    return {
        "customer_id": customer_id, "file": str(path), "n_records": picture.n_records, "n_drawn": len(picture.records),
        "n_links": len(picture.edges), "n_refused": picture.n_refused,
    }  # fmt: skip


__all__ = ["write_picture"]
