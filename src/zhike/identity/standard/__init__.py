"""Bringing what sources write to one form, value by value: the tables and functions behind ``standardise``."""
