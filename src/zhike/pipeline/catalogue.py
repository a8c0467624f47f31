"""What is published, looked up by key: tags, segments, models, decisions. Small answers for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from zhike.decision import explain
from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.errors import NotFound
from zhike.pipeline.checking import compiled_project
from zhike.pipeline.compiled import Compiled
from zhike.pipeline.project import Project, published
from zhike.profile.tags import LIVE
from zhike.profile.tags_why import why
from zhike.report import read_cards
from zhike.rules import describe
from zhike.warehouse import Catalog, open_catalog, open_engine
from zhike.warehouse.manifest import Manifest

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A project with what it has published."""

    compiled: Compiled
    manifest: Manifest
    tables: Catalog

    def rows(self, expression: Any) -> list[Row]:
        """Return the rows of a small result."""
        found: list[Row] = self.tables.engine.fetch(expression).to_pylist()
        return found


@contextmanager
def opened(project: Project) -> Iterator[Opened]:
    """Open what a project has published; NotFound before the first run."""
    manifest = published(project)
    compiled = compiled_project(project, project.definitions)
    engine = open_engine(threads=project.settings.engine_threads, memory=project.settings.engine_memory)
    try:
        yield Opened(compiled, manifest, open_catalog(engine, project.warehouse, compiled.contracts, manifest.entries))
    finally:
        engine.close()


def _names(definitions: DefinitionSet, kind: str) -> dict[str, Mapping[str, Any]]:
    return {d.key: d.body for d in definitions.of_kind(kind)}


def need_live(compiled: Compiled, key: str) -> None:
    """Raise NotFound where a tag is written but not computed: a draft, or retired."""
    if key not in compiled.tags:
        state = str(compiled.definitions.get("tag", key).body.get("state", LIVE))
        zh = {"retired": "已停用", "draft": "仍是草稿"}.get(state, state)
        raise NotFound(
            "tag.not_live", zh=f"标签 {key} {zh}，不再计算", en=f"the tag {key} is {'a draft' if state == 'draft' else state} and not computed",
            todo_zh="用 zhike tags list 找仍在用的标签", todo_en="`zhike tags list` shows the tags in use",
        )  # fmt: skip


def list_tags(project: Project) -> list[Row]:
    """Return every tag with its names and how many customers carry it."""
    with opened(project) as o:
        health = {r["tag"]: r for r in o.rows(o.tables["tag_health"])}
    return [
        {
            "tag": key, "zh": body.get("zh"), "en": body.get("en"), "family": body.get("family"), "kind": body.get("kind"),
            "use": body.get("use"), "state": body.get("state", "live"), "customers": health.get(key, {}).get("n_tagged"), "of": health.get(key, {}).get("n_subjects"),
        }
        for key, body in _names(project.definitions, "tag").items()
    ]  # fmt: skip


def list_segments(project: Project) -> list[Row]:
    """Return every segment with its names and size."""
    with opened(project) as o:
        health = {r["segment"]: r for r in o.rows(o.tables["segment_health"])}
    return [
        {
            "segment": key, "zh": body.get("zh"), "en": body.get("en"), "members": health.get(key, {}).get("n_members"),
            "of": health.get(key, {}).get("n_subjects"),
        }
        for key, body in _names(project.definitions, "segment").items()
    ]  # fmt: skip


def show_definition(project: Project, kind: str, key: str) -> Row:
    """Return what a tag or segment means: as written, in words, and where it stands."""
    definition = project.definitions.get(kind, key)
    body = {
        k: v if isinstance(v, str | int | float | bool) else json.dumps(v, ensure_ascii=False, default=str)
        for k, v in definition.body.items()
    }
    found: Row = {"key": key, **body, "file": f"{definition.file}:{definition.line}", "version_hash": definition.hash}
    compiled = compiled_project(project, project.definitions)
    if kind == "segment" and (rule := compiled.segments[key].when) is not None:
        found |= {
            "in_words_zh": describe(rule, compiled.vocabulary),
            "in_words_en": describe(rule, compiled.vocabulary, language="en"),
        }
    return found


def count_tag(project: Project, key: str) -> list[Row]:
    """Return value → customers who carry the tag now; amounts and days are not split."""
    project.definitions.get("tag", key)
    with opened(project) as o:
        need_live(o.compiled, key)
        held = o.tables.part("tag_value", key).filter(lambda t: t.to_on.isnull())
        counted = held.group_by(value="value_text").aggregate(customers=held.count().cast("int64"))
        return o.rows(counted.order_by(counted.customers.desc(), "value"))


