"""Growth is read off the walk: known functions, then known decompositions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.spaces.cost import Cost
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Expression, Genome, Input, Node, call
from undercut.spaces.growth import Growth, crossover, growth

X, Y = Input(0), Input(1)
MERGE_TWO = Genome(call("merge", X, Y))
MERGE_MANY = Genome(call("sort", Node("join", [X])))


def chunks(size: int = 8, overlap: int = 0) -> Node:
    return Node("split", [X], {"size": size, "overlap": overlap})


def sorted_chunks(pieces: Node) -> Node:
    return Node("map", [pieces], {}, [Genome(call("sort", X))])


def reduce(pieces: Expression, body: Genome, arity: int = 2, shape: str = "tree") -> Node:
    return Node("reduce", [pieces], {"arity": arity, "shape": shape}, [body])


def summed(pieces: Node) -> Node:
    return Node("map", [pieces], {}, [Genome(call("sum", X))])


BLOCKS = Genome(Node("merge_blocks", [X, Y], {"block": 8}, [MERGE_TWO]))
FUNCTIONS: dict[str, Callable[[int], float]] = {
    "0": lambda n: 0,
    "1": lambda n: 5.5,
    "log n": lambda n: math.ceil(math.log(n, 3)) + 7,
    "n": lambda n: 3 * n + math.log2(n),
    "n log n": lambda n: n * (500 + math.log2(n)),
    "n log² n": lambda n: n * math.log2(n) ** 2 + 50 * n * math.log2(n),
    "n^0.5": lambda n: math.isqrt(n) + 40,
    "n^1.5 log n": lambda n: n**1.5 * math.log2(n),
    "n^1.58": lambda n: n ** math.log2(3),
    "n²": lambda n: n * n + 9 * n * math.log2(n),
    "n^2.25": lambda n: 2 * n**2.25,
    "n³ log³ n": lambda n: n**3 * math.log2(n) ** 3,
    "n⁵": lambda n: float(n) ** 5,
    "n¹⁰": lambda n: float(n) ** 10,
    "exp": lambda n: 2.0**n,
}


@pytest.mark.parametrize("expected", FUNCTIONS)
def test_known_functions(expected: str) -> None:
    assert str(growth(FUNCTIONS[expected])) == expected


def test_ripples_do_not_matter() -> None:
    def ripple(n: int) -> float:
        return 1 + 0.3 * math.sin(4 * math.log2(n))

    assert str(growth(lambda n: n * ripple(n))) == "n"
    assert str(growth(lambda n: n * math.log2(n) * ripple(n))) == "n log n"


def test_unknown_is_not_zero() -> None:
    assert growth(lambda n: math.nan) is None


def test_the_coefficient_is_that_of_the_leading_term() -> None:
    found = growth(lambda n: 2.5 * n * math.log2(n) + 400 * n)
    assert found is not None
    assert found.coefficient == pytest.approx(2.5, rel=1e-3)
    assert growth(lambda n: 7 * n * n + n) == Growth(2, 0, pytest.approx(7))


def test_growth_is_ordered_from_slow_to_fast() -> None:
    rising = [
        Growth(0, 0, 0),
        Growth(0),
        Growth(0, 1),
        Growth(1),
        Growth(1, 1),
        Growth(2),
        Growth(math.inf, 0, math.inf),
    ]
    assert sorted([rising[index] for index in (3, 0, 6, 5, 1, 4, 2)]) == rising


def test_sympy_form() -> None:
    sympy = pytest.importorskip("sympy")
    n = sympy.Symbol("n", positive=True)
    assert Growth(1, 1).to_sympy() == n * sympy.log(n)
    assert Growth(1.5).to_sympy() == n ** sympy.Rational(3, 2)
    assert Growth(0).to_sympy() == 1
    assert Growth(0, 0, 0).to_sympy() == 0
    assert Growth(math.inf).to_sympy() == sympy.exp(n)


GENOMES: dict[str, tuple[Node, str, str, str]] = {
    "one call": (call("sort", X), "n", "1", "n"),
    "map": (Node("join", [sorted_chunks(chunks())]), "n", "n", "1"),
    "tree merge": (reduce(sorted_chunks(chunks()), MERGE_TWO), "n log n", "n", "n"),
    "tree merge by 3": (reduce(sorted_chunks(chunks()), MERGE_MANY, 3), "n log n", "n", "n"),
    "chain merge": (reduce(sorted_chunks(chunks()), MERGE_TWO, shape="chain"), "n²", "n", "n²"),
    "merge in blocks, tree": (reduce(sorted_chunks(chunks()), BLOCKS), "n log n", "n log n", "n"),
    "merge in blocks, chain": (reduce(sorted_chunks(chunks()), BLOCKS, shape="chain"), "n²", "n²", "n²"),
    "fold that keeps its list": (
        Node("fold", [X], {"size": 8, "start": "[number]"}, [Genome(call("merge", X, Y))]), "n²", "n", "n²",
    ),
    "fold with a constant state": (
        Node("fold", [X], {"size": 8, "start": "number"}, [Genome(call("add", X, call("sum", Y)))]), "n", "n", "n",
    ),
    "sum by tree": (reduce(summed(chunks()), Genome(call("add", X, Y))), "n", "n", "log n"),
    "sum by chain": (reduce(summed(chunks()), Genome(call("add", X, Y)), shape="chain"), "n", "n", "n"),
    "windows": (Node("join", [sorted_chunks(chunks(8, 3))]), "n", "n", "1"),
    "parts": (Node("join", [sorted_chunks(Node("split", [X], {"parts": 3}))]), "n", "1", "n"),
    "vote": (Node("vote", [X], {"rule": "majority", "votes": 5}, [Genome(call("sort", X))]), "n", "1", "n"),
    "doubling state": (
        Node("fold", [X, X], {"size": 8, "start": "input"}, [Genome(call("merge", X, X))]), "exp", "exp", "exp",
    ),
    "code": (Node("code", [X], {"function": "flip"}), "0", "0", "0"),
}  # fmt: skip


@pytest.mark.parametrize("name", GENOMES)
def test_known_decompositions(name: str, estimator: Estimator) -> None:
    output, tokens, calls, depth = GENOMES[name]

    def grows(field: Callable[[Cost], float]) -> str:
        return str(growth(lambda n: field(estimator.apply(Genome(output), [((1, n),)]).cost)))

    assert grows(lambda cost: cost.tokens) == tokens
    assert grows(lambda cost: cost.calls) == calls
    assert grows(lambda cost: cost.depth) == depth


def test_the_walk_is_exact_at_astronomical_sizes(estimator: Estimator) -> None:
    n, size = 2**400 + 12345, 7

    def cost(output: Node) -> Cost:
        return estimator.apply(Genome(output), [((1, n),)]).cost

    assert cost(Node("join", [sorted_chunks(chunks(size))])).decode == n
    assert cost(Node("join", [sorted_chunks(chunks(size))])).calls == n // size + 1
    assert cost(reduce(summed(chunks(size)), Genome(call("add", X, Y)))).calls == 2 * (n // size + 1) - 1
    chain = cost(reduce(sorted_chunks(chunks(size)), MERGE_TWO, shape="chain"))
    whole = n // size
    assert chain.decode == n + size * (whole * (whole + 1) // 2 - 1) + n


def test_a_state_that_grows_evenly_costs_the_same_in_closed_form_and_step_by_step(estimator: Estimator) -> None:
    output = Node("fold", [X], {"size": 3, "start": "[number]"}, [MERGE_TWO])
    closed = estimator.apply(Genome(output), [((1, 1000),)])
    cost, state, depth = Cost(), 0, 0.0
    for start in range(0, 1000, 3):
        one: Any = estimator.apply(MERGE_TWO, [((1, state),) if state else (), ((1, min(3, 1000 - start)),)])
        cost, state, depth = cost + one.cost, state + min(3, 1000 - start), depth + one.cost.depth
    assert closed.cost == cost
    assert closed.cost.depth == depth


def test_a_ragged_cost_is_summed_to_within_a_percent(estimator: Estimator) -> None:
    pieces = Node("split", [Input(0)], {"size": 5, "overlap": 0})
    body = Genome(call("merge", Node("join", [Node("map", [pieces], {}, [Genome(call("sort", X))])]), Y))
    output = Node("fold", [X], {"size": 3, "start": "[number]"}, [body])
    closed = estimator.apply(Genome(output), [((1, 3000),)]).cost
    direct = Cost()
    for state in range(0, 3000, 3):
        direct += estimator.apply(body, [((1, state),) if state else (), ((1, 3),)]).cost
    assert closed == pytest.approx(direct, rel=0.01)


@given(threshold=st.integers(2, 10**9))
def test_the_crossover_is_the_first_size_from_which_on_one_is_cheaper(threshold: int) -> None:
    def linear(size: int) -> float:
        return threshold * size

    def square(size: int) -> float:
        return (size + 1) * size

    assert crossover(linear, square) == threshold
    assert crossover(square, linear) is None


def test_what_is_always_cheaper_is_so_from_one_on() -> None:
    assert crossover(lambda size: size, lambda size: 2 * size) == 1
    assert crossover(lambda size: size, lambda size: size) is None
