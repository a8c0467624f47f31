"""The true effect of contacting, from potential outcomes: what a measurement must find, up to its own noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from zhike.kernel.errors import BadInput, NotEstimable
from zhike.kernel.terms import Channel
from zhike.simulator.arrays import Floats, Ints
from zhike.simulator.causal import GONE_SHIFT, mean_leave_share, react
from zhike.simulator.continuing import read_contacts
from zhike.simulator.drawing import load_chunk, state_file
from zhike.simulator.identifiers import customer_of_core_number, day_number
from zhike.simulator.maturity import NOTICE_DAYS
from zhike.simulator.population import draw_people
from zhike.simulator.randomness import logistic
from zhike.simulator.simulate import read_plan
from zhike.simulator.state import N_CONTRACTS, ChunkState
from zhike.simulator.terms import CHUNK_CUSTOMERS, BankPlan, TrueEffect

Contacts = Mapping[int, list[tuple[int, Channel]]]  # by customer: day and channel, in order


@dataclass(frozen=True, slots=True)
class _Kept:
    """Per customer with maturing money: expected kept share if contacted and if not, variances, principal in cents."""

    contacted: Floats
    not_contacted: Floats
    variance_contacted: Floats
    variance_not: Floats
    principal: Floats


def true_effect(
    folder: Path,
    treated: Iterable[str],
    control: Iterable[str],
    *,
    matured_from: date | None = None,
    matured_to: date | None = None,
) -> TrueEffect:
    """Return the mean difference of potential outcomes between contacting and not contacting the treated.

    kept rate of a customer = Σ principal · (1 − p_leave · mean share taken) / Σ principal, over contracts that mature in
    the window. Contacts are those handed to ``continue_with_contacts``, on or before the day of maturity.

    Parameters
    ----------
    folder : the simulated bank, after ``continue_with_contacts``.
    treated, control : core customer numbers; those without maturing money in the window are left out.
    matured_from, matured_to : days of maturity, inclusive; by default the day after the plan's last day and the six
        following ones.

    Raises
    ------
    BadInput : the window does not lie within 30 days after the plan's last day.
    NotEstimable : nobody of one group has money maturing in the window.
    """
    plan, _ = read_plan(folder.resolve())
    first = matured_from or plan.last_day + timedelta(days=1)
    last = matured_to or first + timedelta(days=6)
    window = day_number(first), day_number(last)
    if not day_number(plan.last_day) < window[0] <= window[1] <= day_number(plan.last_day) + NOTICE_DAYS:
        raise BadInput(
            "simulator.window", zh="窗口须在计划末日后30天内", en="the window must lie within 30 days after the plan's last day",
            todo_zh="请缩短窗口", todo_en="choose a nearer window",
        )  # fmt: skip
    kept_treated = _kept(folder, plan, list(treated), _contacts_by_customer(folder), window)
    kept_control = _kept(folder, plan, list(control), {}, window)
    n_treated, n_control = len(kept_treated.principal), len(kept_control.principal)
    if not n_treated or not n_control:
        raise NotEstimable(
            "simulator.no_effect",
            zh="窗口内无到期资金",
            en="no money of one group matures in the window",
            todo_en="widen the window",
            todo_zh="请放宽窗口",
        )
    difference = kept_treated.contacted - kept_treated.not_contacted
    spread_t = kept_treated.variance_contacted.mean() + kept_treated.contacted.var()
    spread_c = kept_control.variance_not.mean() + kept_control.not_contacted.var()
    return TrueEffect(
        n_treated=n_treated, n_control=n_control, kept_rate_contacted=float(kept_treated.contacted.mean()),
        kept_rate_not_contacted=float(kept_treated.not_contacted.mean()), kept_rate_control=float(kept_control.not_contacted.mean()),
        effect=float(difference.mean()), effect_amount=float((difference * kept_treated.principal).sum() / 100),
        effect_of_money=float((difference * kept_treated.principal).sum() / kept_treated.principal.sum()),
        standard_error=float(np.sqrt(spread_t / n_treated + spread_c / n_control)),
    )  # fmt: skip


def _contacts_by_customer(folder: Path) -> dict[int, list[tuple[int, Channel]]]:
    rows = read_contacts(folder.resolve()).to_pylist()
    rows.sort(key=lambda r: (r["on"], r["contact_id"]))
    customers = customer_of_core_number([r["source_key"] for r in rows]).tolist()
    found: dict[int, list[tuple[int, Channel]]] = defaultdict(list)
    for row, customer in zip(rows, customers, strict=True):
        day = day_number(row["on"])
        if not any(d == day for d, _ in found[customer]):
            found[customer].append((day, Channel(row["channel"])))
    return found


def _kept(folder: Path, plan: BankPlan, keys: Sequence[str], contacts: Contacts, window: tuple[int, int]) -> _Kept:
    numbers = np.unique(customer_of_core_number(keys))
    parts: list[tuple[Floats, ...]] = []
    for chunk in np.unique(numbers // CHUNK_CUSTOMERS).tolist():
        people = draw_people(plan, chunk)
        state = load_chunk(plan, people, chunk, state_file(folder.resolve(), day_number(plan.last_day), chunk))
        mine = numbers[numbers // CHUNK_CUSTOMERS == chunk] % CHUNK_CUSTOMERS
        parts.append(_kept_in_chunk(state, mine, contacts, window))
    columns = [np.concatenate(p) for p in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    return _Kept(*columns)


def _kept_in_chunk(state: ChunkState, who: Ints, contacts: Contacts, window: tuple[int, int]) -> tuple[Floats, ...]:
    held = state.contracts
    places = (who[:, None] * N_CONTRACTS + np.arange(N_CONTRACTS)).ravel()
    places = places[(held.matures[places] >= window[0]) & (held.matures[places] <= window[1])]
    owner = places // N_CONTRACTS
    base = held.leave_logit[places] + GONE_SHIFT * state.is_gone[owner] + state.contact_shift[owner]
    shift = np.array(
        [_shift(state, int(w), int(m), contacts) for w, m in zip(owner, held.matures[places], strict=True)]
    )
    customers, row = np.unique(owner, return_inverse=True)
    principal = held.principal[places].astype(np.float64)
    total = np.bincount(row, weights=principal, minlength=len(customers))
    weight = principal / total[row] if len(places) else principal
    taken = mean_leave_share()
    p_contacted, p_not = (logistic(base + shift), logistic(base)) if len(places) else (base, base)

    def per_customer(values: Floats) -> Floats:
        return np.bincount(row, weights=values, minlength=len(customers))

    return (
        1.0 - per_customer(weight * taken * p_contacted),
        1.0 - per_customer(weight * taken * p_not),
        per_customer((weight * taken) ** 2 * p_contacted * (1 - p_contacted)),
        per_customer((weight * taken) ** 2 * p_not * (1 - p_not)),
        total,
    )


def _shift(state: ChunkState, who: int, matures: int, contacts: Contacts) -> float:
    """Return what the contacts up to the day of maturity add to the logit of one customer."""
    number, before, total = int(state.people.number[who]), int(state.n_contacts[who]), 0.0
    for day, channel in contacts.get(number, ()):
        if day <= matures:
            total += float(react(state.people.persuasion[[who]], np.array([before]), channel).shift[0])
            before += 1
    return total


__all__ = ["true_effect"]
