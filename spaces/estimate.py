"""Estimates: what work costs and how likely it is right, and how they add up side by side and in sequence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, Protocol

from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.extent import Extent, alike, average, total
from undercut.spaces.genome import Genome, Node
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.workers import makespan

DIRECT = 64
"""Most steps of a sequence that are walked one by one."""
LOOKS = (4, 8, DIRECT)
"""After how many steps of a longer sequence its pattern is looked for."""
STRETCHES = 32
"""Stretches into which an even sequence is parted whose cost has no simple law, one step standing for each."""
LARGEST_POWER = 1000
"""Sizes beyond 2 to this power are taken for infinite."""


class Estimate(NamedTuple):
    """What the walk says of a value.

    Attributes:
        extent: how large it is.
        cost: what making it costs, its critical path in `cost.depth`.
        log_right: log of the probability that every answer behind it is right.
        log_valid: log of the probability that no answer behind it raises a red flag.
        log_going: log of the share of runs that go on after it: 0, unless the walk counts that red flags end runs.
        shares: for a choice, how often each option comes; () where nothing is known of it.
    """

    extent: Extent
    cost: Cost = NO_COST
    log_right: float = 0.0
    log_valid: float = 0.0
    log_going: float = 0.0
    shares: tuple[float, ...] = ()

    def then(self, after: Estimate) -> Estimate:
        """This and then `after`, as often as no red flag ended this: the value of `after` at the price of both."""
        return Estimate(
            after.extent,
            self.cost + likely(after.cost, self.log_going),
            self.log_right + after.log_right,
            self.log_valid + after.log_valid,
            self.log_going + after.log_going,
            after.shares,
        )

    def chances(self, options: int) -> tuple[float, ...]:
        """How often each option of a choice comes: all alike where nothing is known of it."""
        return self.shares or (1 / options,) * options


NOTHING_DONE = Estimate(())
"""The estimate of a step that is not there."""


@dataclass(frozen=True, slots=True)
class CallRates:
    """What one call costs, and how likely its answer is right and free of red flags, both in [0, 1].

    `refusal` is what it costs where the answer raises a red flag, if that is known to be something else.
    """

    cost: Cost
    right: float = 1.0
    valid: float = 1.0
    refusal: Cost | None = None


class Rates(Protocol):
    """What is known of single calls: declared constants, or ones fitted to measured calls."""

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call of `primitive` with the genes of `node` on inputs of these sizes in items."""
        ...

    def dependence(self, node: Node) -> float:
        """How alike two samples of one prompt are: 0 independent, 1 the same answer."""
        ...

    def agreement(self, node: Node, size: float) -> float:
        """Chance that two independent wrong answers to one prompt of so many items are the same.

        1 is the worst case for a vote.
        """
        ...

    def catches(self, check: Genome, body: Genome) -> float:
        """Share of a body's wrong answers, in [0, 1], that a check refuses if its own answers are all right."""
        ...

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """How often each option of a choice is the answer to inputs of these sizes; their sum is 1."""
        ...


class CostWalk(Protocol):
    """The walk with symbols, as an operator sees it; `Estimator` is one."""

    rates: Rates
    toolbox: Toolbox
    ends: bool

    def apply(self, genome: Genome, inputs: Sequence[Extent]) -> Estimate:
        """Estimate a body on inputs of these extents."""
        ...

    def parallel(
        self, genome: Genome, jobs: Sequence[tuple[Sequence[Extent], float]]
    ) -> tuple[list[tuple[Estimate, float]], Estimate]:
        """Estimate a body side by side on inputs of these extents, so many times each: one by one, and together."""
        ...

    def alikeness(self, genome: Genome) -> float:
        """How alike two samples of a body are: 0 independent, 1 the same answer."""
        ...

    def agreement(self, genome: Genome, inputs: Sequence[Extent]) -> float:
        """Chance that two independent wrong results of a body on inputs of these extents are the same."""
        ...


