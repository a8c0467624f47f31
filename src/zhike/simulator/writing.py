"""How people write the name and number of a company: in full, in short, in another form, with slips. Each from one word of chance.

Shares are per thousand, rough guesses of what invoice and call-centre desks see; nothing here knows how names are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from zhike.simulator.companies import Company, company_words

# A registered name on an invoice or in a system, in thousandths; what is left over is written as registered.
PLACE_IN_FULL, PLACE_DROPPED, WITHOUT_FORM, OTHER_FORM, BROKEN_FORM = 40, 20, 15, 20, 10
TRADITIONAL, SPACED, SLIP = 20, 25, 12
# A name in a sentence: in full, without its legal form, core and trade, place and core; the rest core only. Whoever shares what
# is being talked of says less.
SAID_TO_INSIDERS, SAID_TO_OTHERS, SAID_TO_STRANGERS = (140, 180, 380, 80), (200, 260, 400, 50), (250, 350, 300, 40)
SAID_WRONGLY = 15
# A tax number: the old one of 15 digits, one with a slip, none; the rest as registered.
OLD_NUMBER, WRONG_NUMBER, NO_NUMBER = 40, 15, 70
LIMITED = "有限公司"
SCANNED = {"公": "么", "司": "可", "有": "冇", "限": "很"}
DIGITS = "0123456789"
TAX_ID_LENGTH = 18


@dataclass(frozen=True, slots=True)
class Said:
    """A name in a sentence and how much of it was said: ``full``, ``with_place``, ``with_trade``, ``place_core`` or ``core``."""

    text: str
    style: str


@cache
def _traditional() -> Any:
    import opencc

    return opencc.OpenCC("s2t")


def _below(number: int, *shares: int) -> int:
    """Return the position of the share that a number of chance falls into; ``len(shares)`` beyond them all."""
    at = number % 1_000
    for position, share in enumerate(shares):
        if at < share:
            return position
        at -= share
    return len(shares)


def written_name(company: Company, number: int, *, is_former: bool = False) -> str:
    """Return a company's name as an invoice or another system has it; ``is_former``: the name it had before."""
    name = company.former if is_former and company.former else company.name
    rest = number // 1_000
    kind = _below(
        number, PLACE_IN_FULL, PLACE_DROPPED, WITHOUT_FORM, OTHER_FORM, BROKEN_FORM, TRADITIONAL, SPACED, SLIP
    )
    if kind == 4:
        return _scanned(name, rest)
    if kind == 5:
        return str(_traditional().convert(name))
    if kind == 6:
        return _spaced(name, company, rest)
    return _slipped(name, company, rest) if kind == 7 else _formal(name, company, kind)


def _formal(name: str, company: Company, kind: int) -> str:
    """Return a name with its place in full, without it, without its legal form, or with the other word for it."""
    body = name.removeprefix(company.registered_place)
    if kind == 0:
        return company.place_in_full + body
    if kind == 1:
        return body
    if kind == 2:
        return name.replace(company.form, "", 1) if company.form and not company.branch else name
    if kind == 3:
        return name.replace("有限责任公司", LIMITED) if "责任" in name else name.replace(LIMITED, "有限责任公司")
    return name


def _scanned(name: str, number: int) -> str:
    """Return a name whose legal form a scanner misread in one character."""
    wanted = list(SCANNED)[number % len(SCANNED)]
    at = name.rfind(wanted)
    return name[:at] + SCANNED[wanted] + name[at + 1 :] if at > 4 else name


def _spaced(name: str, company: Company, number: int) -> str:
    """Return a name with a blank, a note of the former name, or full-width brackets around it."""
    kind = number % 3
    if kind == 0:
        return f"{name[: len(company.registered_place)]} {name[len(company.registered_place) :]}"
    if kind == 1 and company.former:
        return f"{company.name}（原名：{company.former}）"
    return f"{name}　"


def _slipped(name: str, company: Company, number: int) -> str:
    """Return a name with one character of the core replaced by one that sounds or looks alike."""
    table = company_words().sounds_alike if number % 2 else company_words().looks_alike
    places = [i for i, c in enumerate(company.core) if c in table]
    if not places or company.core not in name:
        return name
    at = name.index(company.core) + places[number // 2 % len(places)]
    return name[:at] + table[name[at]] + name[at + 1 :]


def said_name(company: Company, number: int, shares: tuple[int, int, int, int] = SAID_TO_INSIDERS) -> Said:
    """Return a company's name as somebody says it and somebody else types it."""
    rest = number // 1_000
    trade = company.trade[:2] if rest % 2 else company.trade
    kind = _below(number, *shares)
    if company.branch or kind == 0:
        said = Said(company.name, "full")
    elif kind == 1:
        said = Said(company.place + company.core + company.trade, "with_place")
    elif kind == 2:
        said = Said(company.core + trade, "with_trade")
    else:
        said = Said(company.place + company.core, "place_core") if kind == 3 else Said(company.core, "core")
    is_slip = rest // 2 % 1_000 < SAID_WRONGLY
    return Said(_slipped(said.text, company, rest // 2_000 * 2 + 1), said.style) if is_slip else said


def written_tax_id(tax_id: str, number: int) -> str | None:
    """Return a tax number as an invoice has it; None where it is left out."""
    kind = _below(number, OLD_NUMBER, WRONG_NUMBER, NO_NUMBER)
    if kind == 0:
        return tax_id[2:17]
    if kind == 1:
        at = 2 + number // 1_000 % (TAX_ID_LENGTH - 3)
        return tax_id[:at] + DIGITS[(DIGITS.find(tax_id[at]) + 1) % len(DIGITS)] + tax_id[at + 1 :]
    return None if kind == 2 else tax_id


__all__ = [
    "SAID_TO_INSIDERS",
    "SAID_TO_OTHERS",
    "SAID_TO_STRANGERS",
    "Said",
    "said_name",
    "written_name",
    "written_tax_id",
]
