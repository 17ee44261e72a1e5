"""GEPA as a rival: its own loop and Pareto selection, with this project's mutation in the place of a language model.

    pip install -e '.[experiments]'

A candidate is the JSON form of a genome, and a proposal is another one. GEPA starts from one that it is given. As it
ships, it looks at three problems first, and tries in full what did better on those than what it came from. A problem's
score falls with the logarithm of its tokens, since GEPA maximises; accuracy and cost are told it as objectives, too.

Source: Agrawal et al. 2025, GEPA (arXiv 2507.19457).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from contest import Contest

from undercut.spaces.genome import Genome
from undercut.spaces.space import Space
from undercut.spaces.variation import mutate

DEAREST = 20.0
"""Log cost at which a right answer would be worth nothing."""
PART = "genome"


class _Adapter:
    """Genomes as GEPA's candidates; a problem is its place among the problems."""

    propose_new_texts = None

    def __init__(self, contest: Contest) -> None:
        self._contest = contest

    def evaluate(self, batch: Sequence[int], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        from gepa.core.adapter import EvaluationBatch

        genome = Genome.from_json(candidate[PART])
        if len(batch) == len(self._contest.problems):
            self._contest.tried(genome)
        found = self._contest.partly(genome, batch)
        cheapness = [1 - math.log(max(1, one.tokens)) / DEAREST for one in found]
        return EvaluationBatch(
            outputs=[one.score for one in found],
            scores=[one.score * cheap for one, cheap in zip(found, cheapness, strict=True)],
            trajectories=list(found) if capture_traces else None,
            objective_scores=[
                {"accuracy": one.score, "cheapness": cheap} for one, cheap in zip(found, cheapness, strict=True)
            ],
        )

    def make_reflective_dataset(self, candidate: Any, batch: Any, parts: Sequence[str]) -> dict[str, list[Any]]:
        return {part: [{"Feedback": str(one.score)} for one in batch.trajectories] for part in parts}


class _Silent:
    def log(self, message: str) -> None:
        """Say nothing."""


def gepa_in_full(space: Space, contest: Contest, seed: int) -> None:
    """GEPA that tries every proposal in full, as it comes."""
    _gepa(space, contest, seed, len(contest.problems))


def gepa_as_shipped(space: Space, contest: Contest, seed: int) -> None:
    """GEPA with its own way to save calls: three problems first."""
    _gepa(space, contest, seed, None)


def _gepa(space: Space, contest: Contest, seed: int, first: int | None) -> None:
    """GEPA from the smallest genome of the space, with its defaults but for the kind of its front."""
    import gepa

    generator = random.Random(f"rival/{seed}")

    def propose(candidate: dict[str, str], _: Any, parts: list[str]) -> dict[str, str]:
        return {part: mutate(space, Genome.from_json(candidate[part]), generator).to_json() for part in parts}

    places = list(range(len(contest.problems)))
    gepa.optimize(
        seed_candidate={PART: next(space.enumerate()).to_json()},
        trainset=places,
        valset=places,
        adapter=_Adapter(contest),
        custom_candidate_proposer=propose,
        frontier_type="hybrid",
        reflection_minibatch_size=first,
        stop_callbacks=lambda state: False,
        logger=_Silent(),
        seed=seed,
    )
