"""Nouns of anonymous to known: how it is known whose an event is, and why it is nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


__all__ = ["ALIAS", "IDENTIFY", "WHO_KINDS", "AnonymousSettings", "How", "Left"]
