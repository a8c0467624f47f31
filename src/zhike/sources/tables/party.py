"""Who: parties as each source knows them, relations between them, and how they may be reached."""

from zhike.warehouse.contracts import Contract, Personal, amount, code, day, flag, integer, moment, rate, text

DIRECT, SENSITIVE, QUASI = Personal.DIRECT, Personal.SENSITIVE, Personal.QUASI
PARTY_KINDS = ("person", "sole_trader", "company")

SOURCE_PARTY = Contract(
    "source_party", "sources", "来源客户", "Party as one source knows it",
    key=("source", "source_key", "valid_from_on"),
    dated_by="valid_from_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        code("party_kind", "客户类型", "Person, sole trader or company", required=True, allowed=PARTY_KINDS),
        text("name", "姓名/名称", "Name", personal=DIRECT),
        code("id_type", "证件类型", "Document type", allowed=("resident_id", "passport", "hk_macau_permit", "uscc", "other")),
        text("id_number", "证件号码", "Document number", personal=DIRECT),
        day("id_expires_on", "证件到期日", "Document expires on"),
        text("mobile", "手机号", "Mobile number", personal=DIRECT),
        text("email", "电子邮箱", "E-mail address", personal=DIRECT),
        text("wechat_unionid", "微信UnionID", "WeChat union id", personal=DIRECT),
        text("wechat_openid", "微信OpenID", "WeChat open id, of one official account or mini program", personal=DIRECT),
        text("device_id", "设备号", "Device id", personal=DIRECT),
        text("address", "地址", "Address", personal=DIRECT),
        code("sex", "性别", "Sex", allowed=("male", "female"), personal=QUASI),
        day("birth_on", "出生日期", "Born on", personal=QUASI, minimum="1850-01-01"),
        code("marital_status", "婚姻状况", "Marital status", personal=QUASI, allowed=("single", "married", "divorced", "widowed")),
        integer("n_children", "子女数", "Children", personal=QUASI, minimum=0, maximum=20),
        code("education", "学历", "Education", personal=QUASI),
        code("occupation", "职业", "Occupation", personal=QUASI),
        flag("is_student", "是否在校学生", "Is a student", personal=QUASI),
        flag("is_staff", "是否本行员工", "Is staff of the bank"),
        amount("annual_income_amount", "年收入", "Annual income", personal=SENSITIVE, minimum=0),
        code("district", "所在地区", "District of residence or registration", personal=QUASI),
        code("industry", "行业", "Industry (GB/T 4754 letter or code)"),
        code("company_size", "企业规模", "Company size by the MIIT rule", allowed=("micro", "small", "medium", "large", "institution")),
        integer("n_employees", "员工人数", "Employees", minimum=0),
        amount("annual_revenue_amount", "年营业收入", "Annual revenue", minimum=0),
        day("founded_on", "成立日期", "Founded on", minimum="1800-01-01"),
        code("tax_grade", "纳税信用等级", "Tax credit grade", allowed=("A", "B", "M", "C", "D")),
        code("certificate", "资质", "Certificate held: 高新 / 专精特新 / 科技型中小"),
        flag("has_court_record", "司法或经营异常", "Court or abnormal-operation record"),
        day("registered_on", "建档日期", "Known to the source since"),
        day("deceased_on", "身故日期", "Died on", personal=SENSITIVE),
        day("valid_from_on", "生效日", "This version holds from", required=True),
        day("valid_to_on", "失效日", "This version holds to (inclusive); missing = still"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

PARTY_RELATION = Contract(
    "party_relation", "sources", "关联关系", "Relation between two parties of one source",
    key=("source", "from_key", "to_key", "kind", "valid_from_on"),
    dated_by="valid_from_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("from_key", "主体客户号", "Key of the one who …", required=True, personal=DIRECT),
        text("to_key", "对象客户号", "… stands in this relation to", required=True, personal=DIRECT),
        code("kind", "关系类型", "Relation", required=True, allowed=(
            "legal_representative_of", "controller_of", "shareholder_of", "employee_of", "spouse_of", "parent_of",
            "household_of", "guarantor_of", "supplier_of", "group_member_of", "referred", "contact_of", "disponent_of",
            "beneficial_owner_of")),
        rate("share_rate", "份额", "Share held", minimum=0, maximum=1),
        day("valid_from_on", "生效日", "Holds from", required=True),
        day("valid_to_on", "失效日", "Holds to (inclusive)"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

COMPANY_CONTACT = Contract(
    "company_contact", "sources", "企业联系人", "Contact person of a company, with their own consent",
    key=("source", "company_key", "contact_key", "role"),
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("company_key", "企业客户号", "Company's key in the source", required=True, personal=DIRECT),
        text("contact_key", "联系人客户号", "Contact person's key in the source", required=True, personal=DIRECT),
        code("role", "角色", "Role", required=True, allowed=("legal_representative", "finance", "operator", "owner")),
        flag("is_authorised", "已授权", "May be contacted for the company"),
        day("valid_from_on", "生效日", "Contact person from; missing = the source does not say since when"),
        day("valid_to_on", "失效日", "Contact person to (inclusive)"),
    ),
)  # fmt: skip

WECOM_CONTACT = Contract(
    "wecom_contact", "sources", "企微好友", "WeCom external-contact relation",
    key=("source", "source_key", "staff_id", "added_on"),
    dated_by="added_on",
    columns=(
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "The source's own key", required=True, personal=DIRECT),
        code("staff_id", "员工号", "Member of staff", required=True, references="staff.staff_id"),
        day("added_on", "添加日", "Added on", required=True),
        day("deleted_on", "删除日", "Deleted by the customer on"),
        moment("recorded_at", "入库时间", "Recorded at", required=True),
    ),
)  # fmt: skip

OWNS = (SOURCE_PARTY, PARTY_RELATION, COMPANY_CONTACT, WECOM_CONTACT)
