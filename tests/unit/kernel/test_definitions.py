"""Definition files: errors name file, line and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from zhike.kernel.definitions import parse_definition, read_definitions
from zhike.kernel.errors import BadInput


class Tag(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: str
    zh: str
    weight: int = 1


def folder(tmp_path: Path, content: str, *, kind: str = "tags", name: str = "tags.yaml") -> Path:
    (tmp_path / kind).mkdir(exist_ok=True)
    (tmp_path / kind / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_a_later_folder_overrides_an_earlier_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    folder(first, "rich: {zh: 一}\npoor: {zh: 二}\n")
    folder(second, "rich: {zh: 三}\n")
    definitions = read_definitions([first, second])
    assert {d.key: d.body["zh"] for d in definitions.definitions} == {"rich": "三", "poor": "二"}


def test_a_misspelt_field_names_line_and_suggestion(tmp_path: Path) -> None:
    definitions = read_definitions([folder(tmp_path, "poor: {zh: 一}\nrich:\n  zh: 富\n  wieght: 2\n")])
    with pytest.raises(BadInput) as caught:
        parse_definition(Tag, definitions.get("tag", "rich"))
    assert "tags/tags.yaml:2 rich.wieght" in str(caught.value)
    assert "did you mean weight?" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rich: {zh: $flor}\n", "there is no parameter flor"),
        ("rich: [1]\n", "must be a mapping"),
        ("- rich\n", "must be a mapping"),
        ("rich: {zh: 一\n", "is not YAML"),
        ("rich: {zh: 一}\nrich: {zh: 二}\n", "written twice"),
    ],
)
def test_a_broken_file_is_told_with_its_name(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        read_definitions([folder(tmp_path, content)])
    assert "tags.yaml" in str(caught.value)


def test_a_key_in_two_files_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "rich: {zh: 一}\n")
    with pytest.raises(BadInput, match="tags/more.yaml:1.*tags/tags.yaml:1"):
        read_definitions([folder(tmp_path, "rich: {zh: 二}\n", name="more.yaml")])


def test_an_unknown_kind_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="did you mean tags"):
        read_definitions([folder(tmp_path, "rich: {zh: 一}\n", kind="tag")])


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "tags.yaml").write_bytes("rich: {zh: 富}".encode("gb18030"))
    with pytest.raises(BadInput, match="is not UTF-8"):
        read_definitions([tmp_path])
