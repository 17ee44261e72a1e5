"""Choices: which option each answer was is kept, and how often each comes is known by size."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.task import Task
from undercut.evaluators.trace import CallRecord
from undercut.search.calibration import gather_questions
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.genome import Genome, Input, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NEED, NUMBER, NUMBERS, Atom

X = Input(0)
KIND = Atom("kind", parse=int, options=3)
HAS_NINE = Primitive("nine", (NUMBERS,), NEED, ("nine? {0}",), law=lambda n: 1, reference=lambda a: 9 in a)
KIND_OF = Primitive(
    "kind", (NUMBERS,), KIND, ("kind: {0}",), law=lambda n: 1, reference=lambda a: sum(a) % 3, shares=(0.2, 0.3, 0.5)
)
TOOLBOX = Toolbox([HAS_NINE, KIND_OF])


def asked(primitive: Primitive, lists: list[list[int]]) -> list[CallRecord]:
    """One record for each list, of a model that never errs."""

    async def whole() -> list[CallRecord]:
        engine = Engine([SimulatedModel("sure", Capability({}, {1: 1.0}))], cache=AnswerCache(), ledger=Ledger())
        genome = Genome(call(primitive.name, X))
        traces = await asyncio.gather(*(engine.run(genome, [items], TOOLBOX) for items in lists))
        return [record for trace in traces for record in trace.records]

    return asyncio.run(whole())


def lists_with_a_nine(size: int, every: int, count: int = 80) -> list[list[int]]:
    """Lists that all differ, of which one in so many holds a nine."""
    return [[9 if index % every == 0 else 1, 100 + index, *[2] * (size - 2)] for index in range(count)]


def test_an_answer_is_kept_as_its_option() -> None:
    records = asked(HAS_NINE, [[1, 9], [1, 2]]) + asked(KIND_OF, [[1, 1], [3, 3]])
    assert [record.choice for record in records] == [1, 0, 2, 0]


def test_shares_are_measured_by_size() -> None:
    table = Calibration()
    for size, every in ((4, 8), (64, 2)):
        table.add(asked(HAS_NINE, lists_with_a_nine(size, every)))
    rates = FittedRates(table, TOOLBOX, [None], [None])
    node: Any = call("nine", X)
    small, large = (rates.shares(node, HAS_NINE, [size]) for size in (4, 64))
    assert sum(small) == pytest.approx(1) and sum(large) == pytest.approx(1)
    assert small[1] == pytest.approx(1 / 8, abs=0.06)
    assert large[1] == pytest.approx(1 / 2, abs=0.08)
    assert rates.shares(call("kind", X), KIND_OF, [4]) == KIND_OF.shares, "what was never asked is as declared"


@pytest.mark.parametrize("text", ["3", "-1", "two"])
def test_what_is_no_option_is_a_red_flag(text: str) -> None:
    with pytest.raises(InvalidAnswer):
        KIND_OF.read(text, [[1]])
    assert KIND_OF.read("2", [[1]]) == 2


def test_primitives_that_no_right_genome_asks_are_asked_on_the_problems() -> None:
    """And only where the problem is what they expect."""
    whole = Primitive("whole", (NUMBERS,), NUMBER, ("{0}",), law=lambda n: 1, reference=lambda a: sum(a))
    odd = Primitive(
        "odd",
        (NUMBERS,),
        NUMBER,
        ("odd {0}",),
        law=lambda n: 1,
        reference=lambda a: 0,
        expects=lambda a: sum(a) % 2 == 1,
    )

    def make(size: int, generator: random.Random) -> tuple[tuple[list[int]], int]:
        items = generator.sample(range(1, 99), size)
        return (items,), sum(items)

    task = Task("sum", (NUMBERS,), NUMBER, (whole, odd), make)
    space = Space(task.signature, task.toolbox(["m"]), max_size=3)
    inputs, right = gather_questions(space, task, [4, 8], 0)
    assert right and set(inputs) == {"whole", "odd"} and set(inputs["odd"]) == {4, 8}
    assert all(sum(values[0]) % 2 for found in inputs["odd"].values() for values in found)
