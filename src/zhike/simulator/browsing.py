"""What touchpoints see of people who are not logged in: looking around before a login, visits without one, renewed cookies.

Everybody has an app, a browser and a mini program of their own, each under a key that the touchpoint keeps; some couples share a
tablet, and a branch has a computer that anybody may use. Who really sat there stands in ``truth/anonymous_event.parquet``.
"""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Flags, Ints
from zhike.simulator.behaviour import CHANNEL, KIND, SOURCES, Happening, write_events
from zhike.simulator.identifiers import digits, joined, scrambled
from zhike.simulator.money import DayBook
from zhike.simulator.population import People
from zhike.simulator.randomness import choose, hits, mixed, part

MOBILE = SOURCES.index("mobile")
NO_DEVICE = -1
APP, BROWSER, MINI_PROGRAM, TABLET, PUBLIC = range(5)
LETTERS = np.frombuffer(b"abmtp", np.uint8)
GENERATIONS = 1_000  # a device's code: (owner × number of kinds + kind) × GENERATIONS + generation
DEVICE_SALT = 11
BESIDE, IDENTIFIED, VISIT, RENEWED = 4, 5, 6, 7  # which event of the day
VISITS = (("app", 20.0), ("mobile_web", 42.0), ("web", 22.0), ("mini_program", 16.0))
VISITS_PER_SESSION = 0.2
LOOKS = (
    ("page_view", 40.0),
    ("deposit_page_view", 14.0),
    ("wealth_page_view", 16.0),
    ("rate_page_view", 18.0),
    ("loan_page_view", 12.0),
)
LOOK_WEIGHTS, VISIT_WEIGHTS = tuple(w for _, w in LOOKS), tuple(w for _, w in VISITS)
LOOK_CODES, VISIT_CODES = np.array([KIND[k] for k, _ in LOOKS]), np.array([CHANNEL[c] for c, _ in VISITS])
KIND_OF_DEVICE = np.full(len(CHANNEL), NO_DEVICE)
for _channel, _kind in (("app", APP), ("web", BROWSER), ("mobile_web", BROWSER), ("mini_program", MINI_PROGRAM)):
    KIND_OF_DEVICE[CHANNEL[_channel]] = _kind
TELLS_WHO = np.array([CHANNEL["mobile_web"], CHANNEL["mini_program"]])  # a form with a mobile number, a scanned code
BESIDE_PERCENT, AFTER_PERCENT, TABLET_PERCENT, PUBLIC_PERCENT, GUEST_PERCENT = 30, 25, 40, 3, 10


def _words(people: People) -> Bits:
    """Return one word per customer that never changes: how often their devices are renewed, who has a tablet."""
    return mixed(people.number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(DEVICE_SALT))


def _periods(people: People) -> Ints:
    """Return the weeks that an app and a browser keep their key, as two rows."""
    words = _words(people)
    return np.stack([40 + part(words, 0, 130), 5 + part(words, 16, 40)])


def _weeks(day: int, who: Ints) -> Ints:
    """Return the week that a customer's devices are in; each customer's weeks begin on a day of their own."""
    return (day + who) // 7 + who * 37 % 60


def _tablets(people: People) -> Ints:
    """Return of whom the tablet is that a customer shares with a spouse, NO_DEVICE where there is none."""
    lower = np.minimum(np.arange(people.size), people.is_married_to)
    shares = (people.is_married_to >= 0) & (part(_words(people)[np.maximum(lower, 0)], 32, 100) < 45)
    return np.where(shares, people.number[np.maximum(lower, 0)], NO_DEVICE)


def devices(book: DayBook, who: Ints, channel: Ints, words: Bits) -> Ints:
    """Return on which device each of ``who`` uses a channel today, as codes; NO_DEVICE where a channel has none."""
    people, kind = book.state.people, KIND_OF_DEVICE[channel]
    owner, dice = people.number[who], mixed(words ^ np.uint64(DEVICE_SALT))
    tablet = book.trait("tablet", _tablets)[who]
    on_tablet = (kind == APP) & (tablet >= 0) & (part(dice, 0, 100) < TABLET_PERCENT)
    in_branch = (channel == CHANNEL["web"]) & (part(dice, 16, 100) < PUBLIC_PERCENT)
    kind = np.select([on_tablet, in_branch], [TABLET, PUBLIC], kind)
    owner = np.select([on_tablet, in_branch], [tablet, people.org[who]], owner)
    code = (owner * len(LETTERS) + kind) * GENERATIONS + _generation(book, who, kind)
    return np.where(kind >= 0, code, NO_DEVICE)


