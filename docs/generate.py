"""Write the generated pages of docs/: tables, features, tags, segments, parameters, gates, errors, commands, requirements.

``python docs/generate.py`` writes them; ``--check`` exits 1 and names those that are no longer true.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from zhike.kernel.definitions import DefinitionSet, read_definitions, read_yaml
from zhike.pipeline.project import standard_pack
from zhike.pipeline.tables import CONTRACTS

DOCS = Path(__file__).parent
ROOT = DOCS.parent
NOTE = "<!-- written by docs/generate.py from the code; do not edit -->\n"


def cell(value: object) -> str:
    """Return a value as it may stand in a Markdown table."""
    return str(value if value is not None else "").replace("|", "\\|").replace("\n", " ").strip()


def table(names: Sequence[str], rows: Iterator[Sequence[object]] | Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(cell(v) for v in row) + " |" for row in rows)]) + "\n"


def page_tables() -> str:
    """Every table's contract."""
    parts = ["# Tables 表契约\n", NOTE, "`*` marks the key, `!` a required column.\n"]
    for contract in sorted(CONTRACTS, key=lambda c: (c.owner, c.name)):
        dated = f" · dated by `{contract.dated_by}`" if contract.dated_by else ""
        split = f" · in parts by {contract.partitioned_by}" if contract.partitioned_by else ""
        parts.append(
            f"\n## {contract.name}\n\n{contract.zh} · {contract.en} · owner `{contract.owner}`{dated}{split}\n"
        )
        rows = [
            (
                f"`{c.name}`{'*' if c.name in contract.key else ''}{'!' if c.required else ''}", c.kind, c.zh, c.en,
                ", ".join(c.allowed), c.references, "" if c.personal == "none" else c.personal,
            )
            for c in contract.columns
        ]  # fmt: skip
        parts.append(table(("column", "kind", "中文", "English", "codes", "references", "personal data"), rows))
    return "\n".join(parts)


def page_parameters() -> str:
    """Every threshold and its default."""
    values, _ = read_yaml(standard_pack() / "parameters.yaml")
    rows = [
        (f"`{k}`", v.get("value"), v.get("unit", ""), v.get("zh", ""), v.get("en", "")) if isinstance(v, dict) else (f"`{k}`", v, "", "", "")
        for k, v in sorted(values.items())
    ]  # fmt: skip
    head = "Defaults of the standard pack; a project overrides them in `conf/parameters.yaml`.\n"
    return "\n".join(["# Parameters 参数\n", NOTE, head, table(("name", "default", "unit", "中文", "English"), rows)])


def definition_page(title: str, kind: str) -> Callable[[DefinitionSet], str]:
    """Return a writer of the page of one kind of definition."""

    def write(definitions: DefinitionSet) -> str:
        rows = []
        for d in definitions.of_kind(kind):
            meaning = [
                d.body.get("meaning_zh") or d.body.get("definition_zh") or "",
                d.body.get("meaning_en") or d.body.get("definition_en") or "",
            ]
            meaning = [m if isinstance(m, str) else str(m) for m in meaning]
            rows.append((f"`{d.key}`", d.body.get("zh", ""), d.body.get("en", ""), *meaning, f"`{d.file}`"))
        return "\n".join([f"# {title}\n", NOTE, table(("key", "中文", "English", "含义", "meaning", "file"), rows)])

    return write


ERROR_NAMES = {
    "BadInput",
    "NotFound",
    "NotPermitted",
    "Conflict",
    "ContractBroken",
    "NotEstimable",
    "Unavailable",
    "Bug",
}


def error_calls() -> Iterator[tuple[str, str, str]]:
    """Yield (code, kind, English text) of every error that the code raises with a literal code."""
    for path in sorted((ROOT / "src" / "zhike").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ERROR_NAMES
                and node.args
            ):
                first = node.args[0]
                english = next((ast.unparse(k.value) for k in node.keywords if k.arg == "en"), "")
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value, node.func.id, re.sub(r"\{[^{}]*\}", "…", english.strip("f'\""))


def page_errors() -> str:
    """Every stable error code."""
    seen: dict[str, tuple[str, str]] = {}
    for code, kind, english in error_calls():
        seen.setdefault(code, (kind, english))
    rows = [(f"`{code}`", kind, english) for code, (kind, english) in sorted(seen.items())]
    return "\n".join(["# Errors 错误码\n", NOTE, table(("code", "kind", "says"), rows)])


def page_commands() -> str:
    """What every command says of itself."""
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}

    def shown(*words: str) -> str:
        command = [sys.executable, "-c", "from zhike.cli.main import main; main()", *words, "--help"]
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        return out.replace("Usage: -c", "Usage: zhike").rstrip()

    def names(text: str) -> list[str]:
        _, _, listed = text.partition("Commands:")
        return re.findall(r"^  ([a-z]+) ", listed, flags=re.M)

    parts = ["# Commands 命令\n", NOTE, f"```\n{shown()}\n```\n"]
    for name in names(shown()):
        text = shown(name)
        parts.append(f"## zhike {name}\n\n```\n{text}\n```\n")
        parts += [f"### zhike {name} {sub}\n\n```\n{shown(name, sub)}\n```\n" for sub in names(text)]
    return "\n".join(parts)


def page_requirements() -> str:
    """Requirement → the tests that carry its ID."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.requirement"):
                    for value in mark.args:
                        found.setdefault(ast.literal_eval(value), []).append(f"{path.relative_to(ROOT)}::{node.name}")  # type: ignore[attr-defined]
    rows = [(i, "<br>".join(f"`{t}`" for t in tests)) for i, tests in sorted(found.items())]
    return "\n".join(["# Requirements and the tests that prove them\n", NOTE, table(("ID", "tests"), rows)])


def pages() -> dict[str, str]:
    """Return file name → content of every generated page."""
    standard = read_definitions([standard_pack()])
    kinds = {"features": ("Features 画像特征", "feature"), "tags": ("Tags 标签", "tag"), "segments": ("Segments 客群", "segment"),
             "gates": ("Gates 合规闸口", "gate"), "models": ("Models 模型", "model"), "campaigns": ("Campaigns 活动", "campaign"), "offers": ("Offers 产品优惠", "offer")}  # fmt: skip
    written = {f"{name}.md": definition_page(title, kind)(standard) for name, (title, kind) in kinds.items()}
    return {
        **written,
        "tables.md": page_tables(),
        "parameters.md": page_parameters(),
        "errors.md": page_errors(),
        "commands.md": page_commands(),
        "requirements.md": page_requirements(),
    }


def main(*, check: bool) -> int:
    """Write the pages, or name those that differ."""
    stale = []
    for name, content in pages().items():
        path = DOCS / "reference" / name
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != content:
                stale.append(name)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if stale:
        print(f"no longer true: {', '.join(stale)}; run: make docs", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
