"""Hashes: content fingerprints, sticky assignment, keyed identifiers. One recipe each, portable across engines."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from pathlib import Path

ASSIGNMENT_HEX_DIGITS = 13  # 52 bits: every value is exact in a double, on every engine


def fingerprint(*parts: object) -> str:
    """Return 32 hex digits that change when any part changes; parts are JSON values, in order."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def file_fingerprint(path: Path) -> str:
    """Return 32 hex digits over the bytes of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def assignment_share(experiment: str, unit: str) -> float:
    """Return where ``unit`` falls in [0, 1) for ``experiment``: uniform, sticky, independent between experiments.

    The first 13 hex digits of ``md5(experiment + ':' + unit)`` over 16^13; ``decision.assignment`` has its batch twin.
    """
    digest = hashlib.md5(f"{experiment}:{unit}".encode(), usedforsecurity=False).hexdigest()
    return float(int(digest[:ASSIGNMENT_HEX_DIGITS], 16)) / float(16**ASSIGNMENT_HEX_DIGITS)


def keyed_id(key: bytes, *parts: str) -> str:
    """Return a 24-hex-digit identifier that cannot be linked to ``parts`` without ``key``."""
    message = "\x1f".join(parts).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:24]


def sign(key: bytes, fields: Iterable[str]) -> str:
    """Return the HMAC-SHA256 (hex) over ``fields`` in order."""
    return hmac.new(key, "\x1f".join(fields).encode(), hashlib.sha256).hexdigest()


__all__ = ["ASSIGNMENT_HEX_DIGITS", "assignment_share", "file_fingerprint", "fingerprint", "keyed_id", "sign"]
