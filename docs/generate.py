"""Write the generated pages of docs/reference: tables, definitions by kind, parameters, errors, commands, requirements.

``python docs/generate.py`` writes them; ``--check`` exits 1 and names those that are no longer true.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer

from zhike.cli.main import app
from zhike.decision.terms import RULES
from zhike.kernel.definitions import KINDS, DefinitionSet, read_definitions, read_yaml
from zhike.pipeline.project import standard_pack
from zhike.pipeline.tables import CONTRACTS
from zhike.policy.decide import BUILT_IN
from zhike.sources.load import TODO

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


def meaning_of(body: Mapping[str, Any], language: str) -> str:
    """Return what a definition means: its meaning, what it aims at, or why it refuses."""
    for name in ("meaning", "objective", "reason", "purpose"):
        value = body.get(f"{name}_{language}", body.get(name))
        if isinstance(value, Mapping):
            value = value.get(language)
        if isinstance(value, str):
            return value
    return ""


def definition_page(title: str, kind: str) -> Callable[[DefinitionSet], str]:
    """Return a writer of the page of one kind of definition."""

    def write(definitions: DefinitionSet) -> str:
        rows = [
            (f"`{d.key}`", d.body.get("zh", ""), d.body.get("en", ""), meaning_of(d.body, "zh"), meaning_of(d.body, "en"), f"`{d.file}`")
            for d in definitions.of_kind(kind)
        ]  # fmt: skip
        return "\n".join([f"# {title}\n", NOTE, table(("key", "中文", "English", "含义", "meaning", "file"), rows)])

    return write


def page_features(definitions: DefinitionSet) -> str:
    """Every feature with what it means (口径), for whom, and what kind of value it is."""
    features = definitions.of_kind("feature")
    counts = {
        kind: sum(kind in d.body.get("subjects", [kind]) for d in features)
        for kind in ("person", "sole_trader", "company")
    }
    head = f"{counts['person']} say something about persons, {counts['sole_trader']} about sole traders, {counts['company']} about companies"
    rows = [
        (
            f"`{d.key}`", d.body.get("zh", ""), d.body.get("en", ""), meaning_of(d.body, "zh"), meaning_of(d.body, "en"), d.body.get("value", ""),
            d.body.get("unit", ""), ", ".join(d.body.get("subjects", ["all"])), f"`{d.file}`",
        )
        for d in features
    ]  # fmt: skip
    names = ("key", "中文", "English", "含义", "meaning", "value", "unit", "of whom", "file")
    return "\n".join(["# Features 画像特征\n", NOTE, f"{len(features)} features: {head}.\n", table(names, rows)])


def page_tags(definitions: DefinitionSet) -> str:
    """Every tag with what it means and how it is governed."""
    tags = definitions.of_kind("tag")
    rows = [
        (
            f"`{d.key}`", d.body.get("zh", ""), d.body.get("en", ""), meaning_of(d.body, "zh"), meaning_of(d.body, "en"), d.body.get("family", ""),
            d.body.get("kind", ""), ", ".join(d.body.get("subjects", [])), d.body.get("use", ""), d.body.get("sensitivity", "quasi"),
            d.body.get("refresh", ""), d.body.get("owner", ""), f"`{d.file}`",
        )
        for d in tags
    ]  # fmt: skip
    families = [str(d.body.get("family")) for d in tags]
    head = ", ".join(f"{families.count(f)} {f}" for f in sorted(set(families)))
    names = (
        "key",
        "中文",
        "English",
        "含义",
        "meaning",
        "family",
        "kind",
        "of whom",
        "use",
        "sensitivity",
        "refresh",
        "owner",
        "file",
    )
    return "\n".join(["# Tags 标签\n", NOTE, f"{len(tags)} tags: {head}.\n", table(names, rows)])


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


def codes_written(node: ast.expr | None) -> list[str]:
    """Return the codes that an expression may give: a literal, or one per kind of definition where the kind is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else None for p in node.values]
        return ["".join(kind if p is None else str(p) for p in parts) for kind in sorted(KINDS.values())]
    return []


def helpers_of(tree: ast.Module) -> dict[str, tuple[str, list[str]]]:
    """Return function → (kind of error, names of its arguments) of the functions of a module that are handed a code."""
    found = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = [a.arg for a in function.args.args]
            for call in ast.walk(function):
                if is_error(call) and isinstance(call.args[0], ast.Name) and call.args[0].id in names:  # type: ignore[attr-defined]
                    found[function.name] = (call.func.id, names)  # type: ignore[attr-defined]
    return found


