"""What identity owns: who each record is, why, what changed, and the customer that comes out. Direct identifiers end here."""

from zhike.identity import relation_tables
from zhike.identity.anonymous.tables import OWNS as ANONYMOUS
from zhike.identity.anonymous.tables import READS as ANONYMOUS_READS
from zhike.identity.golden import GOLDEN_COLUMNS
from zhike.identity.mentions_tables import OWNS as MENTION_TABLES
from zhike.identity.standard import Flaw
from zhike.identity.standardise import FLAWS
from zhike.sources.tables.money import ACCOUNT_PARTY
from zhike.sources.tables.party import PARTY_KINDS
from zhike.warehouse.contracts import Contract, Personal, Reads, code, day, flag, integer, moment, number, rate, text

DIRECT, SENSITIVE, QUASI = Personal.DIRECT, Personal.SENSITIVE, Personal.QUASI

CUSTOMER = Contract(
    "customer", "identity", "客户", "Customer: one person, sole trader or company, with the best value of each field",
    key=("customer_id",), dated_by="since_on",
    columns=(
        text("customer_id", "客户统一标识", "Customer (ONE_ID)", required=True),
        integer("customer_no", "客户序号", "Dense number of the customer, for bitmaps", required=True, minimum=1),
        code("party_kind", "客户类型", "Person, sole trader or company", required=True, allowed=PARTY_KINDS),
        day("since_on", "成为客户日", "Known to the bank since"),
        integer("n_records", "来源记录数", "Records of sources that make this customer", required=True, minimum=1),
        flag("is_thin", "无可用标识", "No record has an identifier by which its owner could be found again in another source", required=True),
        *GOLDEN_COLUMNS,
    ),
)  # fmt: skip

IDENTITY_VERSION = Contract(
    "identity_version", "identity", "标准化版本", "A version of a source record in standard form: equal things are equal text, what names nobody is missing",
    key=("source", "source_key", "valid_from_on"), dated_by="valid_from_on",
    columns=(
        integer("row_no", "版本序号", "Dense number of the version, from 0", required=True, minimum=0),
        integer("record_no", "记录序号", "Dense number of the record by source and key, from 0", required=True, minimum=0),
        flag("is_latest", "最新版本", "The last version of its record that is known", required=True),
        day("valid_from_on", "生效日", "Holds from", required=True),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        code("party_kind", "客户类型", "Person, sole trader or company", required=True, allowed=PARTY_KINDS),
        text("resident_id", "身份证号", "Resident id number, its check digit right", personal=DIRECT),
        text("uscc", "统一社会信用代码", "Unified social credit code, its check digit right", personal=QUASI),
        text("document", "其他证件", "Type and number of another document", personal=DIRECT),
        text("mobile", "电话", "Telephone number, E.164", personal=DIRECT),
        text("email", "邮箱", "E-mail address in small letters", personal=DIRECT),
        text("name_key", "姓名", "Name without spaces, titles and width, simplified; of a company its core", personal=DIRECT),
        text("full_name", "企业全称", "Key of a company's name that is written in full", personal=QUASI),
        text("sound", "拼音", "Sound of the name", personal=DIRECT),
        text("family", "姓", "Family name", personal=QUASI),
        text("given", "名", "Given name", personal=QUASI),
        text("initial", "姓氏首字", "First character, also of a name that is only hinted at", personal=QUASI),
        text("born", "出生日", "Day of birth YYYYMMDD: of the resident id, else as written", personal=QUASI),
        text("birth_year", "出生年", "Year of birth", personal=QUASI),
        code("sex", "性别", "Sex: of the resident id, else as written", personal=QUASI),
        code("region", "行政区划", "GB/T 2260 code of the address", personal=QUASI),
        text("door", "门牌", "Numbers of the address", personal=QUASI),
        text("wechat_unionid", "微信 UnionID", "WeChat union id", personal=DIRECT),
        text("wechat_openid", "微信 OpenID", "WeChat open id", personal=DIRECT),
        text("device_id", "设备号", "Device", personal=DIRECT),
        day("birth_on", "出生日期", "Day of birth", personal=QUASI),
        text("written_born", "填写的出生日", "Day of birth as written, YYYYMMDD", personal=QUASI),
        *(code(f"{f}_flaw", "无效原因", f"Why the value of {f} was dropped", allowed=tuple(v.value for v in Flaw)) for f in FLAWS),
    ),
)  # fmt: skip

