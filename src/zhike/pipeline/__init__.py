"""流水线 Pipeline: every package's steps put together into the nightly run, the maturity story, and answers for the shell.

In: a project (settings, definitions, mapping), its store, a data folder. Out: published tables, contacts kept as files,
reports. It knows all domain packages and no web; state comes through ``store.OperationsStore``. Import from the modules.
"""

__all__: list[str] = []
