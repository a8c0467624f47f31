"""Turn the bytes of a delivered text file into UTF-8 with one record per line, as a stream, or say exactly where that fails.

Hosts write GB18030 and fixed widths counted in bytes; offices write UTF-16. Nothing is guessed: the mapping names the
encoding, and a byte that does not fit holds the whole file.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import AnyStr

import numpy as np

from zhike.kernel.errors import BadInput, ContractBroken
from zhike.sources.archives import Readable
from zhike.sources.mapping import Format
from zhike.sources.survey import guess_encoding

PIECE = 4 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
CUT = "\x1f"  # ASCII unit separator: between the columns of a cut fixed-width line
ALIASES = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf_16": "utf-16",
    "utf16": "utf-16",
}
WIDE_CODECS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def encoding_of(form: Format) -> str:
    """Return the codec of a format: GBK and GB2312 are read as GB18030, which holds both."""
    name = form.encoding.lower()
    return ALIASES.get(name, name)


@dataclass(slots=True)
class _Place:
    """How far a stream has been read: bytes and lines before the piece at hand; and what errors must name."""

    label: str
    encoding: str
    head: bytes = b""
    n_bytes: int = 0
    n_lines: int = 0

    def error(self, *, at_byte: int, line: int) -> ContractBroken:
        """Return the error for a byte and a line, both counted from 1."""
        return decode_error(self.label, self.encoding, at_byte=at_byte, line=line, head=self.head)


def decode_error(label: str, encoding: str, *, at_byte: int, line: int, head: bytes) -> ContractBroken:
    """Return the error for bytes that are no text of the encoding, with what the file looks like."""
    looks = guess_encoding(head)
    differs = looks and looks != encoding
    return ContractBroken(
        "sources.wrong_encoding",
        zh=f"{label} 第 {line} 行（第 {at_byte} 字节）不是 {encoding}", en=f"{label} line {line} (byte {at_byte}) is not {encoding}",
        todo_zh=f"文件像是 {looks}：请改映射中的 format.encoding" if differs else "请发送方重新发送，或改映射中的 format.encoding",
        todo_en=f"the file looks like {looks}: set format.encoding" if differs else "have it sent again, or set format.encoding",
        facts={"file": label, "line": line, "byte": at_byte, "looks_like": looks},
    )  # fmt: skip


def line_too_long(label: str, line: int) -> ContractBroken:
    """Return the error for a line that no record has."""
    return ContractBroken(
        "sources.line_too_long",
        zh=f"{label} 第 {line} 行超过 {LONGEST_LINE} 字节", en=f"{label} line {line} is longer than {LONGEST_LINE} bytes",
        todo_zh="请核对换行符与文件格式", todo_en="check the line breaks and the format of the file",
        facts={"file": label, "line": line},
    )  # fmt: skip


def rewrite_text(stream: Readable, target: Path, form: Format, label: str) -> None:
    """Write a file as UTF-8 with ``\\n`` line ends; cut fixed widths; stand a unit separator for long delimiters.

    Raises
    ------
    ContractBroken : bytes that are no text of the encoding (byte and line are named), or a line beyond all measure.
    BadInput : the encoding is unknown.
    """
    encoding = encoding_of(form)
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise BadInput(
            "sources.encoding_unknown", zh=f"没有编码 {encoding}", en=f"there is no encoding {encoding}",
            todo_zh="用 utf-8、gb18030 或 utf-16", todo_en="take utf-8, gb18030 or utf-16",
        ) from error  # fmt: skip
    cut_bytes = form.kind == "fixed_width" and form.widths_in == "bytes" and encoding not in WIDE_CODECS
    shape: Callable[[str], str] | None = None
    if form.kind == "fixed_width" and not cut_bytes:
        shape = lambda text: _cut_characters(text, form.widths)  # noqa: E731 - a choice between two functions
    elif form.delimiter is not None and len(form.delimiter.encode()) > 4:
        shape = lambda text: text.replace(str(form.delimiter), CUT)  # noqa: E731
    pieces = _decode_wide if encoding in WIDE_CODECS else _decode_narrow
    with target.open("w", encoding="utf-8", newline="") as out:
        for text in pieces(stream, encoding, form.widths if cut_bytes else (), label):
            if "\r" in text:
                text = text.replace("\r\n", "\n")  # noqa: PLW2901
            out.write(shape(text) if shape else text)


def _decode_narrow(stream: Readable, encoding: str, widths: tuple[int, ...], label: str) -> Iterator[str]:
    """Decode encodings in which a line break is one byte, cut at line breaks so that errors have their place."""
    place, rest = _Place(label, encoding), b""
    while True:
        read = stream.read(PIECE)
        place.head = place.head or read[:4096]
        piece = rest + read
        if not place.n_bytes:
            piece = _without_mark(piece, encoding, place)
        if read:
            end = piece.rfind(b"\n") + 1
            piece, rest = piece[:end], piece[end:]
            if len(rest) > LONGEST_LINE:
                raise line_too_long(label, place.n_lines + piece.count(b"\n") + 1)
        if piece:
            cut = _cut_bytes(piece, widths) if widths else piece
            yield _decoded(cut, piece, place)
            place.n_bytes += len(piece)
            place.n_lines += piece.count(b"\n")
        if not read:
            return


def _without_mark(piece: bytes, encoding: str, place: _Place) -> bytes:
    for mark in (
        codecs.BOM_UTF8 if encoding == "utf-8" else b"",
        b"\x84\x31\x95\x33" if encoding == "gb18030" else b"",
    ):
        if mark and piece.startswith(mark):
            place.n_bytes += len(mark)
            return piece[len(mark) :]
    return piece


def _decoded(cut: bytes, piece: bytes, place: _Place) -> str:
    try:
        return cut.decode(place.encoding)
    except UnicodeDecodeError as error:
        at, line = error.start, cut.count(b"\n", 0, error.start)
        if cut is not piece:  # a cut in the middle of a character: the line is what can be told
            at = sum(len(part) + 1 for part in piece.split(b"\n")[:line])
        raise place.error(at_byte=place.n_bytes + at + 1, line=place.n_lines + line + 1) from error


def _decode_wide(stream: Readable, encoding: str, widths: tuple[int, ...], label: str) -> Iterator[str]:
    """Decode encodings of two or four bytes per character."""
    decoder, place, rest = codecs.getincrementaldecoder(encoding)(), _Place(label, encoding), ""
    while True:
        read = stream.read(PIECE)
        place.head = place.head or read[:4096]
        try:
            text = rest + decoder.decode(read, final=not read)
        except UnicodeDecodeError as error:
            line = place.n_lines + rest.count("\n") + 1
            raise place.error(at_byte=place.n_bytes + error.start + 1, line=line) from error
        text = text.removeprefix("\ufeff") if not place.n_bytes else text
        if read:
            end = text.rfind("\n") + 1
            text, rest = text[:end], text[end:]
            if len(rest) > LONGEST_LINE:
                raise line_too_long(label, place.n_lines + text.count("\n") + 1)
        if text:
            yield text
        place.n_lines += text.count("\n")
        place.n_bytes += len(read)
        if not read:
            return


def _cut_bytes(piece: bytes, widths: tuple[int, ...]) -> bytes:
    """Put a separator between the columns of whole lines whose widths count bytes."""
    total = sum(widths)
    ends_open = not piece.endswith(b"\n")
    lines = [line.removesuffix(b"\r") for line in piece.split(b"\n")]
    last = lines.pop() if ends_open else (lines.pop(), b"")[1]
    out = []
    if lines and all(len(line) == total for line in lines):
        grid = np.frombuffer(b"".join(lines), dtype=np.uint8).reshape(len(lines), total)
        places = [int(p) for p in np.cumsum(widths)[:-1]]
        grid = np.insert(grid, [*places, total], [*(ord(CUT) for _ in places), 0x0A], axis=1)
        out.append(grid.tobytes())
    else:
        out += [_cut_line(line, widths, is_last=False) + b"\n" for line in lines]
    if ends_open:
        out.append(_cut_line(last, widths, is_last=True))
    return b"".join(out)


def _cut_line(line: bytes, widths: tuple[int, ...], *, is_last: bool) -> bytes:
    """Cut one line of bytes."""
    return CUT.encode().join(_parts(line, widths, is_last=is_last))


def _cut_characters(text: str, widths: tuple[int, ...]) -> str:
    """Put a separator between the columns of lines whose widths count characters."""
    lines = text.split("\n")
    last = len(lines) - 1
    return "\n".join(CUT.join(_parts(line, widths, is_last=i == last)) for i, line in enumerate(lines))


def _parts(line: AnyStr, widths: tuple[int, ...], *, is_last: bool) -> list[AnyStr]:
    """Return the columns of one line; a line of the wrong length stays whole, so that the reader rejects it, alone.

    A line that lost its blanks on the right is right; one that the end of the file cut off is not.
    """
    total, before_last = sum(widths), sum(widths[:-1])
    trimmed = line[:total] if len(line) > total and not line[total:].strip() else line
    n = len(trimmed)
    if n > total or n <= before_last or (is_last and n < total):
        return [line]
    parts, at = [], 0
    for width in widths:
        parts.append(trimmed[at : at + width])
        at += width
    return parts


__all__ = ["CUT", "decode_error", "encoding_of", "line_too_long", "rewrite_text"]
