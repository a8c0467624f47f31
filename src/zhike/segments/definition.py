"""Segments as definitions write them and as they are run: for whom, who belongs, and in which bucket.

``when`` says who of the ``subjects`` belongs; without it everybody does. ``buckets`` are tried in order, the first that matches
is the member's; ``otherwise`` takes the rest. With buckets and no ``otherwise``, who fits no bucket does not belong. A
``is_partition`` segment must place every subject, so it has no ``when`` and ends in ``otherwise``. An ``is_pinned`` segment
is taken out of every audience, whoever builds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.kernel.definitions import Definition, parse_definition
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import PartyKind, Text
from zhike.rules import Rule, SegmentTerm, UsedNames, Vocabulary, read_rule, used_names

GLOBAL_EXCLUSION = "global_exclusion"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BucketName(_Strict):
    """The bucket of those that fit no other."""

    key: str = Field(min_length=1, max_length=64)
    zh: str
    en: str


class BucketDefinition(BucketName):
    """One bucket and who falls into it."""

    when: Any


class SegmentDefinition(_Strict):
    """A segment as a business person writes it. ``code`` is its number in the standard pack.

    ``review_on`` is the day by which its definition is to be reviewed; without it, ``review_after_months`` after its approval.
    """

    key: str
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    subjects: tuple[PartyKind, ...] = Field(min_length=1)
    owner: str
    version: int = Field(default=1, ge=1)
    code: str = ""
    when: Any = None
    buckets: tuple[BucketDefinition, ...] = ()
    otherwise: BucketName | None = None
    is_partition: bool = False
    is_pinned: bool = False
    review_on: date | None = None
    review_after_months: int | None = Field(default=None, ge=1, le=60)

    @model_validator(mode="after")
    def _whole(self) -> SegmentDefinition:
        keys = [b.key for b in self.buckets] + ([self.otherwise.key] if self.otherwise else [])
        if len(set(keys)) != len(keys):
            raise ValueError("two buckets have the same key")
        if self.when is None and not self.buckets:
            raise ValueError("a segment needs `when` or `buckets`")
        if self.otherwise is not None and not self.buckets:
            raise ValueError("`otherwise` goes with `buckets`")
        if self.is_partition and (self.when is not None or self.otherwise is None):
            raise ValueError("a partition has no `when`, and ends in `otherwise`")
        return self

    def bucket_names(self) -> dict[str, Text]:
        """Return key → names of the buckets, in order."""
        named: tuple[BucketName, ...] = (*self.buckets, *((self.otherwise,) if self.otherwise else ()))
        return {b.key: Text(b.zh, b.en) for b in named}


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment whose rules have been read."""

    definition: SegmentDefinition
    hash: str
    when: Rule | None
    buckets: tuple[tuple[str, Rule], ...]

    @property
    def key(self) -> str:
        """Key of the segment."""
        return self.definition.key

    def names(self) -> UsedNames:
        """Return the names that its rules use: from these the reads of its step follow."""
        return used_names(*([self.when] if self.when else []), *(rule for _, rule in self.buckets))


def segment_term(definition: SegmentDefinition) -> SegmentTerm:
    """Return how rules may speak of a segment."""
    return SegmentTerm(definition.key, definition.zh, definition.en, definition.bucket_names())


def _read_bodies(definitions: Iterable[Definition]) -> list[tuple[Definition, SegmentDefinition]]:
    found, findings = [], []
    for definition in definitions:
        if definition.kind != "segment":
            continue
        try:
            found.append((definition, parse_definition(SegmentDefinition, definition)))
        except BadInput as error:
            findings += list(error.findings)
    if findings:
        raise BadInput(
            "segment.malformed", zh=f"客群定义有 {len(findings)} 处错误", en=f"{len(findings)} mistakes in segments", findings=tuple(findings)
        )  # fmt: skip
    return found


def segment_terms(definitions: Iterable[Definition]) -> dict[str, SegmentTerm]:
    """Return how rules may speak of the segments of some definitions: what tags and campaigns add to their vocabulary."""
    return {body.key: segment_term(body) for _, body in _read_bodies(definitions)}


def _read_rules(
    definition: Definition, body: SegmentDefinition, words: Vocabulary
) -> tuple[Segment | None, list[Finding]]:
    where = f"{definition.file}:{definition.line} {definition.key}"
    findings: list[Finding] = []

    def rule(tree: Any, path: str) -> Rule | None:
        found, wrong = read_rule(tree, words, path=f"{where}.{path}")
        findings.extend(wrong)
        return found

    when = None if body.when is None else rule(body.when, "when")
    buckets = [(b.key, rule(b.when, f"buckets.{b.key}.when")) for b in body.buckets]
    whole = tuple((key, found) for key, found in buckets if found is not None)
    return (None if findings else Segment(body, definition.hash, when, whole)), findings


def parse_segments(definitions: Iterable[Definition], vocabulary: Vocabulary) -> dict[str, Segment]:
    """Return the segments of definitions of kind ``segment``, by key, with their rules read.

    Parameters
    ----------
    vocabulary : fields of the profile, tags and models; the segments themselves are added to it.

    Raises
    ------
    BadInput : a body or a rule is malformed (every mistake is listed), or the global exclusion is missing or not pinned.
    """
    written = _read_bodies(definitions)
    terms = {body.key: segment_term(body) for _, body in written}
    words = replace(vocabulary, segments={**vocabulary.segments, **terms})
    found: dict[str, Segment] = {}
    findings: list[Finding] = []
    for definition, body in written:
        segment, wrong = _read_rules(definition, body, words)
        findings += wrong
        if segment is not None:
            found[body.key] = segment
    if findings:
        raise BadInput(
            "rule.malformed", zh=f"客群规则有 {len(findings)} 处错误", en=f"the rules of segments have {len(findings)} mistakes",
            todo_zh="写法见 docs/concepts/rules.md", todo_en="docs/concepts/rules.md says how rules are written", findings=tuple(findings),
        )  # fmt: skip
    _check_exclusion(found)
    return found


def _check_exclusion(segments: Mapping[str, Segment]) -> None:
    exclusion = segments.get(GLOBAL_EXCLUSION)
    if segments and (exclusion is None or not exclusion.definition.is_pinned):
        raise BadInput(
            "segment.exclusion_unpinned", zh="全局排除客群 global_exclusion 不可删除或取消固定", en="the segment global_exclusion cannot be removed or unpinned",
            todo_zh="请保留 is_pinned: true；更多排除可另建固定客群", todo_en="keep `is_pinned: true`; add further exclusions as pinned segments of their own",
        )  # fmt: skip


__all__ = [
    "GLOBAL_EXCLUSION",
    "BucketDefinition",
    "BucketName",
    "Segment",
    "SegmentDefinition",
    "parse_segments",
    "segment_term",
    "segment_terms",
]
