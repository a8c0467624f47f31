"""One settings object, read once: ``zhike.toml`` of the project, then ``ZHIKE_*`` of the environment; passed in, never global.

Business rules are definitions, not settings. Secrets are given by reference only: ``env:NAME`` or ``file:PATH``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput
from zhike.kernel.mistakes import finding_of

SETTINGS_FILE = "zhike.toml"
PREFIX = "ZHIKE_"


class EngineName(StrEnum):
    """Where steps that are made for either engine run."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            "there is no such time zone: an IANA name such as Asia/Shanghai · 没有这个时区：应为 IANA 名称，如 Asia/Shanghai"
        ) from error
    return value


def _size(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?\s?(MB|GB)", value):
        raise ValueError("a size such as 800MB or 3GB · 应为大小，如 800MB 或 3GB")
    return value


class Settings(BaseModel):
    """What a project decides about its installation; ``folder`` is the project's own.

    ``leave_out`` names definitions of the standard pack that the project does without, as ``kind:key``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    name: str = "zhike"
    language: Literal["zh", "en"] = "zh"
    base_currency: str = Field(default="CNY", min_length=3, max_length=3)
    business_timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    standard_pack: bool = True
    leave_out: tuple[str, ...] = ()
    definitions_approval: Literal["on_apply", "four_eyes"] = "four_eyes"
    state_folder: Path = Path(".zhike")
    identity_key: str = "file:.zhike/identity.key"
    permit_key: str = "file:.zhike/permit.key"
    engine: EngineName = EngineName.DUCKDB
    spark_master: str = "local[2]"
    spark_memory: Annotated[str, AfterValidator(_size)] = "4GB"
    engine_threads: int = Field(default=2, ge=1, le=256)
    engine_memory: Annotated[str, AfterValidator(_size)] = "3GB"
    run_workers: int = Field(default=2, ge=1, le=64)
    keep_versions: int = Field(default=7, ge=7)
    keep_hours: int = Field(default=48, ge=48)

    @property
    def state(self) -> Path:
        """Folder of everything zhike writes: warehouse, store, runs, reports."""
        return self.folder / self.state_folder

    def secret(self, reference: str) -> bytes:
        """Return the secret behind ``env:NAME`` or ``file:PATH`` (relative to the project); BadInput when there is none."""
        scheme, _, target = reference.partition(":")
        if scheme == "env" and os.environ.get(target):
            return os.environ[target].encode()
        if scheme == "file" and (self.folder / target).is_file():
            return (self.folder / target).read_bytes().strip()
        raise _secret_missing(reference, scheme, target)


def _secret_missing(reference: str, scheme: str, target: str) -> BadInput:
    todo = {
        "file": (
            f"从备份取回 {target}；新密钥与已发布的数据不符",
            f"put your copy of {target} back; a new key would not fit what is published",
        ),
        "env": (f"设置环境变量 {target}", f"set the variable {target}"),
    }
    todo_zh, todo_en = todo.get(scheme, ("写成 env:变量名 或 file:路径", "write it as env:NAME or file:PATH"))
    return BadInput(
        "settings.secret_missing", zh=f"找不到密钥 {reference}", en=f"there is no secret at {reference}",
        todo_zh=todo_zh, todo_en=todo_en,
    )  # fmt: skip


def _environment() -> dict[str, Any]:
    """Return the settings that the environment says; a locale such as ``zh_CN.UTF-8`` is a language, too."""
    known = set(Settings.model_fields) - {"folder"}
    given = {n[len(PREFIX) :].lower(): v for n, v in os.environ.items() if n.startswith(PREFIX)}
    found: dict[str, Any] = {n: v for n, v in given.items() if n in known}
    if "language" in found:
        found["language"] = str(found["language"])[:2].lower()
    return found


def load_settings(folder: Path) -> Settings:
    """Return the settings of the project in ``folder``.

    Raises
    ------
    BadInput : there is no ``zhike.toml``, it is not TOML, or a setting is unknown or out of range.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        place = folder.resolve()
        raise BadInput(
            "settings.no_project", zh=f"{place} 不是 zhike 项目（缺 {SETTINGS_FILE}）", en=f"{place} is no zhike project: it has no {SETTINGS_FILE}",
            todo_zh="用 zhike init 新建，或用 --project 指定", todo_en="make one with `zhike init`, or name it with --project",
        )  # fmt: skip
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            "settings.not_toml", zh=f"{path} 不是合法的 TOML：{error}", en=f"{path} is not TOML: {error}",
            todo_zh="每行写 名称 = 值，文本加引号，UTF-8；见 docs/settings.md", todo_en="write name = value on each line, texts in quotes, as UTF-8; see docs/settings.md",
        ) from error  # fmt: skip
    environment = _environment()
    try:
        return Settings(folder=folder.resolve(), **{**written, **environment})
    except ValidationError as error:
        raise _malformed(path, error, environment) from error


def _malformed(path: Path, error: ValidationError, environment: Mapping[str, Any]) -> BadInput:
    findings = []
    for item in error.errors():
        name = ".".join(str(p) for p in item["loc"])
        where = f"{PREFIX}{name.upper()}" if name in environment else f"{path.name} {name}"
        findings.append(finding_of(item, where, nearest=lambda n: suggest(n, Settings.model_fields)))
    return BadInput(
        "settings.malformed", zh=f"{path} 有误", en=f"{path} is malformed", findings=tuple(findings),
        todo_zh="各设置见 docs/settings.md", todo_en="docs/settings.md explains each setting",
    )  # fmt: skip


__all__ = ["SETTINGS_FILE", "EngineName", "Settings", "load_settings"]
