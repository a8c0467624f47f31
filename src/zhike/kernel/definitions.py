"""Definition files: YAML that a business person can read, with parameters in one place and errors that name file and line.

A folder of definitions holds ``<kind plural>/*.yaml`` (each file a mapping ``key: body``) and ``parameters.yaml``. Later
folders override earlier ones by key, so that a project stands on the standard pack. A string ``$name`` is replaced by the
parameter of that name. What a body may hold is said by the package that owns the kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from zhike.kernel.errors import BadInput, Finding, NotFound
from zhike.kernel.hashing import fingerprint
from zhike.kernel.mistakes import finding_of

KINDS: Mapping[str, str] = {
    "features": "feature",
    "tags": "tag",
    "segments": "segment",
    "lists": "list",
    "models": "model",
    "identity_models": "identity_model",
    "offers": "offer",
    "campaigns": "campaign",
    "gates": "gate",
    "contact_policies": "contact_policy",
    "regulations": "regulation",
    "content": "content",
}
KINDS_IN_CHINESE: Mapping[str, str] = {
    "feature": "特征", "tag": "标签", "segment": "客群", "list": "名单", "model": "模型", "identity_model": "匹配模型", "offer": "产品优惠", "campaign": "活动", "gate": "合规闸口",
    "contact_policy": "触达制度", "regulation": "监管要求", "content": "内容",
}  # fmt: skip
PARAMETERS_FILE = "parameters.yaml"
# parameters that no definition names
READ_BY_CODE = frozenset({
    "identity_source_priority", "identity_own_places", "identity_mention_link_from", "household_most_holders", "employer_least_months", "employer_gap_days", "supplier_least_invoices",
    "supplier_gap_days", "representative_most_companies", "beneficial_owner_from_rate", "group_control_above_rate", "group_most_controlled",
    "anonymous_before_login_days", "anonymous_alone_days", "anonymous_most_aliases",
})  # fmt: skip
KEYS_SHOWN = 8

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition as written: ``body`` has its parameters filled in; ``hash`` changes when its meaning may."""

    kind: str
    key: str
    body: Mapping[str, Any]
    file: str
    line: int
    hash: str


@dataclass(frozen=True, slots=True)
class DefinitionSet:
    """All definitions of a project, after overriding."""

    definitions: tuple[Definition, ...]
    parameters: Mapping[str, Any]

    def of_kind(self, kind: str) -> tuple[Definition, ...]:
        """Return the definitions of one kind, in key order."""
        return tuple(d for d in self.definitions if d.kind == kind)

    def get(self, kind: str, key: str) -> Definition:
        """Return one definition; NotFound names the nearest key."""
        for definition in self.definitions:
            if definition.kind == kind and definition.key == key:
                return definition
        known = [d.key for d in self.of_kind(kind)]
        near = suggest(key, known)
        shown = ", ".join(known[:KEYS_SHOWN]) + (" …" if len(known) > KEYS_SHOWN else "") if known else "–"
        raise NotFound(
            f"definition.{kind}_unknown",
            zh=f"没有名为 {key} 的{KINDS_IN_CHINESE.get(kind, kind)}",
            en=f"there is no {kind} called {key}",
            todo_zh=f"是否要找 {near}？" if near else f"共 {len(known)} 个：{shown}",
            todo_en=f"did you mean {near}?" if near else f"there are {len(known)}: {shown}",
        )


