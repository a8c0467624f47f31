"""A bad value is shown as far as it helps, and no further than a code."""

import pytest

from tests.unit.sources.delivery import Delivery, accounts
from zhike.kernel.errors import ContractBroken
from zhike.sources.masking import shown_values


@pytest.mark.parametrize(
    ("rule", "value", "shown"),
    [
        ("not_a_number", "张三丰", "※※※"),
        ("not_a_number", "Zhang San 12", "xxxxx xxx 12"),
        ("not_a_number", "1,234.5-", "1,234.5-"),
        ("impossible_date", "2025-02-30", "2025-02-30"),
        ("unknown_code", "TD9", "TD9"),
        ("unknown_code", "张三丰", "※※※"),
        ("unknown_code", "12 Nanjing Road", "12 xxxxxxx xxxx"),
        ("duplicate_key", "core, ####, 2024-03-01", "core, ####, 2024-03-01"),
        ("broken_reference", "分行, x#", "※※, x#"),
        ("too_few_columns", "Expected Number of Columns: 7 Found: 3", "Expected Number of Columns: 7 Found: 3"),
        ("missing", None, None),
    ],
)
def test_letters_of_a_bad_value_keep_only_their_shape_unless_they_are_a_code(rule: str, value: str, shown: str) -> None:
    assert shown_values([rule], ["c"], [value]) == [shown]


def test_a_foreign_word_is_a_code_when_it_comes_again_in_the_same_column() -> None:
    rules, columns = ["unknown_code"] * 5, ["kind", "kind", "kind", "other", "kind"]
    assert shown_values(rules, columns, ["储蓄", "储蓄", "储蓄", "储蓄", "张三丰"]) == [
        "储蓄",
        "储蓄",
        "储蓄",
        "※※",
        "※※※",
    ]


def test_a_name_that_a_lost_delimiter_moved_into_a_code_is_not_told(bank: Delivery) -> None:
    columns = {
        "account_id": "no", "account_kind": {"column": "kind", "values": {"1": "demand"}}, "opened_on": {"constant": "2024-01-01"},
        "recorded_at": {"day_end": "opened_on"},
    }  # fmt: skip
    bank.file("accounts.csv", "no,kind\nA1,1\nA2,张三丰\n")
    bank.mapping(accounts(columns=columns))
    bank.run()
    assert bank.rows("quarantine", "value_masked") == ["※※※"]
    bank.file("accounts.csv", "no,kind\nA1,张三丰\nA2,李四光\n")
    with pytest.raises(ContractBroken) as error:
        bank.run()
    assert error.value.code == "sources.too_many_bad_rows"
    assert [f.value for f in error.value.findings] == ["※※※", "※※※"]
