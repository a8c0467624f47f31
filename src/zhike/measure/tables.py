"""Tables of measuring: who was exposed, what came of it, the effect with its interval, what it was worth, what was learned."""

from zhike.kernel.terms import Channel
from zhike.warehouse.contracts import Contract, Reads, amount, code, day, flag, integer, moment, number, rate, text

ARMS = ("treatment", "control")
CHANNELS = tuple(c.value for c in Channel)

EXPOSURE = Contract(
    "exposure", "measure", "实验暴露", "Every customer ever assigned, with what reached them; carried from run to run",
    key=("experiment", "customer_id"), dated_by="assigned_on", partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        text("customer_id", "客户", "Customer", required=True),
        code("arm", "组别", "Arm as assigned", required=True, allowed=ARMS),
        rate("holdout_rate", "留出比例", "Planned share of the control arm", minimum=0, maximum=1),
        day("assigned_on", "分组日", "First assigned on", required=True),
        integer("n_contacts", "触达次数", "Contacts sent", required=True, minimum=0),
        moment("first_contact_at", "首次触达时间", "First sent at"),
        code("first_channel", "首次触达渠道", "Channel of the first contact"),
        flag("is_delivered", "已送达", "At least one arrived", required=True),
        flag("is_answered", "有回应", "The customer answered", required=True),
        flag("is_positive", "正向回应", "The answer was positive", required=True),
        amount("contact_cost_amount", "触达成本", "Cost of the contacts; missing when a channel has no cost"),
    ),
)  # fmt: skip

OUTCOME = Contract(
    "outcome", "measure", "实验结果", "One outcome per assigned customer to whom the metric applies and whose window is over",
    key=("experiment", "customer_id", "metric"), dated_by="measured_to_on", partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        text("customer_id", "客户", "Customer", required=True),
        code("metric", "指标", "Metric", required=True),
        code("arm", "组别", "Arm as assigned", required=True, allowed=ARMS),
        number("value", "结果", "Numerator, 0/1 or value", required=True, known_on="after"),
        number("weight", "权重", "Denominator of a ratio, else 1", required=True, known_on="after"),
        day("measured_from_on", "观察起日", "Window from", required=True),
        day("measured_to_on", "观察止日", "Window to, with settling", required=True),
    ),
)  # fmt: skip

EFFECT_ARM = Contract(
    "effect_arm", "measure", "各组结果", "Sums and level of one metric in one arm; the sums add up over shards",
    key=("experiment", "metric", "arm"), partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        code("metric", "指标", "Metric", required=True),
        code("arm", "组别", "Arm", required=True, allowed=ARMS),
        integer("n_assigned", "分组人数", "Assigned", required=True, minimum=0),
        integer("n_waiting", "观察中人数", "Assigned, window not over", required=True, minimum=0),
        integer("n", "有结果人数", "With an outcome", required=True, minimum=0),
        number("y", "Σy", "Sum of values", required=True),
        number("x", "Σx", "Sum of weights", required=True),
        number("yy", "Σy²", "Sum of squared values", required=True),
        number("xx", "Σx²", "Sum of squared weights", required=True),
        number("xy", "Σxy", "Sum of products", required=True),
        number("level", "水平", "Rate, mean or ratio; missing when there is none"),
        number("level_low", "下限", "Lower end of its interval"),
        number("level_high", "上限", "Upper end of its interval"),
    ),
)  # fmt: skip

EFFECT = Contract(
    "effect", "measure", "实验效果", "Treated less control, on everyone assigned, with interval and warnings",
    key=("experiment", "metric"), dated_by="measured_on", partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        code("metric", "指标", "Metric", required=True),
        code("shape", "形态", "How outcomes become a number", required=True, allowed=("proportion", "mean", "ratio")),
        code("unit", "单位", "Unit of the level", required=True),
        code("design", "设计", "What the comparison rests on", required=True, allowed=("randomised", "pre_post", "level_only")),
        day("measured_on", "度量日", "Measured as of", required=True),
        integer("n_treated", "处理组人数", "Treated with an outcome", required=True),
        integer("n_control", "对照组人数", "Control with an outcome", required=True),
        number("treated_level", "处理组水平", "Level of the treated"),
        number("control_level", "对照组水平", "Level of the control, or before"),
        number("effect", "效果", "Treated less control; missing with a reason"),
        number("effect_low", "下限", "Lower end"),
        number("effect_high", "上限", "Upper end"),
        rate("confidence", "置信水平", "Confidence of the interval", required=True),
        rate("p_value", "p值", "Two-sided p for no difference"),
        code("method", "方法", "How the interval was made"),
        number("detectable", "最小可检出差异", "Smallest difference this size finds with the planned power"),
        rate("sample_ratio_p", "分组比例检验p值", "p of the sample-ratio check"),
        text("warnings", "提示", "Warning codes, separated by spaces"),
        code("reason", "缺失原因", "Why there is no effect"),
    ),
)  # fmt: skip

