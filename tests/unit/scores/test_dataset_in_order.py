"""Dataset models: reading a file as declared, and judging in the order of its rows."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.unit.scores.example import bank_rows
from zhike.kernel.errors import BadInput
from zhike.scores.dataset import read_dataset
from zhike.scores.definition import ModelDefinition
from zhike.scores.in_order import evaluate_in_order

FIELDS = {
    "balance_amount": {"zh": "余额", "en": "Balance", "kind": "number"},
    "city": {"zh": "城市", "en": "City", "kind": "category"},
    "talk": {"zh": "时长", "en": "Talk time", "kind": "number", "known_on": "after"},
}


def _model(**dataset) -> ModelDefinition:
    body = {
        "file": "calls.csv", "delimiter": ";", "empty": ["", "NA"],
        "label": {"column": "y", "positive": ["yes"], "negative": ["no"]}, "fields": FIELDS, **dataset,
    }  # fmt: skip
    return ModelDefinition.model_validate(
        {
            "key": "calls", "zh": "电话", "en": "Calls", "owner": "m", "purpose": {"zh": "用途", "en": "purpose"}, "dataset": body,
            "learners": [{"learner": "lightgbm", "settings": {"n_trees": 30}}, {"learner": "logistic"}],
            "evaluation": {"kind": "rolling", "train_rows": 1000, "predict_rows": 250},
        }
    )  # fmt: skip


def _text(n: int = 2_600) -> str:
    rows = bank_rows(n, 4)
    lines = ["balance_amount;city;talk;y"]
    for i, (balance, city) in enumerate(
        zip(*(rows.features.column(c).to_pylist() for c in ("balance_amount", "city")), strict=True)
    ):
        yes = rows.outcomes[i] > 0
        lines.append(f"{balance:.4f};{'NA' if i % 50 == 7 else city};{900 if yes else 10};{'yes' if yes else 'no'}")
    return "\n".join(lines) + "\n"


def _write(folder: Path, text: str, name: str = "calls.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_rows_come_in_file_order_typed_with_missing_values(tmp_path):
    rows, features = read_dataset(_model(), _write(tmp_path, "y;city;talk;balance_amount\nyes;b;1;2.5\nno;NA;;\n"))
    assert rows.outcomes.tolist() == [1.0, 0.0]
    assert rows.features.column("city").to_pylist() == ["b", None]
    assert rows.features.column("balance_amount").to_pylist() == [2.5, None]
    assert [f.name for f in features] == list(FIELDS)


def test_a_member_of_a_zip_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "calls.zip", "w") as archive:
        archive.writestr("in/calls.csv", _text(50))
    rows, _ = read_dataset(_model(file="calls.zip", member="in/calls.csv"), tmp_path)
    assert rows.n == 50


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("y;city;talk\nyes;a;1\n", "dataset_column_missing", "balance_amount"),
        ("y;city;talk;balance_amount\nyes;a;1;2\nmaybe;a;1;2\n", "dataset_label_unknown", "line 3 y"),
        ("y;city;talk;balance_amount\nyes;a;1;2\nno;a;1;2x\n", "dataset_not_a_number", "line 3 balance_amount"),
        ("", "dataset_unreadable", "calls.csv"),
    ],
)
def test_a_file_that_does_not_fit_names_the_place(tmp_path, text, code, said):
    with pytest.raises(BadInput, match=code) as caught:
        read_dataset(_model(), _write(tmp_path, text))
    assert said in str(caught.value)


def test_a_missing_file_member_or_encoding_is_told(tmp_path):
    with pytest.raises(BadInput, match="dataset_missing"):
        read_dataset(_model(), tmp_path)
    (tmp_path / "calls.csv").write_bytes("y;城市\n".encode("gb18030"))
    with pytest.raises(BadInput, match="dataset_encoding"):
        read_dataset(_model(), tmp_path)
    with pytest.raises(BadInput, match="dataset_not_zip"):
        read_dataset(_model(member="x.csv"), tmp_path)
    with zipfile.ZipFile(tmp_path / "calls.zip", "w") as archive:
        archive.writestr("in/calls.csv", "y")
    with pytest.raises(BadInput, match="dataset_member_missing") as caught:
        read_dataset(_model(file="calls.zip", member="in/call.csv"), tmp_path)
    assert "in/calls.csv" in caught.value.todo_en


@pytest.mark.requirement("E1")
def test_rows_are_judged_in_order_without_what_is_known_after(tmp_path):
    found = evaluate_in_order(_model(), _write(tmp_path, _text()))
    assert found.features == ("balance_amount", "city")
    assert [x.feature for x in found.left_out] == ["talk"]
    assert [r.candidate.split()[0] for r in found.rolling] == ["lightgbm", "logistic"]
    windows = found.headline.windows
    assert [w.first_row for w in windows] == [1000, 1250, 1500, 1750, 2000, 2250, 2500]
    assert windows[-1].n_rows == 100
    assert found.headline.pooled.n_rows == 1_600
    assert found.headline.pooled.auc.estimate > 0.7
    assert found.headline.mean_auc_within == pytest.approx(np.mean([w.auc for w in windows]))
    assert found.fixed.n_train == 1_820
    assert found.fixed.evaluation.n_rows == 780
    assert dict(found.fixed.tried).keys() == {"lightgbm n_trees=30", "logistic"}


def test_no_row_of_the_future_reaches_an_earlier_window(tmp_path):
    """Turning all later outcomes round leaves the first window as it was."""
    text = _text()
    lines = text.splitlines()
    turned = [line[:-3] + "no" if line.endswith("yes") else line[:-2] + "yes" for line in lines[1251:]]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = evaluate_in_order(_model(), _write(tmp_path / "a", text))
    other = evaluate_in_order(_model(), _write(tmp_path / "b", "\n".join([*lines[:1251], *turned]) + "\n"))
    assert one.headline.windows[0] == other.headline.windows[0]
    assert one.headline.windows[1] != other.headline.windows[1]


def test_too_few_rows_for_the_protocol_are_told(tmp_path):
    with pytest.raises(BadInput, match="too_few_rows_in_order"):
        evaluate_in_order(_model(), _write(tmp_path, _text(1_100)))
