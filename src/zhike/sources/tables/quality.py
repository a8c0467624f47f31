"""What sources says about the data themselves: rows held back, rules measured, totals reconciled, batches taken in."""

from zhike.warehouse.contracts import Contract, Personal, amount, code, day, flag, integer, number, text

QUARANTINE = Contract(
    "quarantine", "sources", "隔离区", "A row that did not enter, with its reason",
    key=("table_name", "batch", "file", "row_number", "rule", "column_name"), partitioned_by="batch",
    columns=(
        code("table_name", "目标表", "Table it was meant for", required=True),
        code("batch", "批次", "Batch (business day, or * for undated files)", required=True),
        text("file", "文件", "File", required=True),
        integer("row_number", "行号", "Line or row in the file, from 1", required=True, minimum=1),
        code("rule", "规则", "Rule that it broke", required=True),
        text("column_name", "列", "Column", required=True),
        text("value_masked", "值(脱敏)", "Value, masked"),
        text("todo", "处理建议", "What to do"),
        text("row_sealed", "原始行", "The row as read, for replay; readable only by data engineers", personal=Personal.DIRECT),
    ),
)  # fmt: skip

QUALITY_RESULT = Contract(
    "quality_result", "sources", "数据质量", "One measure of quality of one table and column",
    key=("table_name", "column_name", "dimension", "measured_on"), dated_by="measured_on",
    columns=(
        code("table_name", "表", "Table", required=True),
        code("column_name", "列", "Column, or * for the table", required=True),
        code("dimension", "维度", "Dimension", required=True, allowed=("completeness", "validity", "uniqueness", "timeliness", "drift", "volume")),
        day("measured_on", "度量日", "Measured on", required=True),
        number("value", "数值", "Share, days or PSI, by dimension"),
        flag("is_alert", "告警", "Beyond its limit"),
    ),
)  # fmt: skip

LOAD_COUNT = Contract(
    "load_count", "sources", "装载计数", "Counts of one file: read = loaded + quarantined + left out",
    key=("table_name", "batch", "file"), partitioned_by="batch",
    columns=(
        code("table_name", "表", "Table", required=True),
        code("batch", "批次", "Batch", required=True),
        text("file", "文件", "File", required=True),
        integer("n_read", "读入", "Rows read", required=True, minimum=0),
        integer("n_loaded", "装载", "Rows loaded", required=True, minimum=0),
        integer("n_quarantined", "隔离", "Rows held back", required=True, minimum=0),
        integer("n_skipped", "不取", "Rows that the mapping leaves out (where)", required=True, minimum=0),
        integer("n_declared", "控制文件记录数", "Rows the control file declared"),
        text("file_fingerprint", "文件指纹", "Fingerprint of the bytes", required=True),
    ),
)  # fmt: skip

RECONCILIATION = Contract(
    "reconciliation", "sources", "总分核对", "One total beside the bank's own",
    key=("check_key", "on", "org_id", "product_class"), dated_by="on",
    columns=(
        code("check_key", "核对项", "Check", required=True),
        day("on", "日期", "Day", required=True),
        code("org_id", "机构号", "Unit, or account for ledger checks", required=True),
        code("product_class", "产品大类", "Product class", required=True),
        code("unit", "单位", "What is compared: money, a count, or days", required=True, allowed=("amount", "count", "days")),
        amount("ours_amount", "本系统", "Ours, in the unit"),
        amount("theirs_amount", "总账", "The bank's, in the unit"),
        amount("difference_amount", "差异", "Ours less theirs"),
        flag("is_red", "超容差", "Beyond tolerance", required=True),
    ),
)  # fmt: skip

OWNS = (QUARANTINE, QUALITY_RESULT, LOAD_COUNT, RECONCILIATION)
