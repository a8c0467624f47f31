"""What is known of companies from where others name them: each mention with what it means, and companies that do not bank here."""

from zhike.warehouse.contracts import Contract, Personal, code, day, flag, integer, rate, text

DIRECT = Personal.DIRECT

COMPANY_MENTION = Contract(
    "company_mention", "identity", "企业提及", "A company named on invoices or in a call note, and which company is meant",
    key=("mention_id",), dated_by="first_on",
    columns=(
        text("mention_id", "提及号", "Mention", required=True),
        code("kind", "提及类型", "One distinct side of invoices, or one name in a call note", required=True, allowed=("invoice_side", "call_note")),
        code("source", "来源系统", "Source system", required=True),
        text("source_key", "来源客户号", "Invoices: the side's key, where the source knows it; notes: the caller's", personal=DIRECT),
        code("text_id", "文本号", "Call note"),
        integer("start", "起始位置", "Where the name begins in the note, in characters", minimum=0),
        text("name", "名称", "Name as written", personal=DIRECT),
        text("tax_id", "税号", "Taxpayer number as printed", personal=DIRECT),
        text("phone", "电话", "Telephone as printed", personal=DIRECT),
        code("region", "地区", "Code of the most exact place in the name"),
        flag("is_branch", "是否分支机构", "Names a branch, which is never its head office"),
        integer("n_documents", "单据数", "Invoices that carry this side; 1 for a note", required=True, minimum=1),
        day("first_on", "首次出现日", "First seen on", required=True),
        day("last_on", "最近出现日", "Last seen on", required=True),
        code("state", "状态", "Linked by itself, for an officer to review, or without a likely company", required=True, allowed=("linked", "review", "unlinked")),
        text("customer_id", "客户统一标识", "Customer that is meant"),
        text("outside_id", "行外企业号", "Company that is meant and is no customer"),
        code("linked_by", "认定依据", "Strongest evidence: customer_number, tax_id, old_tax_id, registered_name, tax_id_slip, phone, related, partner, region, trade, core …"),
        rate("probability", "概率", "How likely it is that this company is meant", minimum=0, maximum=1),
        text("candidate_customer_id", "候选客户", "In review: the likeliest customer"),
        text("candidate_outside_id", "候选行外企业", "In review: the likeliest company that is no customer"),
    ),
)  # fmt: skip

OUTSIDE_COMPANY = Contract(
    "outside_company", "identity", "行外企业", "Company that is only mentioned; every id ever given is kept, with what became of it",
    key=("outside_id",), dated_by="created_on",
    columns=(
        text("outside_id", "行外企业号", "Company", required=True),
        integer("outside_no", "序号", "Dense number", required=True, minimum=1),
        text("name", "名称", "Its name, as most documents have it", personal=DIRECT),
        text("tax_id", "税号", "Unified social credit code, or the number printed most", personal=DIRECT),
        code("region", "地区", "Code of the most exact place in its names"),
        code("trade", "行业词", "Trade that its names say"),
        flag("is_branch", "是否分支机构", "A branch of another company"),
        text("head_customer_id", "总部客户", "Customer whose branch it is"),
        text("head_outside_id", "总部行外企业", "Company outside whose branch it is"),
        integer("n_mentions", "提及数", "Distinct mentions", required=True, minimum=0),
        integer("n_documents", "单据数", "Invoices and notes that name it", required=True, minimum=0),
        day("first_on", "首次出现日", "First named on"),
        day("last_on", "最近出现日", "Last named on"),
        text("founding_mention_id", "奠基提及号", "Mention that founded the id", required=True),
        integer("generation", "代次", "How often that mention had founded an id before", required=True, minimum=0),
        day("created_on", "建立日", "Given on", required=True),
        day("ended_on", "终止日", "Out of use since; missing = in use"),
        code("ended_because", "终止原因", "Became a customer, was merged into another, or is named no more", allowed=("became_customer", "merged", "gone")),
        text("became_customer_id", "成为客户", "Customer that it became"),
        text("merged_into", "并入", "Company outside that took it over"),
    ),
)  # fmt: skip

OWNS: tuple[Contract, ...] = (COMPANY_MENTION, OUTSIDE_COMPANY)

__all__ = ["COMPANY_MENTION", "OUTSIDE_COMPANY", "OWNS"]