CAMPAIGN_FUNNEL = Contract(
    "campaign_funnel", "measure", "触达漏斗", "Customers at each stage from assignment to outcome, by arm and channel",
    key=("experiment", "arm", "channel", "stage"), partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        code("arm", "组别", "Arm", required=True, allowed=ARMS),
        code("channel", "渠道", "Channel of the first contact, or * for all", required=True),
        code("stage", "阶段", "Stage", required=True, allowed=("assigned", "contacted", "delivered", "answered", "positive", "converted")),
        integer("n_customers", "客户数", "Customers", required=True, minimum=0),
    ),
)  # fmt: skip

ROI = Contract(
    "roi", "measure", "投入产出", "What an experiment cost and brought, net of what would have come anyway",
    key=("experiment",), dated_by="measured_on", partitioned_by="definition",
    columns=(
        code("experiment", "实验", "Experiment", required=True),
        code("metric", "指标", "Headline metric", required=True),
        code("design", "设计", "What it rests on", required=True, allowed=("randomised", "pre_post", "level_only")),
        day("measured_on", "度量日", "Measured as of", required=True),
        integer("n_treated", "处理组人数", "Treated", required=True),
        integer("n_contacts", "触达次数", "Contacts sent", required=True),
        amount("cost_amount", "成本", "Cost of contacts"),
        number("incremental", "增量", "Units won: effect × base of the treated"),
        number("incremental_low", "增量下限", "Lower end"),
        number("incremental_high", "增量上限", "Upper end"),
        number("unit_value_amount", "单位价值", "Worth of one unit, base currency (up to 6 places: it may be a margin)"),
        amount("revenue_amount", "增量收入", "Incremental revenue"),
        amount("revenue_low_amount", "收入下限", "Lower end"),
        amount("revenue_high_amount", "收入上限", "Upper end"),
        amount("profit_amount", "增量利润", "Revenue less cost"),
        amount("profit_low_amount", "利润下限", "Lower end"),
        amount("profit_high_amount", "利润上限", "Upper end"),
        number("roi_rate", "投入产出率", "Profit over cost; missing when nothing was spent"),
        number("roi_low_rate", "下限", "Lower end"),
        number("roi_high_rate", "上限", "Upper end"),
        text("basis_zh", "口径", "Where the unit value comes from, in Chinese"),
        text("basis_en", "口径(英)", "The same in English"),
        code("reason", "缺失原因", "Why a number is missing"),
    ),
)  # fmt: skip

LEARNING = Contract(
    "learning", "measure", "经验", "What was learned from an effect and what it proposes; decided by a person",
    key=("learning_id",), dated_by="learned_on",
    columns=(
        code("learning_id", "编号", "Learning", required=True),
        code("experiment", "实验", "Experiment", required=True),
        code("metric", "指标", "Metric", required=True),
        day("learned_on", "日期", "Learned on", required=True),
        code("subject", "作用于", "What it proposes to change", required=True, allowed=("budget", "cap", "channel_order", "offer", "segment")),
        code("subject_key", "对象", "Which one"),
        text("statement_zh", "结论", "In Chinese", required=True),
        text("statement_en", "结论(英)", "In English", required=True),
        number("proposed_value", "建议值", "Proposed value"),
        code("state", "状态", "State", required=True, allowed=("proposed", "accepted", "refused")),
    ),
)  # fmt: skip

OWNS = (EXPOSURE, OUTCOME, EFFECT_ARM, EFFECT, CAMPAIGN_FUNNEL, ROI, LEARNING)
READS: tuple[Reads, ...] = (
    *(
        Reads(table)
        for table in (
            "assignment", "contact", "receipt", "customer", "customer_account", "account", "product", "balance_daily",
            "holding_daily", "term_contract", "transaction", "loan", "ftp_rate",
        )
    ),
    Reads("exposure", lag=1),
)  # fmt: skip

__all__ = ["OWNS", "READS"]
