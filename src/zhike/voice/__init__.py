"""客户之声 Voice of the customer: surveys, interviews, text mining, public opinion, psychological needs.

In: ``text``, ``survey_answer`` (sources). Out: ``text_insight``, ``topic``, ``opinion_daily``, ``need_score``. The contracts
stand here so that readers can be declared; nothing fills these tables yet.
"""

from zhike.voice.tables import OWNS, READS

__all__ = ["OWNS", "READS"]
