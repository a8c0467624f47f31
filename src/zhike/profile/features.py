"""Features as definitions write them, checked on reading: one recipe each, known columns, no circle, names in both languages.

A feature says what it is in words (口径) and how it is computed; ``build`` turns all of them into one plan. A recipe is one of

* ``attribute``: a column of the golden record;
* ``balance``: money by class at a day, or its mean, least, greatest over a window;
* ``facts``: count, sum, last … over the rows of one fact table with filters and a window;
* ``relation``: a feature of the parties at the other end of a relation;
* ``base``: one of the base definitions that need more than one group-by (``base_definitions``);
* ``derive``: a formula over other features;
* ``rank``: where the customer stands among all whom the feature is for, by another feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zhike.kernel.definitions import Definition, parse_definition, read_yaml, suggest
from zhike.kernel.errors import BadInput, Finding
from zhike.kernel.hashing import fingerprint
from zhike.kernel.terms import PartyKind
from zhike.profile.formula import names_in
from zhike.profile.windows import Window
from zhike.warehouse.contracts import Kind, Personal

PARTY_KIND = "party_kind"
STATS_OF_BASE: Mapping[str, tuple[str, ...]] = {
    "counterparties": ("count", "share", "concentration", "fresh"), "recurring_payments": ("count", "amount"),
    "rhythm": ("mean", "deviation"), "retention_d7_rate": ("mean", "max", "min"),
}  # fmt: skip
STANDARD = Path(__file__).parents[1] / "standard"
VALUE_KINDS = (Kind.AMOUNT, Kind.INTEGER, Kind.NUMBER, Kind.RATE, Kind.FLAG, Kind.DAY, Kind.CODE)
NUMERIC = (Kind.AMOUNT, Kind.INTEGER, Kind.NUMBER, Kind.RATE)
UNITS: Mapping[Kind, str] = {Kind.AMOUNT: "CNY"}
Scalar = bool | int | float | str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Test(_Strict):
    """A condition on one column; ``not_in`` is the exact complement of a list and so matches missing values too."""

    __test__ = False

    not_in: tuple[Scalar, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None
    more_than: float | None = None
    less_than: float | None = None
    is_missing: bool | None = None
    days_ago_at_least: int | None = None
    days_ahead_at_least: int | None = None


Condition = Scalar | tuple[Scalar, ...] | Test


class Balance(_Strict):
    """Money of some classes: at a day (``days_ago``), or over a window."""

    classes: tuple[str, ...] = Field(min_length=1)
    stat: Literal[
        "point",
        "mean",
        "min",
        "max",
        "peak_month",
        "median_month",
        "days_below_median",
        "deviation",
        "slope_months",
        "deviation_months",
    ]
    grades: tuple[str, ...] = ()
    account_kinds: tuple[str, ...] = ()
    window: Window | None = None
    days_ago: int = Field(default=0, ge=0, le=3660)
    times: float | None = None
    months: int | None = Field(default=None, ge=1, le=36)

    @model_validator(mode="after")
    def _complete(self) -> Balance:
        if (self.stat == "point") == (self.window is not None):
            raise ValueError("a point takes days_ago, every other stat a window")
        if self.stat in ("peak_month", "median_month", "slope_months", "deviation_months") and not (
            self.window and (self.window.complete_months or self.window.months)
        ):
            raise ValueError(f"{self.stat} takes a window of months")
        if self.stat in ("min", "max", "days_below_median", "deviation") and not (
            self.window and self.window.days and self.window.days <= 31
        ):
            raise ValueError(f"{self.stat} takes a window of at most 31 days")
        if (self.stat == "days_below_median") != (self.times is not None and self.months is not None):
            raise ValueError("days_below_median, and it alone, takes times and months")
        return self


class Facts(_Strict):
    """An aggregate over the rows of one fact table. ``dated_by`` names another date column than the table's own."""

    table: str
    stat: Literal[
        "count", "sum", "mean", "max", "min", "any", "all", "days", "first_on", "last_on", "earliest", "latest", "largest_day",
        "largest_day_on", "leading_code",
        "months_with", "months_with_days", "distinct", "periods", "streak", "longest_streak", "slope_months", "deviation_months",
    ]  # fmt: skip
    by: Literal["day", "week", "month"] = "day"
    of: str | None = None
    dated_by: str | None = None
    where: dict[str, Condition] = Field(default_factory=dict)
    window: Window | None = None
    at_least: float | None = None
    code: str | None = None
    missing: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Facts:
        needs_column = {
            "sum",
            "mean",
            "max",
            "min",
            "all",
            "earliest",
            "latest",
            "largest_day",
            "largest_day_on",
            "leading_code",
            "distinct",
        }
        if self.stat in needs_column and self.of is None:
            raise ValueError(f"{self.stat} needs `of`")
        if self.missing is not None and self.stat not in ("max", "min", "earliest", "latest"):
            raise ValueError(
                "max, min, earliest and latest, and they alone, take missing: where nothing is counted there is 0"
            )
        if self.stat.startswith("months_with") != (self.at_least is not None):
            raise ValueError("months_with and months_with_days, and they alone, take at_least")
        if self.stat.startswith("months_with") and not (
            self.window and (self.window.months or self.window.complete_months)
        ):
            raise ValueError(f"{self.stat} takes a window of months")
        if (self.stat == "leading_code") != (self.code is not None) or (self.code and self.code not in self.where):
            raise ValueError("leading_code, and it alone, takes `code`, a column that `where` lists codes of")
        if self.stat.startswith("largest_day") and not (self.window and self.window.days and self.window.days <= 31):
            raise ValueError(f"{self.stat} takes a window of at most 31 days")
        self._check_periods()
        if self.stat == "days" and not (self.window and self.window.days and self.window.days <= 62):
            raise ValueError("days takes a window of at most 62 days")
        return self

    def _check_periods(self) -> None:
        window = self.window
        if self.stat in ("slope_months", "deviation_months") and not (
            window and (window.months or window.complete_months)
        ):
            raise ValueError(f"{self.stat} takes a window of months")
        if self.stat not in ("periods", "streak", "longest_streak"):
            if self.by != "day":
                raise ValueError("periods, streak and longest_streak, and they alone, take `by`")
            return
        most = 31 if self.stat == "longest_streak" else 62
        if self.by == "month":
            fits = bool(window and (window.months or window.complete_months))
        else:
            size = 7 if self.by == "week" else 1
            fits = bool(window and window.days and window.days % size == 0 and window.days // size <= most)
        if not fits:
            words = "of months" if self.by == "month" else f"of days, whole {self.by}s and at most {most} of them"
            raise ValueError(f"{self.stat} by {self.by} takes a window {words}")


class Relation(_Strict):
    """Over the parties related to the customer: ``look: from`` reads those who stand in the relation to the customer."""

    kinds: tuple[str, ...] = Field(min_length=1)
    look: Literal["from", "to"]
    stat: Literal["max", "sum", "count", "count_positive"]
    of: str | None = None


class Base(_Strict):
    """A definition that takes more than one group-by: a base definition of the field, or one of ``patterns``."""

    definition: Literal[
        "retention_d7_rate", "maturity_kept_rate", "interest_margin_amount",
        "largest_day_counterparty", "next_channel_answer_rate", "pay_day_months", "acquiring_months",
        "counterparties", "recurring_payments", "rhythm",
    ]  # fmt: skip
    aum_classes: tuple[str, ...] = ()
    deposit_classes: tuple[str, ...] = ()
    loan_classes: tuple[str, ...] = ()
    pay_days: int = Field(default=1, ge=1, le=12)
    stat: Literal["mean", "max", "min", "count", "share", "concentration", "fresh", "amount", "deviation"] = "mean"
    from_days_ago: int = Field(default=36, ge=7, le=3660)
    to_days_ago: int = Field(default=7, ge=7, le=3660)
    direction: Literal["in", "out"] = "out"
    counterparties: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    days: int = Field(default=7, ge=1, le=366)
    months: int = Field(default=3, ge=1, le=36)
    days_of_month: tuple[int, ...] = ()
    around_days: int = Field(default=3, ge=0, le=15)
    at_least: int = Field(default=1, ge=1)
    at_least_amount: float = Field(default=0, ge=0)
    besides: tuple[str, ...] = ()
    fresh_days: int = Field(default=30, ge=1, le=366)
    similar_rate: float = Field(default=1.2, ge=1)
    most_a_month: int = Field(default=2, ge=1, le=31)

    @model_validator(mode="after")
    def _complete(self) -> Base:
        needs = {
            "largest_day_counterparty": ("counterparties",), "next_channel_answer_rate": ("channels",),
            "pay_day_months": ("kinds", "counterparties", "days_of_month"),
            "counterparties": ("kinds",), "recurring_payments": ("kinds",), "rhythm": ("kinds",),
        }  # fmt: skip
        for name in needs.get(self.definition, ()):
            if not getattr(self, name):
                raise ValueError(f"{self.definition} takes {name}")
        stats = STATS_OF_BASE.get(self.definition)
        if stats and self.stat not in stats:
            raise ValueError(f"{self.definition} gives {', '.join(stats)}")
        return self


class Derive(_Strict):
    """A formula over other features; ``with`` gives names to parameters."""

    formula: str
    given: dict[str, float] = Field(default_factory=dict, alias="with")


class Rank(_Strict):
    """Where a customer stands among all: the share of them that lies below, with half of those who are level. Missing values do not count."""

    of: str


class Feature(_Strict):
    """One feature: names, meaning in words, what kind of value, and one recipe. ``subjects``: whom it says something about; all when empty."""

    key: str
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    value: Kind
    unit: str = ""
    personal: Personal | None = None
    subjects: tuple[PartyKind, ...] = ()
    attribute: str | None = None
    balance: Balance | None = None
    facts: Facts | None = None
    relation: Relation | None = None
    base: Base | None = None
    derive: Derive | None = None
    rank: Rank | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_formula(cls, body: Any) -> Any:
        if isinstance(body, Mapping) and isinstance(body.get("derive"), str):
            return {**body, "derive": {"formula": body["derive"]}}
        return body

    @model_validator(mode="after")
    def _one_recipe(self) -> Feature:
        recipes = [self.attribute, self.balance, self.facts, self.relation, self.base, self.derive, self.rank]
        if sum(r is not None for r in recipes) != 1:
            raise ValueError("a feature has exactly one of attribute, balance, facts, relation, base, derive, rank")
        if self.rank is not None and self.value is not Kind.RATE:
            raise ValueError("a rank is a rate: where 0 is the lowest of all and 1 the highest")
        if self.value not in VALUE_KINDS:
            raise ValueError(f"a feature is no {self.value}")
        return self

    @property
    def privacy(self) -> Personal:
        """Personal-data class: as written, else sensitive for amounts and quasi for the rest."""
        return self.personal or (Personal.SENSITIVE if self.value is Kind.AMOUNT else Personal.QUASI)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the features that it is computed from."""
        if self.derive is not None:
            return tuple(n for n in names_in(self.derive.formula) if n not in self.derive.given and n != "as_of")
        if self.relation is not None and self.relation.of:
            return (self.relation.of,)
        if self.rank is not None:
            return (self.rank.of, PARTY_KIND) if self.subjects else (self.rank.of,)
        return ()


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """All features of a project, each after those it is computed from."""

    features: tuple[Feature, ...]
    hashes: Mapping[str, str]

    def __getitem__(self, key: str) -> Feature:
        return next(f for f in self.features if f.key == key)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order of computation."""
        return tuple(f.key for f in self.features)


def _checked(feature: Feature, known: Mapping[str, Feature], where: str) -> Iterable[Finding]:
    for name in feature.needs:
        if name not in known:
            near = suggest(name, known)
            yield Finding(where, f"there is no feature {name}", name, f"did you mean {near}?" if near else "")
    if feature.rank is not None and known.get(feature.rank.of) and known[feature.rank.of].value not in NUMERIC:
        yield Finding(where, "a rank orders numbers, amounts and rates", feature.rank.of)
    of = feature.relation.of if feature.relation is not None else None
    if of is not None and of in known:
        other = known[of]
        if other.balance is None and other.facts is None:
            yield Finding(where, "a relation reads features of balances and facts only", other.key)
    if (feature.relation is not None) and (feature.relation.stat == "count") == (feature.relation.of is not None):
        yield Finding(where, "every stat of a relation but count needs `of`", feature.relation.stat)


def _ordered(known: Mapping[str, Feature]) -> tuple[Feature, ...]:
    done: dict[str, Feature] = {}

    def visit(key: str, path: tuple[str, ...]) -> None:
        if key in done:
            return
        if key in path:
            ring = " → ".join((*path[path.index(key) :], key))
            raise BadInput("feature.circular", zh=f"特征循环引用：{ring}", en=f"features that need one another: {ring}")
        for need in known[key].needs:
            visit(need, (*path, key))
        done[key] = known[key]

    for key in known:
        visit(key, ())
    return tuple(done.values())


def parse_features(definitions: Iterable[Definition]) -> FeatureSet:
    """Return the features of definitions of kind ``feature``, each after those it is computed from.

    Raises
    ------
    BadInput : a body is malformed, a formula names an unknown feature, features need one another in a circle.
    """
    written = [d for d in definitions if d.kind == "feature"]
    known = {d.key: parse_definition(Feature, d) for d in written}
    findings = [f for d in written for f in _checked(known[d.key], known, f"{d.file}:{d.line} {d.key}")]
    if findings:
        raise BadInput(
            "feature.malformed", zh=f"{len(findings)} 处特征定义有误", en=f"{len(findings)} mistakes in features", findings=tuple(findings)
        )  # fmt: skip
    return FeatureSet(_ordered(known), {d.key: d.hash for d in written})


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return parameters[value[1:]]
    if isinstance(value, dict):
        return {k: _filled(v, parameters) for k, v in value.items()}
    return [_filled(v, parameters) for v in value] if isinstance(value, list) else value


@cache
def standard_features() -> FeatureSet:
    """Return the features of the standard pack, read once; other kinds of definitions are not opened."""
    written, _ = read_yaml(STANDARD / "parameters.yaml")
    parameters = {name: entry["value"] for name, entry in written.items()}
    found = []
    for path in sorted((STANDARD / "features").glob("*.yaml")):
        bodies, lines = read_yaml(path)
        for key, body in bodies.items():
            filled = _filled(body, parameters)
            file = f"features/{path.name}"
            found.append(Definition("feature", key, filled, file, lines[key], fingerprint("feature", key, filled)))
    return parse_features(sorted(found, key=lambda d: d.key))


__all__ = [
    "STANDARD",
    "Balance",
    "Base",
    "Condition",
    "Derive",
    "Facts",
    "Feature",
    "FeatureSet",
    "Rank",
    "Relation",
    "Test",
    "parse_features",
    "standard_features",
]
