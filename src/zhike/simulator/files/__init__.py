"""Files of the simulated bank: their description, their bytes, their mapping."""
