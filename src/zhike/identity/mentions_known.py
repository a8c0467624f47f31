"""The companies that a mention may mean, and how likely it is that it means each of them.

For a mention the hypotheses are each known company, and a company that nobody has named before. A company's weight is its prior
times how likely it would be written like this, over how likely a company unknown would be: common names, trades and places say
little, rare ones much. What each level is worth is a table (``WORTH``); how common things are is counted in what is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from zhike.identity.standard.companies import CompanyName, core_shape, core_sound
from zhike.identity.standard.places import is_inside, stem

SHORTEST_CORE = 2
FEWEST = 2  # a company counts itself, and at least so many are needed to say what is common
# How often a company's name, written by somebody, shows each level of agreement with what is known of it.
WORTH: Mapping[str, float] = {
    "core_same": 0.97, "core_slip": 0.012, "trade_same": 0.9, "trade_short": 0.4, "trade_class": 0.02, "trade_other": 0.001,
    "region_same": 0.9, "region_near": 0.7, "region_other": 0.0005, "form_other": 0.05,
    "phone_same": 0.9, "number_slip": 0.9, "number_other": 0.02,
}  # fmt: skip
# How likely an unknown company has this telephone (agents give theirs), a number one slip away, this number.
PHONE_OF_UNKNOWN, NEAR_NUMBER_OF_UNKNOWN, NUMBER_OF_UNKNOWN = 1e-3, 1e-4, 1e-6
REGISTERED_TWICE = 1e-2  # how likely one of that core, trade and place has the very same name: the registry refuses it
CORES_BEFORE, HALF = 300, 0.5  # companies taken to have been seen before, and what a thing never seen counts
LONGEST_TRADE = 8
MANY = 64  # companies of one core name: where there are more, only those of the trade that was said are looked at


@dataclass(slots=True)
class KnownCompany:
    """One company: a customer, or one that is only mentioned. Sets grow while mentions are linked to it."""

    customer_id: str
    names: list[CompanyName] = field(default_factory=list)
    organisations: set[str] = field(default_factory=set)
    usccs: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Described:
    """What a mention says of the company it means; "" where it says nothing."""

    name: CompanyName | None
    number: str = ""
    uscc: str = ""
    organisation: str = ""
    phone: str = ""
    former: CompanyName | None = None


@dataclass(frozen=True, slots=True)
class Ratios:
    """Companies that a mention may mean: (company, likelihood over that of an unknown one, evidence).

    ``n_rest`` more fit a bare core name and are not told apart; each of them has the ratio ``rest``.
    """

    of: tuple[tuple[int, float, tuple[str, ...]], ...]
    n_rest: int = 0
    rest: float = 0.0

    def without(self, denied: Set[int]) -> Ratios:
        """Return the companies that an officer has not ruled out."""
        return Ratios(tuple(f for f in self.of if f[0] not in denied), self.n_rest, self.rest) if denied else self


class KnownCompanies:
    """All known companies, found by number, key, core, sound, shape or telephone."""

    def __init__(self) -> None:
        self.all: list[KnownCompany] = []
        self.by_key: dict[str, set[int]] = defaultdict(set)
        self.by_organisation: dict[str, set[int]] = defaultdict(set)
        self.by_core: dict[str, set[int]] = defaultdict(set)
        self._by_slip: dict[str, set[int]] = defaultdict(set)
        self._by_trade: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.by_phone: dict[str, set[int]] = defaultdict(set)
        self._by_uscc_part: dict[str, set[int]] = defaultdict(set)
        self._n_trade: Counter[str] = Counter()
        self._n_class: Counter[str] = Counter()
        self._n_region: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.all)

    def add(self, customer_id: str = "") -> int:
        """Add a company and return its position."""
        self.all.append(KnownCompany(customer_id))
        return len(self.all) - 1

    def learn(self, at: int, said: Described, *, region: str = "") -> None:
        """Add what is said of a company to what is known of it."""
        company = self.all[at]
        for name in (said.name, said.former):
            if name is not None and name.core and name.key not in {n.key for n in company.names}:
                self._learn_name(at, company, name)
        if said.organisation:
            company.organisations.add(said.organisation)
            self.by_organisation[said.organisation].add(at)
        if said.uscc:
            company.usccs.add(said.uscc)
            for part in _halves(said.uscc):
                self._by_uscc_part[part].add(at)
        if said.phone:
            company.phones.add(said.phone)
            self.by_phone[said.phone].add(at)
        if region and region not in company.regions:
            company.regions.add(region)

    def _learn_name(self, at: int, company: KnownCompany, name: CompanyName) -> None:
        company.names.append(name)
        self.by_key[name.key].add(at)
        if at not in self.by_core[name.core]:
            self.by_core[name.core].add(at)
            for slip in _slips(name.core):
                self._by_slip[slip].add(at)
        self._by_trade[(name.core, name.trade[:2])].add(at)
        self._by_trade[(name.core, name.trade_class)].add(at)
        for end in range(1, min(len(name.trade), LONGEST_TRADE) + 1):
            self._n_trade[name.trade[:end]] += 1
        self._n_class[name.trade_class] += 1
        if name.region:
            company.regions.add(name.region)
            for end in (2, 4, 6):
                self._n_region[name.region[:end]] += 1

    def candidates(self, said: Described) -> set[int]:
        """Return the companies that a mention may mean at all."""
        found: set[int] = set()
        if said.organisation:
            found |= self.by_organisation.get(said.organisation, set())
        elif said.number:
            for part in _halves(said.number):
                found |= self._by_uscc_part.get(part, set())
        if said.phone and len(self.by_phone.get(said.phone, ())) == 1:
            found |= self.by_phone[said.phone]
        name = said.name
        if name is None or not name.core:
            return found
        body = name.core + name.trade
        for end in range(SHORTEST_CORE, len(body) + 1):
            mine = self.by_core.get(body[:end])
            if mine is None:
                continue
            if len(mine) <= MANY and end == len(name.core):
                found |= mine
            elif rest := body[end:]:
                found |= self._by_trade.get((body[:end], rest[:2]), set())
                if end == len(name.core):
                    found |= self._by_trade.get((name.core, name.trade_class), set())
            else:
                found |= mine
        for slip in _slips(name.core):
            alike = self._by_slip.get(slip, set())
            found |= alike if len(alike) <= MANY else set()
        return found

    def likelihood(self, said: Described, at: int) -> tuple[float, tuple[str, ...]]:
        """Return how much likelier a mention is if it means this company than if it means an unknown one, and by which evidence.

        0.0 where it cannot mean it: another valid number, a branch instead of its head.
        """
        company = self.all[at]
        ratio, evidence = self._of_number(said, company)
        if ratio == 0.0:
            return 0.0, evidence
        if said.name is not None and said.name.core and company.names:
            best = max((self._of_name(said.name, name, company) for name in company.names), key=lambda found: found[0])
            ratio *= best[0]
            evidence += best[1]
        if said.phone and company.phones:
            n_sharing = max(len(self.by_phone.get(said.phone, ())), 1)
            if said.phone in company.phones:
                ratio *= WORTH["phone_same"] / PHONE_OF_UNKNOWN / n_sharing**2
                evidence += ("phone",)
        return ratio, evidence

    def _of_number(self, said: Described, company: KnownCompany) -> tuple[float, tuple[str, ...]]:
        if said.organisation and company.organisations:
            if said.organisation in company.organisations:
                return 1.0 / NUMBER_OF_UNKNOWN, ("tax_id",)
            return 0.0, ("other_tax_id",)
        if said.number and company.usccs:
            if any(OSA.distance(said.number, u, score_cutoff=1) <= 1 for u in company.usccs):
                return WORTH["number_slip"] / NEAR_NUMBER_OF_UNKNOWN, ("tax_id_slip",)
            return WORTH["number_other"], ("other_tax_id",)
        return 1.0, ()

    def _of_name(self, said: CompanyName, known: CompanyName, company: KnownCompany) -> tuple[float, tuple[str, ...]]:
        if said.branch != known.branch:
            return 0.0, ("other_branch",)
        if said.key == known.key and said.is_full:
            of_trade = self._share(self._n_trade, said.trade[:LONGEST_TRADE]) if said.trade else 1.0
            chance = self._share_of_core(said.core) * of_trade * self._share(self._n_region, stem(said.region))
            return WORTH["core_same"] / (chance * REGISTERED_TWICE), ("registered_name",)
        ratio, evidence, trade = self._of_core(said, known)
        if ratio == 0.0:
            return ratio, evidence
        worth, level = self._of_trade(trade, said, known)
        ratio *= worth
        evidence += level
        worth, level = self._of_region(said.region, company)
        ratio *= worth
        evidence += level
        if (
            said.legal_form
            and known.legal_form
            and said.legal_form != known.legal_form
            and "company" not in (said.legal_form, known.legal_form)
        ):
            ratio *= WORTH["form_other"]
        return ratio, evidence

    def _of_core(self, said: CompanyName, known: CompanyName) -> tuple[float, tuple[str, ...], str]:
        """Return what the core is worth, its level, and the trade that is left of the name said."""
        body = said.core + said.trade
        if said.core == known.core:
            return WORTH["core_same"] / self._share_of_core(known.core), ("core",), said.trade
        if body.startswith(known.core) and known.trade.startswith(body[len(known.core) :]):
            return WORTH["core_same"] / self._share_of_core(known.core), ("core",), body[len(known.core) :]
        if core_sound(said.core) == core_sound(known.core) or core_shape(said.core) == core_shape(known.core):
            return WORTH["core_slip"] / self._share_of_core(said.core), ("core_slip",), said.trade
        return 0.0, ("other_core",), ""

    def _of_trade(self, trade: str, said: CompanyName, known: CompanyName) -> tuple[float, tuple[str, ...]]:
        if not trade or not known.trade:
            return 1.0, ()
        if trade == known.trade:
            return WORTH["trade_same"] / self._share(self._n_trade, trade[:LONGEST_TRADE]), ("trade",)
        if known.trade.startswith(trade) or trade.startswith(known.trade):
            return WORTH["trade_short"] / self._share(self._n_trade, min(trade, known.trade, key=len)), ("trade_short",)
        if said.trade_class and said.trade_class == known.trade_class:
            return min(WORTH["trade_class"] / self._share(self._n_class, said.trade_class), 1.0), ("trade_class",)
        return WORTH["trade_other"] / self._share(self._n_trade, trade[:LONGEST_TRADE]), ("other_trade",)

    def _of_region(self, region: str, company: KnownCompany) -> tuple[float, tuple[str, ...]]:
        if not region or not company.regions:
            return 1.0, ()
        share = self._share(self._n_region, stem(region))
        if region in company.regions:
            return WORTH["region_same"] / share, ("region",)
        if any(is_inside(region, r) or is_inside(r, region) for r in company.regions):
            return WORTH["region_near"] / share, ("region_near",)
        return WORTH["region_other"] / share, ("other_region",)

    def _share(self, counts: Counter[str], value: str) -> float:
        """Return how common a value is, never 0: half a company more than known has it."""
        total = max(len(self.all), FEWEST)
        return (counts[value] + HALF) / (total + 1.0)

    def _share_of_core(self, core: str) -> float:
        """Return how common a core name is among other companies than the one that has it.

        As if ``CORES_BEFORE`` companies had been seen before: of few companies, none other having a name says little.
        """
        n_others = max(len(self.by_core.get(core, ())) - 1, 0)
        return (n_others + HALF) / (len(self.all) + CORES_BEFORE)

    def ratios(self, said: Described, expected: Set[int] = frozenset()) -> Ratios:
        """Return the companies that a mention may mean, each with its likelihood over that of an unknown company.

        Where a bare core name fits more than ``MANY``, only those ``expected`` are told apart and the rest are counted together.
        """
        possible = sorted(self.candidates(said))
        n_rest, rest = 0, 0.0
        if len(possible) > MANY and said.name is not None and not said.name.trade:
            near = [at for at in possible if at in expected or self._is_near(said, said.name, at)]
            n_rest, rest = len(possible) - len(near), WORTH["core_same"] / self._share_of_core(said.name.core)
            possible = near
        found = [(at, *self.likelihood(said, at)) for at in possible]
        return Ratios(tuple(f for f in found if f[1] > 0.0), n_rest, rest)

    def _is_near(self, said: Described, name: CompanyName, at: int) -> bool:
        """Whether more than a core name speaks for a company: its place, number, telephone or registered name."""
        company = self.all[at]
        regions = company.regions if name.region else ()
        return (
            any(is_inside(name.region, r) or is_inside(r, name.region) for r in regions) or at in self.by_key.get(name.key, ())
            or (said.phone != "" and said.phone in company.phones) or (said.number != "" and bool(company.usccs))
        )  # fmt: skip


def _slips(core: str) -> tuple[str, str]:
    return "s" + core_sound(core), "f" + core_shape(core)


def _halves(number: str) -> tuple[str, ...]:
    """Return parts of a number of which one stays whole when one character slips."""
    return ("a" + number[:9], "b" + number[9:]) if len(number) == 18 else ()


__all__ = ["Described", "KnownCompanies", "KnownCompany", "Ratios"]
