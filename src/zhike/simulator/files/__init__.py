"""Files of the simulated bank: their description, their bytes, their mapping. Import from the modules."""

__all__: list[str] = []