def beside(parts: Sequence[tuple[Estimate, float]], extent: Extent, workers: int | None = None) -> Estimate:
    """Work side by side: each estimate so many times; the critical path is the longest, or rounds of workers."""
    cost, right, valid, going = NO_COST, 0.0, 0.0, 0.0
    for estimate, count in parts:
        cost += estimate.cost.repeated(count, 0)
        right += estimate.log_right * count
        valid += estimate.log_valid * count
        going += estimate.log_going * count
    depth = makespan([(estimate.cost.depth, count) for estimate, count in parts], workers)
    return Estimate(extent, cost.with_depth(depth), right, valid, going)


def one_of(parts: Sequence[tuple[Estimate, float]]) -> Estimate:
    """One of some pieces of work, as expected, each done with its chance; what these lack to 1 is work that fails."""
    done = [(estimate, chance) for estimate, chance in parts if chance > 0]
    cost = NO_COST
    for estimate, chance in done:
        cost += estimate.cost * chance
    right, valid = (
        math.fsum(math.exp(getattr(estimate, name)) * chance for estimate, chance in done)
        for name in ("log_right", "log_valid")
    )
    if not done:
        return Estimate((), cost, -math.inf, -math.inf)
    extent = average([(estimate.extent, chance) for estimate, chance in done])
    whole = math.fsum(chance for _, chance in done)
    columns = zip(*([share * chance / whole for share in e.shares] for e, chance in done), strict=False)
    return Estimate(extent, cost, log(right), log(valid), shares=tuple(map(math.fsum, columns)))


def log(probability: float) -> float:
    """Natural logarithm, with that of 0 at minus infinity."""
    return math.log(probability) if probability > 0 else -math.inf


def accumulate(step: Callable[[Extent], Estimate], start: Extent, count: int) -> Estimate:
    """A state that is carried through `count` steps, one after another.

    At most `DIRECT` steps are walked one by one, which is exact. Of more, the first are walked until their pattern
    shows: a state that a step leaves as it is makes all further steps equal, and one that grows by the same amount each
    step has a sum in closed form (see `_evenly`). A state that does neither and settles is taken as settled.

    Raises:
        OverflowError: the state grows exponentially, past every number.
    """
    walked: list[tuple[Estimate, int]] = []
    states = [start]
    while len(walked) < count:
        made = step(states[-1])
        walked.append((made, 1))
        states.append(made.extent)
        done, rest = len(walked), count - len(walked)
        if states[-1] == states[-2]:
            return in_series([*walked, (made, rest)], made.extent)
        if rest and count > DIRECT:
            tail = _evenly(step, states, rest) if done in LOOKS else None
            if tail is not None:
                return in_series(walked, made.extent).then(tail)
            if done >= DIRECT and not _explodes(states, rest):
                return in_series([*walked, (made, rest)], made.extent)
    return in_series(walked, states[-1])


def likely(cost: Cost, log_chance: float) -> Cost:
    """What work costs that is done with some chance only, as expected."""
    return cost if log_chance == 0 else cost * math.exp(log_chance)


def reached(count: float, log_going: float) -> float:
    """How many of `count` steps in a row are made, as expected, where each is the last one in some of the runs."""
    if log_going == 0:
        return count
    return math.expm1(float(count) * log_going) / math.expm1(log_going)


def in_series(parts: Iterable[tuple[Estimate, float]], extent: Extent) -> Estimate:
    """Work one after another: each estimate so many times."""
    cost, right, valid, going = NO_COST, 0.0, 0.0, 0.0
    for estimate, count in parts:
        if count:
            cost += likely(estimate.cost, going) * reached(count, estimate.log_going)
            right += estimate.log_right * count
            valid += estimate.log_valid * count
            going += estimate.log_going * count
    return Estimate(extent, cost, right, valid, going)


def _explodes(states: Sequence[Extent], rest: int) -> bool:
    """Whether the state grows faster and faster.

    Raises:
        OverflowError: so fast that `rest` further steps lead past every number.
    """
    first, second, third = (total(state) for state in states[-3:])
    if not 0 < 1.1 * (second - first) < third - second:
        return False
    if rest * math.log2((third - second) / (second - first)) > LARGEST_POWER:
        raise OverflowError("a state that is carried through a list grows exponentially")
    return True