def suggest(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to ``word``, or "" when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


# libyaml where PyYAML was built with it: ten times as fast, the same classes
SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Lines(SafeLoader):  # type: ignore[valid-type,misc] # chosen when it is imported
    """A safe loader that refuses a key written twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is written twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# Days stay text: a definition is JSON once it is kept, and each model reads its own days.
_Lines.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(content: str) -> tuple[yaml.Node | None, Any]:
    loader = _Lines(content)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()


def read_yaml(path: Path, *, shown: str = "") -> tuple[Any, dict[str, int]]:
    """Return a file's content and the line (from 1) of each of its top-level keys; BadInput when it is not YAML.

    Parameters
    ----------
    shown : how errors name the file; by its bare name when not given.
    """
    named = shown or path.name
    if not path.is_file():
        raise BadInput(
            "definition.file_missing", zh=f"找不到文件 {named}", en=f"there is no file {named}",
            todo_zh=f"应在 {path.parent} 下", todo_en=f"expected it in {path.parent}",
        )  # fmt: skip
    content = path.read_bytes()
    try:
        node, data = _parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(
            "definition.not_utf8", zh=f"{named}:{line} 不是 UTF-8（第 {error.start + 1} 字节）", en=f"{named}:{line} is not UTF-8 (byte {error.start + 1})",
            todo_zh="请另存为 UTF-8", todo_en="save it as UTF-8",
        ) from error  # fmt: skip
    except yaml.YAMLError as error:
        raise _not_yaml(error, named) from error
    lines = {}
    if isinstance(node, yaml.MappingNode):
        lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return data, lines


def _not_yaml(error: yaml.YAMLError, named: str) -> BadInput:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "note", None) or "cannot be read"
    return BadInput(
        "definition.not_yaml", zh=f"{named}{line} 不是合法的 YAML：{problem}", en=f"{named}{line} is not YAML: {problem}",
        todo_zh="错在该行或其上一行：检查缩进、冒号、引号与括号",
        todo_en="the mistake is on that line or just above: look at indentation, colons, quotes and brackets",
    )  # fmt: skip


@dataclass(slots=True)
class _Parameters:
    """Parameters of some folders, later ones overriding earlier ones; ``used`` are those that a definition names."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    above: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def add(self, folder: Path, *, is_first: bool) -> None:
        """Take in the parameters of one more folder."""
        path = folder / PARAMETERS_FILE
        if not path.is_file():
            return
        data, lines = read_yaml(path)
        if data is not None and not isinstance(data, dict):
            raise BadInput(
                "definition.not_a_mapping", zh=f"{path.name} 应为 参数: 值", en=f"{path.name} must be a mapping of parameter: value",
                todo_zh="每行写一个，如 tier_wealth_amount: 300000", todo_en="write one a line, such as tier_wealth_amount: 300000",
            )  # fmt: skip
        for name, entry in (data or {}).items():
            written = entry if isinstance(entry, dict) and "value" in entry else {"value": entry}
            self.places[name] = f"{path.name}:{lines[name]}"
            if name in self.values:
                self._compare(name, written["value"])
            elif not is_first:
                self.own.add(name)
            self.values[name] = written["value"]
            if "above" in written:
                self.above[name] = written["above"]

    def _compare(self, name: str, value: Any) -> None:
        """Refuse a value of another kind, or below zero where the value that it overrides is not."""
        before = self.values[name]
        kinds = [float if isinstance(v, int | float) and not isinstance(v, bool) else type(v) for v in (before, value)]
        if kinds[0] is not kinds[1]:
            raise self._wrong(
                name, f"{value!r} 与原值 {before!r} 类型不同", f"{value!r} is not of the kind of {before!r}"
            )
        if kinds[0] is float and value < 0 <= before:
            raise self._wrong(name, f"{value} 不能为负", f"{value} must not be below zero")

    def _wrong(self, name: str, zh: str, en: str) -> BadInput:
        place = self.places[name]
        return BadInput(
            "definition.parameter_value", zh=f"{place} 参数 {name}：{zh}", en=f"{place} parameter {name}: {en}",
            todo_zh="改正该值；各参数的含义见 docs/reference/parameters.md", todo_en="correct the value; docs/reference/parameters.md says what each means",
        )  # fmt: skip

    def check(self) -> None:
        """Refuse parameters that nothing reads, and steps of a ladder that do not rise."""
        for name in sorted(self.own - self.used - READ_BY_CODE):
            near = suggest(name, self.values.keys() - self.own)
            raise BadInput(
                "definition.parameter_unused", zh=f"{self.places[name]}：没有定义使用参数 {name}", en=f"{self.places[name]}: no definition uses a parameter {name}",
                todo_zh=f"是否要写 {near}？" if near else f"删去它，或在定义中写 ${name}",
                todo_en=f"did you mean {near}?" if near else f"remove it, or write ${name} in a definition",
            )  # fmt: skip
        for name, lower in self.above.items():
            if not self.values[name] > self.values[lower]:
                zh = f"{self.values[name]} 应大于 {lower} 的 {self.values[lower]}"
                raise self._wrong(name, zh, f"{self.values[name]} must be above {lower}, which is {self.values[lower]}")


def _fill(value: Any, parameters: _Parameters, where: str) -> Any:
    if isinstance(value, str) and value.startswith("$") and value[1:].isidentifier():
        name = value[1:]
        if name not in parameters.values:
            near = suggest(name, parameters.values)
            raise BadInput(
                "definition.parameter_unknown", zh=f"{where}：没有参数 {name}", en=f"{where}: there is no parameter {name}",
                todo_zh=f"是否要找 {near}？" if near else "请写入 parameters.yaml",
                todo_en=f"did you mean {near}?" if near else "write it into parameters.yaml",
            )  # fmt: skip
        parameters.used.add(name)
        return parameters.values[name]
    if isinstance(value, dict):
        return {k: _fill(v, parameters, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, parameters, where) for v in value]
    return value


def fill_parameters(tree: Any, values: Mapping[str, Any], *, where: str) -> Any:
    """Return a tree of YAML in which ``$name`` is the value of a parameter.

    Raises
    ------
    BadInput : there is no such parameter; the nearest name is suggested.
    """
    return _fill(tree, _Parameters(values=dict(values)), where)


def _read_file(path: Path, kind: str, parameters: _Parameters) -> Iterable[Definition]:
    shown = f"{path.parent.name}/{path.name}"
    data, lines = read_yaml(path, shown=shown)
    if data is None:
        return
    if not isinstance(data, dict):
        raise _not_a_mapping(shown)
    for key, body in data.items():
        where = f"{shown}:{lines.get(str(key), 1)}"
        if not isinstance(body, dict):
            raise _not_a_mapping(f"{where} {key}")
        filled = _fill(body, parameters, f"{where} {key}")
        yield Definition(kind, str(key), filled, shown, lines.get(str(key), 1), fingerprint(kind, key, filled))


def _not_a_mapping(where: str) -> BadInput:
    return BadInput(
        "definition.not_a_mapping", zh=f"{where} 应为 键: 内容", en=f"{where} must be a mapping of key: body",
        todo_zh="先写键和冒号，其下缩进写各字段", todo_en="write the key and a colon, and its fields indented below",
    )  # fmt: skip


def _check_places(folder: Path) -> None:
    """Refuse files that look like definitions and would never be read: under another suffix, or beside the kinds' folders."""
    for path in sorted(p for p in (*folder.glob("*.y*ml"), *folder.glob("*/*.yml")) if p.is_file()):
        inside = path.parent != folder
        if path.name == PARAMETERS_FILE or path.name.startswith((".", "_")) or path.parent.name.startswith((".", "_")):
            continue
        near = suggest(path.stem, [*KINDS, "parameters"])
        place = f"{path.parent.name}/{path.stem}.yaml" if inside else f"{near or 'tags'}/{path.stem}.yaml"
        place = PARAMETERS_FILE if near == "parameters" and not inside else place
        raise BadInput(
            "definition.misplaced", zh=f"{path} 不会被读取", en=f"{path} is not read there",
            todo_zh=f"改名为 {place}", todo_en=f"name it {place}",
        )  # fmt: skip


def read_definitions(folders: Sequence[Path], *, kinds: Collection[str] | None = None) -> DefinitionSet:
    """Return the definitions of ``folders``, later ones overriding earlier ones by (kind, key).

    Parameters
    ----------
    kinds : read only these kinds, e.g. ``{"feature"}``; all when not given.

    Raises
    ------
    BadInput : a file is not YAML, a folder names no known kind, a parameter is unknown, a key is written twice.
    """
    parameters = _Parameters()
    for i, folder in enumerate(folders):
        parameters.add(folder, is_first=i == 0)
    merged: dict[tuple[str, str], Definition] = {}
    for folder in folders:
        found: dict[tuple[str, str], Definition] = {}
        _check_places(folder)
        for child in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(("_", "."))):
            if child.name not in KINDS:
                near = suggest(child.name, KINDS)
                raise BadInput(
                    "definition.kind_unknown", zh=f"{child} 不是定义的种类", en=f"{child} is no kind of definition",
                    todo_zh=f"是否要找 {near}？" if near else f"可用：{'、'.join(KINDS)}",
                    todo_en=f"did you mean {near}?" if near else f"there are {', '.join(KINDS)}",
                )  # fmt: skip
            if kinds is not None and KINDS[child.name] not in kinds:
                continue
            for path in sorted(child.glob("*.yaml")):
                for definition in _read_file(path, KINDS[child.name], parameters):
                    identity = (definition.kind, definition.key)
                    if identity in found:
                        first = found[identity]
                        raise BadInput(
                            "definition.key_twice",
                            zh=f"{definition.key} 写了两次：{first.file}:{first.line} 与 {definition.file}:{definition.line}",
                            en=f"{definition.key} is written twice: {first.file}:{first.line} and {definition.file}:{definition.line}",
                            todo_zh="删去或改名其中一个", todo_en="remove one of them, or give it another key",
                        )  # fmt: skip
                    found[identity] = definition
        merged.update(found)
    if kinds is None:
        parameters.check()
    return DefinitionSet(tuple(merged[k] for k in sorted(merged)), parameters.values)


