"""A project's parameters: what nothing reads, or what cannot be meant, is told with its place."""

from pathlib import Path

import pytest

from zhike.kernel.definitions import read_definitions
from zhike.kernel.errors import BadInput

PACK = """
tier_low_amount: {value: 10, zh: 低, en: Low}
tier_high_amount: {value: 100, above: tier_low_amount, zh: 高, en: High}
loss_rate: {value: -0.1, zh: 亏损, en: Loss}
classes: {value: [a], zh: 类, en: Classes}
"""


def read(tmp_path: Path, own: str, *, segment: str = "$tier_low_amount"):
    pack, conf = tmp_path / "pack", tmp_path / "conf"
    (pack / "segments").mkdir(parents=True)
    (pack / "parameters.yaml").write_text(PACK, encoding="utf-8")
    (pack / "segments" / "x.yaml").write_text("s: {at: $tier_high_amount, also: $loss_rate}\n", encoding="utf-8")
    (conf / "segments").mkdir(parents=True)
    (conf / "segments" / "y.yaml").write_text(f"t: {{at: {segment}}}\n", encoding="utf-8")
    (conf / "parameters.yaml").write_text(own, encoding="utf-8")
    return read_definitions([pack, conf])


def test_an_override_and_a_parameter_of_ones_own_that_a_definition_uses_are_taken(tmp_path):
    found = read(tmp_path, "tier_low_amount: 20\nmine_days: 3\n", segment="$mine_days")
    assert found.parameters["tier_low_amount"] == 20
    assert found.get("segment", "t").body == {"at": 3}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("tier_hihg_amount: 5", r"parameters.yaml:1.*no definition uses.*tier_hihg_amount[\s\S]*did you mean tier_high_amount"),
        ("tier_low_amount: -1", r"parameters.yaml:1 parameter tier_low_amount: -1 must not be below zero"),
        ("tier_low_amount: many", r"'many' is not of the kind of 10"),
        ("classes: a", r"'a' is not of the kind of"),
        ("tier_low_amount: 500", r"tier_high_amount: 100 must be above tier_low_amount, which is 500"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, own, said):
    with pytest.raises(BadInput, match=said):
        read(tmp_path, own)


def test_a_loss_may_stay_below_zero(tmp_path):
    assert read(tmp_path, "loss_rate: -0.2").parameters["loss_rate"] == -0.2
