"""Audiences over what is published: the index of the current run, opened or built; rules as people type them; answers as plain values."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import ibis
import yaml

from zhike.kernel.definitions import fill_parameters
from zhike.kernel.errors import BadInput
from zhike.pipeline.catalogue import Opened, opened
from zhike.pipeline.project import Project
from zhike.profile.known import facts_of
from zhike.profile.tags_steps import scope_of
from zhike.rules import Rule, describe, parse_rule, trace, used_names
from zhike.rules.index import AudienceIndex, Members, TableSource
from zhike.rules.terms import AllOf, InSegment
from zhike.segments import Audiences, Segment
from zhike.segments.audience import FunnelStep
from zhike.warehouse.contracts import Personal

Row = dict[str, Any]
INDEX = "audience_index"
SHOWN_FIELDS = ("party_kind", "age", "district", "tenure_days")


@dataclass(frozen=True)
class AudienceView:
    """Audiences of the published run, and the run itself."""

    run: Opened
    audiences: Audiences
    project: Project

    def read(self, written: str) -> tuple[str, Rule]:
        """Return (how it is called, the rule) of what somebody typed: the key of a segment, a file of YAML or JSON, or YAML itself.

        Raises
        ------
        BadInput : it is no rule; every mistake is told.
        NotFound : it is one word and no segment is called so.
        """
        compiled = self.run.compiled
        if written in compiled.segments:
            return written, InSegment(written)
        path = Path(written)
        if written.replace("_", "").isalnum() and not path.is_file():
            compiled.definitions.get("segment", written)  # says which is near
        text = path.read_text(encoding="utf-8") if len(written) < 250 and path.is_file() else written
        named = path.name if text is not written else "rule"
        try:
            tree = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadInput(
                "audience.not_yaml", zh=f"{named} 不是合法的 YAML", en=f"{named} is not YAML: {error}",
                todo_zh="规则写法见 docs/concepts/rules.md；命令行中请加引号", todo_en="docs/concepts/rules.md says how rules are written; quote them on a command line",
            ) from error  # fmt: skip
        filled = fill_parameters(tree, compiled.definitions.parameters, where=named)
        return named, parse_rule(filled, compiled.vocabulary, path=named)

    def segment_rule(self, segment: Segment) -> Rule:
        """Return who belongs to a segment by its rules, as one rule: its subjects, its condition, and a bucket where it needs one."""
        subjects = {"field": "party_kind", "in": [s.value for s in segment.definition.subjects]}
        parts: list[Rule] = [parse_rule(subjects, self.run.compiled.vocabulary)]
        if segment.when is not None:
            parts.append(segment.when)
        return AllOf(tuple(parts))


@contextmanager
def opened_audiences(project: Project) -> Iterator[AudienceView]:
    """Open the audience index of what is published; NotFound before the first run. Columns are encoded when they are asked for first."""
    with opened(project) as run:
        folder: Path = project.settings.state / INDEX
        place = folder / run.manifest.run_id
        place.mkdir(parents=True, exist_ok=True)
        for other in folder.iterdir():
            if other != place:
                shutil.rmtree(other, ignore_errors=True)
        scope = scope_of(run.tables, None, run.manifest.as_of, timezone=project.settings.business_timezone)
        source = TableSource(run.tables.engine, run.tables["profile"], scope)
        index = AudienceIndex(source, run.manifest.as_of, place)
        yield AudienceView(run, Audiences(index, run.compiled.segments, run.compiled.vocabulary), project)


def count(view: AudienceView, written: str, *, exclude: Sequence[str] = ()) -> Row:
    """Return how large an audience is, of how many customers, and how long counting took."""
    name, rule = view.read(written)
    _known(view, exclude)
    begun = perf_counter()
    matching = view.audiences.index.count(rule)
    members = view.audiences.members(rule, exclude=exclude)
    taken = (perf_counter() - begun) * 1000
    words = view.run.compiled.vocabulary
    return {
        "audience": name, "as_of": view.run.manifest.as_of.isoformat(), "customers": len(members), "matching": matching,
        "taken_out": matching - len(members), "of": view.audiences.index.n, "milliseconds": round(taken, 1),
        "in_words_zh": describe(rule, words), "in_words_en": describe(rule, words, language="en"),
    }  # fmt: skip


def funnel(view: AudienceView, written: str, *, exclude: Sequence[str] = ()) -> list[Row]:
    """Return the conditions of a rule with what each leaves; conditions inside others are indented by ``level``."""
    _, rule = view.read(written)
    _known(view, exclude)
    return [row for step in view.audiences.funnel(rule, exclude=exclude) for row in _told_steps(step, 0)]


def _told_steps(step: FunnelStep, level: int) -> Iterator[Row]:
    yield {"level": level, "alone": step.n_alone, "left": step.n_left, "zh": step.says.zh, "en": step.says.en}
    for inner in step.inside:
        yield from _told_steps(inner, level + 1)


def overlap(view: AudienceView, written: Sequence[str]) -> list[Row]:
    """Return how many customers are in exactly which of some audiences, with the share of everybody who is in any."""
    sets: dict[str, Members] = {}
    for one in written:
        name, rule = view.read(one)
        sets[f"{name}#{len(sets) + 1}" if name in sets else name] = view.audiences.members(rule)
    found = view.audiences.overlaps(sets)
    total = sum(f.n for f in found)
    return [
        {"in": " ∩ ".join(f.sets), "n_sets": len(f.sets), "customers": f.n, "share": round(f.n / total, 6)}
        for f in found
    ]


def reach(
    view: AudienceView, written: str, *, purpose: str = "marketing", product_lines: Sequence[str] = ()
) -> list[Row]:
    """Return how many of an audience policy allows to be contacted, on any channel and on each."""
    _, rule = view.read(written)
    members = view.audiences.members(rule)
    rows = view.run.rows(view.run.tables["contactability"].select("channel").distinct().order_by("channel"))
    found = view.audiences.reach(members, [r["channel"] for r in rows], purpose=purpose, product_lines=product_lines)
    n = len(members)
    return [{"channel": r.channel or "any", "customers": r.n, "share": round(r.n / n, 6) if n else None} for r in found]


def sample(view: AudienceView, written: str, *, n: int, fields: Sequence[str] = (), seed: int = 0) -> list[Row]:
    """Return some members with a few fields of the profile; sensitive fields are refused.

    Raises
    ------
    BadInput : there is no such field, or it is sensitive.
    """
    _, rule = view.read(written)
    wanted = list(fields) or [f for f in SHOWN_FIELDS if f in view.run.compiled.contracts["profile"].column_names]
    _check_fields(view.run.compiled.contracts["profile"], wanted)
    numbers = view.audiences.sample(view.audiences.members(rule), n, seed=seed)
    chosen = ibis.memtable({"customer_no": numbers.tolist()}, schema={"customer_no": "int64"})
    profile = view.run.tables["profile"]
    return view.run.rows(
        profile.semi_join(chosen, "customer_no").select("customer_id", *wanted).order_by("customer_id")
    )


def _check_fields(contract: Any, wanted: Sequence[str]) -> None:
    from zhike.kernel.definitions import suggest

    for name in wanted:
        if name not in contract.column_names:
            near = suggest(name, contract.column_names)
            raise BadInput(
                "audience.field_unknown", zh=f"画像没有字段 {name}", en=f"the profile has no field {name}",
                todo_zh=f"是否要写 {near}？" if near else "见 docs/reference/features.md", todo_en=f"did you mean {near}?" if near else "see docs/reference/features.md",
            )  # fmt: skip
        if contract.column(name).personal in (Personal.SENSITIVE, Personal.DIRECT):
            raise BadInput(
                "audience.field_sensitive", zh=f"字段 {name} 属敏感信息，抽样不予展示", en=f"{name} is sensitive and is not shown in a sample",
                todo_zh="改选其他字段；需要时走导出审批", todo_en="choose other fields, or ask for an export",
            )  # fmt: skip


def explain(view: AudienceView, customer_id: str, written: str) -> Row:
    """Return whether a customer belongs to an audience, condition by condition with the values met, and whether a pinned segment takes it
    out.

    Raises
    ------
    NotFound : there is no such customer.
    """
    name, rule = view.read(written)
    compiled, as_of = view.run.compiled, view.run.manifest.as_of
    segment = compiled.segments.get(written)
    rules: list[tuple[str, Rule]] = [("", view.segment_rule(segment))] if segment else [("", rule)]
    if segment:
        rules += list(segment.buckets)
    names = used_names(*(r for _, r in rules))
    facts = facts_of(customer_id, view.run.tables, names, as_of)
    told = [(bucket, trace(r, facts, compiled.vocabulary)) for bucket, r in rules]
    lines = {
        language: [
            line for bucket, e in told for line in ([f"[{bucket}]"] if bucket else []) + e.lines(language=language)
        ]
        for language in ("zh", "en")
    }
    members = view.run.tables["segment_member"]
    mine = members.filter((members.customer_id == customer_id) & members.to_on.isnull())
    held = {r["segment"]: r for r in view.run.rows(mine)}
    pinned = [k for k, s in compiled.segments.items() if s.definition.is_pinned and k in held and k != name]
    is_met = told[0][1].held and (
        not segment
        or not segment.buckets
        or segment.definition.otherwise is not None
        or any(e.held for _, e in told[1:])
    )
    return {
        "customer_id": customer_id, "audience": name, "as_of": as_of.isoformat(), "matches": is_met,
        "member_since": held[name]["from_on"].isoformat() if name in held else None, "bucket": held.get(name, {}).get("bucket"),
        "taken_out_by": pinned, "failed_zh": _failed(told[0][1], "zh"), "failed_en": _failed(told[0][1], "en"),
        "lines_zh": lines["zh"], "lines_en": lines["en"],
    }  # fmt: skip


def _failed(evidence: Any, language: str) -> list[str]:
    """Return the innermost conditions that kept a customer out, each with the values met."""
    if evidence.held:
        return []
    failing = [line for e in evidence.inside if not e.held for line in _failed(e, language)]
    return failing or [evidence.lines(language=language)[0].strip("✗ ")]


def build(view: AudienceView) -> Row:
    """Encode every column and kind of event that a definition of the project uses, so that the first to ask need not wait."""
    compiled = view.run.compiled
    names = [s.names() for s in compiled.segments.values()] + [t.names() for t in compiled.tags.values()]
    begun = perf_counter()
    rules: list[Any] = []
    vocabulary = compiled.vocabulary
    for field in sorted(
        {f for n in names for f in n.fields if f in vocabulary.fields and f not in vocabulary.measures}
    ):
        rules.append({"field": field, "is_present": True})
    rules += [{"event": kind, "within_days": 1} for kind in sorted({e for n in names for e in n.events})]
    for rule in rules:
        view.audiences.index.count(parse_rule(rule, vocabulary))
    return {
        "columns_and_events": len(rules),
        "customers": view.audiences.index.n,
        "seconds": round(perf_counter() - begun, 2),
    }


def _known(view: AudienceView, segments: Sequence[str]) -> None:
    for key in segments:
        view.run.compiled.definitions.get("segment", key)


def told_explanation(found: Mapping[str, Any], *, language: str) -> list[Row]:
    """Return an explanation as rows to be printed."""
    said = {"zh": ("属于", "不属于"), "en": ("belongs to", "does not belong to")}[language][
        0 if found["matches"] else 1
    ]
    head = [f"{found['customer_id']} {said} {found['audience']}"]
    if found["taken_out_by"]:
        out = ", ".join(found["taken_out_by"])
        head.append({"zh": f"但被 {out} 排除在受众之外", "en": f"but {out} keeps it out of every audience"}[language])
    return [{"why": line} for line in (*head, *found[f"lines_{language}"])]


__all__ = [
    "AudienceView",
    "build",
    "count",
    "explain",
    "funnel",
    "opened_audiences",
    "overlap",
    "reach",
    "sample",
    "told_explanation",
]
