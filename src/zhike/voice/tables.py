"""The tables of voice."""

from zhike.warehouse.contracts import Contract, Personal, Reads, code, day, integer, number, rate, text

TEXT_INSIGHT = Contract(
    "text_insight", "voice", "文本洞察", "What a text says, aspect by aspect",
    key=("text_id", "aspect"), dated_by="on",
    columns=(
        code("text_id", "文本号", "Text", required=True, references="text.text_id"),
        text("customer_id", "客户", "Customer, where known"),
        day("on", "日期", "Business day", required=True),
        code("aspect", "方面", "Aspect: app, counter, rate …", required=True),
        number("sentiment_score", "情感分", "Sentiment in [-1, 1]", minimum=-1, maximum=1),
        code("topic_id", "主题", "Topic"),
    ),
)  # fmt: skip

TOPIC = Contract(
    "topic", "voice", "主题", "Topic found in texts",
    key=("topic_id",),
    columns=(
        code("topic_id", "主题", "Topic", required=True),
        text("name_zh", "名称", "Name in Chinese", required=True),
        text("name_en", "英文名称", "Name in English", required=True),
        integer("n_texts", "文本数", "Texts", minimum=0),
    ),
)  # fmt: skip

OPINION_DAILY = Contract(
    "opinion_daily", "voice", "舆情日指标", "Public opinion per day and subject",
    key=("subject", "on"), dated_by="on",
    columns=(
        code("subject", "对象", "The bank, a competitor, a product", required=True),
        day("on", "日期", "Business day", required=True),
        integer("n_mentions", "声量", "Mentions", required=True, minimum=0),
        rate("negative_rate", "负面占比", "Share of negative mentions", minimum=0, maximum=1),
    ),
)  # fmt: skip

NEED_SCORE = Contract(
    "need_score", "voice", "心理需求分", "Psychological need of a customer",
    key=("customer_id", "need"), dated_by="scored_on",
    columns=(
        text("customer_id", "客户", "Customer", required=True),
        code("need", "需求", "Need: basic, safety, social, achievement, convenience …", required=True),
        number("need_value", "得分", "Score", personal=Personal.QUASI),
        number("uncertainty", "不确定度", "Standard error of the score", minimum=0),
        text("evidence", "依据", "What it rests on"),
        day("scored_on", "评分日", "Scored on", required=True),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (TEXT_INSIGHT, TOPIC, OPINION_DAILY, NEED_SCORE)
READS: tuple[Reads, ...] = (Reads("text"), Reads("survey_answer"), Reads("identity_link"))
