"""内核 Kernel: what every package stands on: errors, clock, money, hashes, shared terms, settings, definition files.

No table, no engine, no web: nothing but the standard library, pydantic and YAML. Import from the modules themselves.
"""

__all__: list[str] = []
