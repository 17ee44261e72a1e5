"""Operators that decide: what they do, and that they cost as declared where answers come at declared rates."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.models.registry import open_model
from undercut.spaces.cost import Cost
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CallRates, Estimate
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.growth import growth
from undercut.spaces.normal import normal
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Signature
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NEED, NUMBER, NUMBERS, SCORE, TRUTH, Atom
from undercut.spaces.variation import mutate

X, Y = Input(0), Input(1)
KIND = Atom("kind", parse=int, options=3)
STEP = Primitive("step", (NUMBERS,), NUMBERS, ("{0}",), law=lambda n: n)
NEEDED = Primitive("needed", (NUMBERS,), NEED, ("{0}",), law=lambda n: 1, shares=(0.7, 0.3))
KIND_OF = Primitive("kind", (NUMBERS,), KIND, ("{0}",), law=lambda n: 1, shares=(0.5, 0.2, 0.3))
RATE = Primitive("rate", (NUMBERS,), SCORE, ("{0}",), law=lambda n: 1)
BETTER = Primitive("better", (NUMBERS, NUMBERS), TRUTH, ("{0} {1}",), law=lambda a, b: 1)
COMPARE = Primitive("compare", (NUMBER, NUMBER), TRUTH, ("{0} {1}",), law=lambda a, b: 1)
TOOLBOX = Toolbox([STEP, NEEDED, KIND_OF, RATE, BETTER, COMPARE], models=("small", "medium", "large", "huge"))
RUNS = 3000
ITEMS = [3, 1, 2, 5, 4, 6]


def node(op: str, *inputs: Any, bodies: Sequence[Any] = (), **genes: Any) -> Node:
    return Node(op, inputs, genes, [Genome(body) for body in bodies])


def step(**genes: Any) -> Node:
    return call("step", X, **{"temperature": 0.7, **genes})


@dataclass
class Rates:
    """A step is right with some chance, a judge with another; a further model takes ten times the tokens."""

    right: float = 1.0
    judged: float = 1.0
    flagged: bool = False

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        chance = {STEP: self.right, BETTER: self.judged, RATE: self.judged}.get(primitive, 1.0)
        cost = Cost(calls=1, prefill=sum(sizes) * 10 ** int(node.genes["model"]), depth=1)
        return CallRates(cost, chance, chance if self.flagged else 1.0)

    def dependence(self, node: Node) -> float:
        return 0.0

    def catches(self, check: Genome, body: Genome) -> float:
        """All that is wrong."""
        return 1.0

    def agreement(self, node: Node, size: float) -> float:
        return 1.0

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        return primitive.expected_shares()


class Drawn:
    """A model that draws its answers: a right step is the sorted list, a wrong one is the list reversed."""

    def __init__(self, rates: Rates, seed: int) -> None:
        self.rates, self.generator = rates, random.Random(seed)
        self.calls, self.tokens = 0, 0

    async def __call__(self, question: Question) -> Answer:
        primitive, values = question.primitive, question.values
        self.calls += 1
        items = sum(len(value) if isinstance(value, list) else 1 for value in values)
        self.tokens += items * 10**question.model
        if primitive.options:
            drawn = self.generator.choices(range(primitive.options), primitive.shares)[0]
            return Answer(bool(drawn) if primitive is NEEDED else drawn, 1)
        chance = self.rates.right if primitive is STEP else self.rates.judged
        right = self.generator.random() < chance
        if primitive is STEP:
            return Answer(sorted(values[0]) if right else sorted(values[0], reverse=True), 1)
        if primitive is RATE:
            return Answer(float((values[0] == sorted(values[0])) == right), 1)
        if primitive is BETTER:
            return Answer((values[0] == sorted(values[0])) == right, 1)
        return Answer((values[0] < values[1]) == right, 1)


def drawn(genome: Genome, rates: Rates, runs: int = RUNS) -> tuple[float, float, float, float]:
    """Mean calls, tokens and depth, and the share of runs that gave the sorted list."""
    model, depth, right = Drawn(rates, 7), 0.0, 0
    for _ in range(runs):
        execution = Execution(model, TOOLBOX, concurrent=False)
        right += run_now(execution.apply(genome, [ITEMS])) == sorted(ITEMS)
        depth += execution.depth
    return model.calls / runs, model.tokens / runs, depth / runs, right / runs


def declared(genome: Genome, rates: Any, size: int = len(ITEMS)) -> Estimate:
    return Estimator(rates, TOOLBOX).apply(genome, [((1, size),)])


HALF = Rates(right=0.5)
CASES: dict[str, tuple[Node, Rates]] = {
    "guard": (node("guard", X, bodies=[call("needed", X), step(model=1)]), Rates()),
    "route to a branch": (
        node("route", X, bodies=[call("kind", X), step(model=0), step(model=1), step(model=2)], pick="branch", read=2),
        Rates(),
    ),
    "route to a model": (
        node("route", X, bodies=[call("kind", X), step()], pick="model", first=1, read=1 << 20),
        Rates(),
    ),
    "loop": (node("loop", X, bodies=[step(), call("rate", X)], accept="better", rounds=4), HALF),
    "loop that takes all": (node("loop", X, bodies=[step(), call("rate", X)], accept="always", rounds=3), HALF),
    "best of four": (node("select", X, bodies=[step(), call("rate", X)], rule="best", candidates=4), HALF),
    "knockout": (
        node("select", X, bodies=[step(), call("better", X, Y)], rule="knockout", candidates=5, comparisons=3),
        HALF,
    ),
    "guard of a loop": (
        node(
            "guard",
            X,
            bodies=[call("needed", X), node("loop", X, bodies=[step(), call("rate", X)], accept="better", rounds=8)],
        ),
        HALF,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_declared_is_the_mean_of_what_happens(name: str) -> None:
    output, rates = CASES[name]
    calls, tokens, depth, right = drawn(Genome(output), rates)
    said = declared(Genome(output), rates)
    assert said.cost.calls == pytest.approx(calls, rel=0.05)
    assert said.cost.tokens == pytest.approx(tokens, rel=0.06)
    assert said.cost.depth == pytest.approx(depth, rel=0.05)
    if "route" not in name and "guard" not in name:  # these count as right what was not to be sorted
        assert math.exp(said.log_right) == pytest.approx(right, abs=0.03)


class Flagging(Drawn):
    """A model whose wrong steps all raise red flags."""

    async def __call__(self, question: Question) -> Answer:
        answer = await super().__call__(question)
        wrong = question.primitive is STEP and answer.value != sorted(answer.value)
        return Answer(None, 1, InvalidAnswer("flagged")) if wrong else answer


FLAGGED: dict[str, Node] = {
    "knockout of two": node(
        "select", X, bodies=[step(), call("better", X, Y)], rule="knockout", candidates=2, comparisons=3
    ),
    "knockout of five": node(
        "select", X, bodies=[step(), call("better", X, Y)], rule="knockout", candidates=5, comparisons=3
    ),
}


@pytest.mark.parametrize("name", FLAGGED)
def test_what_red_flags_save_is_declared(name: str) -> None:
    """Candidates that raise one are compared with nobody."""
    genome, rates = Genome(FLAGGED[name]), Rates(right=0.7, flagged=True)
    model, right = Flagging(rates, 7), 0
    for _ in range(RUNS):
        with contextlib.suppress(InvalidAnswer):
            right += run_now(Execution(model, TOOLBOX, concurrent=False).apply(genome, [ITEMS])) == sorted(ITEMS)
    said = declared(genome, rates)
    assert said.cost.calls == pytest.approx(model.calls / RUNS, rel=0.05)
    assert math.exp(said.log_right) == pytest.approx(right / RUNS, abs=0.03)
    assert said.log_right <= said.log_valid + 1e-12


def test_a_judge_whose_flag_ends_the_run_is_not_outvoted() -> None:
    """All that is not right here is a red flag, and every one that the judge raises ends the run."""
    genome = Genome(FLAGGED["knockout of two"])
    made = declared(genome, Rates(right=0.9, judged=0.9, flagged=True))
    assert made.log_right == pytest.approx(made.log_valid)
    met = 0.9**2  # both candidates are there to be compared, with three comparisons
    assert math.exp(made.log_valid) == pytest.approx(0.99 * 0.9 ** (3 * met))


def test_a_sort_is_billed_up_to_the_first_red_flag(make_rates: Any) -> None:
    genome = Genome(node("sort_by", X, bodies=[call("compare", X, Y)], algorithm="heap"))
    whole, billed = (
        Estimator(make_rates(0.9, 0.9), TOOLBOX, ends=ends).apply(genome, [((1, 8),)]) for ends in (False, True)
    )
    assert whole.log_valid == pytest.approx(billed.log_valid)
    assert billed.cost.calls == pytest.approx((1 - math.exp(billed.log_valid)) / (1 - 0.9), rel=0.05)


def test_a_part_is_what_is_picked() -> None:
    genome = Genome(node("route", X, bodies=[call("kind", X), step()], pick="part", parts=3, read=4))
    seen = set()
    model = Drawn(Rates(), 3)
    for _ in range(40):
        seen.add(tuple(run_now(Execution(model, TOOLBOX, concurrent=False).apply(genome, [ITEMS]))))
    assert seen == {(1, 3), (2, 5), (4, 6)}
    assert declared(genome, Rates()).extent == ((1, 2),)


def test_picking_what_is_not_there_is_a_red_flag() -> None:
    genome = Genome(node("route", X, bodies=[call("kind", X), step()], pick="part", parts=3, read=4))
    model = Drawn(Rates(), 3)
    with pytest.raises(InvalidAnswer, match="from 0 to 0"):
        for _ in range(40):
            run_now(Execution(model, TOOLBOX, concurrent=False).apply(genome, [[1]]))
    assert math.exp(declared(genome, Rates(), 1).log_valid) == pytest.approx(0.5)


def test_a_better_candidate_is_kept() -> None:
    """With a rule that takes all, a bad last round spoils what was good; with the other one it does not."""
    score = {"[1]": 0.2, "[2]": 0.8, "[3]": 0.5}
    for accept, left in (("always", [3]), ("better", [2])):

        async def ask(question: Question) -> Answer:
            value = question.values[0]
            return Answer([value[0] + 1]) if question.primitive is STEP else Answer(score.get(str(value), 0.1))

        genome = Genome(node("loop", X, bodies=[step(), call("rate", X)], accept=accept, rounds=3))
        assert run_now(Execution(ask, TOOLBOX, concurrent=False).apply(genome, [[0]])) == left


@pytest.mark.parametrize("algorithm", ["merge", "quick", "heap", "pairs"])
def test_sorting_costs_as_declared(algorithm: str) -> None:
    genome = Genome(node("sort_by", X, bodies=[call("compare", X, Y)], algorithm=algorithm))
    model, generator, runs = Drawn(Rates(), 1), random.Random(2), 100
    for _ in range(runs):
        items = generator.sample(range(1000), 30)
        assert run_now(Execution(model, TOOLBOX, concurrent=False).apply(genome, [items])) == sorted(items)
    assert declared(genome, Rates(), 30).cost.calls == pytest.approx(model.calls / runs, rel=0.03)


GROWTHS = {
    "guard": "n", "route to a branch": "n", "loop": "n", "best of four": "n", "knockout": "n",
}  # fmt: skip


@pytest.mark.parametrize("name", GROWTHS)
def test_orders_of_growth(name: str) -> None:
    assert str(growth(lambda n: declared(Genome(CASES[name][0]), Rates(), n).cost.tokens)) == GROWTHS[name]


@pytest.mark.parametrize(("algorithm", "order"), [("merge", "n log n"), ("quick", "n log n"), ("pairs", "n²")])
def test_orders_of_sorting(algorithm: str, order: str) -> None:
    genome = Genome(node("sort_by", X, bodies=[call("compare", X, Y)], algorithm=algorithm))
    assert str(growth(lambda n: declared(genome, Rates(), n).cost.calls)) == order


def test_rounds_of_a_loop_are_samples() -> None:
    """A call in a loop is not made greedy: its rounds would all be the same."""
    looped = Genome(CASES["loop"][0])
    assert normal(looped) == looped
    assert str(looped) == "loop better 4(step (T 0.7); rate)"
    assert str(normal(Genome(CASES["guard"][0]))) == "guard(needed; step (model 1))"


PLAIN = Toolbox([STEP, Primitive("check", (NUMBERS,), TRUTH, ("{0}",), law=lambda n: 1)])


@pytest.mark.parametrize("operator", ["select", "route", "guard", "loop", "sort_by"])
def test_without_a_primitive_that_decides_there_is_no_operator(operator: str) -> None:
    signature = Signature((NUMBERS,), NUMBERS)
    for toolbox, there in ((PLAIN, False), (TOOLBOX, True)):
        space = Space(signature, toolbox, max_size=5)
        assert any(form.op == operator for form in space.forms(space.want)) == there
    assert operator in OPERATORS


def test_declared_rates_are_those_of_the_primitive() -> None:
    model = open_model("simulated/perfect")
    genome = Genome(CASES["guard"][0])
    toolbox = Toolbox([STEP, NEEDED], models=("one", "two"))
    assert Estimator(DeclaredRates([model, model]), toolbox).apply(genome, [((1, 6),)]).cost.calls == pytest.approx(1.3)


def test_a_node_can_become_any_body_of_an_operator() -> None:
    """A guard's work is its second body; mutation gets there in one change."""
    toolbox = Toolbox([STEP, NEEDED], temperatures=(0.0,))
    space, generator = Space(Signature((NUMBERS,), NUMBERS), toolbox, max_size=3), random.Random(0)
    plain = call("step", X)
    guarded = Genome(node("guard", X, bodies=[call("needed", X), plain]))
    assert any(mutate(space, Genome(plain), generator) == guarded for _ in range(300))
