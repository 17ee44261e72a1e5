"""A genome as JSON: what `Genome.from_json` reads."""

from __future__ import annotations

from undercut.spaces.genome import Genome


def to_json(genome: Genome) -> str:
    """The genome's JSON form, as text."""
    return genome.to_json()