def _evenly(step: Callable[[Extent], Estimate], states: Sequence[Extent], count: int) -> Estimate | None:
    """`count` further steps from the last state, where the state grows by the same amount each step; else None.

    Four steps in equal distances are walked, the first among them. Where the cost is a cubic in the step's number or
    less (two steps between them tell), its sum over all steps follows exactly; elsewhere the steps at the middles of
    `STRETCHES` equal stretches stand for their stretch.
    """
    before, last = states[-2:]
    if any(not alike(_moved(before, last, 1 - back), states[-1 - back]) for back in (2, 3)):
        return None
    drifted = False

    def at(index: int) -> Estimate:
        nonlocal drifted
        made = step(_moved(before, last, 1 + index))
        drifted = drifted or not alike(made.extent, _moved(before, last, 2 + index))
        return made

    gap = (count - 1) // 3
    knots = [at(gap * k) for k in range(4)]
    end = _moved(before, last, 1 + count)
    columns = list(zip(*(_figures(knot) for knot in knots), strict=True))
    smooth = not any(knot.log_going for knot in knots) and all(
        _equal(sum(w * y for w, y in zip(weights, column, strict=True)), value)
        for index in (count // 2, count // 5)
        for weights in [_lagrange(index / gap)]
        for value, column in zip(_figures(at(index)), columns, strict=True)
    )
    if smooth and not drifted:
        sums = _sums(gap, count)
        *cost, right, valid = (_weighted(sums, column) for column in columns)
        return Estimate(end, Cost(*cost), right, valid)
    edges = [count * k // STRETCHES for k in range(STRETCHES + 1)]
    stretches = in_series([(at((a + b - 1) // 2), b - a) for a, b in pairwise(edges)], end)
    return None if drifted else stretches


def _moved(before: Extent, after: Extent, steps: int) -> Extent:
    """The extent `steps` equal steps after `before`, of which the first led to `after`; () where there is none."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        if len(before) != len(after):
            return ()
        return tuple(
            (_moved(item, grown, steps), count + (more - count) * steps)
            for (item, count), (grown, more) in zip(before, after, strict=True)
        )
    if isinstance(before, tuple) or isinstance(after, tuple):
        return ()
    return before + (after - before) * steps


def _figures(estimate: Estimate) -> tuple[float, ...]:
    return (*estimate.cost, estimate.log_right, estimate.log_valid)


def _equal(guess: float, value: float) -> bool:
    return guess == value or value != value or math.isclose(guess, value, rel_tol=1e-9, abs_tol=1e-12)


def _lagrange(x: float) -> list[float]:
    """Weights of the values at 0, 1, 2 and 3 in the cubic through them, at x."""
    return [math.prod((x - other) / (knot - other) for other in range(4) if other != knot) for knot in range(4)]


def _sums(gap: int, count: int) -> list[Fraction]:
    """Weights of the values at 0, gap, 2·gap and 3·gap in the sum over 0, …, count − 1 of the cubic through them."""
    n = count - 1
    moments = [count, n * count // 2, n * count * (2 * n + 1) // 6, (n * count // 2) ** 2]
    weights = []
    for knot in range(4):
        a, b, c = (gap * other for other in range(4) if other != knot)
        scale = math.prod(gap * (knot - other) for other in range(4) if other != knot)
        top = moments[3] - (a + b + c) * moments[2] + (a * b + a * c + b * c) * moments[1] - a * b * c * moments[0]
        weights.append(Fraction(top, scale))
    return weights


def _weighted(weights: Sequence[Fraction], column: Sequence[float]) -> float:
    """A weighted sum, exact for whole numbers."""
    if all(isinstance(value, int) for value in column):
        value = sum(weight * int(value) for weight, value in zip(weights, column, strict=True))
        return int(value) if value == int(value) else float(value)
    return math.fsum(float(weight) * value for weight, value in zip(weights, column, strict=True))
