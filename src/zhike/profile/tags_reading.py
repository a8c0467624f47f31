"""Reading the rules and values of tags against the vocabulary, with every mistake of every tag at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zhike.kernel.definitions import Definition
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import Text
from zhike.profile.tags import LIVE, PARTS, Case, Choice, Tag, TagDefinition, not_live, parse_tag_definitions, tag_term
from zhike.rules import Rule, Vocabulary, read_rule
from zhike.rules.expressions import fits, read_expression
from zhike.rules.reading import Reading
from zhike.rules.terms import TAG_PART_KINDS, Expression, TagPart


class _TagReader:
    """Reads one tag; gathers findings. Not frozen: measures widen the vocabulary as they are read."""

    def __init__(self, definition: Definition, tag: TagDefinition, vocabulary: Vocabulary) -> None:
        self.where = f"{definition.file}:{definition.line} {definition.key}"
        self.tag = tag
        self.hash = definition.hash
        self.vocabulary = vocabulary
        self.findings: list[Finding] = []

    def rule(self, tree: Any, path: str) -> Rule | None:
        if tree is None:
            return None
        rule, findings = read_rule(tree, self.vocabulary, path=f"{self.where}.{path}")
        self.findings += findings
        return rule

    def expression(self, tree: Any, path: str, part: TagPart | None = None) -> Expression | None:
        reading = Reading(self.vocabulary)
        where = f"{self.where}.{path}"
        expected = TAG_PART_KINDS[part] if part else None
        found = read_expression(reading, tree, where, expected=expected)
        if found is not None and expected is not None and not fits(found, expected):
            reading.wrong(where, f"is {found.kind}, but this part is {expected}", f"应为 {expected}，实为 {found.kind}")
        self.findings += reading.findings
        return found

    def choices(self, tree: Any, path: str, part: TagPart) -> list[Choice]:
        if tree is None:
            return []
        items = tree if isinstance(tree, list) else [{"is": tree}]
        found = []
        for i, item in enumerate(items):
            here = f"{path}[{i}]" if isinstance(tree, list) else path
            if not isinstance(item, Mapping) or "is" not in item or not set(item) <= {"when", "is"}:
                self.findings.append(
                    Finding(f"{self.where}.{here}", "must be {when: …, is: …} · 应写为 {when: …, is: …}")
                )
                continue
            when = self.rule(item.get("when"), f"{here}.when")
            value = self.expression(item["is"], here, part)
            if value is not None:
                found.append(Choice(when, value))
        return found

    def read(self) -> Tag:
        tag = self.tag
        for name, measure in tag.measures.items():
            value = self.expression(measure.value, f"measures.{name}")
            if value is not None:
                self.vocabulary = self.vocabulary.with_measure(name, value, Text(measure.zh, measure.en))
        cases = [(c, self.rule(c.when, f"cases.{c.value}.when")) for c in tag.cases]
        parts: dict[TagPart, tuple[Choice, ...]] = {}
        for part in PARTS:
            found: list[Choice] = []
            for case, when in cases:
                own = getattr(case, part.value, None)
                found += [Choice(when, c.value) for c in self.choices(own, f"cases.{case.value}.{part}", part)]
            found += self.choices(getattr(tag, part.value), part.value, part)
            if found:
                parts[part] = tuple(found)
        return Tag(
            definition=tag,
            hash=self.hash,
            when=self.rule(tag.when, "when"),
            ends_when=self.rule(tag.ends_when, "ends_when"),
            cases=tuple(Case(c.value, Text(c.zh, c.en), w) for c, w in cases if w is not None),
            parts=parts,
            vocabulary=self.vocabulary,
        )


def parse_tags(definitions: Iterable[Definition], vocabulary: Vocabulary) -> dict[str, Tag]:
    """Return the live tags of definitions of kind ``tag``, by key, with their rules read; drafts are checked and left out.

    Parameters
    ----------
    vocabulary : the fields of the profile and what else rules may name; the tags themselves are added to it.

    Raises
    ------
    BadInput : ``tag.malformed`` (a body) or ``rule.malformed`` (rules); every mistake of every tag is listed.
    """
    written = parse_tag_definitions(definitions)
    terms = {key: tag_term(tag) for key, (_, tag) in written.items() if tag.state == LIVE}
    whole = Vocabulary(
        fields=vocabulary.fields,
        tags={**vocabulary.tags, **terms},
        segments=vocabulary.segments,
        models=vocabulary.models,
        events=vocabulary.events,
        relations=vocabulary.relations,
    )
    readers = [_TagReader(definition, tag, whole) for definition, tag in written.values() if tag.state != "retired"]
    tags = {reader.tag.key: reader.read() for reader in readers}
    states = not_live(d for d, _ in written.values())
    findings = tuple(told_not_live(f, states) for reader in readers for f in reader.findings)
    findings = (*findings, *(_ring(tags) if not findings else ()))
    if findings:
        raise BadInput(
            "rule.malformed",
            zh=f"标签规则有 {len(findings)} 处错误",
            en=f"the rules of tags have {len(findings)} mistakes",
            todo_zh="写法见 docs/concepts/rules.md",
            todo_en="docs/concepts/rules.md says how rules are written",
            findings=findings,
        )
    return {key: tag for key, tag in tags.items() if tag.definition.state == LIVE}


def told_not_live(finding: Finding, states: Mapping[str, str]) -> Finding:
    """Return a finding that a tag is not there, saying that it is retired or a draft where that is why."""
    for key, state in states.items():
        if finding.problem.startswith(f"there is no tag called {key} "):
            zh = {"retired": "已停用", "draft": "仍是草稿"}[state]
            done = "write another tag, or take the rule out 改用其他标签或删去该条件"
            return Finding(
                finding.where,
                f"the tag {key} is {'a draft' if state == 'draft' else state} · 标签 {key} {zh}",
                key,
                done,
            )
    return finding


def _ring(tags: Mapping[str, Tag]) -> Iterable[Finding]:
    """Say which tags read one another in a ring: none of them could be computed first."""
    done: set[str] = set()

    def visit(key: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
        if key in path:
            return (*path[path.index(key) :], key)
        if key in done or key not in tags:
            return None
        for need in sorted(tags[key].names().tags):
            if ring := visit(need, (*path, key)):
                return ring
        done.add(key)
        return None

    for key in sorted(tags):
        if ring := visit(key, ()):
            told = " → ".join(ring)
            yield Finding(
                f"tag {ring[0]}",
                f"tags that need one another: {told} · 标签循环引用",
                key,
                "take one of the rules out 删去其中一条规则",
            )
            return


__all__ = ["parse_tags", "told_not_live"]
