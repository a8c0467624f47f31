"""The tables of journeys."""

from zhike.warehouse.contracts import Contract, Reads, code, integer, moment, text

ENROLMENT = Contract(
    "enrolment", "journeys", "入程", "A customer on the way through one version of a journey",
    key=("journey", "customer_id", "entered_at"),
    columns=(
        code("journey", "旅程", "Journey", required=True),
        integer("journey_version", "版本", "Version, pinned at entry", required=True, minimum=1),
        text("customer_id", "客户", "Customer", required=True),
        moment("entered_at", "进入时间", "Entered at", required=True),
        code("step", "当前步骤", "Step", required=True),
        moment("due_at", "到期时间", "Due at"),
        code("state", "状态", "State", required=True, allowed=("waiting", "done", "exited", "failed")),
        code("exit_reason", "退出原因", "Why it ended"),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (ENROLMENT,)
READS: tuple[Reads, ...] = (Reads("segment_change"),)