def _known_fields(model: type[BaseModel], path: Sequence[object]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in path:
        if current is None or not isinstance(part, str) or part not in current.model_fields:
            break
        annotation = current.model_fields[part].annotation
        current = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return list(current.model_fields) if current else []


def parse_definition(model: type[M], definition: Definition) -> M:
    """Return the body as ``model``; BadInput lists each broken field with file, line and the nearest known name."""
    try:
        return model.model_validate(
            {"key": definition.key, **definition.body} if "key" in model.model_fields else definition.body
        )
    except ValidationError as error:
        where = f"{definition.file}:{definition.line} {definition.key}"
        findings = tuple(_finding(model, item, where) for item in error.errors())
        raise BadInput(
            f"definition.{definition.kind}_malformed", zh=f"{where} 有误", en=f"{where} is malformed", findings=findings
        ) from error  # fmt: skip


def _finding(model: type[BaseModel], item: Mapping[str, Any], where: str) -> Finding:
    path = ".".join(str(p) for p in item["loc"])
    known = _known_fields(model, item["loc"][:-1])
    return finding_of(item, f"{where}.{path}" if path else where, nearest=lambda name: suggest(name, known))


__all__ = [
    "KINDS",
    "Definition",
    "DefinitionSet",
    "SafeLoader",
    "fill_parameters",
    "parse_definition",
    "read_definitions",
    "read_yaml",
    "suggest",
]
