"""模拟银行: a Chinese city bank of any size with known truth, for the demo, tests, benchmarks and dry runs.

What: :func:`simulate` draws persons, sole traders and companies, their accounts, money and behaviour, and writes what a
bank would deliver: ``data/`` (typed Parquet, or header-less text with control files) and the ``mapping.yaml`` to the
contracts of sources. It never writes contract tables. :func:`continue_with_contacts` runs the bank on with the contacts
that were made; answers follow one causal model (``causal.py``). :func:`true_effect` tells what measurement must find.

``truth/`` says who is the same party, who tends to leave, the potential outcomes of maturing money, and how many bad rows
were planted. Only tests, benchmarks and self-checks of measure may read it.

:func:`draw_linkage_set` draws what only identity is measured by: records of persons who do nothing, frozen, with truth.

Tables in: none. Tables out: none (files only). Words, products and rates are data: ``words.yaml``,
``company_words.yaml``, ``products.yaml``.
Where to add: a file of the bank in ``records/`` (columns and rows), behaviour in ``everyday.py``/``behaviour.py``, what
moves customers in ``causal.py``. Everything random comes from ``randomness.py``: same plan, same bytes, on every machine.
"""

from zhike.simulator.companies import own_places
from zhike.simulator.continuing import continue_with_contacts
from zhike.simulator.effect import true_effect
from zhike.simulator.linkage import LinkageSet, draw_linkage_set
from zhike.simulator.simulate import simulate
from zhike.simulator.terms import BankPlan, BankSummary, Contact, TrueEffect

__all__ = [
    "BankPlan",
    "BankSummary",
    "Contact",
    "LinkageSet",
    "TrueEffect",
    "continue_with_contacts",
    "draw_linkage_set",
    "own_places",
    "simulate",
    "true_effect",
]