IDENTITY_LINK = Contract(
    "identity_link", "identity", "标识映射", "Which customer a record of a source is",
    key=("source", "source_key"),
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        text("customer_id", "客户统一标识", "Customer", required=True),
        integer("customer_no", "客户序号", "Dense number of the customer", required=True, minimum=1),
        day("version_on", "采用版本生效日", "Version of the record that was used: holds from", required=True),
        integer("source_place", "来源信任位次", "Place of its source in the bank's ranking, 0 first; sources that are not ranked share the last", required=True, minimum=0),
        integer("trust_rank", "信任序", "Place among the customer's records by trust in the source, then newest; 0 first", required=True, minimum=0),
        integer("recency_rank", "新近序", "Place among the customer's records by recency, then trust; 0 first", required=True, minimum=0),
        flag("has_valid_document", "证件有效", "Carries a valid resident id or social credit code", required=True),
        flag("has_identifier", "有可用标识", "Carries at least one usable identifier: document, mobile, e-mail, WeChat id, device, full company name", required=True),
        day("document_birth_on", "证件出生日", "Birth date that its valid resident id says", personal=QUASI),
        code("document_sex", "证件性别", "Sex that its valid resident id says", personal=QUASI, allowed=("male", "female")),
        code("linked_by", "归并规则", "Strongest rule that links it to another record; `single` when it stands alone", required=True),
    ),
)  # fmt: skip

IDENTITY_EDGE = Contract(
    "identity_edge", "identity", "标识边", "Two records that share a key, and whether they were linked by it",
    key=("left_source", "left_key", "right_source", "right_key", "rule"),
    columns=(
        code("left_source", "来源系统甲", "First source", required=True),
        text("left_key", "客户号甲", "Key in the first source", required=True, personal=DIRECT),
        code("right_source", "来源系统乙", "Second source", required=True),
        text("right_key", "客户号乙", "Key in the second source", required=True, personal=DIRECT),
        code("rule", "规则", "Rule under which they share a key", required=True),
        code("state", "状态", "Linked by it, or kept apart in spite of it", required=True, allowed=("used", "refused")),
        code("refused_because", "拒绝原因", "What keeps them apart"),
        number("weight", "匹配权重", "Match weight in bits, where a match model weighed them"),
    ),
)  # fmt: skip

IDENTITY_REVIEW = Contract(
    "identity_review", "identity", "疑似同一客户", "Two customers that may be one: for an officer to decide",
    key=("left_source", "left_key", "right_source", "right_key"),
    columns=(
        code("left_source", "来源系统甲", "Source of the first record", required=True),
        text("left_key", "客户号甲", "Key of the first record", required=True, personal=DIRECT),
        code("right_source", "来源系统乙", "Source of the second record", required=True),
        text("right_key", "客户号乙", "Key of the second record", required=True, personal=DIRECT),
        text("left_customer_id", "客户甲", "Customer of the first record", required=True),
        text("right_customer_id", "客户乙", "Customer of the second record", required=True),
        code("reason", "原因", "Why nobody decided yet: grey = the model is not sure; ambiguous = fits two people; size = the customer would be too large; or what contradicts", required=True,
             allowed=("grey", "ambiguous", "size", "birth_on", "birth_on_and_sex")),
        number("weight", "匹配权重", "Match weight in bits; missing where no model weighed them"),
        rate("probability_rate", "同一客户概率", "Probability by the model that they are one", minimum=0, maximum=1),
    ),
)  # fmt: skip

