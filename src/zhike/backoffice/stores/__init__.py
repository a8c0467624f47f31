"""Stores of domain packages, kept in the database. One file per package that declares a Protocol."""
