"""Words that every package shares: who a customer is, channels, risk grades, a text in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Text:
    """One meaning in both languages of the house."""

    zh: str
    en: str


class PartyKind(StrEnum):
    """Who a customer is. All are first class everywhere."""

    PERSON = "person"
    SOLE_TRADER = "sole_trader"
    COMPANY = "company"


class Channel(StrEnum):
    """Where the bank meets a customer (requirement A3)."""

    CORE_BANKING = "core_banking"
    CARD = "card"
    APP = "app"
    APP_PUSH = "app_push"
    WEB = "web"
    MOBILE_WEB = "mobile_web"
    MINI_PROGRAM = "mini_program"
    WECHAT = "wechat"
    WECHAT_VIDEO = "wechat_video"
    WECOM = "wecom"
    SMS = "sms"
    EMAIL = "email"
    CALL_CENTRE = "call_centre"
    VOICE_BOT = "voice_bot"
    BRANCH = "branch"
    TELLER_MACHINE = "teller_machine"
    ATM = "atm"
    REMOTE_VIDEO = "remote_video"
    RM = "rm"
    RM_CARD = "rm_card"
    QR_CODE = "qr_code"
    REFERRAL = "referral"
    SURVEY = "survey"
    INTERVIEW = "interview"
    SOCIAL = "social"
    PARTNER = "partner"


class CustomerRisk(StrEnum):
    """What risk a customer can bear, from the latest valid test; C1 bears least."""

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"
    C5 = "C5"


class ProductRisk(StrEnum):
    """The risk grade of a product: the higher of issuer's and distributor's; R1 is lowest."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"


class Purpose(StrEnum):
    """Why a customer is contacted: what consent is asked for."""

    MARKETING = "marketing"
    SERVICE = "service"
    PROFILING = "profiling"


__all__ = ["Channel", "CustomerRisk", "PartyKind", "ProductRisk", "Purpose", "Text"]
