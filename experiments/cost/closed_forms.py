"""The closed forms of voting, retrying, folding and merging come out of the walk over genomes, within 1 %.

python experiments/cost/closed_forms.py

Nothing here is a special case: genomes made of `fold`, `vote`, `retry`, `split`, `map`, `reduce` and `call` are walked
by the `Estimator` with constant rates, and what comes out is held against formulas that this file writes down anew.

A call for m steps of MAKER is right with chance p^m. Its first wrong step may come anywhere, and answers that leave the
path early scatter: they agree with nothing and decide no vote. What decides is the last step, p against 1 − p, so the
rates call a share p^(m−1) of the answers valid. (Sec. "All wrong answers agree" takes the opposite: all are valid.)

Sources: Meyerson et al. 2025 (arXiv 2511.09030), Sec. 3.2 and the table of Fig. 6b, for MAKER and its nine K; Wang et
al. 2022 (arXiv 2203.11171) for majorities; Brown et al. 2024 (arXiv 2407.21787) for retries.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from results import keep, table

from undercut.evaluators.tasks.primitives import MERGE, SORT
from undercut.spaces.cost import Cost
from undercut.spaces.estimate import CallRates, Estimate
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import GeneValue, Genome, Input, Node, call
from undercut.spaces.growth import growth
from undercut.spaces.pricing import call_cost
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import NUMBER, NUMBERS, TRUTH

WITHIN = 0.01
STEPS, TARGET = 10**6, 0.95
HANOI_STEPS = 2**20 - 1
PUBLISHED = {
    "gpt-4.1-nano": (0.3571, 29),
    "gpt-4.1-mini, T 1": (0.0040, 4),
    "gpt-4.1-mini, T 0.1": (0.0022, 3),
    "o3-mini (low)": (0.0018, 3),
    "haiku-4.5": (0.1839, 12),
    "gpt-oss-20B": (0.0358, 6),
    "qwen3": (0.2342, 15),
    "deepseek-v3.1": (0.0569, 6),
    "kimi-k2": (0.0393, 6),
}
"""Measured chance of a wrong step, and the published K; llama-3.2-3B, the tenth in that table, is never right."""
HEADER = 20
"""Tokens of a prompt without its items, for the merges."""

STEP = Primitive("step", (NUMBER, NUMBERS), NUMBER, ("{0} {1}",), law=lambda state, steps: 1)
"""Take a state through some steps."""
ANSWER = Primitive("answer", (NUMBER,), NUMBER, ("{0}",), law=lambda n: 1)
VERIFY = Primitive("verify", (NUMBER, NUMBER), TRUTH, ("{0} {1}",), law=lambda answer, n: 1)
TOOLBOX = Toolbox([STEP, ANSWER, VERIFY, SORT, MERGE])


Rate: TypeAlias = Callable[[Primitive, Sequence[float]], float]


def always(chance: float) -> Rate:
    """The same chance for every call, but a check is always right."""
    return lambda primitive, sizes: 1.0 if primitive is VERIFY else chance


CERTAIN = always(1.0)


@dataclass(frozen=True)
class Constant:
    """Rates that depend on the sizes alone, by the three functions given; samples of a prompt are independent."""

    cost: Callable[[Primitive, Sequence[float]], Cost]
    right: Rate = CERTAIN
    valid: Rate = CERTAIN

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call."""
        return CallRates(self.cost(primitive, sizes), self.right(primitive, sizes), self.valid(primitive, sizes))

    def dependence(self, node: Node) -> float:
        """None."""
        return 0.0

    def catches(self, check: Genome, body: Genome) -> float:
        """All that is wrong."""
        return 1.0

    def agreement(self, node: Node, size: float) -> float:
        """All wrong answers are the same."""
        return 1.0


class Row(NamedTuple):
    """One figure that the walk gives and a formula gives."""

    form: str
    case: str
    walk: float
    formula: float

    @property
    def difference(self) -> float:
        """How far the walk's is from the formula's, relative to the formula's."""
        return abs(self.walk - self.formula) / abs(self.formula) if self.formula else abs(self.walk)

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return self.difference <= WITHIN

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**self._asdict(), "difference": self.difference, "holds": self.holds}


