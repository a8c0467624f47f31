"""A new project on disk: settings, keys that only the owner may read, a mapping to fill in, room for definitions."""

from __future__ import annotations

import secrets
from pathlib import Path

from zhike.kernel.errors import Conflict
from zhike.kernel.settings import SETTINGS_FILE, Settings

SETTINGS = """\
# Settings of this installation. Business rules are definitions (conf/), never settings.
name = "{name}"
language = "zh"
base_currency = "CNY"
business_timezone = "Asia/Shanghai"
standard_pack = true                  # stand on the tags, segments, gates and campaigns that zhike ships
definitions_approval = "{approval}"   # "four_eyes": somebody else approves what is applied
engine_threads = 2
engine_memory = "3GB"
identity_key = "file:.zhike/identity.key"
permit_key = "file:.zhike/permit.key"
"""

MAPPING = """\
# How the bank's own files become zhike's tables. Columns on the left are zhike's, on the right the bank's.
# The contract of every table, with meaning, type and codes: docs/reference/tables.md
version: 1
calendar: {first_day: 2025-01-01}   # the first business day that the bank delivers
tables:
  - name: customers
    source: core
    to: source_party
    file: "{day:%Y%m%d}/customers.csv"   # relative to the data folder: one folder per business day
    format: {kind: csv, encoding: utf-8}
    mode: full
    columns:
      source_key: CUST_NO
      party_kind: {column: CUST_TYPE, values: {"1": person, "2": sole_trader, "3": company}}
      name: CUST_NAME
      id_type: {constant: resident_id}
      id_number: ID_NO
      mobile: MOBILE
      valid_from_on: {column: OPEN_DATE, date: "%Y-%m-%d"}
      recorded_at: {day_end: true}
"""

PARAMETERS = """\
# Thresholds of this bank. What is not written here keeps the default of the standard pack (docs/reference/parameters.md).
# tier_private_amount: 10000000
"""

IGNORED = ".zhike/\ndata/\n"


def make_project(folder: Path, *, name: str, approval: str = "four_eyes") -> list[Path]:
    """Write a new project into ``folder`` and return the files; the keys are made by the operating system's generator.

    Raises
    ------
    Conflict : there is a project already, or a file that would be written over.
    """
    if (folder / SETTINGS_FILE).exists():
        raise Conflict(
            "init.exists", zh=f"{folder} 已是 zhike 项目", en=f"{folder} is a zhike project already",
            todo_zh="换一个目录", todo_en="name another folder",
        )  # fmt: skip
    texts = {
        SETTINGS_FILE: SETTINGS.format(name=name.replace('"', "'"), approval=approval),
        "mapping.yaml": MAPPING,
        "conf/parameters.yaml": PARAMETERS,
        ".gitignore": IGNORED,
    }
    there = [name for name in texts if (folder / name).exists()]
    if there:
        raise Conflict(
            "init.files_there", zh=f"{folder} 已有 {'、'.join(there)}，不会覆盖", en=f"{folder} holds {', '.join(there)}, which would be written over",
            todo_zh="换一个空目录，或先移走这些文件", todo_en="name an empty folder, or move them away first",
        )  # fmt: skip
    written = []
    for relative, content in texts.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return [*written, *(write_key(folder / ".zhike" / f"{key}.key") for key in ("identity", "permit"))]


def make_missing_keys(settings: Settings, *, is_new: bool) -> None:
    """Make the keys of a project that has none yet. Where data were published before, a lost key is an error, not a new key.

    Parameters
    ----------
    is_new : nothing has been published yet, so that no identifier depends on a key.
    """
    for reference in (settings.identity_key, settings.permit_key):
        scheme, _, target = reference.partition(":")
        if scheme == "file" and is_new and not Path(target).is_absolute():
            write_key(settings.folder / target)


def write_key(path: Path, content: str = "") -> Path:
    """Write a key that only its owner may read; a random one unless given. An existing key is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(content or secrets.token_hex(32), encoding="ascii")
    return path


__all__ = ["make_missing_keys", "make_project", "write_key"]
