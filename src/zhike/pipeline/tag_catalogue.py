"""The tag catalogue as a thing to be governed: state, coverage, freshness, drift, usage of each tag, and where it comes from and goes.

Nothing here decides; it reads what is published and what is approved. Warnings are named so that a scheduler can act on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from zhike.kernel.definitions import Definition, DefinitionSet
from zhike.pipeline.catalogue import Opened, Row, opened
from zhike.pipeline.checking import compiled_project
from zhike.pipeline.compiled import Compiled
from zhike.pipeline.project import Project
from zhike.pipeline.store import OperationsStore
from zhike.profile.build import reads_of_feature
from zhike.profile.tags import LIVE

REFRESH_DAYS: Mapping[str, int] = {"event": 1, "day": 1, "week": 7, "month": 31}
# Bands of the population stability index: a rule of thumb of credit scoring (Siddiqi 2006, ch. 9), not a test.
SHIFT_FROM, DRIFT_FROM = 0.1, 0.25
NOUNS: Mapping[str, str] = {"tag": "tag", "segment": "segment", "score": "model"}  # word of a rule → kind of definition


def psi_band(psi: float | None) -> str:
    """Return the band of a population stability index: stable below 0.1, shifting below 0.25, else drift; "" when there is none."""
    if psi is None:
        return ""
    return "stable" if psi < SHIFT_FROM else "shifting" if psi < DRIFT_FROM else "drift"


# ---- who uses what ---------------------------------------------------------------------------------------------------


def _named(body: Any) -> Iterator[tuple[str, str]]:
    """Give (kind, key) of the tags, segments and models that a body names anywhere."""
    if isinstance(body, Mapping):
        for word, value in body.items():
            if word in NOUNS:
                yield from (
                    (NOUNS[word], key)
                    for key in (value if isinstance(value, list) else [value])
                    if isinstance(key, str)
                )
            yield from _named(value)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from _named(value)


def _uses(definitions: DefinitionSet) -> dict[tuple[str, str], list[Definition]]:
    """Return, for each tag, segment and model, the definitions that name it; campaigns name their offers, too."""
    found: dict[tuple[str, str], list[Definition]] = {}
    for definition in definitions.definitions:
        named = dict.fromkeys(_named(definition.body))
        if definition.kind == "campaign":
            named |= dict.fromkeys(("offer", o) for o in definition.body.get("offers", ()) if isinstance(o, str))
        for identity in named:
            if identity != (definition.kind, definition.key):
                found.setdefault(identity, []).append(definition)
    return found


def users_of(definitions: DefinitionSet, key: str) -> list[Row]:
    """Return what uses a tag, and what uses that, nearest first: kind, key, how far away, by way of what."""
    uses, found = _uses(definitions), []
    seen = {("tag", key)}
    open_names = [(("tag", key), 1)]
    while open_names:
        identity, depth = open_names.pop(0)
        for user in uses.get(identity, ()):
            name = (user.kind, user.key)
            if name not in seen:
                seen.add(name)
                found.append({"direction": "down", "depth": depth, "kind": user.kind, "key": user.key, "by_way_of": f"{identity[0]} {identity[1]}",
                              "where": f"{user.file}:{user.line}"})  # fmt: skip
                open_names.append((name, depth + 1))
    return found


def sources_of(compiled: Compiled, key: str) -> list[Row]:
    """Return what a tag is made of, nearest first: features, other tags, segments, models, and in the end tables."""
    tag = compiled.tags[key]
    names = tag.names()
    found: list[Row] = []
    tables: dict[str, str] = {}
    seen: set[str] = set()
    known = {f.key: f for f in compiled.features.features}
    open_names = [(name, 1, f"tag {key}") for name in sorted(names.fields)]
    for kind, keys in (
        ("tag", names.tags),
        ("segment", names.segments),
        ("model", names.models),
        ("event", names.events),
    ):
        found += [_up(1, kind, k, f"tag {key}") for k in sorted(keys)]
    while open_names:
        name, depth, way = open_names.pop(0)
        if name in seen or name not in known:
            continue
        seen.add(name)
        found.append(_up(depth, "feature", name, way))
        open_names += [(need, depth + 1, f"feature {name}") for need in known[name].needs]
        tables |= {table: f"feature {name}" for table in reads_of_feature(known[name]) if table not in tables}
    if names.events:
        tables.setdefault("event", f"tag {key}")
    if names.relations:
        tables.setdefault("customer_relation", f"tag {key}")
    if names.contactability:
        tables.setdefault("contactability", f"tag {key}")
    if tag.definition.kind == "manual":
        tables.setdefault("tag_override", f"tag {key}")
    last = max((r["depth"] for r in found), default=0) + 1
    return [*found, *(_up(last, "table", table, way) for table, way in sorted(tables.items()))]


def _up(depth: int, kind: str, key: str, way: str) -> Row:
    return {"direction": "up", "depth": depth, "kind": kind, "key": key, "by_way_of": way, "where": ""}


def tag_lineage(project: Project, key: str) -> list[Row]:
    """Return what a tag is made of (``up``) and what uses it (``down``).

    Raises
    ------
    NotFound : there is no such tag.
    """
    project.definitions.get("tag", key)
    compiled = compiled_project(project, project.definitions)
    up = sources_of(compiled, key) if key in compiled.tags else []
    return [*up, *users_of(project.definitions, key)]


# ---- how tags stand --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the health of one tag is told from."""

    definition: Definition
    state: str
    version: int
    row: Mapping[str, Any] | None
    users: int
    n_customers: int

    def age_days(self, on: date) -> int | None:
        return (on - self.row["measured_on"]).days if self.row else None

    def warnings(self, on: date) -> list[str]:
        """Name what is amiss: nobody, everybody, stale, drift, expired, unused; nothing of tags that are not computed."""
        if self.state in ("retired", "draft") or self.row is None:
            return []
        body, row, found = self.definition.body, self.row, []
        if row["n_subjects"] and not row["n_tagged"]:
            found.append("nobody")
        if row["n_subjects"] and row["n_tagged"] == row["n_subjects"] and (row["n_values"] or 0) <= 1:
            found.append("everybody")
        if (self.age_days(on) or 0) > REFRESH_DAYS[body["refresh"]]:
            found.append("stale")
        if psi_band(row["shift_psi"]) == "drift":
            found.append("drift")
        expires = body.get("expires_on")
        if expires is not None and date.fromisoformat(str(expires)) < on:
            found.append("expired")
        if not self.users:
            found.append("unused")
        return found


