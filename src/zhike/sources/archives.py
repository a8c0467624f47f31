"""Open what was delivered as a stream of bytes: a plain file, a compressed one, or a member of an archive."""

from __future__ import annotations

import fnmatch
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import ContractBroken

ROOM = 1024**3  # an archive may always grow to this
RATIO = 200  # beyond it, to so many times its size: text shrinks 5 to 20 times, a bomb a thousand


class Readable(Protocol):
    """What gives bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""
        ...


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than ``limit`` bytes."""

    def __init__(self, stream: Readable, limit: int, label: str) -> None:
        self._stream, self._left, self._label = stream, limit, label

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; ContractBroken when the archive grows beyond all measure."""
        data = self._stream.read(size if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ContractBroken(
                "sources.archive_expands_too_far",
                zh=f"{self._label} 解压后超过 {RATIO} 倍，疑似压缩炸弹",
                en=f"{self._label} grows more than {RATIO} times when unpacked: this may be a bomb",
                todo_zh="请与发送方核对后解压为普通文件", todo_en="check with the sender, and deliver it unpacked",
            )  # fmt: skip
        return data


def growth_limit(path: Path) -> int:
    """Return how many bytes a compressed file may unpack to."""
    return max(ROOM, RATIO * path.stat().st_size)


@contextmanager
def open_bytes(path: Path, member: str | None, label: str) -> Iterator[Readable]:
    """Open a delivered file for reading, unpacked.

    Raises
    ------
    ContractBroken : the archive is damaged, encrypted, lacks the member, or grows beyond all measure.
    """
    try:
        if member is not None:
            with _open_member(path, member, label) as stream:
                yield Bounded(stream, growth_limit(path), label)
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as unpacked:
                yield Bounded(unpacked, growth_limit(path), label)
        else:
            with path.open("rb") as plain:
                yield plain
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ContractBroken(
            "sources.archive_damaged", zh=f"{label} 压缩包损坏", en=f"{label} is damaged: {error}",
            todo_zh="请发送方重新发送", todo_en="have it sent again",
        ) from error  # fmt: skip


@contextmanager
def _open_member(path: Path, member: str, label: str) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {_plain(i.filename): i for i in archive.infolist() if not i.is_dir()}
            info = names[_pick(member, list(names), label)]
            if info.flag_bits & 1:
                raise ContractBroken(
                    "sources.archive_encrypted", zh=f"{label} 已加密", en=f"{label} is encrypted",
                    todo_zh="请交付未加密的文件", todo_en="deliver it unencrypted",
                )  # fmt: skip
            with archive.open(info) as stream:
                yield stream
        return
    with tarfile.open(path, "r:*") as archive:
        members = {_plain(m.name): m for m in archive if m.isfile()}
        found = archive.extractfile(members[_pick(member, list(members), label)])
        if found is None:
            raise tarfile.TarError(f"{member} is no file")
        with found:
            yield found


def _plain(name: str) -> str:
    return str(PurePosixPath(name))


def _pick(member: str, names: list[str], label: str) -> str:
    """Return the one name that ``member`` (a name or a glob) means."""
    wanted = _plain(member)
    found = [n for n in names if n == wanted] or fnmatch.filter(names, wanted)
    if len(found) == 1:
        return found[0]
    near = suggest(wanted, names)
    what = "is not in the archive" if not found else f"matches {len(found)} members of the archive"
    raise ContractBroken(
        "sources.member_missing", zh=f"{label}：压缩包内{'没有该文件' if not found else '有多个匹配文件'}", en=f"{label} {what}",
        todo_zh=f"是否要找 {near}？" if near else "请核对压缩包内容",
        todo_en=f"did you mean {near}?" if near else "check what is in the archive",
        facts={"n_members": len(names)},
    )  # fmt: skip


__all__ = ["Bounded", "Readable", "growth_limit", "open_bytes"]
