"""Plain Splink 5, as its own documentation sets it up: what identity is measured against. Trained without labels.

``historical`` follows the demo "Linking a dataset of real historical persons" (``deduplicate_50k_synthetic``), ``febrl1`` to
``febrl3`` the demo ``febrl3``, ``febrl4`` the detailed model of the demo ``febrl4``; where a demo stops before clusters, the
threshold of the first (.95) is used. The set-up of the Chinese bank is that of a first afternoon with the tutorial: the library's
comparison for each kind of column. Whoever knows Chinese also writes names in simplified characters before: ``bank_simplified``.
Nothing of ours is used here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from identity_watch import Watch

RECORD = "record"
SEED = 1


@dataclass(frozen=True, slots=True)
class SetUp:
    """One documented set-up. ``prepare`` is SQL over ``records``; ``split_by`` names a column whose values are files to link."""

    settings: Callable[[], SettingsCreator]
    certain_rules: Sequence[Any]  # for the share of matching pairs
    certain_recall: float
    max_pairs: float
    training_blocks: Sequence[Sequence[str]]
    predict_from: float | None
    cluster_at: float
    prepare: str = "SELECT * FROM records"
    split_by: str | None = None
    train_without_frequencies: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """``clusters`` is [record, cluster]; ``model`` is Splink's."""

    clusters: pa.Table
    model: dict[str, Any]


def _bank_settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=RECORD,
        blocking_rules_to_generate_predictions=[
            block_on("id_number"), block_on("mobile"), block_on("name", "birth_on"), block_on("name", "district"),
        ],
        comparisons=[
            cl.NameComparison("name"),
            cl.DateOfBirthComparison("birth_on", input_is_string=False),
            cl.ExactMatch("mobile"),
            cl.ExactMatch("id_number"),
            cl.EmailComparison("email"),
            cl.ExactMatch("district").configure(term_frequency_adjustments=True),
        ],
    )  # fmt: skip


def _historical_settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=RECORD,
        blocking_rules_to_generate_predictions=[
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"), block_on("surname", "dob"), block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"), block_on("postcode_fake", "surname"), block_on("dob", "birth_place"),
            block_on("substr(postcode_fake,1,3)", "dob"), block_on("substr(postcode_fake,1,3)", "first_name"),
            block_on("substr(postcode_fake,1,3)", "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="both_names"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
    )  # fmt: skip


def _febrl3_settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=RECORD,
        blocking_rules_to_generate_predictions=[
            block_on(c) for c in ("soc_sec_id", "given_name", "surname", "date_of_birth", "postcode")
        ],
        comparisons=[
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [2]),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
        ],
    )


def _febrl4_settings() -> SettingsCreator:
    frequent = {"term_frequency_adjustments": True}
    return SettingsCreator(
        link_type="link_only",
        unique_id_column_name=RECORD,
        blocking_rules_to_generate_predictions=[
            block_on("given_name", "surname"), "l.given_name = r.surname and l.surname = r.given_name", block_on("date_of_birth"),
            block_on("soc_sec_id"), block_on("state", "address_1"), block_on("street_number", "address_1"), block_on("postcode"),
        ],
        comparisons=[
            cl.NameComparison("given_name").configure(**frequent),
            cl.NameComparison("surname").configure(**frequent),
            cl.DateOfBirthComparison(
                "date_of_birth", input_is_string=True, datetime_format="%Y%m%d", invalid_dates_as_null=True
            ),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            cl.ExactMatch("street_number").configure(**frequent),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(**frequent),
        ],
    )  # fmt: skip


