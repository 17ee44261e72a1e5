"""OpenEvolve as a rival: its own islands, grids, archive and migration, with typed variation in the place of its model.

    pip install -e '.[experiments]'

A program is the JSON form of a genome. OpenEvolve names a parent and some programs to be inspired by, on each island in
turn; its language model would write a program from those, and here the parent is mutated or crossed with one of them,
half of the time each. Its controller sends every proposal to a process of its own with a copy of all programs; that
would take most of the time, so what it does to its database is done here, in the same order, one proposal at a time.

A program is worth more the more of its runs are right, and less by the logarithm of its tokens. Its grid is spanned by
accuracy and cost, so that on each island the best at every cost stays; all else is OpenEvolve's default.

Source: OpenEvolve 0.4 (https://github.com/algorithmicsuperintelligence/openevolve, Apache-2.0), after Novikov et al.
2025, AlphaEvolve (arXiv 2506.13131).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator, MutableSet
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from bench import worth
from contest import Contest
from reflective import DEAREST

from undercut.spaces.genome import Genome
from undercut.spaces.space import Space
from undercut.spaces.variation import crossover, mutate

FEATURES = ["accuracy", "cheapness"]


class _InOrder(MutableSet[str]):
    """A set that is walked in the order of arrival, so that a seed decides what is drawn from it."""

    def __init__(self, items: Iterable[str] = ()) -> None:
        self._items = dict.fromkeys(items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value: str) -> None:
        """Put it last, unless it is there."""
        self._items.setdefault(value)

    def discard(self, value: str) -> None:
        """Take it out, if it is there."""
        self._items.pop(value, None)


def openevolve(space: Space, contest: Contest, seed: int) -> None:
    """OpenEvolve from the smallest genome of the space, every proposal tried in full, as it comes."""
    from openevolve.config import DatabaseConfig, PromptConfig
    from openevolve.database import Program, ProgramDatabase

    generator = random.Random(f"rival/{seed}")
    database: Any = ProgramDatabase(DatabaseConfig(feature_dimensions=FEATURES, random_seed=seed))
    islands = len(database.islands)
    database.islands, database.archive = [_InOrder() for _ in range(islands)], _InOrder()

    def name() -> uuid.UUID:
        return uuid.UUID(int=generator.getrandbits(128))

    def program(genome: Genome) -> Any:
        accuracy, log_cost = worth(contest.tried(genome))
        cheapness = 1 - log_cost / DEAREST
        metrics = {"combined_score": accuracy * cheapness, "accuracy": accuracy, "cheapness": cheapness}
        return Program(id=str(name()), code=genome.to_json(), metrics=metrics)

    with patch("openevolve.database.uuid", SimpleNamespace(uuid4=name)):  # which names what migrates
        database.add(program(next(space.enumerate())), iteration=0, target_island=0)
        for iteration in count(1):
            island = iteration % islands
            parent, inspirations = database.sample_from_island(island, PromptConfig.num_diverse_programs)
            genome = Genome.from_json(parent.code)
            if inspirations and generator.random() < 0.5:
                other = Genome.from_json(generator.choice(inspirations).code)
                child = crossover(space, genome, other, generator)
            else:
                child = mutate(space, genome, generator)
            database.add(program(child), iteration=iteration, target_island=island)
            database.increment_island_generation(island)
            if database.should_migrate():
                database.migrate_programs()
