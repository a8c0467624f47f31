"""Tables that scores owns: what each model says of each customer, what was learned when, and how models age."""

from __future__ import annotations

from zhike.warehouse.contracts import Contract, Reads, code, day, flag, integer, number, rate, text

MODEL = code("model", "模型", "Model", required=True)
VERSION = code("model_version", "模型版本", "Version of the model", required=True)

SCORE_VALUE = Contract(
    "score_value", "scores", "模型评分", "What a model says of a customer",
    key=("customer_id", "model"),
    columns=(
        code("customer_id", "客户号", "ONE_ID", required=True),
        MODEL,
        rate("score", "校准概率", "Calibrated probability", required=True, minimum=0, maximum=1),
        rate("raw_score", "原始分", "Score before calibration; the order", required=True, minimum=0, maximum=1),
        integer("decile", "十分位（1 最高）", "Tenth of the population, 1 = highest", required=True, minimum=1, maximum=10),
        VERSION,
        text("reason_1", "首要原因", "Strongest reason, feature=value; the best-scoring 200,000 customers have reasons"),
        number("reason_1_effect", "首要原因的作用", "Its effect in log-odds", unit="log-odds"),
        text("reason_2", "第二原因", "Second reason"),
        number("reason_2_effect", "第二原因的作用", "Its effect in log-odds", unit="log-odds"),
        text("reason_3", "第三原因", "Third reason"),
        number("reason_3_effect", "第三原因的作用", "Its effect in log-odds", unit="log-odds"),
    ),
    partitioned_by="definition",
)  # fmt: skip

MODEL_RUN = Contract(
    "model_run", "scores", "模型版本登记", "Registry of learned models: one row per model and version",
    key=("model", "model_version"),
    columns=(
        MODEL,
        code("model_version", "模型版本；未能估计时为空串", "Version; empty when it could not be estimated"),
        code("definition_hash", "定义版本", "Version of the model's definition", required=True),
        code("features_hash", "特征定义版本", "Version of the feature definitions", required=True),
        code("training_key", "训练数据指纹", "Fingerprint of training data and definitions", required=True),
        day("first_used_on", "首次使用日", "First day it scored", required=True),
        day("last_used_on", "最近使用日", "Latest day it scored", required=True),
        flag("is_in_use", "当前版本", "Is the version of the latest day", required=True),
        flag("is_published", "是否发布评分", "Whether its scores are published", required=True),
        text("not_published_zh", "未发布原因", "Why not, Chinese"),
        text("not_published_en", "未发布原因（英文）", "Why not, English"),
        code("learner", "学习方法", "Learner and settings"),
        text("cutoffs", "截止日", "Cutoffs, ISO days joined by spaces"),
        integer("n_train", "训练行数", "Rows learned from"),
        integer("n_train_positives", "训练中“是”的行数", "Of these, yes"),
        integer("n_test", "检验行数", "Rows tested on"),
        integer("n_test_positives", "检验中“是”的行数", "Of these, yes"),
        rate("base_rate_train", "训练期“是”的比例", "Share of yes in training"),
        rate("base_rate_test", "检验期“是”的比例", "Share of yes in the test"),
        rate("auc", "AUC", "AUC"),
        rate("auc_low", "AUC 下限", "AUC, lower end"),
        rate("auc_high", "AUC 上限", "AUC, upper end"),
        rate("pr_auc", "PR-AUC", "Average precision"),
        rate("alift", "ALIFT", "Area under the cumulative gains"),
        number("top_decile_lift", "首十分位提升", "Lift of the best tenth"),
        rate("top_half_capture", "前一半命中率", "Share of yes in the best half"),
        rate("ece", "校准误差", "Expected calibration error"),
        text("doubts_zh", "疑点", "What to doubt, Chinese"),
        text("doubts_en", "疑点（英文）", "What to doubt, English"),
    ),
    partitioned_by="definition",
)  # fmt: skip

MODEL_HEALTH = Contract(
    "model_health", "scores", "模型健康", "Drift of a model's score and features since it was learned",
    key=("model", "feature"),
    columns=(
        MODEL,
        code("feature", "特征（score 为评分）", "Feature; `score` is the score itself", required=True),
        VERSION,
        number("psi", "稳定性指数", "Population stability index", required=True, minimum=0),
        code("state", "状态", "State", required=True, allowed=("stable", "watch", "shifted")),
        integer("n_reference", "训练期行数", "Rows compared with", required=True),
        integer("n_current", "当日行数", "Rows today", required=True),
        rate("missing_reference_rate", "训练期缺失率", "Share missing in training", required=True),
        rate("missing_current_rate", "当日缺失率", "Share missing today", required=True),
    ),
    partitioned_by="definition",
)  # fmt: skip

OWNS: tuple[Contract, ...] = (SCORE_VALUE, MODEL_RUN, MODEL_HEALTH)
READS: tuple[Reads, ...] = (Reads("profile"), Reads("model_run"), Reads("model_run", lag=1))

__all__ = ["MODEL_HEALTH", "MODEL_RUN", "OWNS", "READS", "SCORE_VALUE"]
