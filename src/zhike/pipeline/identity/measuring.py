"""The identity-quality report: measured on what is published, told as figures, written as one page in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, select_autoescape

from zhike.identity.names_apart import NamesApart
from zhike.identity.quality import Quality, measure_quality
from zhike.identity.rules import MEANINGS
from zhike.identity.shown import shown
from zhike.identity.standard import Flaw
from zhike.kernel.errors import BadInput
from zhike.kernel.terms import Text
from zhike.pipeline.identity.looking import REVIEW_REASONS
from zhike.pipeline.identity.opening import IdentityView
from zhike.pipeline.identity.telling import both, record_text
from zhike.warehouse.manifest import write_atomically

Row = dict[str, Any]
TABLES = ("identity_version", "identity_link", "identity_edge", "identity_review", "identity_flaw")
PERSON_NAMES = ("person", "true_party")
DIGITS = 6
IDENTIFIER_NAMES: Mapping[str, Text] = {
    "resident_id": Text("身份证", "Resident id"), "uscc": Text("信用代码", "Credit code"), "document": Text("其他证件", "Other document"),
    "mobile": Text("手机", "Mobile"), "email": Text("邮箱", "E-mail"), "wechat_unionid": Text("UnionID", "UnionID"),
    "wechat_openid": Text("OpenID", "OpenID"), "device_id": Text("设备", "Device"), "full_name": Text("企业全称", "Full company name"),
}  # fmt: skip
FIELD_NAMES: Mapping[str, Text] = {
    **IDENTIFIER_NAMES, "name": Text("姓名/名称", "Name"), "document": Text("证件号", "Document number"), "birth_on": Text("出生日期", "Born on"),
}  # fmt: skip
FLAW_NAMES: Mapping[str, Text] = {
    Flaw.FILLER: Text("占位值", "filler"), Flaw.MASKED: Text("已脱敏", "masked"), Flaw.MALFORMED: Text("格式不符", "malformed"),
    Flaw.CHECK_DIGIT: Text("校验码不符", "check digit"), Flaw.IMPOSSIBLE_DATE: Text("日期不存在", "impossible date"),
    Flaw.NOT_MOBILE: Text("非手机号", "no mobile number"), Flaw.HINT: Text("仅为称呼", "only a hint at a name"),
}  # fmt: skip


def read_truth(path: Path) -> pa.Table:
    """Return [source, source_key, person] of a Parquet or CSV file that says who is who; ``true_party`` is taken for person.

    Raises
    ------
    BadInput : the file is neither, or lacks a column, or says of one record two persons.
    """
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except FileNotFoundError as error:
        raise _no_truth(path, "文件不存在", "is not there") from error
    except OSError as error:
        raise _no_truth(path, "无法打开", f"can't be opened: {error}") from error
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _no_truth(path, "无法读取（Parquet 或 CSV）", "can't be read as Parquet or CSV") from error
    person = next((n for n in PERSON_NAMES if n in table.column_names), None)
    missing = [n for n in ("source", "source_key") if n not in table.column_names] + ([] if person else ["person"])
    if person is None or missing:
        raise _no_truth(path, f"缺少列 {'、'.join(missing)}", f"lacks the columns {', '.join(missing)}")
    chosen = table.select(["source", "source_key", person]).rename_columns(["source", "source_key", "person"])
    found = pa.table({n: chosen[n].cast(pa.string()) for n in chosen.column_names}).drop_null()
    distinct = found.group_by(["source", "source_key"]).aggregate([("person", "count_distinct")])
    if any(n > 1 for n in distinct["person_count_distinct"].to_pylist() if n is not None):
        raise _no_truth(path, "同一记录对应多个人", "says of one record that it is two persons")
    return found


def _no_truth(path: Path, zh: str, en: str) -> BadInput:
    return BadInput(
        "identity.truth_malformed", zh=f"{path.name}：{zh}", en=f"{path.name}: {en}",
        todo_zh="给出含 source、source_key、person 三列的 Parquet 或 CSV 文件", todo_en="give a Parquet or CSV file with the columns source, source_key and person",
    )  # fmt: skip


def measure(view: IdentityView, truth: pa.Table | None = None) -> Row:
    """Return the figures of the report: estimated, and true where a truth is given."""
    if truth is not None:
        _check_known(view, truth)
    found = measure_quality(
        view.engine,
        {t: view.table(t) for t in TABLES},
        view.models,
        settings=view.settings,
        truth=truth,
    )
    return {"as_of": view.as_of.on.isoformat(), "project": view.project.settings.name, **told_quality(found)}


def _check_known(view: IdentityView, truth: pa.Table) -> None:
    """Raise BadInput where a truth names no record that is published: nothing could be measured by it."""
    links = view.table("identity_link")
    with view.engine.holding("truth_given", truth) as given:
        known = view.rows(links.semi_join(given, ["source", "source_key"]).count().as_table())
    if not next(iter(known[0].values())):
        raise BadInput(
            "identity.truth_of_others", zh="真值文件中没有一条已发布的来源记录", en="the truth names no record that is published",
            todo_zh="核对 source 与 source_key 是否与 source_party 一致", todo_en="check that source and source_key are those of source_party",
        )  # fmt: skip


def _short(rate: float | None) -> float | None:
    return None if rate is None else round(rate, DIGITS)


def told_quality(found: Quality) -> Row:
    """Return a report as plain values; personal values are masked."""
    truth = found.truth
    return {
        "n_records": found.n_records, "n_customers": found.n_customers,
        "estimated": {
            "precision": _short(found.estimated_precision), "recall": _short(found.estimated_recall),
            "over_merge_rate": _short(found.estimated_over_merge_rate), "ids_per_person": _short(found.estimated_ids_per_person),
            "n_linked_pairs": found.trust.n_pairs, "n_wrong_pairs": round(found.trust.n_pairs - found.trust.n_right, 1),
            "n_missed_pairs_weighed": round(found.missed.n_pairs, 1), "n_missed_pairs_never_compared": round(found.n_pairs_unseen, 1),
            "n_missed_pairs_without_identifier": round(found.wanting.n_pairs, 1), "n_records_without_identifier": found.wanting.n_poor,
            "blocking_recall": _short(found.blocking_recall), "n_over_merged_customers": round(found.trust.n_over_merged, 1),
            "n_surplus_customers": round(found.missed.n_customers + found.wanting.n_records, 1),
        },
        "true": None if truth is None else {
            "precision": _short(truth.precision), "recall": _short(truth.recall), "f1": _short(truth.f1),
            "over_merge_rate": _short(truth.over_merge_rate), "ids_per_person": _short(truth.clusters_per_person), "n_records": truth.n_records,
            "n_records_without_truth": found.n_without_truth, "n_persons": truth.n_persons, "n_true_pairs": truth.n_true_pairs,
            "n_linked_pairs": truth.n_found_pairs, "n_wrong_pairs": truth.n_wrong_pairs, "n_over_merged_customers": truth.n_over_merged_clusters,
            "n_split_persons": truth.n_split_persons,
        },
        "sources": list(found.sources), "sizes": {str(n): k for n, k in found.sizes.items()},
        "rules": [
            {"rule": r.rule, **both(MEANINGS[r.rule]), "n_links": r.n_edges, "n_known_pairs": r.n_known, "n_right_pairs": r.n_same,
             "precision": _short(r.precision)}
            for r in found.rules if r.n_edges or r.n_known
        ],
        "names_apart": [_told_apart(a) for a in found.names_apart],
        "review": [{"reason": r, **both(REVIEW_REASONS[r]), "n": n} for r, n in found.review.items()],
        "flaws": [{**f, **both(FIELD_NAMES[f["field"]], "field_"), **both(FLAW_NAMES[Flaw(f["flaw"])], "flaw_")} for f in found.flaws],
        "too_wide": [{**r, **both(MEANINGS[r["rule"]])} for r in found.too_wide],
        "widest": [
            {"rule": r["rule"], **both(MEANINGS[r["rule"]]), "n_records": r["n_records"], "values": [shown(c, v) for c, v in r["values"].items()]}
            for r in found.too_wide_values
        ],
    }  # fmt: skip


def _told_apart(found: NamesApart) -> Row:
    """Return the customers that a rule holds together although names have nothing in common; names masked."""
    meaning = MEANINGS[found.rule]
    return {
        "rule": found.rule, **both(Text(f"{meaning.zh}，名称却毫无共同之处", f"{meaning.en}, names that have nothing in common")),
        "n_customers": found.n_customers,
        "examples": [
            {"customer_id": e.customer_id, "left": record_text(e.left), "left_name": shown("name_key", e.left_name), "right": record_text(e.right),
             "right_name": shown("name_key", e.right_name)}
            for e in found.examples
        ],
    }  # fmt: skip


def write_page(told: Row, path: Path, *, language: str) -> Path:
    """Write the report as one HTML file that holds both languages, ``language`` shown first; return the file."""
    environment = Environment(
        loader=PackageLoader("zhike.pipeline", "templates"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("identity_quality.html").render(
        report=told, language=language, identifiers={n: both(t) for n, t in IDENTIFIER_NAMES.items()}
    )
    write_atomically(path, page)
    return path


def head_figures(told: Mapping[str, Any]) -> list[Row]:
    """Return the main figures, estimated beside true."""
    estimated, true = told["estimated"], told["true"] or {}
    rows = [{"figure": n, "estimated": told[n], "true": None} for n in ("n_records", "n_customers")]
    for name in ("precision", "recall", "f1", "over_merge_rate", "ids_per_person"):
        rows.append({"figure": name, "estimated": estimated.get(name), "true": true.get(name)})
    rows.append({"figure": "n_review", "estimated": sum(r["n"] for r in told["review"]), "true": None})
    return rows if told["true"] else [{n: v for n, v in r.items() if n != "true"} for r in rows if r["figure"] != "f1"]


__all__ = ["head_figures", "measure", "read_truth", "told_quality", "write_page"]