def one_token(primitive: Primitive, sizes: Sequence[float]) -> Cost:
    """A call that costs one token, and no check anything."""
    return call_cost(0, 0 if primitive is VERIFY else 1)


# -- MAKER: a fold of m steps a call, each call voted on until one answer is K ahead


def maker(width: int, lead: int) -> Genome:
    """A fold over all steps, `width` a call, each voted on."""
    vote = voted({"rule": "ahead", "lead": lead}, call("step", Input(0), Input(1), temperature=0.7))
    return Genome(Node("fold", [Input(0)], {"size": width, "start": "number"}, [Genome(vote)]))


def voted(genes: dict[str, GeneValue], body: Node) -> Node:
    """A vote over a body, on the body's own inputs."""
    return Node("vote", body.inputs, genes, [Genome(body)])


def maker_rates(p: float, scattered: bool = True) -> Constant:
    """Each step costs one token and is right with chance p; answers wrong before the last step are scattered or not."""
    return Constant(
        lambda primitive, sizes: call_cost(0, sizes[1]),
        lambda primitive, sizes: p ** sizes[1],
        lambda primitive, sizes: p ** (sizes[1] - 1) if scattered else 1.0,
    )


def least_lead(p: float, width: int, steps: int, *, scattered: bool = True) -> tuple[int, Estimate] | None:
    """The smallest lead with which the walk reaches the target, and its estimate; None where 60 is not enough."""
    walk = Estimator(maker_rates(p, scattered), TOOLBOX)
    for lead in range(1, 61):
        found = walk.apply(maker(width, lead), (((1, steps),),))
        if math.exp(found.log_right) >= TARGET:
            return lead, found
    return None


def formula_lead(p: float, width: int, steps: int) -> int:
    """K_min = ⌈ln(t^(−m/s) − 1) / ln((1 − p)/p)⌉."""
    return max(1, math.ceil(math.log(TARGET ** (-width / steps) - 1) / math.log((1 - p) / p)))


def formula_cost(p: float, width: int, lead: int, steps: int) -> float:
    """c·s·K / (p^(m−1)·(2p − 1)) with c = 1."""
    return steps * lead / (p ** (width - 1) * (2 * p - 1))


def optima(widths: Sequence[int]) -> Iterator[Row]:
    """The best width and lead of MAKER, found by walking all of them, and by the formula."""
    for p in (0.9978, 0.99, 0.9):
        walked = {m: found for m in widths if (found := least_lead(p, m, STEPS))}
        best = min(walked, key=lambda m: walked[m][1].cost.tokens)
        leads = {m: formula_lead(p, m, STEPS) for m in widths}
        costs = {m: formula_cost(p, m, leads[m], STEPS) for m in widths}
        known = min(costs, key=lambda m: costs[m])
        lead, estimate = walked[best]
        yield Row("MAKER: best width", f"p = {p}", best, known)
        yield Row("MAKER: its lead", f"p = {p}", lead, leads[known])
        yield Row("MAKER: its tokens", f"p = {p}", estimate.cost.tokens, costs[known])
        yield Row("MAKER: failure", f"p = {p}", failure(estimate), 1 - (1 - ahead_fails(p, lead)) ** (STEPS / best))
        for width in (1, 10, 100):
            if width in walked and p**width > 0.01:
                lead, estimate = walked[width]
                case = f"p = {p}, m = {width}"
                yield Row("MAKER: least lead", case, lead, leads[width])
                yield Row("MAKER: tokens", case, estimate.cost.tokens, costs[width])


