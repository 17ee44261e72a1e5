"""The walk with symbols: what a genome costs, and how likely it is right, without running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from undercut.spaces.cost import FIELDS, NO_COST, Cost
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Genome, Node
from undercut.spaces.operators import OPERATORS
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox

DIRECT = 64
"""Steps of a sequence that are walked one by one before their pattern is used."""


class Estimate(NamedTuple):
    """What the walk says of a value.

    Attributes:
        extent: how large it is.
        cost: what making it costs, its critical path in `cost.depth`.
        log_right: log of the probability that every answer behind it is right.
        log_valid: log of the probability that no answer behind it raises a red flag.
    """

    extent: Extent
    cost: Cost = NO_COST
    log_right: float = 0.0
    log_valid: float = 0.0

    def then(self, after: Estimate) -> Estimate:
        """This, and after it that: `after`'s value at the price of both."""
        return Estimate(
            after.extent,
            self.cost + after.cost,
            self.log_right + after.log_right,
            self.log_valid + after.log_valid,
        )


@dataclass(frozen=True, slots=True)
class CallRates:
    """What one call costs, and how likely its answer is right and free of red flags, both in [0, 1]."""

    cost: Cost
    right: float = 1.0
    valid: float = 1.0


class Rates(Protocol):
    """What is known of single calls: declared constants, or ones fitted to measured calls."""

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call of `primitive` with the genes of `node` on inputs of these sizes in items."""
        ...

    def dependence(self, node: Node) -> float:
        """How alike two samples of one prompt are: 0 independent, 1 the same answer."""
        ...


class Estimator:
    """Walks genomes with the rates of one model or run; results are kept by body and extents."""

    def __init__(self, rates: Rates, toolbox: Toolbox) -> None:
        self.rates = rates
        self.toolbox = toolbox
        self._known: dict[tuple[str, tuple[Extent, ...]], Estimate] = {}

    def apply(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        """Estimate a genome on inputs of these extents."""
        key = (genome.key, tuple(inputs))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._walk(genome, inputs)
        return known

    def _walk(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        extents: dict[str, Extent] = {f"x{index}": extent for index, extent in enumerate(inputs)}
        finish: dict[str, float] = dict.fromkeys(extents, 0.0)
        cost, right, valid = NO_COST, 0.0, 0.0
        for node in genome.nodes():
            made = OPERATORS[node.op].cost(node, [extents[source.key] for source in node.inputs], self)
            extents[node.key] = made.extent
            finish[node.key] = max((finish[s.key] for s in node.inputs), default=0.0) + made.cost.depth
            cost += made.cost
            right += made.log_right
            valid += made.log_valid
        key = genome.output.key
        return Estimate(extents[key], cost.with_depth(finish[key]), right, valid)


def beside(parts: Sequence[tuple[Estimate, float]], extent: Extent) -> Estimate:
    """Work side by side: each estimate so many times, the critical path that of the longest."""
    cost, right, valid, depth = NO_COST, 0.0, 0.0, 0.0
    for estimate, count in parts:
        cost += estimate.cost.repeated(count, 0)
        depth = max(depth, estimate.cost.depth)
        right += estimate.log_right * count
        valid += estimate.log_valid * count
    return Estimate(extent, cost.with_depth(depth), right, valid)


def log(probability: float) -> float:
    """Natural logarithm, with that of 0 at minus infinity."""
    return math.log(probability) if probability > 0 else -math.inf


def accumulate(step: Callable[[Extent], Estimate], start: Extent, count: float) -> Estimate:
    """A state that is carried through `count` steps, one after another, in O(1) steps of work.

    The first steps are walked one by one. Then a state that stays as it is makes all further steps equal; one that
    grows by the same amount each step makes their cost a polynomial in the step's number where the body's cost is a
    polynomial in the size, and that is summed in closed form; anything else is summed over sampled steps.
    """
    walked: list[Estimate] = []
    state = start
    for _ in range(int(min(count, DIRECT))):
        walked.append(step(state))
        state = walked[-1].extent
    done = _in_series([(estimate, 1.0) for estimate in walked], state)
    rest = count - len(walked)
    if rest <= 0:
        return done
    if walked[-1].extent == walked[-2].extent:
        return done.then(_in_series([(walked[-1], rest)], state))
    growth = _growth([estimate.extent for estimate in walked])
    if growth is None:
        return done.then(_in_series([(walked[-1], rest)], state))
    base = state

    def at(index: float) -> Estimate:
        return step(_grown(base, growth * index))

    weights = _weights(at, rest)
    last = at(rest - 1)
    return done.then(_in_series([(at(index), weight) for index, weight in weights], last.extent))


def _in_series(parts: Sequence[tuple[Estimate, float]], extent: Extent) -> Estimate:
    cost, right, valid = NO_COST, 0.0, 0.0
    for estimate, count in parts:
        cost += estimate.cost * count
        right += estimate.log_right * count
        valid += estimate.log_valid * count
    return Estimate(extent, cost, right, valid)


def _growth(extents: Sequence[Extent]) -> float | None:
    """By how many items a list of equal items grows each step, where it does so evenly."""
    counts = []
    for extent in extents[-4:]:
        if not isinstance(extent, tuple) or len(extent) != 1:
            return None
        counts.append(extent[0][1])
    steps = {round(after - before, 9) for before, after in zip(counts, counts[1:], strict=False)}
    return steps.pop() if len(steps) == 1 else None


def _grown(extent: Extent, by: float) -> Extent:
    assert isinstance(extent, tuple)
    (item, count) = extent[0]
    return ((item, count + by),)


def _weights(at: Callable[[float], Estimate], count: float) -> list[tuple[float, float]]:
    """Steps and weights whose weighted sum is the sum over all steps.

    Exact where the cost is a polynomial of degree 3 or less in the step's number: Simpson's rule with its end
    correction would do for the integral, and the sum's own moments are matched here instead.
    """
    nodes = [0.0, (count - 1) / 3, 2 * (count - 1) / 3, count - 1]
    if len(set(nodes)) < len(nodes):
        return [(float(index), 1.0) for index in range(int(count))]
    weights = _matched(nodes, count)
    probe = (count - 1) / 5
    if all(
        math.isclose(sum(w * v for w, v in zip(_lagrange(nodes, probe), column, strict=True)), value, rel_tol=1e-9, abs_tol=1e-9)
        for column, value in zip(zip(*(at(x).cost.vector() for x in nodes), strict=True), at(probe).cost.vector(), strict=True)
        if not math.isnan(value)
    ):
        return list(zip(nodes, weights, strict=True))
    return _sampled(count)


def _matched(nodes: Sequence[float], count: float) -> list[float]:
    """Weights at four nodes that sum every cubic over 0, 1, …, count − 1 exactly."""
    n = count - 1
    moments = [count, n * count / 2, n * count * (2 * n + 1) / 6, (n * count / 2) ** 2]
    weights = []
    for i, node in enumerate(nodes):
        others = [x for j, x in enumerate(nodes) if j != i]
        scale = math.prod(node - x for x in others)
        a, b, c = others
        weights.append((moments[3] - (a + b + c) * moments[2] + (a * b + a * c + b * c) * moments[1] - a * b * c * moments[0]) / scale)
    return weights


def _lagrange(nodes: Sequence[float], x: float) -> list[float]:
    return [
        math.prod((x - other) / (node - other) for j, other in enumerate(nodes) if j != i) for i, node in enumerate(nodes)
    ]


def _sampled(count: float) -> list[tuple[float, float]]:
    """Middles of up to 256 stretches of whole steps, each weighted with its length."""
    edges = [round(count * i / 256) for i in range(257)]
    return [((a + b - 1) / 2, b - a) for a, b in zip(edges, edges[1:], strict=False) if b > a]


__all__ = ["FIELDS", "CallRates", "Estimate", "Estimator", "Rates", "accumulate", "beside", "log"]
