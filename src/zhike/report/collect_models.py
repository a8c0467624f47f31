"""The section about models: from the cards that ``scores`` writes beside each version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zhike.kernel.terms import Text
from zhike.report.inputs import ReportSource, Tables, has_table, rows_of, tell
from zhike.report.terms import Absent, DecileRow, Figure, ModelSection, Quantity, Unit

MEASURES = (("auc", Unit.NUMBER), ("top_decile_lift", Unit.TIMES), ("alift", Unit.NUMBER), ("pr_auc", Unit.NUMBER))


def read_cards(models: Path, tables: Tables) -> list[dict[str, Any]]:
    """Return the cards of the model versions in use, by key.

    Parameters
    ----------
    models : folder of artifacts, ``<key>/versions/<version>/card.json``. tables : holds ``model_run``.
    """
    if not has_table(tables, "model_run"):
        return []
    used = rows_of(tables["model_run"].filter(lambda t: t.is_in_use).select("model", "model_version").order_by("model"))
    paths = [models / r["model"] / "versions" / r["model_version"] / "card.json" for r in used if r["model_version"]]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def collect_models(source: ReportSource) -> tuple[ModelSection, ...] | Absent:
    """Return one section per card; a model that was not published says why among its warnings."""
    if not source.cards:
        return Absent(tell("absent_no_models"))
    return tuple(_section(source, card) for card in source.cards)


def _section(source: ReportSource, card: Mapping[str, Any]) -> ModelSection:
    found = card["evaluation"]
    figures = [_figure(source, name, unit, found[name]) for name, unit in MEASURES if name in found]
    figures.append(_figure(source, "base_rate", Unit.RATE, {"estimate": found["base_rate"]}))
    figures.append(_figure(source, "ece", Unit.RATE, {"estimate": found["ece"]}))
    warnings = [Text(d["zh"], d["en"]) for d in (*card.get("doubts", ()), *found.get("doubts", ()))]
    if card.get("not_published"):
        refused = card["not_published"]
        warnings.append(tell("model_not_published", reason=Text(refused["zh"], refused["en"])))
    name = card["name"]
    return ModelSection(
        model=card["key"],
        name=Text(name["zh"], name["en"]),
        target=_purpose(card),
        learner=str(card.get("learner", "")),
        version=str(card.get("version", ""))[:8],
        figures=tuple(figures),
        deciles=_deciles(found.get("calibration", ())),
        warnings=tuple(dict.fromkeys(warnings)),
        as_of=source.planned_on,
        gains=tuple((float(x), float(y)) for x, y in found.get("gains", ())),
    )


def _purpose(card: Mapping[str, Any]) -> Text:
    purpose = card.get("purpose") or {}
    return Text(str(purpose.get("zh", "")), str(purpose.get("en", "")))


def _figure(source: ReportSource, name: str, unit: Unit, interval: Mapping[str, Any]) -> Figure:
    quantity = Quantity(interval["estimate"], unit, interval.get("low"), interval.get("high"))
    return Figure(tell(f"model_{name}"), quantity, tell(f"model_{name}_meaning"), source.planned_on)


def _deciles(bins: Any) -> tuple[DecileRow, ...]:
    """Return the calibration table (lowest predictions first) as rows of best scores first."""
    return tuple(
        DecileRow(i, int(b["n_rows"]), round(b["observed_rate"] * b["n_rows"]), float(b["mean_p"]))
        for i, b in enumerate(reversed(list(bins)), start=1)
    )


__all__ = ["collect_models", "read_cards"]