def agreeing(widths: Sequence[int]) -> Iterator[Row]:
    """The same where all wrong answers agree, which is the worst case: p^m in the place of p in every formula."""
    for p in (0.9978, 0.99, 0.9):
        walked = {m: found for m in widths if (found := least_lead(p, m, STEPS, scattered=False))}
        best = min(walked, key=lambda m: walked[m][1].cost.tokens)
        costs: dict[int, tuple[float, int]] = {}
        for m in widths:
            if p**m > 0.5:
                ratio = (1 - p**m) / p**m
                lead = max(1, math.ceil(math.log(TARGET ** (-m / STEPS) - 1) / math.log(ratio)))
                costs[m] = STEPS * lead / (2 * p**m - 1), lead
        known = min(costs, key=lambda m: costs[m])
        lead, estimate = walked[best]
        yield Row("all wrong agree: best width", f"p = {p}", best, known)
        yield Row("all wrong agree: its lead", f"p = {p}", lead, costs[known][1])
        yield Row("all wrong agree: its tokens", f"p = {p}", estimate.cost.tokens, costs[known][0])


def published() -> Iterator[Row]:
    """The least K for 20 disks by the walk, against the published one."""
    for name, (wrong, lead) in PUBLISHED.items():
        found = least_lead(1 - wrong, 1, HANOI_STEPS)
        yield Row("published K", f"{name}, 1 − p = {wrong}", math.nan if found is None else found[0], lead)


# -- Merging: a tree of merges against merging each sorted chunk into what there is


def merge_rates() -> Constant:
    """A header, one token an item read, one an item written."""
    return Constant(lambda primitive, sizes: call_cost(HEADER + sum(sizes), primitive.answer_size(*sizes)))


def merging(chunk: int) -> Iterator[Row]:
    """Tokens of a tree of merges, 2n·log₂(n/m) + …, and of a chain, n²/m + …, with all their terms and constants."""
    merge = call("merge", Input(0), Input(1))
    chunks = Node("split", [Input(0)], {"size": chunk, "overlap": 0})
    mapped = Node("map", [chunks], {}, [Genome(call("sort", Input(0)))])
    tree = Genome(Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [Genome(merge)]))
    chain = Genome(Node("reduce", [mapped], {"arity": 2, "shape": "chain"}, [Genome(merge)]))
    step = Genome(call("merge", Input(0), call("sort", Input(1))))
    fold = Genome(Node("fold", [Input(0)], {"size": chunk, "start": "[number]"}, [step]))
    walk = Estimator(merge_rates(), TOOLBOX)

    def tokens(genome: Genome, n: int) -> float:
        return walk.apply(genome, (((1, n),),)).cost.tokens

    for log in (10, 20):
        n, k, case = 2**log, 2**log // chunk, f"m = {chunk}, n = 2^{log}"
        sorts = k * HEADER + 2 * n
        yield Row("tree of merges", case, tokens(tree, n), sorts + (k - 1) * HEADER + 2 * n * math.log2(k))
        steps = (k - 1) * HEADER + chunk * (k * (k + 1) - 2)
        yield Row("chain of merges", case, tokens(chain, n), sorts + steps)
        yield Row("fold of merges", case, tokens(fold, n), sorts + k * HEADER + chunk * k * (k + 1))
    for name, genome, power, logs, coefficient in (
        ("tree", tree, 1, 1, 2.0),
        ("chain", chain, 2, 0, 1 / chunk),
        ("fold", fold, 2, 0, 1 / chunk),
    ):
        law = growth(partial(tokens, genome))
        assert law is not None
        case = f"m = {chunk}"
        yield Row(f"Θ of a {name}: power of n", case, law.power, power)
        yield Row(f"Θ of a {name}: power of log n", case, law.logs, logs)
        yield Row(f"Θ of a {name}: constant", case, law.coefficient, coefficient)


# -- Votes and retries


def failure(estimate: Estimate) -> float:
    """The walk's chance of not being right: it shows more than the chance of being right, which is near 1."""
    return -math.expm1(estimate.log_right)


def ahead_fails(p: float, lead: int) -> float:
    """What 1 / (1 + ((1 − p)/p)^K) lacks to 1."""
    odds = ((1 - p) / p) ** lead
    return odds / (1 + odds)


