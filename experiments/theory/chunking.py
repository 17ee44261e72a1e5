"""Rows on size: how large a piece to ask for, and how to put the pieces together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from row import Row

from undercut.evaluators.models.registry import NOMINAL
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import COUNT, MERGE, SORT
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.pricing import Shape
from undercut.spaces.types import NUMBER, NUMBERS

CHUNKS = range(1, 129)

# -- T6: count n symbols ----------------------------------------------------------------------------------------------

CAREFUL = replace(
    COUNT,
    prompts=(
        "Below is a list of digits. Read it with care, one digit after another, and write how many of them are equal "
        "to {1} and nothing else: {0}",
    ),
)
TALLY = Task(
    "tally",
    (NUMBERS, NUMBER),
    NUMBER,
    (CAREFUL,),
    TASKS["count"].make,
    functions=TASKS["count"].functions,
    sizes=(16, 32, 64),
    summary="count how often a digit occurs among n digits",
)
WIDE = Shape(parameters=1_000_000, layers=32, width=4096)
"""A shape whose attention costs more than its weights from eight tokens on: the price of a call is quadratic."""
HEADER = len(CAREFUL.prompts[0].split()) - 1
"""Tokens of the prompt without the list."""


def tallies() -> Iterator[Genome]:
    """Pieces of every size, counted side by side and added in code."""
    added = Genome(Node("code", [Input(0), Input(1)], {"function": "add"}))
    counted = Genome(call("count", Input(0), Input(1)))
    for chunk in CHUNKS:
        pieces = Node("split", [Input(0)], {"size": chunk, "overlap": 0})
        mapped = Node("map", [pieces, Input(1)], {}, [counted])
        yield Genome(Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [added]))


def _counter(most: int, seed: int) -> list[SimulatedModel]:
    """A model that counts up to so many digits without fail, and a few more with less and less luck."""
    table = {0: 1.0, most: 1.0, most + 4: 0.5}
    return [SimulatedModel(f"counts-{most}", Capability({"count": table}), seed=seed, shape=WIDE)]


CODE = {"allow_code": True}
T6_QUADRATIC = Row(
    "T6 flops",
    "count n symbols where a call costs the square of its length",
    TALLY,
    lambda seed: _counter(64, seed),
    tallies,
    "n/m calls and a sum, with m as large as the header (√(h² + hN/(Ld)) exactly)",
    turned=("split.size", "fold.size"),
    continuous={"split.size": math.sqrt(HEADER**2 + HEADER * WIDE.parameters / (WIDE.layers * WIDE.width))},
    unit="flops",
    sizes=TALLY.sizes,
    settings=CODE,
)
T6_LINEAR = Row(
    "T6 tokens",
    "count n symbols where a call costs its length, and can hold so many",
    TALLY,
    lambda seed: _counter(24, seed),
    tallies,
    "n/m calls and a sum, with the largest m that is still counted right",
    turned=("split.size", "fold.size"),
    continuous={"split.size": 24},
    sizes=TALLY.sizes,
    settings=CODE,
)

# -- T8: sort a list --------------------------------------------------------------------------------------------------

SHORT = 16
"""Numbers that the model sorts without fail in one call; it merges lists of any length."""
ORDER = Task(
    "order",
    (NUMBERS,),
    NUMBERS,
    (replace(SORT, prompts=SORT.prompts[1:2]), replace(MERGE, prompts=MERGE.prompts[1:2])),
    TASKS["sort"].make,
    functions=TASKS["sort"].functions,
    summary="put n numbers in ascending order",
)


def _sorter(seed: int) -> list[SimulatedModel]:
    tables = {"sort": {0: 1.0, SHORT: 1.0, SHORT + 4: 0.5}, "merge": {0: 1.0}}
    return [SimulatedModel("sorts-16", Capability(tables), seed=seed, shape=NOMINAL)]


def merges() -> Iterator[Genome]:
    """Pieces of every size, sorted and then merged as a tree, as a chain or while they are read."""
    merge = call("merge", Input(0), Input(1))
    for chunk in range(1, 65):
        pieces = Node("split", [Input(0)], {"size": chunk, "overlap": 0})
        mapped = Node("map", [pieces], {}, [Genome(call("sort", Input(0)))])
        for shape in ("tree", "chain"):
            yield Genome(Node("reduce", [mapped], {"arity": 2, "shape": shape}, [Genome(merge)]))
        step = Node(merge.op, [Input(0), call("sort", Input(1))], merge.genes)
        yield Genome(Node("fold", [Input(0)], {"size": chunk, "start": "[number]"}, [Genome(step)]))


T8 = Row(
    "T8",
    "sort where the model merges",
    ORDER,
    _sorter,
    merges,
    "sorted pieces, merged as a tree: Θ(n log(n/m)); one after another they cost Θ(n²/m)",
    turned=("split.size",),
    continuous={"split.size": SHORT},
)
