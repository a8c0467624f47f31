"""评估 Measure: what a campaign changed, how surely, what it cost and brought, and what that teaches.

Tables in: ``assignment`` (who was to be contacted, who held out), ``contact`` and ``receipt`` (what reached them), the facts of
sources (what happened then), and its own ``exposure`` of the run before. Tables out: ``exposure``, ``outcome``, ``effect_arm``,
``effect``, ``campaign_funnel``, ``roi``; ``learning`` closes the loop.

Everyone assigned is measured, as assigned (intention to treat), once their window is over; a number without control is
labelled weaker, a number with too little data is absent with the reason.

Where to add: an outcome is a function in ``metrics.py``; a warning is a member of ``terms.Caution``. Nothing here decides,
contacts or reads simulated truth (``truth.py`` takes it as an argument).
"""

from zhike.measure.effect import Effect, estimate_effect
from zhike.measure.metrics import standard_metrics
from zhike.measure.steps import steps
from zhike.measure.terms import Arm, Caution, Design, ExperimentPlan, Metric, Shape
from zhike.measure.truth import TruthCheck, compare_with_truth

__all__ = [
    "Arm",
    "Caution",
    "Design",
    "Effect",
    "ExperimentPlan",
    "Metric",
    "Shape",
    "TruthCheck",
    "compare_with_truth",
    "estimate_effect",
    "standard_metrics",
    "steps",
]
