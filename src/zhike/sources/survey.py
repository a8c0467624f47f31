"""What the bytes of a text file are like, and a fingerprint of any file: both in blocks on several threads.

The number of lines is counted here, apart from the reader, so that a reader which loses a line is found out.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zhike.kernel.hashing import fingerprint

BLOCK = 64 * 1024 * 1024
CHUNK = 1024 * 1024
THREADS = 2
BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\x84\x31\x95\x33", "gb18030"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Survey:
    """Facts of a text file. ``long_line_at`` is the byte at which a megabyte without a line break begins, or None."""

    n_bytes: int
    n_lines: int
    n_newlines: int
    n_crlf: int
    n_cr: int
    is_utf8: bool
    has_nul: bool
    long_line_at: int | None

    @property
    def has_mixed_line_ends(self) -> bool:
        """Whether lines end in different ways, or in a way that only old systems use."""
        return self.n_cr > 0 and not (self.n_cr == self.n_crlf == self.n_newlines)


def has_padding(path: Path, delimiter: str, quote: str) -> bool:
    """Whether any value may have a blank beside it: beside a delimiter, a quote at a delimiter, or a line break.

    May be true for a file without padding (a false alarm only costs time), never false for one with it.
    """
    marks = [m.encode() for m in (delimiter, "\n", quote) if m]
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        present = [b for b in (b" ", b"\t", "\u3000".encode()) if data.find(b) >= 0]
        patterns = [p for b in present for p in (*(m + b for m in marks), *(b + m for m in marks), b + b"\r")]
        return data[:1] in present or any(data.find(p) >= 0 for p in patterns)


def survey_text(path: Path) -> Survey:
    """Return the facts of a file that should be UTF-8 text."""
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        return Survey(0, 0, 0, 0, 0, is_utf8=True, has_nul=False, long_line_at=None)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        starts = range(0, n_bytes, BLOCK)
        with ThreadPoolExecutor(THREADS) as pool:
            parts = list(pool.map(lambda start: _survey_block(data, start, min(start + BLOCK, n_bytes)), starts))
        ends_open = data[n_bytes - 1] != 0x0A
    newlines = sum(p.n_newlines for p in parts)
    return Survey(
        n_bytes=n_bytes,
        n_lines=newlines + (1 if ends_open else 0),
        n_newlines=newlines,
        n_crlf=sum(p.n_crlf for p in parts),
        n_cr=sum(p.n_cr for p in parts),
        is_utf8=all(p.is_utf8 for p in parts),
        has_nul=any(p.has_nul for p in parts),
        long_line_at=next((p.long_line_at for p in parts if p.long_line_at is not None), None),
    )


def _survey_block(data: mmap.mmap, start: int, end: int) -> Survey:
    newlines = crlf = cr = 0
    is_utf8, has_nul, long_at = True, False, None
    for at in range(start, end, CHUNK):
        chunk = data[at : min(at + CHUNK, end)]
        here = chunk.count(b"\n")
        newlines += here
        if b"\r" in chunk:
            cr += chunk.count(b"\r")
            crlf += chunk.count(b"\r\n")
        if at and chunk[0] == 0x0A and data[at - 1] == 0x0D:
            crlf += 1
        has_nul = has_nul or b"\0" in chunk
        if not here and len(chunk) == CHUNK and long_at is None:
            long_at = at
        if is_utf8 and not chunk.isascii():
            is_utf8 = _is_utf8(data, at, at + len(chunk))
    return Survey(0, 0, newlines, crlf, cr, is_utf8, has_nul, long_at)


def _is_utf8(data: mmap.mmap, start: int, end: int) -> bool:
    """Whether a stretch is UTF-8; a character that is cut at its edges belongs to the stretch in which it begins."""
    for _ in range(3):
        if start and start < end and data[start] & 0xC0 == 0x80:
            start += 1
    size = len(data)
    for _ in range(3):
        if end < size and data[end] & 0xC0 == 0x80:
            end += 1
    try:
        data[start:end].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def guess_encoding(head: bytes) -> str:
    """Return the encoding that the first bytes of a file suggest, or ""."""
    for mark, name in BOMS:
        if head.startswith(mark):
            return name
    if len(head) > 8 and head[1::2].count(0) > len(head) // 4:
        return "utf-16"
    for name in ("utf-8", "gb18030"):
        try:
            head[: head.rfind(b"\n") + 1 or len(head)].decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return ""


def hash_file(path: Path) -> str:
    """Return 32 hex digits over the bytes of a file, block by block on several threads."""
    size = path.stat().st_size

    def part(start: int) -> str:
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as stream:
            stream.seek(start)
            left = min(BLOCK, size - start)
            while left and (chunk := stream.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
        return digest.hexdigest()

    with ThreadPoolExecutor(THREADS) as pool:
        return fingerprint(size, list(pool.map(part, range(0, size, BLOCK))))


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints of files, remembered by path, size and time of change so that old deliveries are not read each night."""

    memory: Path | None
    known: dict[str, str]

    def of(self, path: Path) -> str:
        """Return the fingerprint of a file."""
        stat = path.stat()
        key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        if key not in self.known:
            self.known[key] = hash_file(path)
        return self.known[key]

    def remember(self, paths: Iterable[Path]) -> None:
        """Write down what is known of these files, for the next night."""
        if self.memory is None:
            return
        wanted = {str(p) for p in paths}
        kept = {k: v for k, v in self.known.items() if k.partition("|")[0] in wanted}
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.memory.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(self.memory)


def open_fingerprints(memory: Path | None) -> Fingerprints:
    """Return what is remembered in ``memory`` (None: nothing is kept); a damaged memory is an empty one."""
    if memory is None or not memory.is_file():
        return Fingerprints(memory, {})
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except ValueError:
        known = {}
    return Fingerprints(memory, dict(known) if isinstance(known, dict) else {})


__all__ = ["Fingerprints", "Survey", "guess_encoding", "has_padding", "hash_file", "open_fingerprints", "survey_text"]
