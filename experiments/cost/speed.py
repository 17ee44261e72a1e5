"""How long it takes to price a genome, by what is declared and by what was fitted, and how many a search gets through.

python experiments/cost/speed.py

Three figures. At n = 10⁶: declared cost and forecast of two genomes as they stand on fronts, the first time, at sizes
never asked before, and with every cache cold. In a search: distinct genomes that one core proposes and forecasts at the
target in a second of its time. And the rival: the same cost, had by walking the genome with a perfect model's answers.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads: seconds of one core are what counts

from results import keep, say, table

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Scores
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Model, price_of
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.tasks import TASKS
from undercut.search.calibration import calibrate
from undercut.search.forecast import Forecaster
from undercut.search.proposers import open_proposer
from undercut.search.rehearse import rehearse
from undercut.search.run import RECORDS
from undercut.spaces.cost import NO_COST, Cost
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.normal import normal
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.variation import crossover, mutate

TASK = TASKS["sort"]
FITTED, TARGET, LARGE, WALKED = (8, 16, 32), 64, 10**6, 4096
GOAL_SECONDS, GOAL_RATE = 1e-3, 5000


def genomes() -> dict[str, Genome]:
    """A fold that merges block by block, and a tree of merges."""
    merge = Genome(call("merge", Input(0), Input(1)))
    merged = Node("merge_blocks", [Input(0), call("sort", Input(1))], {"block": 16}, [merge])
    fold = Node("fold", [Input(0)], {"size": 16, "start": "[number]"}, [Genome(merged)])
    chunks = Node("split", [Input(0)], {"size": 16, "overlap": 0})
    mapped = Node("map", [chunks], {}, [Genome(call("sort", Input(0)))])
    tree = Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [merge])
    return {"fold": Genome(fold), "tree": Genome(tree)}


def seconds(work: Callable[..., object], *given: object) -> float:
    """How long something takes."""
    begin = time.perf_counter()
    work(*given)
    return time.perf_counter() - begin


def yardstick() -> float:
    """Seconds that 300,000 additions take here and now, in Python: machines differ, and shared ones by the hour."""

    def additions() -> None:
        total = 0
        for number in range(300_000):
            total += number

    return median(seconds(additions) for _ in range(15))


class Prices:
    """What prices genomes of the task: the declared rates and the fitted ones, with caches cold or warm."""

    def __init__(self, model: Model, rates: FittedRates) -> None:
        self.toolbox = TASK.toolbox([model.name])
        self.model = model
        self.rates = rates

    def declared(self) -> Callable[[Genome, int], Cost]:
        """Declared cost, nothing known yet."""
        estimator = Estimator(DeclaredRates([self.model]), self.toolbox)
        return lambda genome, size: estimator.apply(genome, TASK.extents(size)).cost

    def forecaster(self) -> Forecaster:
        """Forecasts, nothing known yet but the fit."""
        return Forecaster(self.rates.shifted(0.0), TASK, self.toolbox)

    def forecast(self) -> Callable[[Genome, int], object]:
        """Forecast as the search asks for it: cost and accuracy."""
        return self.forecaster().at

    def interval(self) -> Callable[[Genome, int], object]:
        """Forecast as it is shown: with an interval, given the genome's own runs."""
        forecaster = self.forecaster()
        return lambda genome, size: forecaster.given(genome, size, {FITTED[-1]: Scores(20.0, 20, 24)})

    def ways(self) -> dict[str, Callable[[], Callable[[Genome, int], object]]]:
        """All of them by name."""
        return {"declared": self.declared, "forecast": self.forecast, "with interval": self.interval}


def latencies(prices: Prices, repeats: int) -> list[dict[str, Any]]:
    """Time to price each genome at n = 10⁶: the first time, at further sizes, and cold at each."""
    rows = []
    for name, genome in genomes().items():
        for way, fresh in prices.ways().items():
            warm = fresh()
            first = seconds(warm, genome, LARGE)
            later = [seconds(warm, genome, LARGE + i) for i in range(1, repeats + 1)]
            again = [seconds(warm, genome, LARGE) for _ in range(repeats)]
            cold = [seconds(fresh(), genome, LARGE + i) for i in range(repeats)]
            rows.append(
                {
                    "genome": str(genome),
                    "name": name,
                    "what": way,
                    "first": first,
                    "new_size": median(later),
                    "new_size_least": min(later),
                    "same_size": median(again),
                    "cold": median(cold),
                    "met": median(later) < GOAL_SECONDS,
                }
            )
    return rows


