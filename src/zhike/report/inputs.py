"""What a report is read from: the tables of the day of planning and of measuring, definitions for names, results of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import ibis.expr.types as ir

from zhike.kernel.definitions import DefinitionSet
from zhike.kernel.terms import Text
from zhike.measure.terms import Metric
from zhike.report.speech import LANGUAGES, Speech
from zhike.report.terms import Figure, Quantity

Row = dict[str, Any]


class Tables(Protocol):
    """Tables by name and partition, as ``warehouse.Catalog`` gives them; ``contracts`` says which there can be."""

    @property
    def contracts(self) -> Mapping[str, Any]:
        """Name → contract."""
        ...

    def __getitem__(self, table: str, /) -> ir.Table:
        """Return a table, empty when never written."""
        ...

    def part(self, table: str, partition: str) -> ir.Table:
        """Return one partition of a table, empty when never written."""
        ...


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Everything a report is read from.

    Parameters
    ----------
    planned : tables of the run that planned the campaign (or of the only run), ``planned_on`` its day.
    measured : tables of the later run that measured it; None when nothing has been measured.
    campaign, experiment : keys of the campaign shown; "" for a plain run.
    cards : model cards as JSON values (``scores`` writes them beside its models).
    runs : contents of ``run_results.json``, in order.
    truth : metric → simulated effect, only on a simulated bank; the keys ``<metric>.treated`` and ``<metric>.control`` are
        not read. extra_figures : shown at the end of the story.
    """

    project: str
    currency: str
    made_at: datetime
    run_id: str
    planned: Tables
    planned_on: date
    definitions: DefinitionSet
    measured: Tables | None = None
    measured_on: date | None = None
    campaign: str = ""
    experiment: str = ""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    cards: Sequence[Mapping[str, Any]] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    extra_figures: tuple[Figure, ...] = ()
    is_simulated: bool = False

    @property
    def last_on(self) -> date:
        """The day the report speaks of: of measuring, else of planning."""
        return self.measured_on or self.planned_on


def rows_of(expression: ir.Table) -> list[Row]:
    """Return the rows of a small aggregate."""
    rows: list[Row] = expression.to_pyarrow().to_pylist()
    return rows


def has_table(tables: Tables | None, *names: str) -> bool:
    """Return whether the catalog knows every one of the tables (they may be empty)."""
    return tables is not None and all(name in tables.contracts for name in names)


def name_of(definitions: DefinitionSet, kind: str, key: str) -> Text:
    """Return the bilingual name of a definition; its key when it is gone or nameless."""
    for definition in definitions.of_kind(kind):
        if definition.key == key:
            return Text(str(definition.body.get("zh", key)), str(definition.body.get("en", key)))
    return Text(key, key)


def tell(key: str, currency: str = "CNY", /, **values: object) -> Text:
    """Return a sentence of ``words.yaml`` in both languages; quantities and texts among ``values`` are said in each."""

    def said(value: object, say: Speech) -> object:
        if isinstance(value, Quantity):
            return say.show(value)
        return say.text(value) if isinstance(value, Text) else value

    both = [Speech(language, currency) for language in LANGUAGES]
    return Text(*(say.word(key, **{k: said(v, say) for k, v in values.items()}) for say in both))


def interval_text(quantity: Quantity, currency: str) -> Text:
    """Return the interval of a quantity in both languages."""
    return Text(*(Speech(language, currency).interval(quantity) for language in LANGUAGES))


__all__ = ["ReportSource", "Row", "Tables", "has_table", "interval_text", "name_of", "rows_of", "tell"]
