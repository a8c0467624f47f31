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
from zhike.kernel.terms import Text

CERTAIN = {"customer_number": 0.9999, "tax_id": 0.9999, "old_tax_id": 0.9995, "registered_name": 0.999}
ALONE, MUCH_SURER = frozenset({"trade", "trade_short", "core", "core_slip"}), 20.0
Shares = tuple[float, float, float, float]
FIRST_GUESS: Shares = (
    0.5,
    0.2,
    0.15,
    0.15,
)  # how often a name in a note means the caller's own company, its partner, another, an unknown one
GUESS_WEIGHT = 20.0  # mentions that the first guess counts for
N_ROUNDS, MOST_LEARNED_FROM = 12, 4_000
FIRST_UNKNOWN_SHARE, LOWEST_UNKNOWN_SHARE, UNKNOWN_GUESS_WEIGHT = 0.2, 0.02, 20.0
EVIDENCE: Mapping[str, Text] = {
    "override": Text("人工判定", "An officer decided"),
    "customer_number": Text("来源系统自己的客户号", "The source's own key of a customer"),
    "tax_id": Text("有效税号相同", "Same valid taxpayer number"),
    "old_tax_id": Text("15位旧税号的组织机构代码相同", "An old number of 15 digits with the same organisation code"),
    "registered_name": Text("登记全称相同", "Same registered name"),
    "tax_id_slip": Text("税号差一个字符，名称相符", "A taxpayer number one character off, and a name that fits"),
    "phone": Text("电话相同，名称相符", "Same telephone, and a name that fits"),
    "related": Text("来电人所属企业，简称相符", "The caller's own company, by a short name"),
    "partner": Text("来电人企业的往来单位，简称相符", "A company that the caller's trades with, by a short name"),
    "region": Text("地区与字号相符", "Same place and core name"),
    "region_near": Text("上级或下级地区与字号相符", "Core name in a place that holds the other's or lies in it"),
    "trade": Text("字号与行业词相同", "Same core name and trade words"),
    "trade_short": Text("字号相同，行业词为其缩写", "Same core name, trade words cut short"),
    "core": Text("仅字号相同", "Same core name only"),
    "core_slip": Text("字号音近或形近", "A core name that sounds or looks alike"),
}
"""What may link a mention, strongest first. A name counts by all its parts; the strongest of them gives the word."""


@dataclass(frozen=True, slots=True)
class Side:
    """One distinct side of invoices. ``customer_id`` : whose the source's own key is, "" where it has none or it is unknown.

    ``decided`` : the company that an officer said is meant, -1; ``denied`` : companies that an officer said are not.
    """

    mention_id: str
    said: Described
    customer_id: str
    n_documents: int
    decided: int = -1
    denied: Set[int] = frozenset()


