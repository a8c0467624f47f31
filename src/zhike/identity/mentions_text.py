"""Company names in free text: core names that are known, as far as they are written out, and names that end in a legal form.

An automaton finds known core names; each hit is read on to both sides: the place before it, trade, legal form and branch behind.
Precision before recall: a bare core name counts only where the words beside it say that a company is meant, a word of everyday
language only beside 上班, 公司 or the like, and a name inside a longer word never. The words stand in ``company_words.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import ahocorasick

from zhike.identity.standard.companies import CompanyWords, aligned_text, company_words
from zhike.identity.standard.places import Places, official_places, places_with

TRADING, LONGEST_GUESS = ("下游", "上游", "供应商", "的客户"), 8
SHORTEST_CORE, LONGEST_CORE, LONGEST_NAME, LONGEST_PLACE, LONGEST_TAIL, LONGEST_BRANCH = 2, 4, 24, 12, 20, 12
CLAUSE_ENDS, WORDS_BESIDE = "，。！？；,.!?;", 10
FORM_STARTS = ("有限", "公司", "集团", "咨询", "股份")
PUNCTUATION = frozenset("，。！？；：、,.!?;:\"'“”‘’（）()【】[]《》<>…—-~～ \n\t　/\\|+")


@dataclass(frozen=True, slots=True)
class Found:
    """One company name in a text: where it starts and ends (characters), and the text between as written.

    ``is_of_others`` : the words beside it speak of a supplier, a debtor, a neighbour: of somebody else's company. ``is_guess`` : nothing
    but the words around it says that it is a name; of use only where it resembles one that is known.
    """

    start: int
    end: int
    written: str
    is_of_others: bool = False
    is_guess: bool = False


class NameFinder:
    """Finds company names in texts.

    Parameters
    ----------
    cores : core names of known companies; short names that everybody uses (建行) are added.
    trades : trade words of known companies, besides the common ones.
    own_places : code → name of places that the official table lacks.
    """

    def __init__(
        self, cores: Iterable[str], trades: Iterable[str] = (), own_places: Mapping[str, str] | None = None
    ) -> None:
        self._words: CompanyWords = company_words()
        self._places: Places = places_with(own_places) if own_places else official_places()
        words = {c for c in cores if len(c) >= SHORTEST_CORE and not c.isascii()} | set(self._words.aliases)
        self._automaton = ahocorasick.Automaton()
        for word in sorted(words):
            self._automaton.add_word(word, word)
        self._automaton.make_automaton()
        told = [t for t in trades if t and not t.isascii()]
        self._tails = frozenset(
            (*self._words.trades, *told, *(t[:2] for t in told), *self._words.groups, *self._words.forms)
        )
        self._tail_starts, self._longest_tail = frozenset(t[0] for t in self._tails), max(map(len, self._tails))

    def find(self, text: str) -> list[Found]:
        """Return the company names in a text, in order and without overlaps; the longest where several fit."""
        plain = aligned_text(text)
        known = [self._read_on(plain, end - len(word) + 1, end + 1) for end, word in self._automaton.iter(plain)]
        kept: list[tuple[int, int, bool]] = []
        sure = ([span for span in known if span is not None], self._by_form(plain), self._by_place_and_trade(plain))
        for candidates, is_guess in (
            (sure[0], False),
            (sure[1], False),
            (sure[2], False),
            (self._by_frame(plain), True),
        ):
            for start, end in sorted(candidates, key=lambda span: (span[0] - span[1], span[0])):
                if all(end <= s or start >= e for s, e, _ in kept):
                    kept.append((start, end, is_guess))
        return [Found(s, e, text[s:e], self._is_of_others(plain, s, e), is_guess) for s, e, is_guess in sorted(kept)]

    def _is_of_others(self, text: str, start: int, end: int) -> bool:
        """Whether the words of the same clause, close by, speak of somebody else's company."""
        before, after = text[max(start - WORDS_BESIDE, 0) : start], text[end : end + WORDS_BESIDE]
        stop_before = max((before.rfind(p) for p in CLAUSE_ENDS), default=-1)
        stop_after = min((at for p in CLAUSE_ENDS if (at := after.find(p)) >= 0), default=len(after))
        clause = before[stop_before + 1 :], after[:stop_after]
        return any(w in clause[0] for w in self._words.others_before) or any(
            w in clause[1] for w in self._words.others_after
        )

    def _read_on(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        """Return the whole name around a known core; None where it is no company's, or part of a longer word."""
        place, tail = self._place_before(text, start), self._tail(text, end)
        if not self._begins(text, place):
            return None
        if tail == end and not self._is_company(text, start, end, has_place=place < start):
            return None
        has_form = text[:tail].endswith(("公司", "合伙企业", "合作社"))
        if tail > end and not has_form and not self._ends(text, tail):
            return None
        return place, tail

    def _tail(self, text: str, at: int) -> int:
        """Return where the trade words, legal form and branch that follow end; ``at`` where there are none."""
        here, stop = at, min(len(text), at + LONGEST_TAIL)
        while here < stop and text[here] in self._tail_starts:
            most = min(self._longest_tail, len(text) - here)
            longest = next((n for n in range(most, 1, -1) if text[here : here + n] in self._tails), 0)
            if not longest or (
                text[here : here + longest] in self._words.also_people
                and text[here + longest : here + longest + 2] not in FORM_STARTS
            ):
                break
            here += longest
        return self._branch(text, here)

    def _branch(self, text: str, at: int) -> int:
        """Return where a branch that follows a company's name ends; ``at`` where none does."""
        if not text[:at].endswith(("公司", "行")):
            return at
        for word in self._words.branch_words:
            found = text.find(word, at, at + LONGEST_BRANCH)
            if found >= 0 and not PUNCTUATION & set(text[at:found]) and self._is_branch_of(text[at:found]):
                return found + len(word)
        return at

    def _is_branch_of(self, between: str) -> bool:
        """Whether what stands between a company and the word for a branch is a place or a number."""
        bare = between.rstrip("一二三四五六七八九十").removesuffix("第")
        return not bare or bare in self._places.codes or bare in self._places.inner

    def _place_before(self, text: str, start: int) -> int:
        """Return where the places that stand before a name begin; ``start`` where none does."""
        here = start
        while longest := next(
            (n for n in range(min(LONGEST_PLACE, here), 1, -1) if text[here - n : here] in self._places.codes), 0
        ):
            here -= longest
        return here

    def _begins(self, text: str, at: int) -> bool:
        """Whether a name can begin here."""
        return at == 0 or text[at - 1] in PUNCTUATION or text[:at].endswith(self._words.before_names)

    def _ends(self, text: str, at: int) -> bool:
        """Whether a name can end here."""
        return (
            at == len(text)
            or text[at] in PUNCTUATION
            or text.startswith(self._words.after_names, at)
            or self._is_titled(text, at)
        )

    def _is_titled(self, text: str, at: int) -> bool:
        """Whether somebody with a surname and a title follows: 王总, 的欧阳经理."""
        at += text.startswith("的", at)
        return any(
            text.startswith(self._words.titles, at + length)
            for length in (1, 2)
            if PUNCTUATION.isdisjoint(text[at : at + length])
        )

    def _is_company(self, text: str, start: int, end: int, *, has_place: bool) -> bool:
        """Whether a bare core name is meant as a company by the words beside it."""
        if text.startswith(self._words.after_companies, end) or self._is_titled(text, end):
            return True
        before = text[: self._place_before(text, start)]
        is_led_to = before.endswith(self._words.before_companies)
        is_common = text[start:end] in self._words.common_words
        is_told = (
            (is_led_to and (has_place or before.endswith(self._words.surely_before)))
            if is_common
            else (is_led_to or has_place)
        )
        return (is_told and self._ends(text, end)) or self._is_trading(text, end)

    def _is_trading(self, text: str, end: int) -> bool:
        """Whether the clause goes on to say that who was named supplies somebody or buys from him: 是…的下游客户."""
        clause = text[end : end + LONGEST_NAME]
        stop = min((at for p in CLAUSE_ENDS if (at := clause.find(p)) >= 0), default=len(clause))
        return clause.startswith("是") and any(w in clause[:stop] for w in TRADING)

    def _by_frame(self, text: str) -> list[tuple[int, int]]:
        """Return what stands where a company is named (在…上班) and is no word that means none."""
        found = []
        for frame in self._words.frames:
            before, after = frame.split("|")
            at = text.find(after)
            while at >= 0:
                start = text.rfind(before, max(0, at - LONGEST_GUESS - len(before)), at) + len(before)
                if start >= len(before) and at - start >= SHORTEST_CORE and self._is_guess(text[start:at]):
                    found.append((start, at))
                at = text.find(after, at + len(after))
        return found

    def _is_guess(self, between: str) -> bool:
        """Whether a few characters can be a name: Chinese, no place, no word of everyday language or of no company."""
        words = self._words
        return (
            PUNCTUATION.isdisjoint(between) and not any(w in between for w in words.no_names) and between not in self._places.codes
            and between not in words.common_words and between not in words.trades and between not in self._places.inner
        )  # fmt: skip

    def _by_place_and_trade(self, text: str) -> list[tuple[int, int]]:
        """Return names that no one knows yet, or that were misspelt: a few characters between a place and trade words."""
        found = []
        for at in range(len(text) - SHORTEST_CORE):
            if text[at : at + 2] not in self._places.lengths or not self._begins(text, at):
                continue
            here = at
            while (place := self._places.at(text, here, "")) is not None:
                here = min(place[0], len(text))
            for core in range(here + SHORTEST_CORE, min(here + LONGEST_CORE, len(text)) + 1):
                tail = self._tail(text, core)
                if here > at and tail > core and self._ends(text, tail) and PUNCTUATION.isdisjoint(text[here:core]):
                    found.append((at, tail))
                    break
        return found

    def _by_form(self, text: str) -> list[tuple[int, int]]:
        """Return names that no one knows yet: what ends in a legal form, from a place or from behind the last word that leads to a name."""
        found = []
        for form in self._words.ending_forms:
            at = text.find(form)
            while at >= 0:
                start = self._start_of(text, at)
                if at - start >= SHORTEST_CORE:
                    found.append((start, self._branch(text, at + len(form))))
                at = text.find(form, at + len(form))
        return found

    def _start_of(self, text: str, form: int) -> int:
        """Return where the name that ends with a legal form at ``form`` begins."""
        start = max(0, form - LONGEST_NAME)
        start = max((i + 1 for i in range(start, form) if text[i] in PUNCTUATION), default=start)
        for at in range(start, form - SHORTEST_CORE):
            if (
                text[at : at + 2] in self._places.lengths
                and self._begins(text, at)
                and self._places.at(text, at, "") is not None
            ):
                return at
        cuts = [
            at + len(w)
            for w in self._words.leading_words
            for at in [text.rfind(w, start, form - SHORTEST_CORE)]
            if at >= 0
        ]
        return max(cuts, default=start)


__all__ = ["Found", "NameFinder"]