IDENTITY_FLAW = Contract(
    "identity_flaw", "identity", "无效标识", "A value of a record that names nobody: kept in the source, never matched",
    key=("source", "source_key", "field"),
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        code("field", "字段", "Which value", required=True, allowed=FLAWS),
        code("flaw", "问题", "What is wrong with it", required=True, allowed=tuple(f.value for f in Flaw)),
    ),
)  # fmt: skip

IDENTITY_REGISTER = Contract(
    "identity_register", "identity", "标识登记簿", "Every customer id ever given: never reused, never forgotten",
    key=("customer_id",),
    columns=(
        text("customer_id", "客户统一标识", "Customer", required=True),
        integer("customer_no", "客户序号", "Dense number", required=True, minimum=1),
        code("founding_source", "奠基来源", "Source of the record that founded it", required=True),
        text("founding_key", "奠基客户号", "Key of that record", required=True, personal=DIRECT),
        integer("generation", "代次", "How often that record had founded an id before", required=True, minimum=0),
        day("created_on", "建立日", "Given on", required=True),
        day("ended_on", "终止日", "Merged or retired on; missing = in use"),
        text("merged_into", "并入", "Customer that took it over"),
    ),
)  # fmt: skip

IDENTITY_CHANGE = Contract(
    "identity_change", "identity", "标识变更", "What happened to a customer id, and why",
    key=("change_id",), dated_by="changed_on",
    columns=(
        text("change_id", "变更号", "Change", required=True),
        day("changed_on", "变更日", "Changed on", required=True),
        code("kind", "变更类型", "Kind", required=True, allowed=("created", "merged", "split", "moved", "retired")),
        text("customer_id", "客户统一标识", "Customer it happened to", required=True),
        text("other_customer_id", "对方标识", "merged: into whom · split: out of whom · moved: from whom"),
        code("source", "来源系统", "Source of the record that moved"),
        text("source_key", "来源客户号", "Key of the record that moved", personal=DIRECT),
        integer("n_records", "记录数", "Records concerned", required=True, minimum=0),
        code("reason", "原因", "Rule or reason", required=True),
    ),
)  # fmt: skip

CUSTOMER_ACCOUNT = Contract(
    "customer_account", "identity", "客户账户", "Which customer stands in which role to an account",
    key=("customer_id", "account_id", "role"),
    columns=(
        text("customer_id", "客户统一标识", "Customer", required=True),
        text("account_id", "账号", "Account", required=True, personal=SENSITIVE),
        code("role", "角色", "Role", required=True, allowed=ACCOUNT_PARTY.column("role").allowed),
        rate("share_rate", "份额", "Share of the balance; the shares of an account's owners add up to 1", required=True, minimum=0, maximum=1),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (
    CUSTOMER, IDENTITY_VERSION, IDENTITY_LINK, IDENTITY_EDGE, IDENTITY_REVIEW, IDENTITY_FLAW, IDENTITY_REGISTER, IDENTITY_CHANGE, CUSTOMER_ACCOUNT,
    *relation_tables.OWNS,
    *MENTION_TABLES,
    *ANONYMOUS,
)  # fmt: skip
READS: tuple[Reads, ...] = (
    Reads("source_party"),
    Reads("identity_version"),
    Reads("account_party", ("account_id", "source", "source_key", "role", "share_rate")),
    Reads("identity_link", ("source", "source_key", "customer_id", "customer_no")),
    Reads("identity_link", ("source", "source_key", "customer_no"), lag=1),
    Reads("identity_register", lag=1),
    Reads("identity_change", lag=1),
    Reads("text", ("source", "source_key", "text_id", "text_kind", "on", "body", "recorded_at")),
    Reads("company_mention", ("mention_id", "outside_id"), lag=1),
    Reads("outside_company", lag=1),
    *relation_tables.READS,
    *ANONYMOUS_READS,
)

__all__ = ["OWNS", "READS"]
