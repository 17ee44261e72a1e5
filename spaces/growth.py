"""How a cost grows with the problem: its leading term, read off the walk with symbols at astronomical sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from undercut.spaces.errors import MissingExtraError

TOPS = (240, 120, 60)
"""Binary logarithms of the largest size looked at: the first at which the cost is still a float."""
SAMPLES = 12
"""Sizes around each of three points, half an octave apart, over which the ripples of rounding up are averaged."""
SNAP = 0.04
"""How far from a quarter a fitted power may be and still be taken for that quarter."""
DOUBLINGS = 40
"""Crossovers are looked for up to two to this power; beyond, the order of growth decides."""
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, order=True)
class Growth:
    """The leading term C·n^power·(log₂ n)^logs of a cost. In order from slow to fast.

    `power` is infinite for what outgrows every power; the coefficient of what costs nothing is 0.

    Example:
        >>> str(Growth(1, 1, 0.5))
        'n log n'
    """

    power: float
    logs: int = 0
    coefficient: float = 1.0

    def __str__(self) -> str:
        if self.power == math.inf:
            return "exp"
        if self.coefficient == 0:
            return "0"
        factors = []
        if self.power:
            factors.append("n" + _superscript(self.power))
        if self.logs:
            factors.append("log" + _superscript(self.logs) + " n")
        return " ".join(factors) or "1"

    @property
    def expression(self) -> str:
        """The term in the syntax of Python and sympy, without its coefficient; that of exponential growth is exp(n)."""
        if self.power == math.inf:
            return "exp(n)"
        if self.coefficient == 0:
            return "0"
        power = Fraction(str(self.power))
        factors = [f"n**({power})" if power.denominator > 1 or power < 0 else f"n**{power}"] * bool(self.power)
        factors += [f"log(n)**{self.logs}"] * bool(self.logs)
        return "*".join(factors).replace("n**1*", "n*").removesuffix("**1") or "1"

    def to_sympy(self) -> Any:
        """The term as an expression in n, without its coefficient; that of exponential growth is exp(n).

        Raises:
            MissingExtraError: sympy is not installed.
        """
        try:
            import sympy  # type: ignore[import-untyped]  # here, since it takes seconds
        except ImportError as error:
            raise MissingExtraError("sympy", "symbolic", "a growth as a symbolic expression") from error

        return sympy.sympify(self.expression, locals={"n": sympy.Symbol("n", positive=True)})


Measure: TypeAlias = Callable[[int], float]


def growth(measure: Measure) -> Growth | None:
    """The leading term of a cost as a function of the problem's size, or None where the cost is unknown (NaN).

    Sizes go up to 2^240, where all but the largest power of n has vanished; what is left of logarithms of lower order
    is taken off by differences. A power close to a quarter is given as that quarter, any other to two decimals.

    Args:
        measure: the cost at a size. It must be able to take sizes of that order, as the walk with symbols does.
    """
    for top in TOPS:
        logs = [[top * share - k / 2 for k in range(SAMPLES)] for share in (0.25, 0.5, 1.0)]
        try:
            values = [[float(measure(_size(log))) for log in group] for group in logs]
        except OverflowError:
            continue
        flat = [value for group in values for value in group]
        if any(math.isnan(value) for value in flat):
            return None
        if not any(flat):
            return Growth(0, 0, 0.0)
        if all(0 < value < math.inf for value in flat):
            return _leading(logs, values)
    return Growth(math.inf, 0, math.inf)


def _size(log: float) -> int:
    """The whole number nearest to 2^log, for a log in halves."""
    return math.isqrt(1 << round(2 * log))


def _leading(logs: Sequence[Sequence[float]], values: Sequence[Sequence[float]]) -> Growth:
    """Fit C·n^p·L^q, L = log₂ n, over three groups of sizes whose logarithms double from group to group."""
    centres = [_mean(group) for group in logs]
    heights = [_mean([math.log2(value) for value in group]) for group in values]
    near, far = ((heights[i + 1] - heights[i]) / (centres[i + 1] - centres[i]) for i in (0, 1))
    bends = [math.log2(centres[i + 1] / centres[i]) / (centres[i + 1] - centres[i]) for i in (0, 1)]
    rough = max(0, round((near - far) / (bends[0] - bends[1])))
    power = far - rough * bends[1]
    quarter = round(4 * power) / 4
    if abs(power - quarter) > SNAP:
        power = round(power, 2)
        return Growth(power, rough, 2 ** (heights[2] - power * centres[2]) / centres[2] ** rough)
    return _with_logs(quarter, centres, logs, values)


def _with_logs(
    power: float, centres: Sequence[float], logs: Sequence[Sequence[float]], values: Sequence[Sequence[float]]
) -> Growth:
    """Find the logarithms beside a known power: what remains is a polynomial in L, and differences show its degree."""
    rests = [[v / 2 ** (power * x) for x, v in zip(xs, vs, strict=True)] for xs, vs in zip(logs, values, strict=True)]
    first, second, third = (_mean(group) for group in rests)
    noise = max(_ripple(xs, ys) for xs, ys in zip(logs, rests, strict=True))
    if abs(third - second) <= 2 * noise + 1e-9 * third or third <= second:
        return Growth(power, 0, third)
    earlier = second - first
    exponent = 1 if earlier <= noise else max(1, round(math.log2((third - second) / earlier)))
    return Growth(power, exponent, (third - second) / (centres[2] ** exponent - centres[1] ** exponent))


def _ripple(xs: Sequence[float], ys: Sequence[float]) -> float:
    """How far values stray from a straight line, root mean square."""
    x, y = _mean(xs), _mean(ys)
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
    return math.sqrt(_mean([(b - y - slope * (a - x)) ** 2 for a, b in zip(xs, ys, strict=True)]))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _superscript(power: float) -> str:
    if power == 1:
        return ""
    return str(int(power)).translate(SUPERSCRIPTS) if power == int(power) > 0 else f"^{power:g}"


def crossover(first: Measure, second: Measure) -> int | None:
    """The size from which on the first measure stays below the second, up to sizes beyond all practice.

    None where there is no such size. Every size to 1,000 is looked at, and after that four to each doubling: a measure
    that crosses another twice between two of those is not seen to.
    """
    sizes: list[int] = [
        *range(1, 1001),
        *sorted({int(2.0 ** (quarter / 4)) for quarter in range(40, 4 * DOUBLINGS + 1)}),
    ]
    if not first(sizes[-1]) < second(sizes[-1]):
        return None
    below = next((size for size in reversed(sizes) if not first(size) < second(size)), None)
    if below is None:
        return sizes[0]
    above = sizes[sizes.index(below) + 1]
    while above - below > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if first(middle) < second(middle) else (above, middle)
    return above
