"""Contacts handed in by the bank: what they do to a customer, and the traces they leave (event, receipt, opt-out)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.terms import Channel
from zhike.simulator.arrays import Flags
from zhike.simulator.behaviour import CHANNEL, KIND, Happening, write_events
from zhike.simulator.causal import react
from zhike.simulator.identifiers import customer_of_core_number, day_number
from zhike.simulator.money import DayBook
from zhike.simulator.randomness import draw_bits, part_uniform, uniform
from zhike.simulator.terms import CHUNK_CUSTOMERS, BankPlan, Contact

ANSWERS = ("none", "positive", "negative", "unsubscribe")
TRACE = {
    Channel.APP_PUSH: "push_open", Channel.SMS: "sms_click", Channel.EMAIL: "email_open", Channel.CALL_CENTRE: "reply",
    Channel.VOICE_BOT: "bot_answer", Channel.WECOM: "wecom_message", Channel.RM: "rm_meeting", Channel.APP: "wealth_page_view",
    Channel.MINI_PROGRAM: "mini_program_login", Channel.WECHAT: "article_read", Channel.BRANCH: "enquiry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DueContact:
    """One contact of one day, by position of the customer in the chunk."""

    who: int
    contact: Contact


def contacts_by_chunk(
    plan: BankPlan, contacts: Iterable[Contact], *, after: int, until: int
) -> dict[int, dict[int, list[DueContact]]]:
    """Return contacts by chunk and day number.

    Raises
    ------
    BadInput : a customer number is none of the simulated bank's, or a day lies outside (``after``, ``until``].
    """
    listed = sorted(contacts, key=lambda c: (c.on, c.contact_id))
    customers = customer_of_core_number([c.source_key for c in listed])
    due: dict[int, dict[int, list[DueContact]]] = defaultdict(lambda: defaultdict(list))
    wrong: list[Finding] = []
    for contact, customer in zip(listed, customers.tolist(), strict=True):
        day = day_number(contact.on)
        if not 0 <= customer < plan.n_customers:
            wrong.append(
                Finding(
                    f"contact {contact.contact_id}", "no such customer number", todo="give the core customer number"
                )
            )
        elif not after < day <= until:
            wrong.append(Finding(f"contact {contact.contact_id}", "day outside the days to come", str(contact.on)))
        else:
            due[customer // CHUNK_CUSTOMERS][day].append(DueContact(customer % CHUNK_CUSTOMERS, contact))
    if wrong:
        raise BadInput(
            "simulator.contacts", zh=f"{len(wrong)} 条触达无法执行", en=f"{len(wrong)} contacts cannot be made",
            todo_zh="请使用核心客户号，并将日期放在后续营业日内", todo_en="use core customer numbers and days that are still to come",
            findings=wrong[:20],
        )  # fmt: skip
    return due


def meet(book: DayBook, seed: int, contacts: Sequence[DueContact], known_in: Flags) -> None:
    """Let today's contacts work, in the order given: shift of the leave logit, receipt, event, opt-out."""
    if not contacts:
        return
    state, people = book.state, book.state.people
    words = draw_bits(seed, "contacts", state.chunk, book.day, size=state.size)
    by_channel: dict[Channel, list[DueContact]] = defaultdict(list)
    seen: set[int] = set()
    for due in contacts:  # one contact a day works; further ones only annoy
        if due.who in seen:
            state.n_contacts[due.who] += 1
        seen.add(due.who)
        by_channel[Channel(due.contact.channel)].append(due)
    done: set[int] = set()
    for channel in Channel:
        fresh = [d for d in by_channel.get(channel, []) if d.who not in done]
        done.update(d.who for d in fresh)
        if not fresh:
            continue
        who = np.array([d.who for d in fresh], np.int64)
        alive = (people.died[who] > book.day) & ~state.opted_out[who]
        reaction = react(people.persuasion[who], state.n_contacts[who], channel)
        state.contact_shift[who] += reaction.shift * alive
        state.n_contacts[who] += 1
        u = uniform(words[who])
        opts_out = (part_uniform(words[who], 0) < reaction.p_opt_out) & alive
        answer = np.select([opts_out, u < reaction.p_positive, u > 1 - reaction.p_negative], [3, 1, 2], 0) * alive
        state.opted_out[who] |= opts_out
        for due, code in zip(fresh, answer.tolist(), strict=True):
            state.logs.receipts.append((due.who, due.contact.contact_id, channel.value, book.day, code))
        state.logs.consents.append(
            (
                who[opts_out],
                np.full(int(opts_out.sum()), book.day, np.int32),
                np.full(int(opts_out.sum()), CHANNEL[channel.value]),
            )
        )
        reacted = who[answer == 1]
        kind = np.full(len(reacted), KIND[TRACE.get(channel, "reply")])
        happening = Happening(kind, np.full(len(reacted), CHANNEL[channel.value]), np.full(len(reacted), 36_000), 3)
        write_events(book, reacted, happening, known_in)


__all__ = ["ANSWERS", "DueContact", "contacts_by_chunk", "meet"]
