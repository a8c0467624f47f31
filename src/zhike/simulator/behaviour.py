"""The touchpoints of requirement A3 and the kinds of events that they record; who knows whom. Who does what is in ``touching``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.kernel.terms import Channel
from zhike.simulator.arrays import Bits, Flags, Floats, Ints
from zhike.simulator.money import DayBook
from zhike.simulator.population import PERSON
from zhike.simulator.randomness import part_uniform

CHANNELS = tuple(c.value for c in Channel)
CHANNEL = {name: position for position, name in enumerate(CHANNELS)}
SOURCES = ("core", "card", "mobile", "wecom", "call_centre")
EVENT_KINDS = (
    "app_login", "page_view", "deposit_page_view", "wealth_page_view", "rate_page_view", "loan_page_view", "limit_trial", "loan_apply_start",
    "loan_apply", "prepay_trial", "article_read", "transfer_page_view", "counter_visit", "machine_visit", "atm_visit", "call_in",
    "bot_answer", "wecom_message", "video_view", "email_open", "sms_click", "push_open", "video_meeting", "rm_meeting",
    "rm_card_view", "qr_scan", "referral_click", "survey_answer", "interview", "social_comment", "partner_visit",
    "account_service", "card_service", "mini_program_login", "prepay_enquiry", "prepay_booking", "enquiry", "reply", "web_login", "identify", "alias", "content_like",
    "content_share",
)  # fmt: skip
KIND = {name: position for position, name in enumerate(EVENT_KINDS)}
SUBJECTS = ("demand", "term", "large_cd", "fixed_income", "cash_wealth", "fund", "insurance", "mortgage", "consumer_loan",
            "credit_card", "service", "pension")  # fmt: skip
SESSION_CHANNELS = (("app", 70.0), ("mini_program", 11.0), ("wechat", 6.0), ("mobile_web", 6.0), ("web", 7.0))
SESSION_LOGIN = {"app": "app_login", "mini_program": "mini_program_login", "wechat": "article_read", "mobile_web": "page_view",
                 "web": "web_login"}  # fmt: skip
EXTRAS = (("page_view", 20.0), ("content_like", 2.5), ("content_share", 1.5), ("deposit_page_view", 12.0), ("wealth_page_view", 14.0), ("rate_page_view", 12.0), ("article_read", 12.0), ("transfer_page_view", 22.0),
          ("prepay_trial", 0.6), ("loan_page_view", 3.0), ("limit_trial", 0.3), ("loan_apply_start", 0.1))  # fmt: skip
LOAN_EXTRAS = (
    ("loan_page_view", 55.0),
    ("limit_trial", 20.0),
    ("loan_apply_start", 12.0),
    ("loan_apply", 5.0),
    ("page_view", 8.0),
)
TOUCHES = (
    ("branch", "counter_visit", 26.0), ("teller_machine", "machine_visit", 16.0), ("atm", "atm_visit", 14.0), ("call_centre", "call_in", 8.0),
    ("voice_bot", "bot_answer", 4.0), ("wecom", "wecom_message", 6.0), ("wechat_video", "video_view", 3.0), ("email", "email_open", 2.0),
    ("sms", "sms_click", 3.0), ("app_push", "push_open", 5.0), ("remote_video", "video_meeting", 1.0), ("rm", "rm_meeting", 3.0),
    ("rm_card", "rm_card_view", 1.5), ("qr_code", "qr_scan", 2.5), ("referral", "referral_click", 1.0), ("survey", "survey_answer", 1.5),
    ("interview", "interview", 0.3), ("social", "social_comment", 1.0), ("partner", "partner_visit", 1.5), ("core_banking", "account_service", 3.0),
    ("card", "card_service", 3.0), ("call_centre", "prepay_enquiry", 0.4), ("branch", "prepay_booking", 0.3), ("branch", "enquiry", 3.0), ("wechat", "article_read", 3.0),
)  # fmt: skip
SOURCE_OF = {
    **dict.fromkeys(("app", "app_push", "mini_program", "mobile_web", "web", "survey"), "mobile"),
    **dict.fromkeys(("wecom", "wechat", "wechat_video", "rm_card", "qr_code", "referral"), "wecom"),
    **dict.fromkeys(("call_centre", "voice_bot"), "call_centre"), "card": "card",
}  # fmt: skip
SOURCE_BY_CHANNEL = np.array([SOURCES.index(SOURCE_OF.get(c, "core")) for c in CHANNELS])
SESSION_WEIGHTS, EXTRA_WEIGHTS, LOAN_EXTRA_WEIGHTS, TOUCH_WEIGHTS = (
    tuple(entry[-1] for entry in entries) for entries in (SESSION_CHANNELS, EXTRAS, LOAN_EXTRAS, TOUCHES)
)
SESSION_CODES = np.array([CHANNEL[name] for name, _ in SESSION_CHANNELS])
FIRST_CODES = np.array([KIND[SESSION_LOGIN[name]] for name, _ in SESSION_CHANNELS])
EXTRA_CODES, LOAN_EXTRA_CODES = (np.array([KIND[name] for name, _ in entries]) for entries in (EXTRAS, LOAN_EXTRAS))
TOUCH_CHANNELS, TOUCH_KINDS = np.array([CHANNEL[c] for c, *_ in TOUCHES]), np.array([KIND[k] for _, k, _ in TOUCHES])
LOGINS = np.array([KIND[k] for k in ("app_login", "web_login", "mini_program_login")])


@dataclass(frozen=True, slots=True)
class Happening:
    """What some customers did today: kind and channel by position, seconds since local midnight, and which of the day it was.

    ``device`` and ``previous_device`` are codes of ``browsing``, -1 for none. ``is_silent``: the touchpoint does not know who it was.
    """

    kind: Ints
    channel: Ints
    second: Ints
    nth: int
    device: Ints | int = -1
    previous_device: Ints | int = -1
    is_silent: bool = False


def write_events(book: DayBook, who: Ints, happening: Happening, known_in: Flags) -> None:
    """Gather one event for each of ``who``; ``nth`` separates the events that one customer may have on one day."""
    kind, channel, second, nth = happening.kind, happening.channel, happening.second, happening.nth
    n = len(who)
    if n == 0:
        return
    source = SOURCE_BY_CHANNEL[channel]
    source = source if happening.is_silent else np.where(known_in[source, who], source, 0)
    topic = (who * 31 + book.day * 17 + nth * 7) % len(SUBJECTS)
    asks_loan = (kind >= KIND["loan_page_view"]) & (kind <= KIND["loan_apply"])
    subject = np.where(asks_loan, SUBJECTS.index("consumer_loan"), topic)
    subject = np.where(
        (kind == KIND["prepay_trial"]) | (kind == KIND["prepay_enquiry"]), SUBJECTS.index("mortgage"), subject
    )
    day = np.full(n, book.day, np.int32)
    at_branch = (channel == CHANNEL["branch"]) | (channel == CHANNEL["teller_machine"]) | (channel == CHANNEL["atm"])
    org = np.where(at_branch, book.state.people.org[who], -1)
    value = (who * 97 + book.day * 13) % 240 + 3
    device, previous = (np.broadcast_to(d, n) for d in (happening.device, happening.previous_device))
    book.state.logs.events.append((
        who, source, kind, channel, day, second, subject, org, value, np.full(n, nth), device, previous,
        np.full(n, happening.is_silent),
    ))  # fmt: skip
    book.state.logs.n_events += n


def sources_that_know(book_size: int, bits: Bits, digital: Floats, kind: Ints, has_card: Flags) -> Flags:
    """Return, per source and customer, whether the source has its own record; the core knows everyone."""
    known = np.zeros((len(SOURCES), book_size), np.bool_)
    known[0] = True
    known[1] = has_card
    known[2] = (kind == PERSON) & (part_uniform(bits[0], 0) < 0.25 + 0.75 * digital)
    known[3] = part_uniform(bits[0], 16) < np.where(kind == PERSON, 0.13, 0.3)
    known[4] = part_uniform(bits[0], 32) < 0.07
    return known


__all__ = [
    "CHANNEL",
    "CHANNELS",
    "EVENT_KINDS",
    "KIND",
    "SOURCES",
    "SUBJECTS",
    "Happening",
    "sources_that_know",
    "write_events",
]
