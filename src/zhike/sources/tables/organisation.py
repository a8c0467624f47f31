"""The bank itself: units, staff, who looks after whom, capacity, targets, and its own report to reconcile with."""

from zhike.warehouse.contracts import Contract, Personal, amount, code, day, integer, number, rate, text

DIRECT = Personal.DIRECT
BRANCH_ROLES = ("opening", "managing", "marketing", "assessed")

ORG_UNIT = Contract(
    "org_unit", "sources", "机构", "Organisation unit",
    key=("org_id", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("org_id", "机构号", "Unit", required=True),
        text("name", "机构名称", "Name", required=True),
        code("level", "层级", "Level", required=True, allowed=("head_office", "branch", "sub_branch", "team")),
        code("parent_org_id", "上级机构", "Parent unit"),
        code("line", "条线", "Business line", allowed=("retail", "corporate", "all")),
        code("district", "地区", "District"),
        code("merged_into", "并入机构", "Unit that took it over: from the day after this version ends, or from its first day where it does not end"),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
    ),
)  # fmt: skip

STAFF = Contract(
    "staff", "sources", "员工", "Member of staff",
    key=("staff_id",),
    columns=(
        code("staff_id", "员工号", "Member of staff", required=True),
        text("name", "姓名", "Name", personal=DIRECT),
        code("org_id", "机构号", "Unit", required=True),
        code("role", "岗位", "Role", required=True, allowed=("rm", "company_rm", "teller", "manager", "tele_agent", "other")),
        day("joined_on", "入职日", "Joined on"),
        day("left_on", "离职日", "Left on"),
    ),
)  # fmt: skip

MANAGER_ASSIGNMENT = Contract(
    "manager_assignment", "sources", "管户关系", "Who looks after whom",
    key=("source", "source_key", "staff_id", "role", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer's key in the source", required=True, personal=DIRECT),
        code("staff_id", "员工号", "Member of staff", required=True, references="staff.staff_id"),
        code("role", "主办/协办", "Lead, share or pool", required=True, allowed=("lead", "share", "pool")),
        rate("share_rate", "份额", "Share of the result", minimum=0, maximum=1),
        code("approval", "移交审批", "A transfer's approval; missing = none is needed", allowed=("pending", "approved", "rejected")),
        day("approved_on", "审批通过日", "Approved on: it moves the customer from then on at the earliest"),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
    ),
)  # fmt: skip

PARTY_BRANCH = Contract(
    "party_branch", "sources", "客户机构归属", "Which unit a customer belongs to, in which respect",
    key=("source", "source_key", "branch_role", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Customer's key in the source", required=True, personal=DIRECT),
        code("branch_role", "归属类型", "Opened the first account, looks after, won, or is credited with the customer", required=True, allowed=BRANCH_ROLES),
        code("org_id", "机构号", "Unit", required=True),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
    ),
)  # fmt: skip

CAPACITY = Contract(
    "capacity", "sources", "产能", "Hours or contacts available",
    key=("resource_kind", "resource_id", "on"), dated_by="on",
    columns=(
        code("resource_kind", "资源类型", "Kind", required=True, allowed=("rm", "counter", "channel", "video", "tele")),
        code("resource_id", "资源", "Staff, unit or channel", required=True),
        day("on", "日期", "Day", required=True),
        number("available_hours", "可用工时", "Hours", minimum=0),
        integer("n_contacts_limit", "可触达数", "Contacts at most", minimum=0),
    ),
)  # fmt: skip

CONTROL_TOTAL = Contract(
    "control_total", "sources", "总账核对数", "The bank's own report, to reconcile with (总分核对)",
    key=("on", "org_id", "product_class", "measure"), dated_by="on",
    columns=(
        day("on", "日期", "Day", required=True),
        code("org_id", "机构号", "Unit", required=True),
        code("product_class", "产品大类", "Product class", required=True),
        code("measure", "指标", "Measure", required=True, allowed=("aum_amount", "deposit_amount", "loan_amount", "n_customers")),
        amount("value_amount", "数值", "Value: an amount, or a count", required=True),
    ),
)  # fmt: skip

KPI_TARGET = Contract(
    "kpi_target", "sources", "考核目标", "Target",
    key=("kpi", "org_id", "line", "staff_id", "period"),
    columns=(
        code("kpi", "指标", "KPI", required=True),
        code("org_id", "机构号", "Unit", required=True),
        code("line", "条线", "Line", required=True),
        code("staff_id", "员工号", "Staff, or * for the unit", required=True),
        code("period", "期间", "Period, e.g. 2025Q1", required=True),
        amount("target_amount", "目标值", "Target", required=True),
    ),
)  # fmt: skip

OWNS = (ORG_UNIT, STAFF, MANAGER_ASSIGNMENT, PARTY_BRANCH, CAPACITY, CONTROL_TOTAL, KPI_TARGET)
