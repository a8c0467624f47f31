"""The simulated bank."""
