"""What the bank writes down: files by subject, each with its columns, codes and rows."""

__all__: list[str] = []
