"""Our side of the identity bench, behind functions as plain as the peer's: ``prepare(kind, records)``, ``fit(kind, records)``,
``apply(kind, prepared, model)``.

A bank is read as a project would read it: the shipped match model of persons is fitted to the bank's own records, shared numbers and
the model join them. Sets that are no bank have models of their own in ``identity_definitions``: what is compared and where to begin,
never what was learned; their columns are prepared here and then go the same way: fitting, thresholds by expected precision, weighing,
clusters. Their birth dates come from no document, so that two of them do not part two records by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import cpca  # noqa: F401 - it, pypinyin and splink are imported when they are needed first: starting is not what is measured
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pypinyin  # noqa: F401
import splink  # noqa: F401

from zhike.identity import IdentitySettings, read_match_models
from zhike.identity.clusters import Facts, build_clusters
from zhike.identity.codes import MISSING
from zhike.identity.fitting import fit_model
from zhike.identity.matching.calibrate import calibrate
from zhike.identity.matching.definition import body_of, read_models
from zhike.identity.matching.fit import learn
from zhike.identity.resolve import resolve_records
from zhike.identity.standardise import standardised, versions_as_of
from zhike.identity.weighing import automatic_edges, weigh_records
from zhike.kernel.definitions import read_definitions
from zhike.pipeline.project import standard_pack
from zhike.warehouse import open_engine

AS_OF = date(2025, 12, 31)
THREADS, MEMORY = 2, "3GB"
OWN_DEFINITIONS = Path(__file__).parent / "identity_definitions"
ROW_NUMBER = "row_number() OVER (ORDER BY record) - 1"
HEAD = f"""
    record, {ROW_NUMBER} AS row_no, {ROW_NUMBER} AS record_no, 'all' AS "source", 'person' AS party_kind,
    NULL::VARCHAR AS resident_id, NULL::VARCHAR AS uscc, NULL::VARCHAR AS document_no,"""
HISTORICAL = f"""SELECT {HEAD}
    replace(dob, '-', '') AS born, substr(dob, 1, 4) AS birth_year, first_name, surname,
    substr(first_name, 1, 3) AS first_start, substr(surname, 1, 4) AS surname_start,
    substr(first_name, 1, 2) AS first_two, substr(surname, 1, 2) AS surname_two,
    postcode_fake AS postcode, substr(postcode_fake, 1, 3) AS area, birth_place, occupation, gender FROM records"""
FEBRL = f"""SELECT {HEAD}
    date_of_birth AS born, substr(date_of_birth, 1, 4) AS birth_year, soc_sec_id AS number, given_name, surname, street_number,
    address_1, suburb, postcode, least(given_name, surname) || ' ' || greatest(given_name, surname) AS both_names,
    least(address_1, address_2) || ' ' || greatest(address_1, address_2) AS both_lines FROM records"""
PREPARED = {"historical": HISTORICAL, "febrl": FEBRL}
GIVEN = {
    "historical": ("dob", "first_name", "surname", "postcode_fake", "birth_place", "occupation", "gender"),
    "febrl": (
        "date_of_birth", "soc_sec_id", "given_name", "surname", "street_number", "address_1", "address_2", "suburb", "postcode",
    ),
}  # fmt: skip
MODEL_PRIORITY = 10


def _engine() -> Any:
    return open_engine(threads=THREADS, memory=MEMORY)


def _read_models(folder: Path, columns: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the match models that the definitions of a folder hold, by key."""
    found = read_definitions([folder]).definitions
    models = read_match_models(found) if columns is None else read_models(found, columns=columns)
    return {m.key: m for m in models}


def shipped_model() -> Any:
    """Return the match model of persons that zhike ships."""
    return _read_models(standard_pack())["person"]


def write_model(model: Any, folder: Path) -> None:
    """Write a fitted model as the definition that it is."""
    place = folder / "identity_models"
    place.mkdir(parents=True, exist_ok=True)
    body = json.dumps({model.key: body_of(model)}, ensure_ascii=False)
    (place / f"{model.key}.yaml").write_text(body, encoding="utf-8")


def read_model(kind: str, folder: Path) -> Any:
    """Return the one model that :func:`write_model` wrote."""
    (model,) = _read_models(folder, _columns(kind)).values()
    return model


def _columns(kind: str) -> Sequence[str] | None:
    """Return the columns that models of a kind may compare; None = those of standardised records."""
    if kind == "bank":
        return None
    nothing = pa.table({n: pa.nulls(0, pa.string()) for n in ("record", *GIVEN[kind])})
    return _prepared(kind, nothing).column_names


def _prepared(kind: str, records: pa.Table) -> pa.Table:
    con = duckdb.connect()
    con.register("records", records)
    rows = con.execute(PREPARED[kind]).to_arrow_table()
    con.close()
    return rows


def prepare(kind: str, records: pa.Table) -> pa.Table:
    """Return records as a night keeps them for matching: in standard form; sets that are no bank with their prepared columns."""
    if kind != "bank":
        return _prepared(kind, records)
    settings, engine = IdentitySettings(), _engine()
    with engine.holding("parties", records) as parties:
        versions = standardised(engine, versions_as_of(parties, settings.as_of(AS_OF)), settings.placeholder_birth_on)
    engine.close()
    return versions


def fit(kind: str, records: pa.Table) -> Any:
    """Return a match model fitted to records, without labels."""
    rows, engine = prepare(kind, records), _engine()
    model = (
        fit_model(engine, rows, shipped_model(), as_of=AS_OF).model
        if kind == "bank"
        else _fit_other(engine, kind, rows)
    )
    engine.close()
    return model


def _fit_other(engine: Any, kind: str, rows: pa.Table) -> Any:
    start = _read_models(OWN_DEFINITIONS / kind, rows.column_names)[kind]
    told = rows.append_column("home", rows["record_no"]).append_column("written_born", rows["born"])
    with engine.holding("told", told) as table:
        learned = learn(engine, table, start)
    return calibrate(engine, told, learned)[0]


def apply(kind: str, rows: pa.Table, model: Any | None) -> pa.Table:
    """Return [record, cluster]: what shared numbers and the model make of prepared records; without a model, shared numbers alone."""
    engine = _engine()
    found = _apply_bank(engine, rows, model) if kind == "bank" else _apply_other(engine, rows, model)
    engine.close()
    return found


def _apply_bank(engine: Any, versions: pa.Table, model: Any | None) -> pa.Table:
    models = () if model is None else (model,)
    found = resolve_records(engine, versions, settings=IdentitySettings(), models=models)
    record = pc.binary_join_element_wise(found.records["source"], found.records["source_key"], "|")
    return pa.table({"record": record, "cluster": pa.array(found.clusters.root)})


def _apply_other(engine: Any, rows: pa.Table, model: Any) -> pa.Table:
    weighed = weigh_records(engine, rows, [model], homes=rows["record_no"].to_numpy())
    unknown, persons = np.full(rows.num_rows, MISSING), np.zeros(rows.num_rows, np.int64)
    clusters = build_clusters(
        Facts(unknown, unknown, unknown, unknown, persons), automatic_edges(weighed, MODEL_PRIORITY)
    )
    return pa.table({"record": rows["record"], "cluster": pa.array(clusters.root)})


__all__ = ["apply", "fit", "prepare", "read_model", "shipped_model", "write_model"]
