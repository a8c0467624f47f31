"""The contracts of all tables: each package's, gathered. The profile's is made from the features of the project."""

from __future__ import annotations

from zhike.care import tables as care
from zhike.channels import tables as channels
from zhike.content import tables as content
from zhike.decision import tables as decision
from zhike.identity import tables as identity
from zhike.journeys import tables as journeys
from zhike.measure import tables as measure
from zhike.policy import tables as policy
from zhike.profile import tables as profile
from zhike.scores import tables as scores
from zhike.segments import tables as segments
from zhike.sources import tables as sources
from zhike.voice import tables as voice
from zhike.warehouse import Contract, Reads
from zhike.warehouse.contracts import contract_by_name

PACKAGES = (
    sources,
    identity,
    voice,
    profile,
    segments,
    scores,
    policy,
    content,
    decision,
    channels,
    journeys,
    care,
    measure,
)
CONTRACTS: tuple[Contract, ...] = tuple(c for package in PACKAGES for c in package.OWNS)
READS: tuple[tuple[str, Reads], ...] = tuple(
    (package.__name__.split(".")[1], read) for package in PACKAGES for read in package.READS
)


def contracts_with(profile_table: Contract) -> dict[str, Contract]:
    """Return name → contract of every table, with the profile of one project."""
    return {**contract_by_name(CONTRACTS), profile_table.name: profile_table}


__all__ = ["CONTRACTS", "READS", "contracts_with"]
