"""Evaluate a model on a data set of its own, in time order, by the protocol of its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zhike.kernel.errors import BadInput
from zhike.pipeline.project import Project
from zhike.scores import evaluate_in_order, model_in


def evaluate_model(project: Project, key: str, data: Path) -> dict[str, Any]:
    """Return the figures of the rolling window and of the fixed split, as JSON values.

    Raises
    ------
    BadInput : the model has no data set, or the data do not fit it.
    NotFound : there is no such model.
    """
    model = model_in(project.definitions, key)
    if model.dataset is None:
        raise BadInput(
            "model.no_dataset", zh=f"模型 {key} 没有数据集", en=f"the model {key} names no data set of its own",
            todo_zh="客户模型在跑批中评估：zhike models list", todo_en="customer models are evaluated in the run: `zhike models list`",
        )  # fmt: skip
    return evaluate_in_order(model, data, threads=project.settings.engine_threads).to_json()


__all__ = ["evaluate_model"]
