"""命令行 The command line: ``zhike …``. Parses, calls the pipeline, prints; no business logic.

Data go to stdout, everything said to people to stderr. Exit codes: 0 done · 1 ran and something failed · 2 wrong use or
input · 3 the environment is not ready · 130 interrupted.
"""