@dataclass(frozen=True, slots=True)
class NoteName:
    """One name in a call note, with the companies that the caller belongs to (``related``) and that these trade with.

    ``is_of_others`` : the words beside it speak of somebody else's company (supplier, neighbour, debtor). ``is_guess`` : it may be no
    name at all; nothing is learned from it.
    """

    mention_id: str
    said: Described
    related: Set[int]
    partners: Set[int]
    is_of_others: bool
    is_guess: bool = False
    decided: int = -1
    denied: Set[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mention means: ``company`` when linked (-1 otherwise), ``candidate`` the likeliest (-1 none), how likely, by what."""

    company: int
    candidate: int
    state: MentionState
    linked_by: str
    probability: float


def decided(company: int) -> Outcome:
    """Return what an officer decided."""
    return Outcome(company, company, MentionState.LINKED, "override", 1.0)


NOTHING = Outcome(-1, -1, MentionState.UNLINKED, "", 0.0)


def likeliest(posterior: Mapping[int, float]) -> int:
    """Return the company of the highest probability; of equals the first."""
    return max(posterior, key=lambda at: (posterior[at], -at))


@dataclass(frozen=True, slots=True)
class Bar:
    """From which probability a mention is linked by itself, and from which an officer is asked.

    A name for which neither place, number, telephone nor caller speaks (``ALONE``) is linked only where a ``MUCH_SURER``-th of the
    doubt is left: many companies that nobody has named yet share it.
    """

    link_from: float
    review_from: float

    def judge(self, posterior: Mapping[int, float], evidence: tuple[str, ...]) -> Outcome:
        """Return the likeliest company as linked, for review, or as nothing."""
        best = likeliest(posterior)
        probability = posterior[best]
        rule = next((r for r in EVIDENCE if r in evidence), "core")
        doubt = (1.0 - self.link_from) / (MUCH_SURER if rule in ALONE else 1.0)
        if probability >= 1.0 - doubt:
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
        """Return what an officer, the source's key or a valid number says; None where they say nothing."""
        if side.decided >= 0:
            return decided(side.decided)
        outcome = self._of_number(side)
        return NOTHING if outcome is not None and outcome.company in side.denied else outcome

    def _of_number(self, side: Side) -> Outcome | None:
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
        possible = [h for h in holders if h not in side.denied and self.known.likelihood(side.said, h)[0] > 0.0]
        if not possible:
            return None
        if len(possible) > 1:
            return Outcome(-1, possible[0], MentionState.REVIEW, "registered_name", 1.0 / len(possible))
        return self.bar.judge(self._posterior(self.known.ratios(side.said).without(side.denied)), ("registered_name",))

    def _posterior(self, ratios: Ratios) -> dict[int, float]:
        """Return how likely a side means each company that it may mean."""
        prior = (1.0 - self.unknown_share) / max(len(self.known), 1)
        total = self.unknown_share + prior * (sum(r for _, r, _ in ratios.of) + ratios.n_rest * ratios.rest)
        return {at: prior * ratio / total for at, ratio, _ in ratios.of}

    def _by_likelihood(self, side: Side) -> Outcome:
        ratios = self.known.ratios(side.said).without(side.denied)
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
            found[mention_id] = Outcome(
                at, candidate, MentionState.LINKED, "registered_name", CERTAIN["registered_name"]
            )
    return found


@dataclass(frozen=True, slots=True)
class NoteLinker:
    """Links names in call notes to companies that are known by then.

    How often callers speak of their own company, its partners, others, or of someone unknown is learned from the notes themselves,
    apart for names whose words speak of others' companies and for callers who have no company, beginning from ``FIRST_GUESS``.
    """

    known: KnownCompanies
    bar: Bar

    def link(self, names: Sequence[NoteName]) -> dict[str, Outcome]:
        """Return what each name in a note means."""
        ordered = sorted(names, key=lambda n: n.mention_id)
        ratios = [self.known.ratios(n.said, n.related | n.partners).without(n.denied) for n in ordered]
        classes = [(n.is_of_others, bool(n.related)) for n in ordered]
        sure = [i for i, n in enumerate(ordered) if not n.is_guess]
        shares = {c: self._learn([i for i in sure if classes[i] == c], ordered, ratios) for c in sorted(set(classes))}
        return {n.mention_id: self._outcome(n, r, shares[c]) for n, r, c in zip(ordered, ratios, classes, strict=True)}

    def _learn(self, mine: Sequence[int], names: Sequence[NoteName], ratios: Sequence[Ratios]) -> Shares:
        """Return how the names of one class share out, by expectation-maximisation."""
        shares = FIRST_GUESS
        for _ in range(N_ROUNDS):
            counts = [g * GUESS_WEIGHT for g in FIRST_GUESS]
            for at in mine[:MOST_LEARNED_FROM]:  # ids are hashes: the first of them are a fair sample
                weights, unknown = self._weights(names[at], ratios[at], shares)
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
        if name.decided >= 0:
            return decided(name.decided)
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
