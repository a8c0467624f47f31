"""决策与分流 Decision: what to offer to whom, on which channel, and why; who is held out; the plan of permitted contacts.

The funnel has the field's names: catalogue → eligible → applicable → suitable → contact policy → arbitration → final. Every
(customer, offer) keeps the stage and rule at which it fell out. Arbitration is Propensity × Context × Value × Levers, each
switchable, ties by offer id. Only those who come through are split into treatment and control, by hash. One flat row of
inputs decides, in a batch (``funnel``) and for one customer (``one``); the log keeps that row, and :func:`explain` takes the
decision again from it years later.

Tables in: profile, customer_control, consent, tag_value, segment_member, score_value, contact_history, contact. Tables out:
``candidate``, ``assignment``, ``next_action``, ``decision_log``, ``decision_book``; ``route`` and ``plan`` are contracts so far.

To add an offer or campaign, write it into ``offers/*.yaml`` or ``campaigns/*.yaml``; no code. To add a factor or a stage, add
it to ``funnel`` and ``one`` together; the property tests hold them equal.
"""

from zhike.decision.compile import compile_campaigns
from zhike.decision.explain import Explanation, explain
from zhike.decision.one import Inputs, OneCustomer
from zhike.decision.steps import steps
from zhike.decision.terms import Campaign, Candidate, FunnelStage, Offer

__all__ = [
    "Campaign",
    "Candidate",
    "Explanation",
    "FunnelStage",
    "Inputs",
    "Offer",
    "OneCustomer",
    "compile_campaigns",
    "explain",
    "steps",
]
