"""Which company each mention means: by number first, then by registered name, then by how likely it is that it means this one.

Stages, each over all mentions before the next begins, so that the order of input changes nothing: (1) the source's own key and valid
taxpayer numbers; (2) numbers that no customer has make outside companies, unless exactly one customer without a number has their
registered name; (3) registered names; (4) all other sides by likelihood; (5) names in call notes, by likelihood and by whom the
caller has to do with. What falls short of the bar goes to review with its probability; what contradicts is never linked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from zhike.identity.mentions_known import Described, KnownCompanies, Ratios
from zhike.identity.terms import MentionState

CERTAIN = {"customer_number": 0.9999, "tax_id": 0.9999, "old_tax_id": 0.9995}
Shares = tuple[float, float, float, float]
FIRST_GUESS: Shares = (
    0.5,
    0.2,
    0.15,
    0.15,
)  # how often a name in a note means the caller's own company, its partner, another, an unknown one
GUESS_WEIGHT = 20.0  # mentions that the first guess counts for
N_ROUNDS = 12
FIRST_UNKNOWN_SHARE, LOWEST_UNKNOWN_SHARE, UNKNOWN_GUESS_WEIGHT = 0.2, 0.02, 20.0
STRONGEST = (
    "customer_number", "tax_id", "old_tax_id", "registered_name", "tax_id_slip", "phone", "related", "partner", "region", "region_near", "trade",
    "trade_short", "core", "core_slip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """One distinct side of invoices. ``customer_id`` : whose the source's own key is, "" where it has none or it is unknown."""

    mention_id: str
    said: Described
    customer_id: str
    n_documents: int


