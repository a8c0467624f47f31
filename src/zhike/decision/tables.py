"""The tables of decision: candidates with the stage at which they fell out, assignments, the contact plan, the log; routes and plans."""

from zhike.decision.terms import Arm, FunnelStage
from zhike.kernel.terms import Channel
from zhike.warehouse.contracts import (
    Contract,
    Personal,
    Reads,
    amount,
    code,
    day,
    flag,
    integer,
    moment,
    number,
    rate,
    text,
)

CHANNELS = tuple(c.value for c in Channel)
FUNNEL_STAGES = tuple(s.value for s in FunnelStage if s is not FunnelStage.CATALOGUE)
ARMS = tuple(a.value for a in Arm)
SENSITIVE = Personal.SENSITIVE

CANDIDATE = Contract(
    "candidate", "decision", "候选", "An offer for a customer, and the stage and rule at which it fell out",
    key=("campaign", "customer_id", "offer_id"), dated_by="decided_on", partitioned_by="definition",
    columns=(
        code("campaign", "活动", "Campaign", required=True),
        text("customer_id", "客户", "For whom", required=True),
        code("offer_id", "产品优惠", "Offer", required=True),
        day("decided_on", "决策日", "Decided on", required=True),
        code("stage", "漏斗阶段", "Stage at which it fell out; final = came through", required=True, allowed=FUNNEL_STAGES),
        code("rule", "规则", "Rule that dropped it; missing for final"),
        flag("is_final", "入选", "Came through", required=True),
        code("channel", "渠道", "Channel chosen", allowed=CHANNELS),
        number("p_accept", "接受概率", "Probability of acceptance"),
        number("context_weight", "情境权重", "Context weight, around 1"),
        amount("value_amount", "价值", "Worth of one acceptance"),
        number("lever_weight", "业务杠杆", "Lever weight, around 1"),
        number("priority", "优先级", "Propensity × Context × Value × Levers"),
        amount("cost_amount", "触达成本", "Cost of one contact on the channel"),
        integer("rank", "名次", "Rank among the customer's offers that reached arbitration", minimum=1),
    ),
)  # fmt: skip

ASSIGNMENT = Contract(
    "assignment", "decision", "实验分组", "The arm of everybody ever assigned to an experiment; never changed",
    key=("experiment", "customer_id"), dated_by="assigned_on", partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        text("customer_id", "客户", "Customer", required=True),
        code("arm", "组别", "Arm", required=True, allowed=ARMS),
        rate("share", "哈希位置", "Where the customer falls in [0, 1)", required=True, minimum=0, maximum=1),
        rate("holdout_rate", "留出比例", "Probability of control when assigned", required=True, minimum=0, maximum=1),
        day("assigned_on", "分组日", "Assigned on", required=True),
    ),
)  # fmt: skip

NEXT_ACTION = Contract(
    "next_action", "decision", "下一步行动", "The permitted contact plan: whom to contact, how, about what, and why",
    key=("campaign", "customer_id", "offer_id"), dated_by="decided_on", partitioned_by="definition",
    columns=(
        code("campaign", "活动", "Campaign", required=True),
        text("customer_id", "客户", "For whom", required=True),
        text("recipient_id", "接收人", "Who receives it", required=True),
        code("offer_id", "产品优惠", "Offer", required=True),
        text("decision_id", "决策号", "Decision, for explain", required=True),
        day("decided_on", "决策日", "Decided on", required=True),
        code("channel", "渠道", "Channel", required=True, allowed=CHANNELS),
        code("purpose", "用途", "Purpose", required=True),
        code("product_line", "产品条线", "Product line", required=True),
        day("planned_on", "计划日", "Planned for", required=True),
        moment("planned_at", "计划时间", "Planned at", required=True),
        code("content_version", "内容版本", "Content version", required=True),
        number("p_accept", "接受概率", "Probability of acceptance"),
        amount("value_amount", "价值", "Worth of one acceptance"),
        amount("cost_amount", "触达成本", "Cost of the contact"),
        number("priority", "优先级", "Priority"),
        text("reason_zh", "理由", "Why this customer, in Chinese", required=True, personal=SENSITIVE),
        text("reason_en", "理由(英)", "Why this customer, in English", required=True, personal=SENSITIVE),
        text("talking_points_zh", "话术要点", "What to say, in Chinese", personal=SENSITIVE),
        text("talking_points_en", "话术要点(英)", "What to say, in English", personal=SENSITIVE),
    ),
)  # fmt: skip

