"""zhike 知客: integrate → identify → profile → segment → predict → decide → contact → measure → again.

The domain packages are a library over tables; ``backoffice`` and ``cli`` are the shell around it. Start reading at
``docs/architecture.md``; each package's own page of docstring says what it owns and where to add to it.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