def votes() -> Iterator[Row]:
    """Samples and success of first-to-ahead-by-K, success of majorities."""
    body = call("answer", Input(0), temperature=0.7)
    for p in (0.55, 0.6, 0.7, 0.8, 0.9, 0.99):
        walk = Estimator(Constant(one_token, always(p)), TOOLBOX)
        for lead in (2, 3, 5):
            found = walk.apply(Genome(voted({"rule": "ahead", "lead": lead}, body)), (1,))
            expected = lead * (1 - 2 * ahead_fails(p, lead)) / (2 * p - 1)
            yield Row("ahead by K: samples", f"p = {p}, K = {lead}", found.cost.samples, expected)
            yield Row("ahead by K: failure", f"p = {p}, K = {lead}", failure(found), ahead_fails(p, lead))
        for count in (3, 5, 9):
            found = walk.apply(Genome(voted({"rule": "majority", "votes": count}, body)), (1,))
            few = sum(math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(count // 2 + 1))
            yield Row("majority: samples", f"p = {p}, N = {count}", found.cost.samples, count)
            yield Row("majority: failure", f"p = {p}, N = {count}", failure(found), few)


def retries() -> Iterator[Row]:
    """Attempts until an answer is without a red flag, and any-pass with a check that is exact."""
    body, check = call("answer", Input(0), temperature=0.7), call("verify", Input(0), Input(1))
    for p in (0.05, 0.2, 0.5, 0.9):
        flagged = Estimator(Constant(one_token, always(p), always(p)), TOOLBOX)
        checked = Estimator(Constant(one_token, always(p)), TOOLBOX)
        found = flagged.apply(Genome(Node("retry", [Input(0)], {"tries": 1000}, [Genome(body)])), (1,))
        yield Row("retry until valid: attempts", f"valid {p}, no limit", found.cost.samples, 1 / p)
        for tries in (2, 5, 9):
            case = f"p = {p}, N = {tries}"
            found = flagged.apply(Genome(Node("retry", [Input(0)], {"tries": tries}, [Genome(body)])), (1,))
            none = (1 - p) ** tries
            yield Row("retry until valid: attempts", case, found.cost.samples, (1 - none) / p)
            yield Row("retry until valid: failure", case, failure(found), none)
            bodies = [Genome(body), Genome(check)]
            found = checked.apply(Genome(Node("retry", [Input(0)], {"tries": tries}, bodies)), (1,))
            yield Row("any-pass, exact check: attempts", case, found.cost.decode, (1 - none) / p)
            yield Row("any-pass, exact check: failure", case, failure(found), none)


def worst(rows: Sequence[Row]) -> list[Row]:
    """Of each closed form the row that is farthest off."""
    found: dict[str, Row] = {}
    for row in rows:
        if row.form not in found or row.difference > found[row.form].difference:
            found[row.form] = row
    return list(found.values())


def main() -> None:
    """Work all of them out, print and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widest", type=int, default=200, help="largest width of MAKER's folds")
    parser.add_argument("--chunk", type=int, default=16, choices=(4, 8, 16, 32), help="items of a sorted chunk")
    parser.add_argument("--all", action="store_true", help="print every row, not one a closed form")
    asked = parser.parse_args()
    widths = range(1, asked.widest + 1)
    rows = [*optima(widths), *agreeing(widths), *published(), *merging(asked.chunk), *votes(), *retries()]
    held = sum(row.holds for row in rows)
    keep(
        "closed_forms",
        {
            "within": WITHIN,
            "widest": asked.widest,
            "rows": len(rows),
            "held": held,
            "largest_difference": max(row.difference for row in rows),
            "forms": [row.to_dict() for row in rows],
        },
    )
    shown = rows if asked.all else worst(rows)
    cells = [(r.form, r.case, f"{r.walk:.7g}", f"{r.formula:.7g}", f"{r.difference:.1e}", r.holds) for r in shown]
    print(
        table(("closed form", "case" if asked.all else "worst case", "walk", "formula", "difference", "holds"), cells)
    )
    print(f"{held} of {len(rows)} within {WITHIN:.0%}")


if __name__ == "__main__":
    main()
