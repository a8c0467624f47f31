"""Tags as definitions write them, and as they are run: names, kind, for whom, how fresh, who may use them, and the rules.

A tag says when it holds (``when``) and which value it has: ``cases`` (the first that matches gives ``value_text``) and the
parts ``text``, ``number``, ``amount``, ``day``, each an expression or a list of ``{when: …, is: …}``. ``measures`` give names
to expressions that the tag's rules use like fields. See ``docs/concepts/tags.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.kernel.definitions import Definition, parse_definition
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import PartyKind, Text
from zhike.rules import Rule, TagTerm, UsedNames, Vocabulary, used_names
from zhike.rules.terms import Expression, TagPart
from zhike.warehouse.contracts import Personal

FAMILIES = ("basic", "relationship", "interest", "value", "risk", "marketing")
LIVE = "live"
PARTS = (TagPart.TEXT, TagPart.NUMBER, TagPart.AMOUNT, TagPart.DAY)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TagValueName(_Strict):
    """The names of one text value."""

    zh: str
    en: str


class TagCase(_Strict):
    """One text value and when it is taken; its own number, amount or day stand before the tag's."""

    value: str = Field(min_length=1, max_length=64)
    zh: str
    en: str
    when: Any
    number: Any = None
    amount: Any = None
    day: Any = None


class TagMeasure(_Strict):
    """An expression that the tag's rules use like a field."""

    zh: str
    en: str
    value: Any


class TagDefinition(_Strict):
    """A tag as a business person writes it.

    ``use``: ``marketing`` may steer marketing with consent · ``gate`` only gates · ``manager`` for the eyes of managers, never
    in copy. ``refresh`` is the longest time it may go without being computed. ``lives_days`` (event tags) keeps it that
    many days after its condition was last met, unless ``ends_when`` holds. ``refreshed`` parts change within an
    interval; a change of any other part begins a new one. ``ordered`` values are listed highest first. ``state``: a draft is read and
    checked, a retired tag is kept for the record; neither is computed, and no rule may name it. ``expires_on``: the day after
    which somebody has to look at it again.
    """

    key: str
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    family: Literal["basic", "relationship", "interest", "value", "risk", "marketing"]
    kind: Literal["rule", "statistical", "model", "manual", "event"]
    subjects: tuple[PartyKind, ...] = Field(min_length=1)
    owner: str
    version: int = Field(ge=1)
    refresh: Literal["day", "week", "month", "event"]
    use: Literal["marketing", "gate", "manager"]
    sensitivity: Personal = Personal.QUASI
    lives_days: int | None = Field(default=None, ge=1, le=3660)
    measures: dict[str, TagMeasure] = {}
    when: Any = None
    ends_when: Any = None
    cases: tuple[TagCase, ...] = ()
    values: dict[str, TagValueName] = {}
    text: Any = None
    number: Any = None
    amount: Any = None
    day: Any = None
    main: Literal["text", "number", "amount", "day"] | None = None
    ordered: bool = False
    state: Literal["draft", "live", "retired"] = "live"
    expires_on: date | None = None
    refreshed: tuple[Literal["text", "number", "amount", "day"], ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> TagDefinition:
        if self.kind == "manual":
            if self.when is not None or self.cases:
                raise ValueError("people give a manual tag: it has neither when nor cases")
        elif self.when is None and not self.cases:
            raise ValueError("a tag needs when or cases")
        if self.cases and self.text is not None:
            raise ValueError("cases give the text: write one of both")
        if self.ends_when is not None and self.lives_days is None:
            raise ValueError("ends_when needs lives_days")
        if self.lives_days is not None and self.kind != "event":
            raise ValueError("only an event tag has lives_days")
        if len({c.value for c in self.cases}) < len(self.cases):
            raise ValueError("two cases give the same value")
        return self


# ---- as it is run ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to a value: taken when ``when`` holds (None: always)."""

    when: Rule | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Case:
    """One text value with its rule."""

    value: str
    names: Text
    when: Rule


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag with its rules read: what the batch step and ``why`` work on. ``parts`` gives the choices of each part."""

    definition: TagDefinition
    hash: str
    when: Rule | None
    ends_when: Rule | None
    cases: tuple[Case, ...]
    parts: Mapping[TagPart, tuple[Choice, ...]]
    vocabulary: Vocabulary

    @property
    def key(self) -> str:
        """The tag's key."""
        return self.definition.key

    def names(self) -> UsedNames:
        """Return everything that the tag's rules and values read."""
        rules = [r for r in (self.when, self.ends_when, *(c.when for c in self.cases)) if r is not None]
        choices = [c for part in self.parts.values() for c in part]
        conditions = [c.when for c in choices if c.when is not None]
        return used_names(*rules, *conditions, *(c.value for c in choices))


def _written_parts(tag: TagDefinition) -> set[TagPart]:
    found = {p for p in PARTS if getattr(tag, p.value) is not None}
    found |= {p for p in PARTS[1:] if any(getattr(c, p.value) is not None for c in tag.cases)}
    return found | {TagPart.TEXT} if tag.cases else found


def tag_term(tag: TagDefinition) -> TagTerm:
    """Return what other rules may know of a tag: its parts, the main one first, and its values, lowest first."""
    written = _written_parts(tag)
    main = [TagPart(tag.main)] if tag.main else []
    ordered = tuple(dict.fromkeys([*main, *(p for p in PARTS if p in written)]))
    names = {c.value: Text(c.zh, c.en) for c in tag.cases} | {k: Text(v.zh, v.en) for k, v in tag.values.items()}
    values = dict(reversed(list(names.items()))) if tag.ordered else names
    return TagTerm(tag.key, tag.zh, tag.en, ordered, values, is_ordered=tag.ordered)


def parse_tag_definitions(definitions: Iterable[Definition]) -> dict[str, tuple[Definition, TagDefinition]]:
    """Return the tags of definitions of kind ``tag``, by key; their rules are not read yet.

    Raises
    ------
    BadInput : bodies are malformed; every one is listed.
    """
    found: dict[str, tuple[Definition, TagDefinition]] = {}
    findings: list[Finding] = []
    for definition in definitions:
        if definition.kind != "tag":
            continue
        try:
            found[definition.key] = (definition, parse_definition(TagDefinition, definition))
        except BadInput as error:
            findings += error.findings or [Finding(f"{definition.file}:{definition.line}", error.en)]
    if findings:
        raise BadInput(
            "tag.malformed", zh=f"标签定义有 {len(findings)} 处错误", en=f"{len(findings)} mistakes in tags", findings=tuple(findings)
        )  # fmt: skip
    return found


def tag_terms(definitions: Iterable[Definition]) -> dict[str, TagTerm]:
    """Return what rules may say of the live tags of definitions: the ``tags`` of a vocabulary."""
    written = parse_tag_definitions(definitions)
    return {key: tag_term(tag) for key, (_, tag) in written.items() if tag.state == LIVE}


def not_live(definitions: Iterable[Definition]) -> dict[str, str]:
    """Return key → state of the tags that no rule may name: drafts and retired ones."""
    states = {d.key: str(d.body.get("state", LIVE)) for d in definitions if d.kind == "tag"}
    return {key: state for key, state in states.items() if state != LIVE}


__all__ = [
    "FAMILIES",
    "LIVE",
    "PARTS",
    "Case",
    "Choice",
    "Tag",
    "TagCase",
    "TagDefinition",
    "TagMeasure",
    "TagValueName",
    "not_live",
    "parse_tag_definitions",
    "tag_term",
    "tag_terms",
]
