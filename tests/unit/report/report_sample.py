"""A whole report of literal numbers, for the tests of rendering."""

from datetime import UTC, date, datetime
from decimal import Decimal

from zhike.kernel.terms import Text
from zhike.report.terms import (
    Absent,
    AnonymousEvents,
    CheckRow,
    DecileRow,
    DropRow,
    EffectRow,
    EffectSection,
    Figure,
    FunnelSection,
    LoadRow,
    ModelSection,
    QualityAlert,
    QualitySection,
    Quantity,
    QuarantineRow,
    ReachRow,
    ReachSection,
    ReconciliationSection,
    RoiSection,
    RunReport,
    SegmentRow,
    SegmentSection,
    StageRow,
    StepRow,
    StepSection,
    Story,
    TierRow,
    TierSection,
    Unit,
)

DAY = date(2025, 6, 15)
PLANNED = date(2025, 6, 1)
KEPT = Text(
    "到期后第7天仍在本行任一产品的本金 ÷ 到期本金",
    "principal still in any own product 7 days after maturity ÷ matured principal",
)


def amount(value, low=None, high=None):
    return Quantity(Decimal(str(value)), Unit.AMOUNT, low, high)


def story():
    figures = (
        Figure(Text("30天内到期", "Maturing within 30 days"), amount("352184000"), Text("定期、大额存单、理财等在 T+1…T+30 到期的本金", "principal of term products maturing in T+1…T+30"), PLANNED),
        Figure(Text("预计流失", "Expected to leave"), amount("61240000"), Text("Σ 到期本金 × 流失概率", "Σ maturing principal × probability of leaving"), PLANNED),
        Figure(Text("可触达客户", "May be contacted"), Quantity(812, Unit.COUNT), Text("通过全部关口且未留出", "passed every gate and not held out"), PLANNED),
        Figure(Text("留出对照", "Held out"), Quantity(203, Unit.COUNT), Text("按哈希留出 20%，不联系", "20 % held out by hash, not contacted"), PLANNED),
        Figure(Text("承接率：处理组", "Kept: treated"), Quantity(0.861, Unit.RATE, 0.832, 0.889), KEPT, DAY),
        Figure(Text("承接率：对照组", "Kept: control"), Quantity(0.793, Unit.RATE, 0.731, 0.855), KEPT, DAY),
        Figure(Text("效果", "Effect"), Quantity(0.068, Unit.POINTS, 0.001, 0.135), Text("处理组 − 对照组，95% 区间", "treated − control, 95 % interval"), DAY, accent=True),
        Figure(Text("模拟真值", "Simulated truth"), Quantity(0.06, Unit.POINTS), Text("模拟器已知的因果效果", "causal effect known to the simulator"), DAY),
    )  # fmt: skip
    return Story(
        Text("联系之后多留住 6.8 个百分点的到期资金", "Contacting customers kept 6.8 points more of the maturing money"),
        Text("30天内有 ¥3.52亿 到期，预计流失 ¥6,124.00万。联系 812 户，留出 203 户作对照。", "¥352.18M matures within 30 days and ¥61.24M is expected to leave. 812 customers were contacted, 203 held out."),
        figures,
    )  # fmt: skip


def quality():
    names = [("transaction", "交易流水", "Movement on an account", 1_203_441, 31), ("balance_daily", "账户日余额", "Daily balance", 402_113, 0), ("source_party", "来源客户", "Party as one source knows it", 21_900, 42), ("term_contract", "定期合约", "Money placed for a term", 18_231, 3), ("event", "行为事件", "Event on a touchpoint", 355_001, 0)]  # fmt: skip
    loads = tuple(LoadRow(t, Text(zh, en), 180, n + q, n, q) for t, zh, en, n, q in names)
    held = (QuarantineRow("source_party", "unknown_code", "party_kind", 42), QuarantineRow("transaction", "impossible_date", "on", 31), QuarantineRow("term_contract", "broken_reference", "account_id", 3))  # fmt: skip
    return QualitySection(
        loads,
        held,
        (QualityAlert("source_party", "email", "completeness", 0.412),),
        PLANNED,
        AnonymousEvents(42_376, {"nobody_identified": 23_521, "several_people": 216}),
    )


def model():
    scores = [0.72, 0.51, 0.38, 0.29, 0.22, 0.17, 0.12, 0.08, 0.05, 0.02]
    deciles = tuple(DecileRow(i + 1, 400, round(400 * s * (1.05 if i % 2 else 0.96)), s) for i, s in enumerate(scores))
    figures = (
        Figure(Text("AUC", "AUC"), Quantity(0.812, Unit.NUMBER), Text("随机一个正例分数高于负例的概率", "probability that a positive outranks a negative"), PLANNED),
        Figure(Text("前10%提升度", "Top-decile lift"), Quantity(2.83, Unit.TIMES), Text("前10%发生率 ÷ 平均", "rate of the best tenth ÷ average"), PLANNED),
        Figure(Text("基准率", "Base rate"), Quantity(0.257, Unit.RATE), Text("检验期发生率", "rate in the test period"), PLANNED),
    )  # fmt: skip
    return ModelSection("maturity_leave", Text("到期流失", "Leaves at maturity"), Text("到期后7天内离开本行", "leaves the bank within 7 days of maturity"), "LightGBM", "2025-05-31·a1b2c3", figures, deciles, (Text("训练期基准率与检验期相差 3 个百分点", "the base rate moved 3 points between training and test"),), PLANNED)  # fmt: skip


