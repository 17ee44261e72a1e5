"""What to expect of a decomposition whose calls nobody can judge: what was measured of those that are most like it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from undercut.spaces.genome import Genome

NEAR = 1.0
"""How many traits two decompositions may differ in until what is known of one says e times less of the other."""
DOUBT = 0.25
"""Weight of the mean of all that was measured, beside a weight of 1 for a decomposition that is the same."""


@lru_cache(maxsize=1 << 16)
def traits(genome: Genome) -> Counter[str]:
    """What a genome is made of: its nodes by operator, primitive and prompt, its sizes to a factor of two."""
    found: Counter[str] = Counter()
    for node in genome.walk():
        genes = node.genes
        what = genes.get("primitive", genes.get("function", ""))
        found[f"{node.op} {what}"] += 1
        for name, value in genes.items():
            if name in ("prompt", "model", "rule", "shape"):
                found[f"{node.op} {what} {name} {value}"] += 1
            elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
                found[f"{node.op} {name} {round(math.log2(value))}"] += 1
    return found


def expected(genome: Genome, measured: Mapping[Genome, float]) -> float:
    """Accuracy to be expected, in [0, 1]: the mean over measured ones, weighted by how few traits they differ in.

    Args:
        genome: what is asked about.
        measured: accuracy of every genome that was run; 0.5 is expected where there is none.
    """
    if not measured:
        return 0.5
    own = traits(genome)
    weights = {}
    for other in measured:
        theirs = traits(other)
        apart = (own - theirs).total() + (theirs - own).total()
        weights[other] = math.exp(-apart / NEAR)
    mean = math.fsum(measured.values()) / len(measured)
    total = math.fsum(weights[other] * measured[other] for other in measured)
    return (total + DOUBT * mean) / (math.fsum(weights.values()) + DOUBT)