DECISION_LOG = Contract(
    "decision_log", "decision", "决策日志", "Each decision with everything it was taken on, to take it again years later",
    key=("decision_id",), dated_by="decided_on", partitioned_by="log",
    columns=(
        text("decision_id", "决策号", "Decision", required=True),
        code("campaign", "活动", "Campaign", required=True),
        text("customer_id", "客户", "For whom", required=True),
        text("recipient_id", "接收人", "Who receives it"),
        day("decided_on", "决策日", "Decided on", required=True),
        text("inputs", "输入", "Facts it was taken on, as JSON; no direct identifiers", required=True, personal=SENSITIVE),
        text("recipient_inputs", "接收人输入", "Facts about the recipient where it is another person, as JSON", personal=SENSITIVE),
        text("outcome", "结果", "What became of each offer, as JSON", required=True),
        code("arm", "组别", "Arm of the experiment; missing when nothing came through", allowed=ARMS),
        code("model_version", "模型版本", "Version of the model that gave the score"),
        code("book_hash", "规则版本", "Which rules, as kept in decision_book", required=True),
    ),
)  # fmt: skip

DECISION_BOOK = Contract(
    "decision_book", "decision", "决策规则册", "The rules that decisions were taken by, whole, by hash",
    key=("campaign", "decided_on", "book_hash"), dated_by="decided_on", partitioned_by="log",
    columns=(
        code("campaign", "活动", "Campaign", required=True),
        day("decided_on", "决策日", "Decided on", required=True),
        code("book_hash", "规则版本", "Hash of the rules", required=True),
        text("body", "内容", "Campaign, offers, gates, contact policies and regulations, as JSON", required=True),
    ),
)  # fmt: skip

ROUTE = Contract(
    "route", "decision", "分流", "Which channel, service standard and team look after a customer, and why",
    key=("customer_id",), dated_by="decided_on",
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        day("decided_on", "决策日", "Decided on", required=True),
        code("service_tier", "服务层级", "Service tier", required=True),
        code("channel", "渠道", "First channel", required=True, allowed=CHANNELS),
        code("service_standard", "服务标准", "Service standard"),
        code("org_id", "机构号", "Unit"),
        code("staff_id", "员工号", "Member of staff"),
        code("rule", "规则", "Rule that decided", required=True),
        text("reason_zh", "理由", "Why, in Chinese"),
        text("reason_en", "理由(英)", "Why, in English"),
    ),
)  # fmt: skip

PLAN = Contract(
    "plan", "decision", "资源计划", "The best plan under capacity and budget, with its certificate",
    key=("customer_id", "offer_id", "channel"), dated_by="decided_on",
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        code("offer_id", "产品优惠", "Offer", required=True),
        code("channel", "渠道", "Channel", required=True, allowed=CHANNELS),
        day("decided_on", "决策日", "Decided on", required=True),
        amount("net_value_amount", "净价值", "Value less cost and expected loss"),
        amount("shadow_price_amount", "影子价格", "Price of the resource at the optimum"),
        number("gap_rate", "最优性差距", "Certified gap to the optimum", minimum=0),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (CANDIDATE, ASSIGNMENT, NEXT_ACTION, DECISION_LOG, DECISION_BOOK, ROUTE, PLAN)
READS: tuple[Reads, ...] = (
    Reads("profile"),
    Reads("customer_control"),
    Reads("consent"),
    Reads("tag_value"),
    Reads("segment_member"),
    Reads("score_value"),
    Reads("identity_link", ("source", "source_key", "customer_id")),
    Reads("contact_history", ("source", "source_key", "channel", "purpose", "on", "recorded_at")),
    Reads("contact", ("recipient_id", "customer_id", "campaign", "channel", "on", "planned_at", "state")),
    Reads("next_action"),
    Reads("next_action", lag=1),
    Reads("assignment", lag=1),
)

__all__ = ["OWNS", "READS"]
