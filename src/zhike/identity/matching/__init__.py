"""Match 匹配: the probabilistic half of identity, for records that share no key.

A :class:`MatchModel` says what is compared and what agreement is worth; ``fit`` learns it from the records with Splink, without
labels; ``calibrate`` sets the weights from which records are linked by the precision to be expected; ``score`` weighs all
candidate pairs in the engine, ``MatchModel.compare`` one pair, and both give the same weight.
"""

from zhike.identity.matching.model import Comparison, Evidence, Level, MatchModel, probability

__all__ = ["Comparison", "Evidence", "Level", "MatchModel", "probability"]