def _generation(book: DayBook, who: Ints, kind: Ints) -> Ints:
    """Return how often the key of a device has been renewed."""
    periods, weeks = book.trait("device_weeks", _periods)[:, who], _weeks(book.day, who)
    renewed: Ints = np.select([kind == APP, kind == BROWSER], [weeks // periods[APP], weeks // periods[BROWSER]], 0)
    return renewed % GENERATIONS


def device_keys(codes: Ints) -> Ints:
    """Return the keys that touchpoints give to devices, as ASCII bytes, one row each."""
    owner_and_kind, generation = np.divmod(np.maximum(codes, 0), GENERATIONS)
    owner, kind = np.divmod(owner_and_kind, len(LETTERS))
    own = digits(scrambled(owner, DEVICE_SALT), 9)
    return joined(LETTERS[kind][:, None], own, digits(generation, 3), n=len(codes))


def look_beside_login(book: DayBook, who: Ints, first: Happening, words: Bits, known_in: Flags) -> None:
    """Write what some look at before they log in or when they have logged out, and the events in which a touchpoint says who is there."""
    assert not isinstance(first.device, int)
    dice = mixed(words)
    looks = np.flatnonzero((first.device >= 0) & known_in[MOBILE, who] & (part(dice, 0, 100) < BESIDE_PERCENT))
    away = 20 + part(dice[looks], 16, 280)
    logged_out = part(dice[looks], 48, 100) < AFTER_PERCENT
    second = first.second[looks] + np.where(logged_out, away + 700, -away)
    kind = LOOK_CODES[choose(dice[looks], LOOK_WEIGHTS, 32)]
    silent = Happening(kind, first.channel[looks], second, BESIDE, first.device[looks], is_silent=True)
    write_events(book, who[looks], silent, known_in)
    says = np.flatnonzero((first.device >= 0) & known_in[MOBILE, who] & np.isin(first.channel, TELLS_WHO))
    kind = np.full(len(says), KIND["identify"])
    told = Happening(kind, first.channel[says], first.second[says], IDENTIFIED, first.device[says])
    write_events(book, who[says], told, known_in)


def visit_without_login(book: DayBook, gate: Bits, known_in: Flags) -> None:
    """Write the visits of those who look around today without logging in: customers, and some who never log in anywhere.

    ``gate`` are the words that open sessions: nobody does both on one day.
    """
    logged_in = book.gate("session", lambda p: p.sessions_per_day)
    limit = book.gate("visit", lambda p: p.sessions_per_day * (1.0 + VISITS_PER_SESSION))
    who = hits(gate, limit)
    who = who[(gate[who] >= logged_in[who]) & book.is_active[who]]
    words = mixed(mixed(gate[who]))
    channel = VISIT_CODES[choose(words, VISIT_WEIGHTS, 0)]
    kind, second = LOOK_CODES[choose(words, LOOK_WEIGHTS, 16)], 25_000 + part(words, 32, 56_000)
    spouse = book.state.people.is_married_to[who]
    is_guest = (spouse >= 0) & (part(words, 48, 100) < GUEST_PERCENT)
    device = devices(book, np.where(is_guest, spouse, who), channel, words)
    write_events(book, who, Happening(kind, channel, second, VISIT, device, is_silent=True), known_in)


def renew_devices(book: DayBook, known_in: Flags) -> None:
    """Write the aliases of today: an app that was installed anew mostly knows its key of before, a browser seldom."""
    state, periods = book.state, book.trait("device_weeks", _periods)
    due = np.arange(-book.day % 7, state.size, 7)  # whose week begins today
    due = due[known_in[MOBILE, due] & book.is_active[due]]
    weeks = _weeks(book.day, due)
    for kind, channel, percent in ((APP, "app", 90), (BROWSER, "mobile_web", 25)):
        who = due[weeks % periods[kind, due] == 0]
        who = who[part(mixed(book.trait("device_words", _words)[who] + np.uint64(book.day)), 0, 100) < percent]
        kinds, place, told = (np.full(len(who), v) for v in (kind, CHANNEL[channel], KIND["alias"]))
        code = (state.people.number[who] * len(LETTERS) + kind) * GENERATIONS + _generation(book, who, kinds)
        alias = Happening(told, place, np.full(len(who), 7_200), RENEWED + kind, code, code - 1, is_silent=True)
        write_events(book, who, alias, known_in)


__all__ = [
    "BESIDE", "IDENTIFIED", "MOBILE", "NO_DEVICE", "VISIT", "device_keys", "devices", "look_beside_login", "renew_devices",
    "visit_without_login",
]  # fmt: skip
