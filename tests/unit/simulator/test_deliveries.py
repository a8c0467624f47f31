"""Two forms of delivery, one bank; the mapping fits the contracts and reads both."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from zhike.simulator import BankSummary
from zhike.sources.mapping import Entry, read_mapping
from zhike.sources.tables import DELIVERED
from zhike.warehouse.contracts import contract_by_name

CONTRACTS = contract_by_name(DELIVERED)
OF_LATER_ISSUES = {"survey_answer"}


def day_folders(bank: BankSummary) -> list[str]:
    return sorted(p.name for p in bank.data_folder.iterdir() if p.name.isdigit())


def text_lines(bank: BankSummary, entry: Entry, folder: str) -> list[list[str]]:
    """Return the fields of every line of one file, by the mapping's own words."""
    name = (entry.file or "").replace("{day:%Y%m%d}", folder)
    if entry.archive:
        archive = bank.data_folder / entry.archive.replace("{day:%Y%m%d}", folder)
        with tarfile.open(archive) as tar:
            member = tar.extractfile(name)
            assert member is not None
            raw = member.read()
    else:
        raw = (bank.data_folder / name).read_bytes()
    lines = raw.decode(entry.format.encoding).splitlines()
    if entry.kind == "csv":
        return [line.split(",") for line in lines[1:]]
    if entry.kind == "fixed_width":
        cut, start = [], 0
        for width in entry.format.widths:
            cut.append((start, start + width))
            start += width
        return [[line[a:b].strip() for a, b in cut] for line in lines]
    return [line.split("|+|") for line in lines]


def shown(column: pa.ChunkedArray) -> list[str]:
    """Return typed values in the words of the text files."""
    values = column.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_date(values.type):
        values = pc.strftime(values, "%Y%m%d")
    elif pa.types.is_timestamp(values.type):
        values = pc.strftime(values.cast(pa.timestamp("s")), "%Y%m%d%H%M%S")
    elif pa.types.is_floating(values.type):
        return ["" if v is None else f"{v:.6f}" for v in values.to_pylist()]
    return ["" if v is None else str(v) for v in values.to_pylist()]


@pytest.mark.requirement("A7")
def test_both_deliveries_hold_the_same_facts(small_bank: BankSummary, small_bank_as_files: BankSummary) -> None:
    typed = {e.name: e for e in read_mapping(small_bank.mapping_file).tables}
    n_rows = 0
    for entry in read_mapping(small_bank_as_files.mapping_file).tables:
        folders = [f for f in day_folders(small_bank) if entry.is_dated] or [""]
        for folder in folders:
            file = small_bank.data_folder / (typed[entry.name].file or "").replace("{day:%Y%m%d}", folder)
            if not file.exists():
                assert entry.expected == "as_delivered"
                continue
            table = pq.read_table(file)
            lines = text_lines(small_bank_as_files, entry, folder)
            assert len(lines) == table.num_rows, entry.name
            columns = [shown(table.column(c)) for c in table.column_names]
            assert [list(row) for row in zip(*columns, strict=True)] == lines, entry.name
            n_rows += len(lines)
    assert n_rows == sum(small_bank.n_rows.values()) == sum(small_bank_as_files.n_rows.values())


@pytest.mark.requirement("A7")
def test_every_control_file_tells_the_number_of_lines(small_bank_as_files: BankSummary) -> None:
    controlled = 0
    for entry in read_mapping(small_bank_as_files.mapping_file).tables:
        for folder in day_folders(small_bank_as_files) if entry.is_dated else [""]:
            path = small_bank_as_files.data_folder / entry.path.replace("{day:%Y%m%d}", folder)
            if not path.exists() or entry.control is None:
                continue
            told = int(path.with_name(path.name + ".OK").read_text())
            assert told == len(text_lines(small_bank_as_files, entry, folder)), path.name
            controlled += 1
    assert controlled > 80


def test_daily_files_come_every_day_even_when_empty(small_bank: BankSummary) -> None:
    for entry in read_mapping(small_bank.mapping_file).tables:
        if entry.is_dated and entry.expected == "every_day":
            for folder in day_folders(small_bank):
                assert (small_bank.data_folder / (entry.file or "").replace("{day:%Y%m%d}", folder)).exists(), (
                    entry.name
                )


@pytest.mark.parametrize("form", ["small_bank", "small_bank_as_files"])
def test_the_mapping_names_only_columns_of_the_contracts_and_all_that_are_required(
    form: str, request: pytest.FixtureRequest
) -> None:
    summary: BankSummary = request.getfixturevalue(form)
    for entry in read_mapping(summary.mapping_file).tables:
        contract = CONTRACTS[entry.to]
        assert set(entry.columns) <= set(contract.column_names), entry.name
        required = {c.name for c in contract.columns if c.required} | set(contract.key)
        assert required - {"source"} <= set(entry.columns), entry.name


def test_every_contract_that_a_bank_delivers_is_fed(small_bank: BankSummary) -> None:
    fed = {e.to for e in read_mapping(small_bank.mapping_file).tables}
    assert {c.name for c in DELIVERED} - fed == OF_LATER_ISSUES


def test_closed_code_lists_of_the_contracts_are_met_by_the_dictionaries(small_bank: BankSummary) -> None:
    for entry in read_mapping(small_bank.mapping_file).tables:
        for name, source in entry.columns.items():
            allowed = CONTRACTS[entry.to].column(name).allowed
            if allowed and source.values:
                assert set(source.values.values()) <= set(allowed), (entry.name, name)


def test_files_carry_the_banks_own_column_names(small_bank_as_files: BankSummary) -> None:
    document = yaml.safe_load(Path(small_bank_as_files.mapping_file).read_text(encoding="utf-8"))
    ours = {c for contract in DELIVERED for c in contract.column_names}
    for entry in document["tables"]:
        assert not ours & set(entry["format"].get("columns", ()))