def is_error(node: ast.AST) -> bool:
    """Return whether a node makes an error of the tree."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERROR_NAMES and bool(node.args)
    )  # fmt: skip


def said(node: ast.expr | None) -> str:
    """Return an English text as a table shows it, with what is filled in as «…»."""
    if node is None:
        return ""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "…"


@cache
def error_calls() -> tuple[tuple[str, str, str], ...]:
    """Return (code, kind, English text) of every error that the code raises."""
    return tuple(_error_calls())


def _error_calls() -> Iterator[tuple[str, str, str]]:
    for path in sorted((ROOT / "src" / "zhike").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        helpers = helpers_of(tree)
        for node in ast.walk(tree):
            if is_error(node):
                english = next((k.value for k in node.keywords if k.arg == "en"), None)  # type: ignore[attr-defined]
                yield from ((code, node.func.id, said(english)) for code in codes_written(node.args[0]))  # type: ignore[attr-defined]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in helpers:
                kind, names = helpers[node.func.id]
                given = {
                    **dict(zip(names, node.args, strict=False)),
                    **{k.arg: k.value for k in node.keywords if k.arg},
                }
                yield from ((code, kind, said(given.get("en"))) for code in codes_written(given.get("code")))


def page_errors() -> str:
    """Every stable code: errors, rows held back, refusals that are no gate, rules of the funnel."""
    seen: dict[str, tuple[str, str]] = {}
    for code, kind, english in error_calls():
        seen.setdefault(code, (kind, english))
    rows = [(f"`{code}`", kind, english) for code, (kind, english) in sorted(seen.items())]
    held = [(f"`{rule}`", *todo.split(" / ", 1)) for rule, todo in sorted(TODO.items())]
    refusals = [(f"`{rule}`", zh, en) for rule, (zh, en) in sorted({**BUILT_IN, **RULES}.items())]
    return "\n".join([
        "# Errors 错误码\n", NOTE, "Who can act on which kind, and exit codes: [kernel](../concepts/kernel.md).\n",
        table(("code", "kind", "says"), rows),
        "\n## Why a row is in quarantine 隔离原因\n", table(("rule", "怎么办", "what to do"), held),
        "\n## Why a candidate fell out, beside the gates 落选原因\n",
        "Gates refuse with their own keys: [gates](gates.md). A cap is `cap.<key>`, a rule on words `content.<key>`.\n",
        table(("rule", "中文", "English"), refusals),
    ])  # fmt: skip


def shown(command: Any, words: Sequence[str]) -> str:
    """Return what a command says of itself."""
    context = command.context_class(
        command, info_name=" ".join(words), terminal_width=100, max_content_width=100, color=False
    )
    return str(command.get_help(context)).rstrip()


def page_commands() -> str:
    """What every command says of itself."""
    root: Any = typer.main.get_command(app)
    parts = ["# Commands 命令\n", NOTE, f"```\n{shown(root, ['zhike'])}\n```\n"]
    for name, command in root.commands.items():
        parts.append(f"## zhike {name}\n\n```\n{shown(command, ['zhike', name])}\n```\n")
        parts += [
            f"### zhike {name} {sub}\n\n```\n{shown(each, ['zhike', name, sub])}\n```\n"
            for sub, each in getattr(command, "commands", {}).items()
        ]
    return "\n".join(parts)


def requirements_written() -> dict[str, str]:
    """Return ID → capability of ``docs/requirements.md``."""
    text = (DOCS / "requirements.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([A-Z]\d+) \| (.+?) \|", text, flags=re.M))


def requirement_ids(node: ast.expr) -> list[str]:
    """Return the IDs that a mark, or a list of marks, carries."""
    if isinstance(node, ast.List | ast.Tuple):
        return [i for each in node.elts for i in requirement_ids(each)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.requirement"):
        return [str(ast.literal_eval(value)) for value in node.args]
    return []


@cache
def requirements_tested() -> dict[str, list[str]]:
    """Return ID → the tests that carry it; a module's own mark stands for all of its tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where, marks = str(path.relative_to(ROOT)), []
            if isinstance(node, ast.FunctionDef):
                where, marks = f"{where}::{node.name}", list(node.decorator_list)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                marks = [node.value]
            for i in dict.fromkeys(i for mark in marks for i in requirement_ids(mark)):
                found.setdefault(i, []).append(where)
    return found


def page_requirements() -> str:
    """Requirement → the tests that carry its ID."""
    found = requirements_tested()
    rows = [
        (i, capability, "<br>".join(f"`{t}`" for t in found.get(i, [])) or "–")
        for i, capability in requirements_written().items()
    ]
    head = "What each ID asks: [requirements](../requirements.md).\n"
    return "\n".join(
        ["# Requirements and the tests that prove them\n", NOTE, head, table(("ID", "capability", "tests"), rows)]
    )


def pages() -> dict[str, str]:
    """Return file name → content of every generated page."""
    standard = read_definitions([standard_pack()])
    kinds = {
        "features": "Features 画像特征", "tags": "Tags 标签", "segments": "Segments 客群", "lists": "Lists 名单", "models": "Models 模型",
        "identity_models": "Match models 匹配模型", "gates": "Gates 合规闸口",
        "contact_policies": "Contact policies 触达策略", "regulations": "Rules on words 内容规则", "campaigns": "Campaigns 活动", "offers": "Offers 产品优惠",
    }  # fmt: skip
    own = {"features": page_features, "tags": page_tags}
    written = {
        f"{name}.md": own.get(name, definition_page(title, KINDS[name]))(standard) for name, title in kinds.items()
    }
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
