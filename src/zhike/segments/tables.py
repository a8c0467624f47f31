"""What segments owns: members as intervals, what changed, how each segment stands, portraits and migration."""

from __future__ import annotations

from zhike.identity.anonymous import EVENT_READS
from zhike.warehouse.contracts import Contract, Personal, Reads, code, day, integer, number, rate, text

QUASI = Personal.QUASI

SEGMENT_MEMBER = Contract(
    "segment_member", "segments", "客群成员", "Member of a segment from one day to another",
    key=("segment", "customer_id", "from_on"), dated_by="from_on", partitioned_by="definition",
    columns=(
        code("segment", "客群", "Segment", required=True),
        text("customer_id", "客户统一标识", "Customer", required=True),
        code("bucket", "分档", "Bucket, for segments that have them", personal=QUASI),
        day("from_on", "起始日", "Member from", required=True),
        day("to_on", "截止日", "Member to (inclusive); missing = still"),
        code("definition_hash", "定义指纹", "Fingerprint of the definition", required=True),
    ),
)  # fmt: skip

SEGMENT_CHANGE = Contract(
    "segment_change", "segments", "客群变动", "Who entered, left or moved since the last run of an earlier day; none on a segment's first run",
    key=("segment", "customer_id", "changed_on"), dated_by="changed_on", partitioned_by="definition",
    columns=(
        code("segment", "客群", "Segment", required=True),
        text("customer_id", "客户统一标识", "Customer", required=True),
        day("changed_on", "变动日", "Changed on", required=True),
        code("change", "变动", "What happened", required=True, allowed=("entered", "left", "moved")),
        code("bucket_from", "原分档", "Bucket before"),
        code("bucket_to", "新分档", "Bucket after"),
    ),
)  # fmt: skip

SEGMENT_HEALTH = Contract(
    "segment_health", "segments", "客群健康", "How a segment stands on the day of the run",
    key=("segment",), dated_by="measured_on", partitioned_by="definition",
    columns=(
        code("segment", "客群", "Segment", required=True),
        day("measured_on", "度量日", "Measured on", required=True),
        integer("n_subjects", "适用客户数", "Customers that it is for", required=True, minimum=0),
        integer("n_members", "成员数", "Members", required=True, minimum=0),
        rate("coverage_rate", "覆盖率", "Members over customers that it is for", minimum=0, maximum=1),
        integer("n_entered", "进入", "Entered since the last run", minimum=0),
        integer("n_left", "离开", "Left since the last run", minimum=0),
        integer("n_moved", "移档", "Moved to another bucket since the last run", minimum=0),
        rate("stay_rate", "留存率", "Members of the last run that still are", minimum=0, maximum=1),
        text("bucket_sizes", "分档规模", "Members by bucket, as JSON"),
    ),
)  # fmt: skip

SEGMENT_PORTRAIT = Contract(
    "segment_portrait", "segments", "客群画像", "Share of members in a class of a dimension, against everybody it is for",
    key=("segment", "bucket", "dimension", "value"), partitioned_by="definition",
    columns=(
        code("segment", "客群", "Segment", required=True),
        code("bucket", "分档", "Bucket; empty = the whole segment", required=True),
        code("dimension", "维度", "Dimension", required=True),
        code("value", "类别", "Class", required=True),
        integer("n_members", "成员数", "Members in the class", required=True, minimum=0),
        integer("n_all_members", "总成员数", "Members of the segment or bucket", required=True, minimum=0),
        rate("share_rate", "占比", "Share among members", required=True, minimum=0, maximum=1),
        rate("base_share_rate", "全体占比", "Share among everybody", required=True, minimum=0, maximum=1),
        number("tgi", "TGI", "100 × share / share among everybody"),
    ),
)  # fmt: skip

SEGMENT_MIGRATION = Contract(
    "segment_migration", "segments", "客群迁移", "Customers that moved between buckets over a period",
    key=("segment", "period_from_on", "period_to_on", "bucket_from", "bucket_to"), dated_by="period_to_on", partitioned_by="definition",
    columns=(
        code("segment", "客群", "Segment", required=True),
        day("period_from_on", "期初", "From", required=True),
        day("period_to_on", "期末", "To", required=True),
        code("bucket_from", "期初分档", "Bucket at the start; ~ = outside", required=True),
        code("bucket_to", "期末分档", "Bucket at the end; ~ = outside", required=True),
        integer("n_customers", "客户数", "Customers", required=True, minimum=0),
    ),
)  # fmt: skip

LIST_ENTRY = Contract(
    "list_entry", "segments", "静态名单", "A customer whom a person put on a list of zhike's own, from one day to another",
    key=("list", "customer_id", "from_on"), dated_by="from_on",
    columns=(
        code("list", "名单", "List", required=True),
        text("customer_id", "客户统一标识", "Customer", required=True),
        day("from_on", "起始日", "On it from", required=True),
        day("to_on", "截止日", "On it to (inclusive); missing = until taken off"),
        text("added_by", "加入人", "Who put the customer on it", required=True),
        text("reason", "原因", "Why", required=True),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (
    LIST_ENTRY,
    SEGMENT_MEMBER,
    SEGMENT_CHANGE,
    SEGMENT_HEALTH,
    SEGMENT_PORTRAIT,
    SEGMENT_MIGRATION,
)
READS: tuple[Reads, ...] = (
    Reads("profile"),
    Reads("tag_value"),
    Reads("score_value"),
    *(Reads(name) for name in EVENT_READS),
    Reads("customer_relation"),
    Reads("contactability"),
    Reads("customer_list"),
    Reads("list_entry"),
    Reads("identity_register", ("customer_id", "merged_into")),
    Reads("identity_link", ("source", "source_key", "customer_id")),
    Reads("segment_member", lag=1),
    Reads("segment_health", lag=1),
)

__all__ = [
    "LIST_ENTRY",
    "OWNS",
    "READS",
    "SEGMENT_CHANGE",
    "SEGMENT_HEALTH",
    "SEGMENT_MEMBER",
    "SEGMENT_MIGRATION",
    "SEGMENT_PORTRAIT",
]