def count_segment(project: Project, key: str) -> list[Row]:
    """Return bucket → members now, entered and left in the last run."""
    project.definitions.get("segment", key)
    with opened(project) as o:
        held = o.tables.part("segment_member", key).filter(lambda t: t.to_on.isnull())
        members = {r["bucket"]: r["n"] for r in o.rows(held.group_by("bucket").aggregate(n=held.count().cast("int64")))}
        change = o.tables.part("segment_change", key)
        came = {
            r["bucket_to"]: r["n"]
            for r in o.rows(
                change.filter(change.change != "left").group_by("bucket_to").aggregate(n=lambda t: t.count())
            )
        }
        went = {
            r["bucket_from"]: r["n"]
            for r in o.rows(
                change.filter(change.change != "entered").group_by("bucket_from").aggregate(n=lambda t: t.count())
            )
        }
    keys = sorted(members.keys() | came.keys() | went.keys(), key=lambda b: -members.get(b, 0))
    return [
        {"bucket": b, "members": members.get(b, 0), "entered": came.get(b, 0), "left": went.get(b, 0)} for b in keys
    ]


def why_tag(project: Project, key: str, customer_id: str) -> list[Row]:
    """Return the facts that decided whether a customer carries a tag.

    Raises
    ------
    NotFound : there is no such tag or customer.
    """
    project.definitions.get("tag", key)
    with opened(project) as o:
        need_live(o.compiled, key)
        found = why(o.compiled.tags[key], customer_id, o.tables, o.manifest.as_of)
        return [{"why_zh": zh, "why_en": en} for zh, en in zip(found.lines(), found.lines(language="en"), strict=True)]


def list_models(project: Project) -> list[Row]:
    """Return the model versions in use with their main figures."""
    with opened(project) as o:
        run = o.tables["model_run"]
        wanted = run.filter(run.is_in_use).select(
            "model", "model_version", "learner", "is_published", "not_published_en", "auc", "auc_low", "auc_high", "pr_auc",
            "alift", "top_decile_lift", "ece", "n_train", "n_test",
        )  # fmt: skip
        return o.rows(wanted.order_by("model"))


def show_model_card(project: Project, key: str) -> Mapping[str, Any]:
    """Return the card of the version in use; NotFound when none has been learned."""
    project.definitions.get("model", key)
    with opened(project) as o:
        for card in read_cards(project.models, o.tables):
            if card.get("model") == key or card.get("key") == key:
                return card
    raise NotFound(
        "model.not_learned", zh=f"模型 {key} 尚无已学习的版本", en=f"no version of the model {key} has been learned"
    )


def list_quarantine(project: Project, *, table: str = "", limit: int = 100) -> tuple[list[Row], int]:
    """Return up to ``limit`` rows that the published run held back, by table, file and row, and how many there are in all.

    Values are masked; the row as delivered is not shown.

    Raises
    ------
    NotFound : there is no such table.
    """
    with opened(project) as o:
        if table:
            o.tables.partitions(table)  # says when there is no such table
        held = o.tables["quarantine"].drop("batch", "row_sealed")
        held = held.filter(held.table_name == table) if table else held
        rows = o.rows(held.order_by("table_name", "file", "row_number", "column_name", "rule").limit(limit))
        counted = o.rows(held.aggregate(n=held.count().cast("int64")))
        return rows, counted[0]["n"]


def explain_decision(project: Project, wanted: str) -> list[Row]:
    """Return past decisions taken again from their stored inputs: one by decision_id, or all about a customer.

    Raises
    ------
    NotFound : there is no such decision and no decision about such a customer.
    """
    with opened(project) as o:
        log, books = o.tables["decision_log"], o.tables["decision_book"]
        found = o.rows(
            log.filter((log.decision_id == wanted) | (log.customer_id == wanted)).order_by("decided_on", "campaign")
        )
        bodies = (
            {
                r["book_hash"]: r["body"]
                for r in o.rows(books.filter(books.book_hash.isin({r["book_hash"] for r in found})))
            }
            if found
            else {}
        )
    if not found:
        raise NotFound(
            "decision.unknown", zh=f"没有决策或客户 {wanted}", en=f"there is no decision {wanted}, and none about such a customer",
            todo_zh="用 next_action 或 decision_log 中的编号", todo_en="take a decision_id or customer_id from next_action or decision_log",
        )  # fmt: skip
    return [_told(explain(row, bodies[row["book_hash"]])) for row in found]


def _told(found: Any) -> Row:
    offers = [
        {
            "offer": r.offer_id,
            "stage": r.stage.value,
            "rule": r.rule,
            "zh": r.text.zh,
            "en": r.text.en,
            "source": r.source,
        }
        for r in found.reasons
    ]
    return {
        "decision_id": found.decision_id, "customer_id": found.customer_id, "campaign": found.campaign,
        "on": found.decided_on.isoformat(), "outcome": found.arm or "nothing came through", "model_version": found.model_version,
        "book_hash": found.book_hash, "is_reproduced": found.is_reproduced, "differences": list(found.differences), "offers": offers,
    }  # fmt: skip


__all__ = [
    "count_segment",
    "count_tag",
    "explain_decision",
    "list_models",
    "list_quarantine",
    "list_segments",
    "list_tags",
    "need_live",
    "opened",
    "show_definition",
    "show_model_card",
    "why_tag",
]