def proposals(space: Space, right: list[Genome], seed: int) -> dict[str, Iterator[Genome]]:
    """Endless genomes: drawn at random; and varied, mutants and crossings of right ones."""

    def drawn() -> Iterator[Genome]:
        generator = random.Random(f"speed/drawn/{seed}")
        while True:
            yield space.sample(generator)

    def varied() -> Iterator[Genome]:
        generator = random.Random(f"speed/varied/{seed}")
        while True:
            mother, father = generator.choice(right), generator.choice(right)
            yield (
                mutate(space, mother, generator)
                if generator.random() < 0.5
                else crossover(space, mother, father, generator)
            )

    return {"drawn": drawn(), "varied": varied()}


def distinct(stream: Iterator[Genome]) -> Iterator[Genome]:
    """Each in its normal form, once."""
    seen: set[Genome] = set()
    for genome in map(normal, stream):
        if genome not in seen:
            seen.add(genome)
            yield genome


def throughput(prices: Prices, space: Space, right: list[Genome], count: int, seed: int) -> list[dict[str, Any]]:
    """Distinct genomes a second of CPU time: proposed, forecast, both; and forecast with every cache cold."""
    rows = []
    for name, stream in proposals(space, right, seed).items():
        begin = time.process_time()
        found = list(islice(distinct(stream), count))
        proposed = time.process_time() - begin
        forecaster = prices.forecaster()
        begin = time.process_time()
        for genome in found:
            forecaster.at(genome, TARGET)
        forecast = time.process_time() - begin
        cold = [seconds(prices.forecaster().at, genome, TARGET) for genome in found[:1000]]
        both = count / (proposed + forecast)
        rows.append(
            {
                "genomes": name,
                "count": count,
                "proposed": count / proposed,
                "forecast": count / forecast,
                "proposed_and_forecast": both,
                "cold_seconds": median(cold),
                "met": both >= GOAL_RATE,
            }
        )
    return rows


def searching(prices: Prices, space: Space, right: list[Genome], count: int, seed: int) -> dict[str, float]:
    """What a search by evolution spends on distinct genomes, in seconds of CPU time a genome, by what it does."""
    proposer, forecaster = open_proposer("evolution", space, seed), prices.forecaster()
    checks = [TASK.instances(size, 1, seed=seed)[0] for size in (*FITTED, TARGET, 2 * TARGET + 3)]
    spent = dict.fromkeys(("ask", "rehearse", "forecast", "tell"), 0.0)
    seen: set[Genome] = set()
    forecasts = 0
    waiting = list(map(normal, right))

    def timed(what: str, work: Callable[..., Any], *given: Any) -> Any:
        begin = time.process_time()
        made = work(*given)
        spent[what] += time.process_time() - begin
        return made

    def ask() -> Genome:
        return normal(proposer.ask() or right[0])

    def worth(genome: Genome) -> tuple[float, float]:
        nonlocal forecasts
        forecasts += 2
        largest, target = forecaster.at(genome, FITTED[-1]), forecaster.at(genome, TARGET)
        return ((largest.accuracy or 0.0) + (target.accuracy or 0.0)) / 2, target.cost.tokens

    while len(seen) < count:
        genome = waiting.pop() if waiting else timed("ask", ask)
        if genome in seen:
            continue
        seen.add(genome)
        sound = timed("rehearse", rehearse, genome, checks, TASK, prices.toolbox).right
        timed("tell", proposer.tell, genome, *(timed("forecast", worth, genome) if sound else (0.0, math.inf)))
    each = {what: seconds / count for what, seconds in spent.items()}
    return {**each, "rate": count / sum(spent.values()), "forecasts_a_second": forecasts / spent["forecast"]}


