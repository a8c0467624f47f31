"""The tables of care."""

from zhike.warehouse.contracts import Contract, Personal, Reads, amount, code, day, integer, moment, text

TASK = Contract(
    "task", "care", "任务", "Something a member of staff should do for a customer",
    key=("task_id",), dated_by="created_on",
    columns=(
        text("task_id", "任务号", "Task", required=True),
        text("customer_id", "客户", "Customer", required=True),
        code("staff_id", "员工号", "Given to"),
        code("task_kind", "任务类型", "Kind", required=True),
        text("reason", "原因", "Why"),
        day("created_on", "创建日", "Created on", required=True),
        day("due_on", "到期日", "Due on"),
        code("state", "状态", "State", required=True, allowed=("open", "done", "deferred", "reassigned", "expired")),
        code("feedback", "反馈码", "Feedback code"),
    ),
)  # fmt: skip

LIST_ITEM = Contract(
    "list_item", "care", "名单项", "One customer on a list handed down",
    key=("list_id", "customer_id"), dated_by="issued_on",
    columns=(
        code("list_id", "名单编号", "List", required=True),
        text("customer_id", "客户", "Customer", required=True),
        code("org_id", "机构号", "Unit"),
        code("staff_id", "员工号", "Claimed by"),
        day("issued_on", "下发日", "Issued on", required=True),
        code("state", "状态", "State", required=True, allowed=(
            "generated", "approved", "issued", "claimed", "reassigned", "executed", "fed_back", "recovered", "overdue", "checked", "archived")),
        code("feedback", "反馈码", "Feedback code"),
    ),
)  # fmt: skip

COMPLAINT = Contract(
    "complaint", "care", "投诉", "A complaint and its clock",
    key=("complaint_id",), dated_by="received_on",
    columns=(
        text("complaint_id", "投诉号", "Complaint", required=True),
        text("customer_id", "客户", "Customer"),
        day("received_on", "受理日", "Received on", required=True),
        day("due_on", "应结日", "Due on", required=True),
        day("closed_on", "结案日", "Closed on"),
        code("priority", "优先级", "Priority"),
        text("summary", "摘要", "Summary", personal=Personal.DIRECT),
    ),
)  # fmt: skip

POINTS_ENTRY = Contract(
    "points_entry", "care", "积分流水", "A booking in the ledger of loyalty points",
    key=("entry_id",), dated_by="on",
    columns=(
        text("entry_id", "流水号", "Entry", required=True),
        text("customer_id", "客户", "Customer", required=True),
        day("on", "日期", "Business day", required=True),
        moment("at", "时间", "Moment"),
        integer("points", "积分", "Points, negative when spent", required=True),
        amount("cost_amount", "成本", "Cost to the bank"),
        code("reason", "原因", "Reason", required=True),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (TASK, LIST_ITEM, COMPLAINT, POINTS_ENTRY)
READS: tuple[Reads, ...] = ()