def effect():
    kept = EffectRow(
        "maturity_kept", Text("到期承接率", "Kept at maturity"), KEPT, "randomised", 611, 152,
        Quantity(0.861, Unit.RATE, 0.832, 0.889), Quantity(0.793, Unit.RATE, 0.731, 0.855), Quantity(0.068, Unit.POINTS, 0.001, 0.135),
        0.95, 0.046, Quantity(0.095, Unit.POINTS), 0.62, (Text("部分客户观察期未满", "some customers' windows are not over"),), None, Quantity(0.06, Unit.POINTS), DAY,
    )  # fmt: skip
    inflow = EffectRow(
        "external_net_inflow", Text("行外净流入", "Net inflow from outside"), Text("每户14天", "per customer, 14 days"), "randomised", 812, 203,
        amount("1520.4", -380.2, 3421.0), amount("-240", -3100, 2620), Quantity(Decimal("1760.4"), Unit.AMOUNT_CHANGE, -1680.0, 5200.8),
        0.95, 0.31, Quantity(4900.0, Unit.AMOUNT_CHANGE), 0.62, (), None, None, DAY,
    )  # fmt: skip
    return EffectSection("deposit_maturity", (kept, inflow), DAY)


def sample_report(**changes):
    """Return a full report; keyword arguments replace whole sections."""
    tiers = (("private", "私行", "Private banking", 21, "210300000"), ("diamond", "钻石", "Diamond", 190, "391000000"), ("wealth", "财富", "Wealth", 1_420, "610000000"), ("value", "价值", "Value", 3_900, "402000000"), ("basic", "基础", "Basic", 8_800, "121000000"), ("tail", "长尾", "Long tail", 5_669, "1800000"))  # fmt: skip
    segments = (("affluent", "富裕客户", "Affluent customers", 1_631, 31, 12), ("maturing_pool", "到期资金池", "Maturing pool", 1_203, 190, 88), ("silver", "银发客群", "Seniors", 2_904, 9, 3), ("digital_natives", "数字原住民", "Digital natives", 6_211, 120, 101), ("fund_in_loss", "基金浮亏", "Funds in loss", 0, 0, 0))  # fmt: skip
    stages = (("eligible", "准入", "Eligible", 1_203, 1_120), ("suitable", "适当性", "Suitable", 1_120, 1_066), ("contact_policy", "触达规则", "Contact policy", 1_066, 1_015), ("arbitration", "仲裁", "Arbitration", 1_015, 1_015))  # fmt: skip
    drops = (DropRow("eligible", Text("准入", "Eligible"), "complaint_open", Text("投诉处理中", "complaint in progress"), 34), DropRow("eligible", Text("准入", "Eligible"), "no_consent", Text("未同意营销", "no marketing consent"), 49), DropRow("suitable", Text("适当性", "Suitable"), "risk_test_expired", Text("风评失效", "risk test expired"), 54), DropRow("contact_policy", Text("触达规则", "Contact policy"), "fatigue", Text("触达疲劳", "contact fatigue"), 51))  # fmt: skip
    reach = (("assigned", "分组", "Assigned", 812, 203), ("contacted", "已联系", "Contacted", 798, 0), ("delivered", "已送达", "Delivered", 771, 0), ("answered", "有回应", "Answered", 402, 0), ("converted", "达成", "Converted", 560, 128))  # fmt: skip
    sections = {
        "project": "示例城商行", "as_of": DAY, "run_id": "20250615-20250615T180000", "made_at": datetime(2025, 6, 15, 10, 4, tzinfo=UTC), "currency": "CNY", "is_simulated": True,
        "story": story(), "quality": quality(),
        "reconciliation": ReconciliationSection((CheckRow("aum_by_branch", Text("各机构AUM", "AUM by branch"), PLANNED, 240, 0, Unit.AMOUNT, Decimal("1736100000.00"), Decimal("1736100000.00"), Decimal("0.00")), CheckRow("deposits", Text("存款", "Deposits"), PLANNED, 120, 1, Unit.AMOUNT, Decimal("900000000.00"), Decimal("900000100.00"), Decimal("-100.00"))), PLANNED),
        "tiers": TierSection(tuple(TierRow(k, Text(zh, en), n, Decimal(a)) for k, zh, en, n, a in tiers), Text("按上月月日均AUM分层", "by mean daily AUM of the last month"), PLANNED),
        "segments": SegmentSection(tuple(SegmentRow(k, Text(zh, en), n, i, o) for k, zh, en, n, i, o in segments), 20_000, PLANNED),
        "funnel": FunnelSection("deposit_maturity", Text("定存到期承接", "Deposit maturity"), tuple(StageRow(k, Text(zh, en), i, o) for k, zh, en, i, o in stages), drops, PLANNED),
        "reach": ReachSection("deposit_maturity", tuple(ReachRow(k, Text(zh, en), t, c) for k, zh, en, t, c in reach), DAY),
        "models": (model(),), "effect": effect(),
        "roi": RoiSection("deposit_maturity", "randomised", 1_420, amount("8210"), amount("2600000", 38_000, 5_160_000), amount("31200", 456, 61_900), amount("22990", -7_754, 53_690), Quantity(2.8, Unit.RATE, -0.94, 6.54), Text("每承接1元按FTP利差与90天计", "a kept yuan earns the FTP margin for 90 days"), None, DAY),
        "steps": StepSection(tuple(StepRow(k, s, t, n) for k, s, t, n in (("ingest:transaction", "ran", 3.41, 1_203_441), ("profile", "ran", 2.2, 20_000), ("tag:customer_tier", "ran", 0.12, 20_000), ("score:maturity_leave", "ran", 4.8, 20_000), ("quality", "reused", 0.0, 412))), 14.2, 912),
    }  # fmt: skip
    return RunReport(**(sections | changes))


NOTHING = Absent(Text("本项目没有活动", "this project has no campaign"))