def _state(definition: Definition, hashes: Mapping[str, str], newest: Mapping[str, Any]) -> str:
    written = str(definition.body.get("state", LIVE))
    if written != LIVE:
        return written
    version = newest.get(definition.key)
    if version is not None and version.is_approved is None:
        return "draft"
    return "live" if hashes.get(f"tag:{definition.key}") == definition.hash else "approved"


def tag_health(project: Project, store: OperationsStore, *, on: date, key: str = "") -> list[Row]:
    """Return how each tag (or the one called ``key``) stands.

    Parameters
    ----------
    on : day against which freshness and expiry are held.

    Raises
    ------
    NotFound : there is no such tag, or nothing is published.
    """
    if key:
        project.definitions.get("tag", key)
    uses = _uses(project.definitions)
    newest = {v.key: v for v in store.versions("tag")}
    with opened(project) as o:
        rows, n_customers = _measured(o)
        hashes = o.manifest.definitions
    found = []
    for definition in project.definitions.of_kind("tag"):
        if key in ("", definition.key):
            version = newest.get(definition.key)
            standing = _Standing(
                definition, _state(definition, hashes, newest), version.version if version else 0, rows.get(definition.key),
                len(uses.get(("tag", definition.key), ())), n_customers,
            )  # fmt: skip
            found.append(_told(standing, on))
    return found


def _measured(o: Opened) -> tuple[dict[str, Mapping[str, Any]], int]:
    profile = o.tables["profile"]
    counted = o.rows(profile.aggregate(n=profile.count().cast("int64")))
    return {r["tag"]: r for r in o.rows(o.tables["tag_health"])}, counted[0]["n"]


def _told(standing: _Standing, on: date) -> Row:
    body, row = standing.definition.body, standing.row or {}
    n_tagged = row.get("n_tagged")
    share = n_tagged / standing.n_customers if n_tagged is not None and standing.n_customers else None
    return {
        "tag": standing.definition.key, "zh": body.get("zh"), "en": body.get("en"), "state": standing.state, "version": standing.version,
        "owner": body.get("owner"), "family": body.get("family"), "kind": body.get("kind"), "use": body.get("use"),
        "sensitivity": body.get("sensitivity", "quasi"), "tagged": n_tagged, "of_subjects": _rounded(row.get("coverage_rate")),
        "of_all": _rounded(share), "gained": row.get("n_gained"), "lost": row.get("n_lost"), "changed": row.get("n_changed"),
        "psi": _rounded(row.get("shift_psi")), "psi_band": psi_band(row.get("shift_psi")), "measured_on": _day(row.get("measured_on")),
        "age_days": standing.age_days(on), "refresh": body.get("refresh"), "expires_on": body.get("expires_on"),
        "used_by": standing.users, "warnings": standing.warnings(on),
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def warned(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of tags with a warning."""
    return [r for r in rows if r["warnings"]]


__all__ = [
    "DRIFT_FROM",
    "REFRESH_DAYS",
    "SHIFT_FROM",
    "psi_band",
    "sources_of",
    "tag_health",
    "tag_lineage",
    "users_of",
    "warned",
]
