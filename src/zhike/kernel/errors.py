"""The tree of errors. Each says who can act, in both languages, and never carries personal data.

::

    ZhikeError
    ├── BadInput          the caller can fix it                              exit 2, HTTP 400
    ├── NotFound          no such thing                                      exit 2, HTTP 404
    ├── NotPermitted      may not be done by this caller                     exit 2, HTTP 403
    ├── Conflict          somebody else changed it, or it is held            exit 2, HTTP 409
    ├── ContractBroken    a table or file breaks its contract; stops a run   exit 1
    ├── NotEstimable      too little data: there is no number                exit 1
    ├── Unavailable       try again later                                    exit 3, HTTP 503
    └── Bug               ours                                               exit 1, HTTP 500

``code`` is stable (``area.reason``) and documented in ``docs/reference/errors.md``. HTTP status and exit codes are mapped in the
shell only. A policy "no" is a value (``policy.Refusal``), not an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken row, line or field, ready to show: where, what was there (masked) and what to do."""

    where: str
    problem: str
    value: str = ""
    todo: str = ""

    def __str__(self) -> str:
        shown = f" [{self.value}]" if self.value else ""
        todo = f" → {self.todo}" if self.todo else ""
        return f"{self.where}: {self.problem}{shown}{todo}"


@dataclass(eq=False)
class ZhikeError(Exception):
    """Root of all errors that zhike raises on purpose.

    Parameters
    ----------
    code : stable identifier, ``area.reason``.
    zh, en : one sentence each: what is wrong, naming file, line, column.
    todo_zh, todo_en : what to do next.
    findings : the rows or fields concerned, at most a screenful.
    facts : machine-readable values for ``--json``; no personal data.
    """

    code: str
    zh: str
    en: str
    todo_zh: str = ""
    todo_en: str = ""
    findings: Sequence[Finding] = field(default_factory=tuple)
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.en}", *(f"  {f}" for f in self.findings)]
        if self.todo_en:
            lines.append(f"  → {self.todo_en}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        told = (self.code, self.zh, self.en, self.todo_zh, self.todo_en, tuple(self.findings), dict(self.facts))
        return (type(self), told)

    def as_json(self) -> dict[str, object]:
        """Return the error as JSON values, in both languages: what ``--json`` prints."""
        return {
            "code": self.code, "kind": type(self).__name__, "zh": self.zh, "en": self.en,
            "todo_zh": self.todo_zh, "todo_en": self.todo_en,
            "findings": [asdict(f) for f in self.findings], "facts": dict(self.facts),
        }  # fmt: skip

    def in_chinese(self) -> str:
        """Return the same message as ``str(error)``, in Chinese."""
        lines = [f"{self.code}: {self.zh}", *(f"  {f}" for f in self.findings)]
        if self.todo_zh:
            lines.append(f"  → {self.todo_zh}")
        return "\n".join(lines)


class BadInput(ZhikeError):
    """The caller can fix it: a definition, an option, a mapping."""


class NotFound(ZhikeError):
    """What was asked for does not exist; ``todo`` names the nearest that does."""


class NotPermitted(ZhikeError):
    """The caller may not do this, whatever the input."""


class Conflict(ZhikeError):
    """The state changed meanwhile, or another process holds it."""


class ContractBroken(ZhikeError):
    """A table or file breaks its contract: the run stops and publishes nothing."""


class NotEstimable(ZhikeError):
    """Too little data for a number; the result is absent with this reason, never 0."""


class Unavailable(ZhikeError):
    """A resource is missing now; the caller may try again."""


class Bug(ZhikeError):
    """Something we believed impossible."""


__all__ = [
    "BadInput",
    "Bug",
    "Conflict",
    "ContractBroken",
    "Finding",
    "NotEstimable",
    "NotFound",
    "NotPermitted",
    "Unavailable",
    "ZhikeError",
]
