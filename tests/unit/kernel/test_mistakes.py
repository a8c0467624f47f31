"""What a model found wrong in a file is told in both languages."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zhike.kernel.mistakes import did_you_mean, finding_of, problem_of


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: Literal["a4", "a5"] = "a4"
    n: Annotated[int, Field(ge=1, le=9)] = 1
    names: tuple[str, ...] = ()
    is_open: bool = False
    code: Annotated[str, Field(min_length=2, max_length=3, pattern="^[A-Z]+$")] = "AB"
    title: str


def errors(**written: object) -> list[object]:
    with pytest.raises(ValidationError) as error:
        Page.model_validate(written)
    return list(error.value.errors())


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "is required · 必填"),
        ({"title": "x", "tittle": "y"}, "there is no such field · 没有这个字段"),
        ({"title": "x", "size": "a6"}, "Input should be 'a4' or 'a5' · 应为 'a4' 或 'a5'"),
        ({"title": "x", "n": 0}, "Input should be greater than or equal to 1 · 不得小于 1"),
        ({"title": "x", "n": 10}, "Input should be less than or equal to 9 · 不得大于 9"),
        ({"title": "x", "n": "many"}, "应为整数"),
        ({"title": "x", "is_open": "ajar"}, "应为 true 或 false"),
        ({"title": "x", "names": "one"}, "应为列表"),
        ({"title": 3}, "应为文本"),
        ({"title": "x", "code": "A"}, "至少 2 个字符"),
        ({"title": "x", "code": "ABCD"}, "至多 3 个字符"),
        ({"title": "x", "code": "ab"}, "格式不符"),
    ],
)
def test_a_problem_is_told_in_english_and_chinese(written: dict[str, object], said: str) -> None:
    (item,) = errors(**written)
    assert said in problem_of(item)


def test_a_finding_names_place_value_and_the_nearest_field() -> None:
    (item,) = errors(title="x", tittle="y")
    found = finding_of(item, "page.yaml:3 tittle", nearest=lambda name: "title" if name == "tittle" else "")
    assert (found.where, found.value, found.todo) == ("page.yaml:3 tittle", "", "did you mean title? 是否要写 title？")
    (item,) = errors(title="x", n=0)
    assert finding_of(item, "page.yaml:3 n", nearest=lambda _: "never asked").value == "0"
    (item,) = errors(title="x", n="long " * 20)
    assert finding_of(item, "page.yaml:3 n", nearest=lambda _: "").value == "long " * 8 + "…"


def test_nothing_is_asked_where_no_word_is_near() -> None:
    assert did_you_mean("") == ""