@dataclass(frozen=True, slots=True)
class NoteName:
    """One name in a call note, with the companies that the caller belongs to (``related``) and that these trade with.

    ``is_of_others`` : the words beside it speak of somebody else's company (supplier, neighbour, debtor).
    """

    mention_id: str
    said: Described
    related: Set[int]
    partners: Set[int]
    is_of_others: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mention means: ``company`` when linked (-1 otherwise), ``candidate`` the likeliest (-1 none), how likely, by what."""

    company: int
    candidate: int
    state: MentionState
    linked_by: str
    probability: float


NOTHING = Outcome(-1, -1, MentionState.UNLINKED, "", 0.0)


def likeliest(posterior: Mapping[int, float]) -> int:
    """Return the company of the highest probability; of equals the first."""
    return max(posterior, key=lambda at: (posterior[at], -at))


@dataclass(frozen=True, slots=True)
class Bar:
    """From which probability a mention is linked by itself, and from which an officer is asked."""

    link_from: float
    review_from: float

    def judge(self, posterior: Mapping[int, float], evidence: tuple[str, ...]) -> Outcome:
        """Return the likeliest company as linked, for review, or as nothing."""
        best = likeliest(posterior)
        probability = posterior[best]
        rule = next((r for r in STRONGEST if r in evidence), "core")
        if probability >= self.link_from:
            return Outcome(best, best, MentionState.LINKED, rule, probability)
        state = MentionState.REVIEW if probability >= self.review_from else MentionState.UNLINKED
        return Outcome(-1, best, state, rule, probability)


@dataclass(slots=True)
class SideLinker:
    """Links sides of invoices to ``known`` companies, and adds those that only invoices know. ``customers`` : customer id → position."""

    known: KnownCompanies
    bar: Bar
    customers: Mapping[str, int]
    unknown_share: float = FIRST_UNKNOWN_SHARE

    def link_sides(self, sides: Sequence[Side]) -> dict[str, Outcome]:
        """Return what each side means; ``known`` learns names, numbers and telephones of what was linked."""
        ordered = sorted(sides, key=lambda s: s.mention_id)
        found: dict[str, Outcome] = {}
        while self._settle(ordered, found, self._by_number):  # a number that one side brings to a customer links others
            pass
        self._settle(ordered, found, None, self._outside_by_number(self._rest(ordered, found)))
        self.unknown_share = self._share_of_unknown(ordered, found)
        self._settle(ordered, found, self._by_registered_name)
        full = [s for s in self._rest(ordered, found) if s.said.name is not None and s.said.name.is_full]
        likely = {s.mention_id: self._by_likelihood(s) for s in full}
        self._settle(full, found, None, {k: o for k, o in likely.items() if o.state is MentionState.LINKED})
        unheard = [(s.mention_id, s.said) for s in self._rest(full, found)]
        self._settle(ordered, found, None, outside_by_name(self.known, unheard, likely))
        self._settle(ordered, found, None, {s.mention_id: self._by_likelihood(s) for s in self._rest(ordered, found)})
        return found

    def _rest(self, sides: Iterable[Side], found: Mapping[str, Outcome]) -> list[Side]:
        """Return the sides on which nothing has been said yet."""
        return [s for s in sides if s.mention_id not in found]

    def _settle(
        self, sides: Sequence[Side], found: dict[str, Outcome], rule: Callable[[Side], Outcome | None] | None,
        told: Mapping[str, Outcome] | None = None,
    ) -> bool:  # fmt: skip
        """Take what a rule says of the sides that are left, and only then learn from all that was linked; whether it said anything."""
        said = dict(told or {})
        if rule is not None:
            said |= {s.mention_id: o for s in self._rest(sides, found) if (o := rule(s)) is not None}
        found.update(said)
        for side in sides:
            outcome = said.get(side.mention_id)
            if outcome is not None and outcome.state is MentionState.LINKED:
                self.known.learn(outcome.company, side.said)
        return bool(said)

    def _by_number(self, side: Side) -> Outcome | None:
        """Return what the source's key and a valid number say; None where they say nothing."""
        of_key = self.customers.get(side.customer_id, -1)
        holders = self.known.by_organisation.get(side.said.organisation, set()) if side.said.organisation else set()
        if of_key >= 0:
            has_other = side.said.organisation and self.known.all[of_key].organisations and of_key not in holders
            if has_other or (holders and of_key not in holders) or self._is_other_branch(side, of_key):
                return Outcome(-1, of_key, MentionState.REVIEW, "customer_number", 0.5)
            return Outcome(of_key, of_key, MentionState.LINKED, "customer_number", CERTAIN["customer_number"])
        if not holders:
            return None
        if len(holders) > 1:
            return Outcome(-1, min(holders), MentionState.REVIEW, "tax_id", 1.0 / len(holders))
        (holder,) = holders
        rule = "tax_id" if side.said.uscc else "old_tax_id"
        if self._is_other_branch(side, holder):
            return Outcome(-1, holder, MentionState.REVIEW, rule, 0.5)
        return Outcome(holder, self._namesake(side, holder), MentionState.LINKED, rule, CERTAIN[rule])

    def _namesake(self, side: Side, holder: int) -> int:
        """Return the customer without a number that has this side's registered name: it may be the same company, entered twice."""
        name = side.said.name
        others = self.known.by_key.get(name.key, set()) - {holder} if name is not None and name.is_full else set()
        twins = [at for at in sorted(others) if self.known.all[at].customer_id and not self.known.all[at].organisations]
        return twins[0] if len(twins) == 1 else holder

    def _is_other_branch(self, side: Side, at: int) -> bool:
        """Whether a side names a branch and the company is not that branch: a branch is never its head."""
        names = self.known.all[at].names
        return (
            side.said.name is not None
            and side.said.name.is_branch
            and bool(names)
            and all(n.branch != side.said.name.branch for n in names)
        )

    def _outside_by_number(self, sides: Sequence[Side]) -> dict[str, Outcome]:
        """Return outcomes of sides with numbers that no one has: a customer without a number, or an outside company each."""
        groups: dict[str, list[Side]] = defaultdict(list)
        for side in sides:
            if side.said.organisation:
                groups[side.said.organisation].append(side)
        wanted = {number: self._nameless_holder(members) for number, members in sorted(groups.items())}
        n_claims: dict[int, int] = defaultdict(int)
        for holder in wanted.values():
            n_claims[holder] += 1
        found: dict[str, Outcome] = {}
        for number, members in sorted(groups.items()):
            holder = wanted[number]
            if holder >= 0 and n_claims[holder] == 1:
                outcome = Outcome(holder, holder, MentionState.LINKED, "registered_name", self._sure(members, holder))
            else:
                at = self.known.add()
                outcome = Outcome(at, at, MentionState.LINKED, "tax_id", CERTAIN["tax_id"])
            found |= {m.mention_id: outcome for m in members}
        return found

    def _nameless_holder(self, members: Sequence[Side]) -> int:
        """Return the one customer without a number that has a registered name of these sides, -1 where there is none or several."""
        holders = {
            at
            for m in members
            if m.said.name is not None and m.said.name.is_full
            for at in self.known.by_key.get(m.said.name.key, ())
        }
        return (
            next(iter(holders))
            if len(holders) == 1 and not any(self.known.all[at].organisations for at in holders)
            else -1
        )

    def _sure(self, members: Sequence[Side], at: int) -> float:
        """Return how likely the best of several sides means a company."""
        return max(self._posterior(self.known.ratios(m.said)).get(at, 0.0) for m in members)

    def _share_of_unknown(self, sides: Sequence[Side], found: Mapping[str, Outcome]) -> float:
        """Return how often an invoice names a company for the first time (Good and Turing: as often as companies are named once)."""
        documents: dict[int, int] = defaultdict(int)
        for side in sides:
            outcome = found.get(side.mention_id)
            if outcome is not None and outcome.company >= 0:
                documents[outcome.company] += side.n_documents
        once = sum(n == 1 and not self.known.all[at].customer_id for at, n in documents.items())
        total = sum(documents.values())
        return max(
            (once + self.unknown_share * UNKNOWN_GUESS_WEIGHT) / (total + UNKNOWN_GUESS_WEIGHT), LOWEST_UNKNOWN_SHARE
        )

    def _by_registered_name(self, side: Side) -> Outcome | None:
        """Return the one company that has a side's registered name; for review where several have it; None where nobody has."""
        name = side.said.name
        holders = sorted(self.known.by_key.get(name.key, ())) if name is not None and name.is_full else []
        possible = [h for h in holders if self.known.likelihood(side.said, h)[0] > 0.0]
        if not possible:
            return None
        if len(possible) > 1:
            return Outcome(-1, possible[0], MentionState.REVIEW, "registered_name", 1.0 / len(possible))
        return self.bar.judge(self._posterior(self.known.ratios(side.said)), ("registered_name",))

    def _posterior(self, ratios: Ratios) -> dict[int, float]:
        """Return how likely a side means each company that it may mean."""
        prior = (1.0 - self.unknown_share) / max(len(self.known), 1)
        total = self.unknown_share + prior * (sum(r for _, r, _ in ratios.of) + ratios.n_rest * ratios.rest)
        return {at: prior * ratio / total for at, ratio, _ in ratios.of}

    def _by_likelihood(self, side: Side) -> Outcome:
        ratios = self.known.ratios(side.said)
        posterior = self._posterior(ratios)
        if not posterior:
            return NOTHING
        best = likeliest(posterior)
        return self.bar.judge(posterior, next(evidence for at, _, evidence in ratios.of if at == best))


