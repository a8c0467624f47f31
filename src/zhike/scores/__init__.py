"""模型 Scores: what is likely of each customer, how sure that is, and why; with the registry of what was learned when.

Tables in: the sources as of past cutoffs (through ``profile``), ``profile`` of the day, ``model_run`` of the last run.
Tables out: ``score_value``[customer_id, model], ``model_run``[model, model_version], ``model_health``[model, feature].

A model is YAML (``standard/models``, a project's ``conf/models``): whom it is about, what counts as yes and how much
later, from which features. :func:`model_steps` learns it when a new cutoff is complete and scores every night. A *dataset
model* learns from the rows of one file in their order and is judged by :func:`evaluate_in_order`.

To add a learner, give it a ``FittedModel`` in ``learners``; a measure, a line in ``evaluate.MEASURES``. What is not here:
uplift (it needs randomised contact), recommendations, what to do with a score (decision).
"""

from zhike.scores.artifact import open_artifact
from zhike.scores.definition import ModelDefinition, model_in, parse_models
from zhike.scores.evaluate import Evaluation, evaluate_scores
from zhike.scores.in_order import OrderedEvaluation, evaluate_in_order
from zhike.scores.reasons import describe_reason
from zhike.scores.steps import ModelSetting, model_steps

__all__ = [
    "Evaluation",
    "ModelDefinition",
    "ModelSetting",
    "OrderedEvaluation",
    "describe_reason",
    "evaluate_in_order",
    "evaluate_scores",
    "model_in",
    "model_steps",
    "open_artifact",
    "parse_models",
]
