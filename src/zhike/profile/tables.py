"""What profile owns: the wide profile (its contract is made from the features), tag values as intervals, tag health."""

from __future__ import annotations

from zhike.profile.build import reads_of
from zhike.profile.features import FeatureSet, standard_features
from zhike.warehouse.contracts import (
    Column,
    Contract,
    Personal,
    Reads,
    amount,
    code,
    day,
    integer,
    number,
    rate,
    text,
)  # fmt: skip


def profile_contract(features: FeatureSet) -> Contract:
    """Return the contract of ``profile`` for a set of features: identifiers, then one column per feature."""
    columns = tuple(
        Column(f.key, f.value, f.zh, f.en, unit=f.unit or ("CNY" if f.value == "amount" else ""), personal=f.privacy)
        for f in features.features
    )
    return Contract(
        "profile", "profile", "客户画像", "Profile: every feature of every customer as of the day of the run",
        key=("customer_id",),
        columns=(
            text("customer_id", "客户统一标识", "Customer (ONE_ID)", required=True),
            integer("customer_no", "客户序号", "Dense number of the customer", required=True, minimum=1),
            *columns,
        ),
    )  # fmt: skip


TAG_VALUE = Contract(
    "tag_value", "profile", "标签值", "A tag that holds for a customer from one day to another",
    key=("customer_id", "tag", "from_on"), dated_by="from_on", partitioned_by="definition",
    columns=(
        text("customer_id", "客户统一标识", "Customer", required=True),
        code("tag", "标签", "Tag", required=True),
        code("value_text", "取值(文本)", "Value as a code", personal=Personal.SENSITIVE),
        number("value_number", "取值(数值)", "Value as a number", personal=Personal.SENSITIVE),
        amount("value_amount", "取值(金额)", "Value as an amount", personal=Personal.SENSITIVE),
        day("value_on", "取值(日期)", "Value as a day", personal=Personal.SENSITIVE),
        day("from_on", "起始日", "Holds from", required=True),
        day("to_on", "截止日", "Held to (inclusive); missing = still"),
        day("met_on", "最近触发日", "Last day its condition was met, for tags with a time to live"),
        code("definition_hash", "定义指纹", "Fingerprint of the definition that gave it", required=True),
    ),
)  # fmt: skip

TAG_OVERRIDE = Contract(
    "tag_override", "profile", "人工标签", "A manual tag that a person gave, as snapshot from the store",
    key=("tag", "customer_id"), dated_by="given_on",
    columns=(
        code("tag", "标签", "Tag", required=True),
        text("customer_id", "客户统一标识", "Customer", required=True),
        code("value_text", "取值(文本)", "Value as a code", personal=Personal.SENSITIVE),
        number("value_number", "取值(数值)", "Value as a number", personal=Personal.SENSITIVE),
        amount("value_amount", "取值(金额)", "Value as an amount", personal=Personal.SENSITIVE),
        day("value_on", "取值(日期)", "Value as a day", personal=Personal.SENSITIVE),
        day("given_on", "赋予日", "Given on", required=True),
        day("expires_on", "失效日", "Holds to (inclusive); missing = until it is withdrawn"),
    ),
)  # fmt: skip

TAG_HEALTH = Contract(
    "tag_health", "profile", "标签健康", "How a tag stands on the day of the run",
    key=("tag",), dated_by="measured_on",
    columns=(
        code("tag", "标签", "Tag", required=True),
        day("measured_on", "度量日", "Measured on", required=True),
        integer("n_subjects", "适用客户数", "Customers that the tag is for", required=True, minimum=0),
        integer("n_tagged", "命中客户数", "Customers that have it", required=True, minimum=0),
        rate("coverage_rate", "覆盖率", "Share of its subjects that have it", minimum=0, maximum=1),
        integer("n_values", "取值数", "Different values", minimum=0),
        integer("n_gained", "新增", "Customers that gained it since the last run", minimum=0),
        integer("n_lost", "减少", "Customers that lost it since the last run", minimum=0),
        integer("n_changed", "变更", "Customers whose value changed since the last run", minimum=0),
        rate("top_value_share_rate", "最大取值占比", "Share of the commonest value", minimum=0, maximum=1),
        day("last_change_on", "最近变更日", "Latest day on which a value began"),
        text("value_shares", "取值分布", "Share of each value among those tagged, as JSON"),
        number("shift_psi", "分布偏移", "Population stability index of holding and values against the last run", minimum=0),
    ),
)  # fmt: skip

PROFILE = profile_contract(standard_features())
OWNS: tuple[Contract, ...] = (PROFILE, TAG_VALUE, TAG_OVERRIDE, TAG_HEALTH)
READS: tuple[Reads, ...] = (
    *(Reads(name) for name in reads_of(standard_features())),
    Reads("credit_record", ("source", "source_key", "queried_on", "n_loans", "recorded_at")),
    Reads("contactability"),
    Reads("score_value"),
    Reads("tag_value"),
    Reads("segment_member"),
    Reads("tag_value", lag=1),
    Reads("tag_health", lag=1),
    Reads("tag_health", lag=1),
    Reads("tag_override"),
    Reads("customer_list"),
    Reads("list_entry"),
    Reads("identity_link", ("source", "source_key", "customer_id")),
)

__all__ = ["OWNS", "PROFILE", "READS", "TAG_HEALTH", "TAG_OVERRIDE", "TAG_VALUE", "profile_contract"]
