"""Why money leaves at maturity, and what a contact changes: the one causal model of the simulated bank.

A customer leaves when ``u < p_leave``; ``u`` is drawn at maturity from seed, day and customer alone, so that the same
customer can be looked at with and without contact (common random numbers). ``p_leave`` rests on traits that show in
behaviour (rate sensitivity, loyalty), on behaviour itself (past outflows, logins, single product) and on noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhike.kernel.terms import Channel
from zhike.simulator.arrays import Bits, Floats, Ints
from zhike.simulator.randomness import logistic, normal, part, part_uniform
from zhike.simulator.state import N_CONTRACTS, ChunkState

INTERCEPT = -0.6
NOISE = 0.4
GONE_SHIFT = 3.0
LOST_CAUSE_SHIFT, PERSUADABLE_SHIFT, ANNOYED_SHIFT = -0.08, -2.3, 0.8
REACH = {
    Channel.RM: 1.0, Channel.BRANCH: 0.9, Channel.REMOTE_VIDEO: 0.9, Channel.CALL_CENTRE: 0.8, Channel.WECOM: 0.75,
    Channel.RM_CARD: 0.5, Channel.APP: 0.45, Channel.APP_PUSH: 0.45, Channel.MINI_PROGRAM: 0.4, Channel.WECHAT: 0.4,
    Channel.VOICE_BOT: 0.4, Channel.SMS: 0.35, Channel.WEB: 0.3, Channel.MOBILE_WEB: 0.3, Channel.EMAIL: 0.2,
    Channel.TELLER_MACHINE: 0.3, Channel.ATM: 0.15,
}  # fmt: skip
OTHER_REACH = 0.2
OPT_OUT_RATE = {
    Channel.SMS: 0.008,
    Channel.CALL_CENTRE: 0.012,
    Channel.VOICE_BOT: 0.02,
    Channel.EMAIL: 0.006,
    Channel.APP_PUSH: 0.005,
}
OTHER_OPT_OUT_RATE = 0.003
CHANNELS_IN_TRUTH = (Channel.APP_PUSH, Channel.SMS, Channel.WECOM, Channel.CALL_CENTRE, Channel.VOICE_BOT, Channel.RM)
WHOLE_SHARE = 0.75  # three in four who leave take everything; the others half to nine tenths


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one contact does to each of the contacted: shift of the leave logit, answers, opt-out."""

    shift: Floats
    p_positive: Floats
    p_negative: Floats
    p_opt_out: Floats


def leave_logit(state: ChunkState, places: Ints, day: int, noise: Bits) -> Floats:
    """Return the untouched customer's logit of leaving at maturity, for contract places, as known on ``day``.

    ``noise`` holds one word per place. Signs: rate sensitivity, past outflows, few products, silence and size push out;
    loyalty, tenure, payroll and automatic renewal hold.
    """
    who = places // N_CONTRACTS
    people, contracts = state.people, state.contracts
    tenure_years = np.minimum((day - people.joined[who]) // 365, 12)
    silent = (day - state.last_login[who]) > 60
    has_more = people.has_fund[who] | people.has_cash_wealth[who] | (people.loan[who] >= 0)
    base: Floats = INTERCEPT + 1.1 * people.rate_sense[who] - 0.7 * people.loyalty[who]
    base += 1.0 * np.minimum(state.outflow_trace[who], 1.0) + 0.3 * ~has_more + 0.45 * silent
    base += -0.06 * tenure_years + 0.25 * (contracts.principal[places] >= 20_000_000) - 1.0 * contracts.auto[places]
    base += -0.35 * (people.employer[who] >= 0) + NOISE * normal(noise)
    return base


def p_leave(state: ChunkState, who: Ints, logit: Floats) -> Floats:
    """Return the probability of leaving as things stand: gone customers leave, contacts made so far count."""
    return logistic(logit + GONE_SHIFT * state.is_gone[who] + state.contact_shift[who])


def leave_share(bits: Bits) -> Floats:
    """Return which share of the matured money a leaver takes away."""
    return np.where(part(bits, 0, 100) < 100 * WHOLE_SHARE, 1.0, 0.5 + 0.4 * part_uniform(bits, 16))


def mean_leave_share() -> float:
    """Return the expectation of :func:`leave_share`."""
    return WHOLE_SHARE + (1 - WHOLE_SHARE) * 0.7


def react(persuasion: Ints, n_contacts_before: Ints, channel: Channel) -> Reaction:
    """Return what a contact through ``channel`` does, by how persuadable the customer is and how often contacted before."""
    reach = REACH.get(channel, OTHER_REACH)
    effect = np.array([LOST_CAUSE_SHIFT, PERSUADABLE_SHIFT, ANNOYED_SHIFT])[persuasion] * reach
    repeated = n_contacts_before > 0
    shift = np.where(repeated, np.where(persuasion == 2, 0.5, 0.15) * effect, effect) + 0.1 * (n_contacts_before > 2)
    annoyance = np.array([1.0, 0.6, 5.0])[persuasion] * (1.0 + 0.5 * n_contacts_before)
    opt_out = np.minimum(OPT_OUT_RATE.get(channel, OTHER_OPT_OUT_RATE) * annoyance, 0.5)
    positive = np.array([0.08, 0.34, 0.03])[persuasion] * (0.3 + 0.7 * reach)
    negative = np.array([0.06, 0.05, 0.22])[persuasion] * (0.3 + 0.7 * reach)
    return Reaction(shift, positive, negative, opt_out)


def maturing_truth(state: ChunkState, until_day: int) -> dict[str, Ints]:
    """Return potential outcomes of every contract whose owner still has to decide and that matures by ``until_day``.

    One row per running contract: place, probability of keeping untouched, and per channel of ``CHANNELS_IN_TRUTH`` the
    probability of keeping and of opting out when contacted once through it before the decision.
    """
    contracts = state.contracts
    places = np.flatnonzero(contracts.matures <= until_day)
    who = places // N_CONTRACTS
    logit = contracts.leave_logit[places] + GONE_SHIFT * state.is_gone[who] + state.contact_shift[who]
    rows: dict[str, Ints] = {"place": places, "p_keep_not_contacted": 1.0 - logistic(logit)}
    for channel in CHANNELS_IN_TRUTH:
        reaction = react(state.people.persuasion[who], state.n_contacts[who], channel)
        rows[f"p_keep_{channel.value}"] = 1.0 - logistic(logit + reaction.shift)
        rows[f"p_opt_out_{channel.value}"] = reaction.p_opt_out
    return rows


__all__ = [
    "CHANNELS_IN_TRUTH",
    "Reaction",
    "leave_logit",
    "leave_share",
    "maturing_truth",
    "mean_leave_share",
    "p_leave",
    "react",
]