def outside_by_name(
    known: KnownCompanies, said: Sequence[tuple[str, Described]], likely: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Return an outside company for each registered name that nobody has, with what it may be instead kept as candidate.

    Parameters
    ----------
    said : mention id and what it says; only registered names in full make a company.
    likely : mention id → what was made of it before.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for mention_id, told in said:
        if told.name is not None and told.name.is_full and not known.by_key.get(told.name.key):
            groups[told.name.key].append(mention_id)
    found: dict[str, Outcome] = {}
    for _, members in sorted(groups.items()):
        at = known.add()
        for mention_id in sorted(members):
            other = likely.get(mention_id, NOTHING)
            candidate = other.candidate if other.state is MentionState.REVIEW else at
            found[mention_id] = Outcome(at, candidate, MentionState.LINKED, "registered_name", 1.0 - other.probability)
    return found


@dataclass(frozen=True, slots=True)
class NoteLinker:
    """Links names in call notes to companies that are known by then.

    How often callers speak of their own company, its partners, others, or of someone unknown is learned from the notes themselves,
    apart for names whose words speak of others' companies, beginning from ``FIRST_GUESS``.
    """

    known: KnownCompanies
    bar: Bar

    def link(self, names: Sequence[NoteName]) -> dict[str, Outcome]:
        """Return what each name in a note means."""
        ordered = sorted(names, key=lambda n: n.mention_id)
        ratios = [self.known.ratios(n.said, n.related | n.partners) for n in ordered]
        shares = {of_others: self._learn(of_others, ordered, ratios) for of_others in (False, True)}
        return {n.mention_id: self._outcome(n, r, shares[n.is_of_others]) for n, r in zip(ordered, ratios, strict=True)}

    def _learn(self, of_others: bool, names: Sequence[NoteName], ratios: Sequence[Ratios]) -> Shares:  # noqa: FBT001 - the class that is learned
        """Return how names whose words do or do not speak of others' companies share out, by expectation-maximisation."""
        shares = FIRST_GUESS
        for _ in range(N_ROUNDS):
            counts = [g * GUESS_WEIGHT for g in FIRST_GUESS]
            for name, ratio in zip(names, ratios, strict=True):
                if name.is_of_others is of_others:
                    weights, unknown = self._weights(name, ratio, shares)
                    parts = (*(sum(w[i] for w in weights.values()) for i in range(3)), unknown)
                    total = sum(parts)
                    counts = [c + p / total for c, p in zip(counts, parts, strict=True)]
            total = sum(counts)
            shares = (counts[0] / total, counts[1] / total, counts[2] / total, counts[3] / total)
        return shares

    def _weights(
        self, name: NoteName, ratios: Ratios, shares: Shares
    ) -> tuple[dict[int, tuple[float, float, float]], float]:
        """Return per company its weights as the caller's own, as a partner and as anyone; and the weight of all others together."""
        own, partner = (shares[0] if name.related else 0.0), (shares[1] if name.partners else 0.0)
        anyone = shares[2] / max(len(self.known), 1)
        weights = {
            at: (
                ratio * own / len(name.related) if at in name.related else 0.0,
                ratio * partner / len(name.partners) if at in name.partners else 0.0,
                ratio * anyone,
            )
            for at, ratio, _ in ratios.of
        }  # fmt: skip
        return weights, shares[3] + ratios.n_rest * ratios.rest * anyone

    def _outcome(self, name: NoteName, ratios: Ratios, shares: Shares) -> Outcome:
        weights, unknown = self._weights(name, ratios, shares)
        if not weights:
            return NOTHING
        total = unknown + sum(map(sum, weights.values()))
        posterior = {at: sum(w) / total for at, w in weights.items()}
        best = likeliest(posterior)
        evidence = next(e for at, _, e in ratios.of if at == best)
        reason = ("related",) if best in name.related else ("partner",) if best in name.partners else ()
        return self.bar.judge(posterior, evidence + reason)


__all__ = ["NOTHING", "Bar", "NoteLinker", "NoteName", "Outcome", "Side", "SideLinker", "outside_by_name"]
