"""Tables of relations: between customers, of companies to their group and the persons behind them, to managers and units."""

from __future__ import annotations

from zhike.identity.graph.control import BASES as GROUP_BASES
from zhike.identity.graph.owners import BASES as OWNER_BASES
from zhike.identity.relation_terms import ORIGINS
from zhike.sources.tables.organisation import BRANCH_ROLES, MANAGER_ASSIGNMENT
from zhike.sources.tables.party import PARTY_RELATION
from zhike.warehouse.contracts import Column, Contract, Reads, code, day, flag, integer, rate, text

BRANCH_NAMES = {"opening": ("开户", "opened the first account"), "managing": ("管户", "looks after the customer"),
                "marketing": ("营销", "won the customer"), "assessed": ("考核", "is credited with the customer")}  # fmt: skip
BRANCH_BASES = ("declared", "first_account", "lead", "pool", "opening", "managing")

CUSTOMER_RELATION = Contract(
    "customer_relation", "identity", "客户关系", "Relation between two customers over a run of days, declared by a source or inferred by zhike",
    key=("from_customer_id", "to_customer_id", "kind", "is_declared", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        text("from_customer_id", "主体客户", "The one who …", required=True),
        text("to_customer_id", "对象客户", "… stands in this relation to", required=True),
        code("kind", "关系类型", "Relation", required=True, allowed=PARTY_RELATION.column("kind").allowed),
        flag("is_declared", "来源声明", "Declared by a source; otherwise inferred by zhike", required=True),
        rate("share_rate", "份额", "Share held; of a beneficial owner, multiplied through", minimum=0, maximum=1),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive); missing = still"),
        flag("is_dated", "有起始日", "Sources say since when; otherwise it is known to hold on the day of the run, from which it is dated", required=True),
        code("origin", "来源", "Where the relation comes from", required=True, allowed=ORIGINS),
        integer("n_facts", "依据数", "Facts that an inferred relation rests on: accounts shared, months with wages, invoices", minimum=1),
        day("last_fact_on", "最近依据日", "Day of the latest of them"),
    ),
)  # fmt: skip

COMPANY_GROUP = Contract(
    "company_group", "identity", "企业集团", "Company in a group of at least two companies under one control, as of the day",
    key=("customer_id",),
    columns=(
        text("customer_id", "企业", "Company", required=True),
        text("group_id", "集团", "The group: the customer at its head, a company or a natural person", required=True),
        text("parent_id", "上级", "Its largest holder inside the group; missing for the head and for members of a ring that leads"),
        integer("level", "层级", "Links below the head; 0 = the head, or a member of the ring that leads", required=True, minimum=0),
        code("basis", "认定依据", "Head; controlled by shares; by a controller whom a source names; in a ring of companies that control one another", required=True, allowed=GROUP_BASES),
        rate("parent_rate", "上级持股", "Share that the parent holds directly", required=True, minimum=0, maximum=1),
        rate("group_rate", "集团持股", "Share that the whole group holds directly", required=True, minimum=0, maximum=1),
        integer("n_companies", "集团企业数", "Companies of the group that are customers", required=True, minimum=2),
        day("since_on", "起始日", "Nothing above it has changed since: in the group from this day at the latest", required=True),
        flag("is_dated", "有起始日", "Sources say since when", required=True),
    ),
)  # fmt: skip

BENEFICIAL_OWNER = Contract(
    "beneficial_owner", "identity", "受益所有人", "Natural person behind a company, as of the day",
    key=("company_id", "person_id"),
    columns=(
        text("company_id", "企业", "Company", required=True),
        text("person_id", "自然人", "Person, or sole trader", required=True),
        code("basis", "认定依据", "A quarter or more of the shares, multiplied through; control otherwise; legal representative of a company that has neither", required=True, allowed=OWNER_BASES),
        rate("share_rate", "最终持股", "Share in the end, direct and through others", required=True, minimum=0, maximum=1),
        rate("direct_rate", "直接持股", "Share held without anybody between", required=True, minimum=0, maximum=1),
        text("through_id", "通过", "The company that brings most of it; missing where most is held directly"),
        rate("known_rate", "穿透比例", "How much of the company all natural holders known here have together", required=True, minimum=0, maximum=1),
        day("since_on", "起始日", "Nothing above the company has changed since: so at the latest from this day", required=True),
        flag("is_dated", "有起始日", "Sources say since when", required=True),
    ),
)  # fmt: skip

