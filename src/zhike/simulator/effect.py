"""The true effect of contacting, from potential outcomes: what a measurement must find, up to its own noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zhike.kernel.errors import NotEstimable
from zhike.kernel.terms import Channel
from zhike.simulator.causal import GONE_SHIFT, mean_leave_share, react
from zhike.simulator.continuing import load_chunk, read_contacts, state_file
from zhike.simulator.identifiers import customer_of_core_number, day_number
from zhike.simulator.population import draw_people
from zhike.simulator.randomness import logistic
from zhike.simulator.simulate import read_plan
from zhike.simulator.state import N_CONTRACTS, ChunkState
from zhike.simulator.terms import CHUNK_CUSTOMERS, BankPlan, TrueEffect

Floats = npt.NDArray[np.float64]


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
    NotEstimable : nobody of one group has money maturing in the window.
    """
    plan, _ = read_plan(folder.resolve())
    first = matured_from or plan.last_day + timedelta(days=1)
    last = matured_to or first + timedelta(days=6)
    contacts = _contacts_by_customer(folder)
    kept_treated = _kept(folder, plan, list(treated), contacts, day_number(first), day_number(last))
    kept_control = _kept(folder, plan, list(control), {}, day_number(first), day_number(last))
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


def _kept(
    folder: Path,
    plan: BankPlan,
    keys: Sequence[str],
    contacts: Mapping[int, list[tuple[int, Channel]]],
    first: int,
    last: int,
) -> _Kept:
    numbers = np.unique(customer_of_core_number(keys))
    parts: list[tuple[Floats, ...]] = []
    for chunk in np.unique(numbers // CHUNK_CUSTOMERS).tolist():
        people = draw_people(plan, chunk)
        state = load_chunk(plan, people, chunk, state_file(folder.resolve(), day_number(plan.last_day), chunk))
        mine = numbers[numbers // CHUNK_CUSTOMERS == chunk] % CHUNK_CUSTOMERS
        parts.append(_kept_in_chunk(state, mine, contacts, first, last))
    columns = [np.concatenate(p) for p in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    return _Kept(*columns)


def _kept_in_chunk(
    state: ChunkState,
    who: npt.NDArray[np.int64],
    contacts: Mapping[int, list[tuple[int, Channel]]],
    first: int,
    last: int,
) -> tuple[Floats, ...]:
    held = state.contracts
    places = (who[:, None] * N_CONTRACTS + np.arange(N_CONTRACTS)).ravel()
    places = places[(held.matures[places] >= first) & (held.matures[places] <= last)]
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
    columns = []
    for p in (logistic(base + shift) if len(places) else base, logistic(base)):
        columns.append(1.0 - np.bincount(row, weights=weight * p * taken, minlength=len(customers)))
    for p in (logistic(base + shift) if len(places) else base, logistic(base)):
        columns.append(np.bincount(row, weights=weight**2 * taken**2 * p * (1 - p), minlength=len(customers)))
    return columns[0], columns[1], columns[2], columns[3], total


def _shift(state: ChunkState, who: int, matures: int, contacts: Mapping[int, list[tuple[int, Channel]]]) -> float:
    """Return what the contacts up to the day of maturity add to the logit of one customer."""
    number, before, total = int(state.people.number[who]), int(state.n_contacts[who]), 0.0
    for day, channel in contacts.get(number, ()):
        if day <= matures:
            total += float(react(state.people.persuasion[[who]], np.array([before]), channel).shift[0])
            before += 1
    return total


__all__ = ["true_effect"]
