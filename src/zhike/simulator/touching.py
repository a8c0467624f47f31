"""One day on every touchpoint: sessions of the digital, visits without a login, branch visits, calls, scans, answers."""

from __future__ import annotations

import numpy as np

from zhike.simulator.arrays import Bits, Flags, Ints
from zhike.simulator.behaviour import (
    EXTRA_CODES,
    EXTRA_WEIGHTS,
    FIRST_CODES,
    LOAN_EXTRA_CODES,
    LOAN_EXTRA_WEIGHTS,
    LOGINS,
    SESSION_CODES,
    SESSION_WEIGHTS,
    TOUCH_CHANNELS,
    TOUCH_KINDS,
    TOUCH_WEIGHTS,
    Happening,
    write_events,
)
from zhike.simulator.browsing import MOBILE, NO_DEVICE, devices, look_beside_login, renew_devices, visit_without_login
from zhike.simulator.money import DayBook
from zhike.simulator.randomness import choose, hits, mixed, part, part_uniform


def use_touchpoints(book: DayBook, gates: Bits, known_in: Flags) -> None:
    """Write today's events. ``known_in`` says for each source and customer whether the source has a record of them.

    Where a source does not know the customer, the event carries the core number.
    """
    state, people = book.state, book.state.people
    renew_devices(book, known_in)
    visit_without_login(book, gates[0], known_in)
    who = _present(book, gates[0], book.gate("session", lambda p: p.sessions_per_day))
    words = gates[0][who]
    pick = choose(words, SESSION_WEIGHTS, 0)
    channel, kind = SESSION_CODES[pick], FIRST_CODES[pick]
    second = 25_000 + part(words, 16, 56_000)
    device = np.where(known_in[MOBILE, who], devices(book, who, channel, words), NO_DEVICE)
    first = Happening(kind, channel, second, 0, device)
    look_beside_login(book, who, first, words, known_in)
    write_events(book, who, first, known_in)
    state.last_login[who] = np.where(np.isin(kind, LOGINS), book.day, state.last_login[who])
    looks = part(words, 32, 100) < 60
    who, words, channel, second, device = who[looks], words[looks], channel[looks], second[looks], device[looks]
    ordinary = EXTRA_CODES[choose(words, EXTRA_WEIGHTS, 16)]
    keen = LOAN_EXTRA_CODES[choose(words, LOAN_EXTRA_WEIGHTS, 16)]
    is_keen = people.wants_loan[who] & ((words & np.uint64(3)) == 0)
    kind = np.where(is_keen, keen, ordinary)
    write_events(book, who, Happening(kind, channel, second + 60 + part(words, 32, 600), 1, device), known_in)
    who = _present(book, gates[1], book.gate("touch", lambda p: p.touches_per_day))
    words = gates[1][who]
    pick = choose(words, TOUCH_WEIGHTS, 16)
    channel, kind = TOUCH_CHANNELS[pick], TOUCH_KINDS[pick]
    write_events(book, who, Happening(kind, channel, 30_600 + part(words, 32, 28_000), 2), known_in)


def _present(book: DayBook, gate: Bits, limit: Bits) -> Ints:
    """Return who passes the gate and is a customer today; those who drifted away come a quarter as often."""
    who = hits(gate, limit)
    share = book.is_active[who] * np.where(book.state.is_gone[who], 0.25, 1.0)
    present: Ints = who[part_uniform(mixed(gate[who]), 48) < share]
    return present


__all__ = ["use_touchpoints"]