ORG_SUCCESSION = Contract(
    "org_succession", "identity", "机构承接", "Every unit there ever was, and the one that answers for it on the day",
    key=("org_id",),
    columns=(
        code("org_id", "机构号", "Unit", required=True),
        code("successor_id", "承接机构", "Unit that answers for it on the day: itself, or where its mergers have led", required=True),
        day("merged_on", "并入日", "First day without it; missing = never merged"),
        integer("n_mergers", "并入次数", "Mergers on the way to the successor", required=True, minimum=0),
        code("problem", "问题", "Mergers go in a circle (then it answers for itself), or lead to a unit that is not known (then the last known one does)", allowed=("circle", "unknown_unit")),
        text("path", "机构路径", "Units above the successor and itself, head office first, joined by /", required=True),
    ),
)  # fmt: skip

CUSTOMER_ASSIGNMENT = Contract(
    "customer_assignment", "identity", "客户管户", "Who looks after a customer over a run of days; at most one lead a day",
    key=("customer_id", "role", "staff_id", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        code("role", "角色", "Lead, share or pool", required=True, allowed=MANAGER_ASSIGNMENT.column("role").allowed),
        code("staff_id", "员工号", "Member of staff", required=True),
        code("org_id", "机构号", "Unit that answers for the member of staff on the day of the run"),
        rate("share_rate", "份额", "Share of the result", minimum=0, maximum=1),
        day("valid_from_on", "生效日", "Holds from; of a transfer, not before it was approved", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive); missing = still. Not beyond the last day in post"),
        flag("is_contested", "有争议", "On some of these days a record names another lead", required=True),
        flag("awaits_transfer", "待移交", "Ended by the source for a transfer that is not approved yet: holds on until it is", required=True),
    ),
)  # fmt: skip


def _branch_columns(role: str) -> tuple[Column, ...]:
    zh, en = BRANCH_NAMES[role]
    return (
        code(f"{role}_org_id", f"{zh}机构", f"Unit that {en}, as recorded then"),
        code(f"{role}_scope_id", f"{zh}机构(现)", "Unit that answers for it on the day, after mergers"),
        code(f"{role}_basis", f"{zh}机构依据", "Declared by a source, or derived", allowed=BRANCH_BASES),
    )


CUSTOMER_BRANCH = Contract(
    "customer_branch", "identity", "客户机构归属", "The four units of a customer on the day: opening, managing, marketing, assessed",
    key=("customer_id",),
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        *(column for role in BRANCH_ROLES for column in _branch_columns(role)),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (
    CUSTOMER_RELATION, COMPANY_GROUP, BENEFICIAL_OWNER, ORG_SUCCESSION, CUSTOMER_ASSIGNMENT, CUSTOMER_BRANCH,
)  # fmt: skip
READS: tuple[Reads, ...] = (
    Reads("account", ("account_id", "org_id", "opened_on", "closed_on", "recorded_at")),
    Reads("party_relation"),
    Reads("company_contact", ("source", "company_key", "contact_key", "role", "valid_from_on", "valid_to_on")),
    Reads("payroll_agreement", ("agreement_id", "source", "company_key")),
    Reads("payroll_item", ("agreement_id", "account_id", "on", "purpose", "amount", "recorded_at")),
    Reads("invoice"),
    Reads("company_mention", ("mention_id", "kind", "state", "customer_id", "outside_id")),
    Reads("manager_assignment"),
    Reads("party_branch"),
    Reads("org_unit"),
    Reads("staff", ("staff_id", "org_id", "left_on")),
    Reads("customer", ("customer_id", "customer_no", "party_kind")),
    Reads("customer_account", ("customer_id", "account_id", "role")),
    Reads("identity_link", ("source", "source_key", "customer_id", "source_place")),
)

__all__ = ["BRANCH_BASES", "OWNS", "READS"]
