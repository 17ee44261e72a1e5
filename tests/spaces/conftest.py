"""What the tests of the spaces share: three signatures, and a model whose calls cost something simple."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest

from undercut.evaluators.tasks.primitives import ADD, CHECK, COMPARE, COUNT, MERGE, SORT, SUM
from undercut.spaces.cost import Cost
from undercut.spaces.estimate import CallRates
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome, Node
from undercut.spaces.operators.base import Signature
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import NEED, NUMBER, NUMBERS, SCORE, TRUTH, Atom, ListOf


def long(first: float, second: float) -> float:
    """Both together, or past every number where they would not fit into memory (joining costs no tokens)."""
    if first + second > 2**21:
        raise OverflowError("too long to be made in a test")
    return first + second


FUNCTIONS = (
    Function("concat", (NUMBERS, NUMBERS), NUMBERS, lambda a, b: [*a, *b], long),
    Function("flip", (NUMBERS,), NUMBERS, lambda a: a[::-1], lambda a: a),
    Function("total", (NUMBERS,), NUMBER, sum, lambda a: 1),
    Function("fine", (NUMBERS,), TRUTH, lambda a: True, lambda a: 1),
)
KIND = Atom("kind", parse=int, options=3)
DECIDING = (
    Primitive("untidy", (NUMBERS,), NEED, ("{0}",), law=lambda n: 1, reference=lambda a: a != sorted(a)),
    Primitive("kind", (NUMBERS,), KIND, ("{0}",), law=lambda n: 1, reference=lambda a: sum(a) % 3),
    Primitive("rate", (NUMBERS,), SCORE, ("{0}",), law=lambda n: 1, reference=lambda a: float(a == sorted(a))),
    Primitive("better", (NUMBERS, NUMBERS), TRUTH, ("{0} {1}",), law=lambda a, b: 1, reference=lambda a, b: a < b),
)
COMPARING = (
    COMPARE,
    Primitive(
        "below",
        (NUMBER, NUMBERS),
        ListOf(TRUTH),
        ("{0} {1}",),
        law=lambda x, n: n,
        reference=lambda x, a: [each < x for each in a],
    ),
)
"""Primitives whose answers decide what is done."""
SIGNATURES = {
    "sort": (Signature((NUMBERS,), NUMBERS), (SORT, MERGE, CHECK)),
    "sum": (Signature((NUMBERS,), NUMBER), (SUM, ADD)),
    "count": (Signature((NUMBERS, NUMBER), NUMBER), (COUNT, ADD, SUM)),
    "decide": (Signature((NUMBERS,), NUMBERS), (SORT, *DECIDING)),
    "order": (Signature((NUMBERS,), NUMBERS), (SORT, *COMPARING)),
}
HEADERS = {"sort": 5, "merge": 11, "check": 3, "sum": 7, "add": 2, "count": 13} | {
    primitive.name: 17 + place for place, primitive in enumerate((*DECIDING, *COMPARING))
}


def unit_cost(primitive: Primitive, prompt: int, items: float, answer: float) -> Cost:
    """A made-up price of one call. The terms that are not linear make the sum depend on every single size."""
    read, written = HEADERS[primitive.name] + 4 * prompt + items, max(1, answer)
    return Cost(
        calls=1,
        samples=1,
        prefill=read,
        cached=0,
        decode=written,
        passes=written,
        depth=written,
        flops=read * read + read * written,
        aalp=read * written,
        usd=3 * read + 5 * written,
    )


@dataclass
class UnitRates:
    """Rates of calls at `unit_cost`, each right and valid with these chances; counts how often it is asked.

    Checks see this share of what is wrong.
    """

    right: float = 1.0
    valid: float = 1.0
    caught: float = 1.0
    asked: int = field(default=0)

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        self.asked += 1
        prompt = node.genes["prompt"]
        assert isinstance(prompt, int)
        return CallRates(
            unit_cost(primitive, prompt, sum(sizes), primitive.answer_size(*sizes)), self.right, self.valid
        )

    def dependence(self, node: Node) -> float:
        return 0.0

    def catches(self, check: Genome, body: Genome) -> float:
        """All that is wrong."""
        return self.caught

    def agreement(self, node: Node, size: float) -> float:
        return 1.0

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """All answers are the last option."""
        return (0.0,) * (primitive.options - 1) + (1.0,)


@cache
def space_of(name: str, max_size: int = 8, code: bool = False) -> Space:
    signature, primitives = SIGNATURES[name]
    models = ("one", "two", "three", "four") if name == "decide" else ("one",)
    toolbox = Toolbox(primitives, FUNCTIONS if code else (), models, overlaps=(0, 1, 5))
    return Space(signature, toolbox, max_size=max_size)


@pytest.fixture(scope="session")
def make_space() -> Callable[..., Space]:
    return space_of


@pytest.fixture(scope="session")
def price() -> Callable[[Primitive, int, float, float], Cost]:
    return unit_cost


@pytest.fixture(scope="session")
def make_rates() -> type[UnitRates]:
    return UnitRates


@pytest.fixture
def estimator() -> Estimator:
    """An estimator over all of the primitives and functions, at unit cost."""
    return Estimator(UnitRates(), Toolbox((SORT, MERGE, CHECK, SUM, ADD, COUNT), FUNCTIONS))
