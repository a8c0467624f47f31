"""Nouns of anonymous to known: how it is known whose an event is, and why it is nobody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from zhike.kernel.errors import BadInput, Finding

IDENTIFY, ALIAS = "identify", "alias"
WHO_KINDS = (IDENTIFY, ALIAS)  # events that say who somebody is, and nothing of what was done


class How(StrEnum):
    """How it is known whose an event is."""

    DIRECT = "direct"
    BEFORE_LOGIN = "before_login"
    AFTER_LOGIN = "after_login"
    ALIAS = "alias"


class Left(StrEnum):
    """Why an event is nobody's. A corrected identification stands for nothing: the one that corrects it counts."""

    NO_KEY = "no_key"
    PLACEHOLDER = "placeholder"
    NOBODY_IDENTIFIED = "nobody_identified"
    SEVERAL_PEOPLE = "several_people"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class AnonymousSettings:
    """Parameters of the rule by which anonymous events are given to people.

    ``before_login_days`` : days, > 0; an event without a user waits as long for the next identification on its device.
    ``alone_days`` : days, > 0; the identification counts only when nobody else identified on the device so long before and after
    the event. ``most_aliases`` : a key that more aliases name than this is a placeholder, and they are not followed.
    """

    before_login_days: int = 30
    alone_days: int = 30
    most_aliases: int = 10


PARAMETERS: Mapping[str, tuple[str, int]] = {  # parameter → field of the settings, most that makes sense
    "anonymous_before_login_days": ("before_login_days", 366),
    "anonymous_alone_days": ("alone_days", 366),
    "anonymous_most_aliases": ("most_aliases", 1_000),
}


def anonymous_settings(parameters: Mapping[str, object]) -> AnonymousSettings:
    """Return the parameters of the rule; one that a project does not set keeps its default.

    Raises
    ------
    BadInput : ``identity.anonymous_parameters`` with every parameter that makes no sense.
    """
    findings, given = [], {}
    for name, (field, most) in PARAMETERS.items():
        value = parameters.get(name)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
            given[field] = value
        else:
            span = f"1 ≤ {name} ≤ {most}"
            findings.append(
                Finding(f"parameters.yaml {name}", f"must be a whole number, {span} · 应为整数，{span}", str(value))
            )
    if findings:
        raise BadInput(
            "identity.anonymous_parameters", zh="匿名行为归属参数不合理", en="parameters of anonymous events make no sense",
            findings=tuple(findings), todo_zh="修改 parameters.yaml 中的参数", todo_en="change them in parameters.yaml",
        )  # fmt: skip
    return AnonymousSettings(**given)


__all__ = ["ALIAS", "IDENTIFY", "PARAMETERS", "WHO_KINDS", "AnonymousSettings", "How", "Left", "anonymous_settings"]
