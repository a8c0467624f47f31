"""The Permit: the only thing that a channel takes. Made here and nowhere else; signed, expiring, naming the rules it stands on.

A Permit cannot be constructed outside this package (a private token is asked for), and one that was copied, unpickled or
changed does not verify: the signature covers every field.
"""

from __future__ import annotations

import hmac
from dataclasses import InitVar, dataclass, fields
from datetime import datetime, timedelta

from zhike.kernel.errors import NotPermitted
from zhike.kernel.hashing import keyed_id, sign
from zhike.kernel.terms import Channel, Purpose
from zhike.policy.terms import ContactRequest, ProductLine

_TOKEN = object()


def _forged(zh: str, en: str, code: str) -> NotPermitted:
    return NotPermitted(
        code, zh=zh, en=en, todo_zh="请重新向 policy 申请许可", todo_en="ask policy for a permit again, at sending"
    )


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one contact, once, before ``expires_at``. ``rules`` names the version of each rule that was asked."""

    permit_id: str
    request_id: str
    customer_id: str
    recipient_id: str
    channel: Channel
    purpose: Purpose
    product_line: ProductLine
    campaign: str
    offer_id: str
    content_version: str
    issued_at: datetime
    expires_at: datetime
    rules: tuple[str, ...]
    signature: str
    token: InitVar[object] = None

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise _forged("许可只能由 policy 签发", "only policy makes permits", "policy.permit_forged")

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a permit is not pickled: store its fields and ask again at sending")


def _signed_fields(permit: Permit) -> list[str]:
    shown: list[str] = []
    for item in fields(permit):
        if item.name == "signature":
            continue
        value = getattr(permit, item.name)
        if isinstance(value, datetime):
            shown.append(value.isoformat())
        elif isinstance(value, tuple):
            shown += [str(len(value)), *value]
        else:
            shown.append(str(value))
    return shown


def _unsigned(request: ContactRequest, *, at: datetime, lasts: timedelta, rules: tuple[str, ...], key: bytes) -> Permit:
    return Permit(
        permit_id=keyed_id(key, "permit", request.request_id, request.recipient_id, request.channel, at.isoformat()),
        request_id=request.request_id,
        customer_id=request.customer_id,
        recipient_id=request.recipient_id,
        channel=request.channel,
        purpose=request.purpose,
        product_line=request.product_line,
        campaign=request.campaign,
        offer_id=request.offer_id,
        content_version=request.content_version,
        issued_at=at,
        expires_at=at + lasts,
        rules=rules,
        signature="",
        token=_TOKEN,
    )


def issue(request: ContactRequest, *, at: datetime, lasts: timedelta, rules: tuple[str, ...], key: bytes) -> Permit:
    """Return a signed Permit for ``request``; only :mod:`zhike.policy.decide` calls this, after every gate has passed."""
    permit = _unsigned(request, at=at, lasts=lasts, rules=rules, key=key)
    object.__setattr__(permit, "signature", sign(key, _signed_fields(permit)))
    return permit


def verify(permit: Permit, *, key: bytes, at: datetime) -> None:
    """Return when the Permit is policy's own, unchanged, and in force at ``at``.

    Raises
    ------
    NotPermitted : the signature is not policy's (``policy.permit_forged``), or it is not in force (``policy.permit_expired``).
    """
    if not isinstance(permit, Permit) or not hmac.compare_digest(permit.signature, sign(key, _signed_fields(permit))):
        raise _forged("许可签名不符", "the permit's signature is not policy's", "policy.permit_forged")
    if at.tzinfo is None or not permit.issued_at <= at < permit.expires_at:
        raise _forged("许可不在有效期内", "the permit is not in force at this moment", "policy.permit_expired")


__all__ = ["Permit", "issue", "verify"]
