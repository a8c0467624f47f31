"""数仓 The warehouse: contracts of tables, versions on disk, the engine, and the run that fills them.

In: steps from every package above. Out: Parquet versions named together by one manifest. It is the only place that opens
an analytical engine and the only one with SQL text. It knows nothing of what the tables mean.

To add a table, write its contract into the ``tables.py`` of the package that owns it. To add work, write a
:class:`Step` in that package's ``steps.py``. See ``docs/concepts/warehouse.md``.
"""

from zhike.warehouse.catalog import Catalog, merged, open_catalog
from zhike.warehouse.contracts import Column, Contract, Kind, Personal, Reads
from zhike.warehouse.engine import Engine, QueryEngine, TableEngine, open_engine
from zhike.warehouse.run import RunPlan, RunResult, run_steps
from zhike.warehouse.steps import Family, Input, Output, Step, StepContext, write_together
from zhike.warehouse.store import Warehouse

__all__ = [
    "Catalog",
    "Column",
    "Contract",
    "Engine",
    "Family",
    "Input",
    "Kind",
    "Output",
    "Personal",
    "QueryEngine",
    "Reads",
    "RunPlan",
    "RunResult",
    "Step",
    "StepContext",
    "TableEngine",
    "Warehouse",
    "merged",
    "open_catalog",
    "open_engine",
    "run_steps",
    "write_together",
]
