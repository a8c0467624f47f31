"""Read the rows of a dataset model: a delimited file, or a member of a zip archive, in file order, as its definition says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.scores.columns import Column, first_not_a_number, is_among, parse_numbers, without
from zhike.scores.definition import DatasetDefinition, ModelDefinition
from zhike.scores.terms import Feature, FeatureKind, Floats, Rows

SHOWN = 10


def read_dataset(model: ModelDefinition, folder: Path) -> tuple[Rows, tuple[Feature, ...]]:
    """Return the labelled rows of a dataset model, in file order, and all its declared features.

    Parameters
    ----------
    folder : where the file lies.

    Raises
    ------
    BadInput : the model has no dataset, the file or member is missing, is not text of the encoding, lacks a column, has a
        value that is no number, or an outcome that the definition does not know.
    """
    dataset = model.dataset
    if dataset is None:
        raise BadInput(
            "scores.no_dataset", zh=f"模型 {model.key} 没有 dataset 一节", en=f"model {model.key} has no dataset section",
            todo_zh="按截止日训练的客户模型由 zhike run 评估", todo_en="customer models are evaluated by `zhike run`",
        )  # fmt: skip
    table = _read_table(dataset, _read_bytes(dataset, folder))
    features = tuple(
        Feature(name, f.kind, f.zh, f.en, unit=f.unit, known_on=f.known_on, is_sensitive=f.is_sensitive)
        for name, f in dataset.fields.items()
    )
    columns = {f.name: _typed(table.column(f.name), f, dataset) for f in features}
    return Rows(pa.table(columns), _labels(table, dataset)), features


def _read_bytes(dataset: DatasetDefinition, folder: Path) -> bytes:
    path = folder / dataset.file
    if not path.is_file():
        raise BadInput(
            "scores.dataset_missing", zh=f"找不到数据文件 {dataset.file}", en=f"there is no file {dataset.file}",
            todo_zh=f"应在 {folder} 下", todo_en=f"expected it in {folder}",
        )  # fmt: skip
    if not dataset.member:
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            if dataset.member not in archive.namelist():
                near = suggest(dataset.member, archive.namelist())
                raise BadInput(
                    "scores.dataset_member_missing", zh=f"{dataset.file} 中没有 {dataset.member}", en=f"{dataset.file} has no member {dataset.member}",
                    todo_zh=f"是否要找 {near}？" if near else "", todo_en=f"did you mean {near}?" if near else "",
                )  # fmt: skip
            return archive.read(dataset.member)
    except zipfile.BadZipFile as error:
        raise BadInput(
            "scores.dataset_not_zip", zh=f"{dataset.file} 不是 zip 文件", en=f"{dataset.file} is no zip archive"
        ) from error


def _read_table(dataset: DatasetDefinition, content: bytes) -> pa.Table:
    try:
        text = content.decode(dataset.encoding).encode()
    except (UnicodeDecodeError, LookupError) as error:
        raise BadInput(
            "scores.dataset_encoding", zh=f"{dataset.file} 不是 {dataset.encoding} 编码", en=f"{dataset.file} is not {dataset.encoding}: {error}",
            todo_zh="在 dataset.encoding 写明编码", todo_en="name the encoding in dataset.encoding",
        ) from error  # fmt: skip
    try:
        header = pcsv.open_csv(
            io.BytesIO(text), parse_options=pcsv.ParseOptions(delimiter=dataset.delimiter)
        ).schema.names
        table = pcsv.read_csv(
            io.BytesIO(text),
            parse_options=pcsv.ParseOptions(delimiter=dataset.delimiter),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise BadInput(
            "scores.dataset_unreadable",
            zh=f"{dataset.file} 无法读取：{error}",
            en=f"{dataset.file} cannot be read: {error}",
        ) from error
    wanted = [*dataset.fields, dataset.label.column]
    findings = []
    for name in wanted:
        if name not in table.column_names:
            near = suggest(name, table.column_names)
            findings.append(
                Finding(f"{dataset.file} header", f"has no column {name}", todo=f"did you mean {near}?" if near else "")
            )
    if findings:
        raise BadInput(
            "scores.dataset_column_missing",
            zh=f"{dataset.file} 缺少列",
            en=f"{dataset.file} lacks columns",
            findings=tuple(findings),
        )
    return table


def _typed(column: Column, feature: Feature, dataset: DatasetDefinition) -> Column:
    text = without(column, dataset.empty)
    if feature.kind is FeatureKind.CATEGORY:
        return text
    try:
        return parse_numbers(text)
    except pa.ArrowInvalid as error:
        first = first_not_a_number(text)
        raise BadInput(
            "scores.dataset_not_a_number", zh=f"{dataset.file} 的列 {feature.name} 应为数字", en=f"column {feature.name} of {dataset.file} must hold numbers",
            findings=(Finding(f"{dataset.file} line {first + 2} {feature.name}", "is no number", value=str(text[first])[:SHOWN]),),
        ) from error  # fmt: skip


def _labels(table: pa.Table, dataset: DatasetDefinition) -> Floats:
    words = table.column(dataset.label.column)
    yes, no = is_among(words, dataset.label.positive), is_among(words, dataset.label.negative)
    unknown = np.flatnonzero(~(yes | no))
    if len(unknown):
        findings = tuple(
            Finding(
                f"{dataset.file} line {i + 2} {dataset.label.column}",
                "is neither yes nor no",
                value=str(words[int(i)])[:SHOWN],
            )
            for i in unknown[:SHOWN]
        )
        raise BadInput(
            "scores.dataset_label_unknown", zh=f"{len(unknown)} 行的结果无法识别", en=f"{len(unknown)} rows have an outcome that the definition does not know",
            todo_zh="在 dataset.label 的 positive 或 negative 中写明", todo_en="add the word to positive or negative of dataset.label", findings=findings,
        )  # fmt: skip
    return yes.astype(np.float64)


__all__ = ["read_dataset"]