def rival(prices: Prices) -> list[dict[str, Any]]:
    """The declared cost by the walk with symbols, against adding up a perfect model's calls one by one."""
    inputs = TASK.instances(WALKED, 1)[0].inputs
    rows = []
    for name, genome in genomes().items():
        rates, spent = DeclaredRates([prices.model]), [NO_COST]

        async def ask(question: Question, rates: DeclaredRates = rates, spent: list[Cost] = spent) -> Answer:
            primitive = question.primitive
            assert primitive.reference is not None
            node = call(primitive.name, prompt=question.prompt)
            cost = rates.call(node, primitive, primitive.sizes(question.values)).cost
            spent[0] += cost
            return Answer(primitive.reference(*question.values), cost.passes)

        walk = Execution(ask, prices.toolbox, concurrent=False).apply(genome, inputs)
        walked = seconds(run_now, walk)
        priced = median(seconds(prices.declared(), genome, WALKED) for _ in range(100))
        declared = prices.declared()(genome, WALKED)
        equal = (declared.tokens, declared.flops) == (spent[0].tokens, spent[0].flops)
        rows.append({"name": name, "n": WALKED, "calls": spent[0].calls, "walked": walked, "priced_cold": priced,
                     "times_faster": walked / priced, "equal": equal})  # fmt: skip
    return rows


async def calibrated(model: Model, space: Space, seed: int) -> tuple[FittedRates, list[Genome]]:
    """Rates fitted to the model's calls as a search does it first, and the right genomes that came up."""
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger())
    calibration, right = await calibrate(space, TASK, engine, FITTED, seed, lambda done, total: None)
    return FittedRates(calibration, space.toolbox, [model.shape], [price_of(model)]), right


def main() -> None:
    """Time everything, print it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="genomes proposed and forecast")
    parser.add_argument("--repeats", type=int, default=500, help="timings of one price")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    gc.set_threshold(RECORDS)  # as a search does it
    model = open_model("embedded")
    space = Space(TASK.signature, TASK.toolbox([model.name]), max_size=9)
    rates, right = asyncio.run(calibrated(model, space, asked.seed))
    prices = Prices(model, rates)
    say("calibrated")
    found: dict[str, Any] = {
        "goals": {"seconds": GOAL_SECONDS, "genomes_a_second": GOAL_RATE},
        "n": LARGE,
        "target": TARGET,
        "seed": asked.seed,
        "yardstick": [yardstick()],
        "latency": latencies(prices, asked.repeats),
        "rival": rival(prices),
    }
    say("timed single genomes")
    found["throughput"] = throughput(prices, space, right, asked.count, asked.seed)
    found["search"] = searching(prices, space, right, asked.count // 4, asked.seed)
    found["yardstick"].append(yardstick())
    keep("speed", found)
    show(found)


def show(found: dict[str, Any]) -> None:
    """Print it."""
    times = ("first", "new_size", "new_size_least", "same_size", "cold")
    rows = [(f"{r['name']}, {r['what']}", *(f"{1e3 * r[t]:.3f}" for t in times), r["met"]) for r in found["latency"]]
    print(table((f"ms at n = {LARGE:,}", "first", "new size", "at the least", "same size", "cold", "met"), rows), "\n")
    keys = ("proposed", "forecast", "proposed_and_forecast")
    rows = [
        (r["genomes"], *(f"{r[k]:,.0f}" for k in keys), f"{1e3 * r['cold_seconds']:.3f}", r["met"])
        for r in found["throughput"]
    ]
    print(table(("genomes a second", "proposed", "forecast", "both", "ms cold", "met"), rows), "\n")
    spent = ", ".join(
        f"{what} {1e6 * found['search'][what]:.0f} µs" for what in ("ask", "rehearse", "forecast", "tell")
    )
    rate, forecasts = found["search"]["rate"], found["search"]["forecasts_a_second"]
    print(f"a search by evolution, a distinct genome: {spent}")
    print(f"{rate:,.0f} genomes a second in all, and {forecasts:,.0f} forecasts a second\n")
    rows = [
        (f"{r['name']}, n = {r['n']}", f"{r['calls']:,}", f"{r['walked']:.3f}", f"{r['priced_cold']:.6f}",
         f"{r['times_faster']:,.0f} ×", r["equal"])
        for r in found["rival"]
    ]  # fmt: skip
    first, last = (f"{1e3 * each:.1f} ms" for each in found["yardstick"])
    print(table(("against walking all calls", "calls", "s walked", "s priced", "faster", "equal"), rows))
    print(f"\n300,000 additions in Python: {first} before all this, {last} after")


if __name__ == "__main__":
    main()
