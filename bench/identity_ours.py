"""Our side of the identity bench, behind functions as plain as the peer's: records in, [record, cluster] out."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

AS_OF = date(2025, 12, 31)
KEY = b"public data: this key is no secret"
THREADS, MEMORY = 2, "3GB"


def apply_rules(records: pa.Table) -> pa.Table:
    """Return the customers that the exact rules alone make of rows of ``source_party``."""
    from zhike.identity import IdentitySettings
    from zhike.identity.link import link_records
    from zhike.identity.rows import Previous
    from zhike.identity.tables import OWNS
    from zhike.warehouse import open_engine
    from zhike.warehouse.contracts import contract_by_name

    contracts, settings = contract_by_name(OWNS), IdentitySettings()
    engine = open_engine(threads=THREADS, memory=MEMORY)
    none = [engine.read([], contracts[t]) for t in ("identity_link", "identity_register", "identity_change")]
    parties = engine.connection.create_table("parties", records.drop_columns(["record"]), temp=True)
    link = link_records(
        engine, parties, Previous(*none), as_of=settings.as_of(AS_OF), settings=settings, overrides=(), key=KEY
    ).link
    engine.close()
    record = pc.binary_join_element_wise(link["source"], link["source_key"], "|")
    return pa.table({"record": record, "cluster": link["customer_id"]})


__all__ = ["apply_rules"]
