"""One settings object, read once: ``zhike.toml`` of the project, then ``ZHIKE_*`` of the environment; passed in, never global.

Business rules are definitions, not settings. Secrets are given by reference only: ``env:NAME`` or ``file:PATH``.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zhike.kernel.definitions import suggest
from zhike.kernel.errors import BadInput, Finding

SETTINGS_FILE = "zhike.toml"
PREFIX = "ZHIKE_"


class Settings(BaseModel):
    """What a project decides about its installation; ``folder`` is the project's own.

    ``leave_out`` names definitions of the standard pack that the project does without, as ``kind:key``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    name: str = "zhike"
    language: Literal["zh", "en"] = "zh"
    base_currency: str = Field(default="CNY", min_length=3, max_length=3)
    business_timezone: str = "Asia/Shanghai"
    standard_pack: bool = True
    leave_out: tuple[str, ...] = ()
    definitions_approval: Literal["on_apply", "four_eyes"] = "four_eyes"
    state_folder: Path = Path(".zhike")
    identity_key: str = "file:.zhike/identity.key"
    permit_key: str = "file:.zhike/permit.key"
    engine_threads: int = Field(default=2, ge=1, le=256)
    engine_memory: str = Field(default="3GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB)$")
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
        raise BadInput(
            "settings.secret_missing", zh=f"找不到密钥 {reference}", en=f"there is no secret at {reference}",
            todo_zh="请运行 zhike init 或设置该变量", todo_en="run `zhike init` in the project or set the variable",
        )  # fmt: skip


def _environment() -> dict[str, Any]:
    known = set(Settings.model_fields) - {"folder"}
    return {
        n[len(PREFIX) :].lower(): v
        for n, v in os.environ.items()
        if n.startswith(PREFIX) and n[len(PREFIX) :].lower() in known
    }


def load_settings(folder: Path) -> Settings:
    """Return the settings of the project in ``folder``.

    Raises
    ------
    BadInput : there is no ``zhike.toml``, it is not TOML, or a setting is unknown or out of range.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        raise BadInput(
            "settings.no_project", zh=f"{folder} 不是 zhike 项目（缺 {SETTINGS_FILE}）", en=f"{folder} is no zhike project: it has no {SETTINGS_FILE}",
            todo_zh="用 zhike init 新建，或用 --project 指定", todo_en="make one with `zhike init`, or name it with --project",
        )  # fmt: skip
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            "settings.not_toml", zh=f"{path} 不是合法的 TOML：{error}", en=f"{path} is not TOML: {error}"
        ) from error
    try:
        return Settings(folder=folder.resolve(), **{**written, **_environment()})
    except ValidationError as error:
        findings = []
        for item in error.errors():
            name = ".".join(str(p) for p in item["loc"])
            near = suggest(name, Settings.model_fields) if item["type"] == "extra_forbidden" else ""
            findings.append(Finding(f"{path.name} {name}", item["msg"], todo=f"did you mean {near}?" if near else ""))
        raise BadInput(
            "settings.malformed", zh=f"{path} 有误", en=f"{path} is malformed", findings=tuple(findings)
        ) from error


__all__ = ["SETTINGS_FILE", "Settings", "load_settings"]