BANK = SetUp(
    _bank_settings, [block_on("id_number"), block_on("name", "mobile")], 0.8, 1e7, [["mobile"], ["name", "birth_on"]], 0.5, 0.9,
    prepare="SELECT record, name, birth_on, mobile, id_number, email, district FROM records",
)  # fmt: skip
HISTORICAL = SetUp(
    _historical_settings,
    [
        block_on("first_name", "surname", "dob"), block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
        block_on("dob", "postcode_fake"),
    ],
    0.6, 1e7, [["first_name", "surname"], ["dob"]], None, 0.95,
    prepare="SELECT *, first_name || ' ' || surname AS both_names FROM records",
)  # fmt: skip
FEBRL_DEDUPE = SetUp(
    _febrl3_settings,
    [
        block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth"),
        "l.given_name = r.surname and l.surname = r.given_name and l.date_of_birth = r.date_of_birth",
    ],
    0.9, 1e6, [["date_of_birth"], ["postcode"]], 0.2, 0.95, train_without_frequencies=False,
)  # fmt: skip
FEBRL_LINK = SetUp(
    _febrl4_settings, [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")], 0.8, 1e6,
    [["date_of_birth"], ["postcode"]], 0.2, 0.99, split_by="file",
)  # fmt: skip


def set_up_of(name: str) -> SetUp:
    """Return the documented set-up for a set of records."""
    if name.startswith("bank"):
        return BANK
    return HISTORICAL if name == "historical" else FEBRL_LINK if name == "febrl4" else FEBRL_DEDUPE


def cluster_records(records: pa.Table, set_up: SetUp, watch: Watch) -> Result:
    """Train a model on records, score pairs and return which records are one, by one documented set-up.

    Parameters
    ----------
    records : ``record`` names each; the columns that the set-up names.
    watch : counts load, train, predict and cluster.
    """
    con = duckdb.connect()
    with watch.of("load"):
        files = _files(con, records, set_up)
    with watch.of("train"):
        linker = Linker(files, set_up.settings(), log_level=logging.ERROR)
        _train(linker, set_up)
    return _applied(con, linker, set_up, watch)


def apply_model(records: pa.Table, set_up: SetUp, model: Mapping[str, Any], watch: Watch) -> Result:
    """Score pairs by a model that :func:`cluster_records` trained, and return which records are one."""
    con = duckdb.connect()
    with watch.of("load"):
        linker = Linker(_files(con, records, set_up), dict(model), log_level=logging.ERROR)
    return _applied(con, linker, set_up, watch)


def _applied(con: duckdb.DuckDBPyConnection, linker: Linker, set_up: SetUp, watch: Watch) -> Result:
    with watch.of("predict"):
        pairs = linker.inference.predict(threshold_match_probability=set_up.predict_from)
    with watch.of("cluster"):
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=set_up.cluster_at
        )
        named = f'SELECT "{RECORD}" AS record, cluster_id AS cluster FROM {found.physical_name}'
        clusters = con.execute(named).to_arrow_table()
    model = linker.misc.save_model_to_json()
    con.close()
    return Result(clusters, model)


def _files(con: duckdb.DuckDBPyConnection, records: pa.Table, set_up: SetUp) -> Any:
    """Return the records as Splink wants them: one registered table, or one for each file to link."""
    api = DuckDBAPI(connection=con)
    con.register("records", records)
    con.execute(f"CREATE TABLE given AS {set_up.prepare}")
    con.unregister("records")
    if set_up.split_by is None:
        return api.register("given")
    names = [str(r[0]) for r in con.execute(f"SELECT DISTINCT {set_up.split_by} FROM given ORDER BY 1").fetchall()]
    for name in names:
        con.execute(f"CREATE TABLE file_{name} AS SELECT * FROM given WHERE {set_up.split_by} = '{name}'")
    return [api.register(f"file_{name}") for name in names]


def _train(linker: Linker, set_up: SetUp) -> None:
    training = linker.training
    training.estimate_probability_two_random_records_match(list(set_up.certain_rules), recall=set_up.certain_recall)
    training.estimate_u_using_random_sampling(max_pairs=set_up.max_pairs, seed=SEED)
    for columns in set_up.training_blocks:
        training.estimate_parameters_using_expectation_maximisation(
            block_on(*columns), estimate_without_term_frequencies=set_up.train_without_frequencies
        )


def simplified(records: pa.Table) -> pa.Table:
    """Return records with names in simplified characters, each distinct name converted once."""
    import opencc

    convert = opencc.OpenCC("t2s").convert
    names = records["name"].combine_chunks().dictionary_encode()
    simple = pa.array([None if n is None else convert(n) for n in names.dictionary.to_pylist()], pa.string())
    return records.set_column(records.column_names.index("name"), "name", simple.take(names.indices))


__all__ = ["Result", "SetUp", "apply_model", "cluster_records", "set_up_of", "simplified"]
