"""Forecasts: what is said before a genome is run is what comes out when it is."""

from __future__ import annotations

import asyncio
import math

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import price_of
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.tasks import TASKS
from undercut.search import calibration
from undercut.search.calibration import calibrate, spread
from undercut.search.forecast import UNITS, Forecaster, unit_of
from undercut.spaces.cost import Cost
from undercut.spaces.errors import UsageError
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.space import Space

TASK = TASKS["sort"]
TOOLBOX = TASK.toolbox(["simulated/noisy"])
SIZES, SAMPLES = (8, 16, 32), 150
X0, X1 = Input(0), Input(1)


def tree(size: int, output: Node | None = None) -> Node:
    pieces = Node("split", [X0], {"size": size, "overlap": 0})
    mapped = Node("map", [pieces], {}, [Genome(output or call("sort", X0))])
    return Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [Genome(call("merge", X0, X1))])


GENOMES = {
    "one call": call("sort", X0),
    "wordy call": call("sort", X0, prompt=2),
    "tree of 4": tree(4),
    "tree of 8": tree(8),
    "tree of votes": tree(
        8, Node("vote", [X0], {"rule": "majority", "votes": 3}, [Genome(call("sort", X0, temperature=0.7))])
    ),
}


@pytest.fixture(scope="module")
def calibrated() -> tuple[Calibration, Engine]:
    model = open_model("simulated/noisy")
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger(), concurrency=64)
    space = Space(TASK.signature, TOOLBOX, max_size=5)
    with pytest.MonkeyPatch.context() as patch:
        # With few calls to a size a forecast is as uncertain as they are; here the walk is held against the truth.
        patch.setattr(calibration, "SAMPLES", 100)
        table, _ = asyncio.run(calibrate(space, TASK, engine, (*SIZES, 64), 0, lambda done, total: None))
    return table, engine


@pytest.mark.parametrize("name", GENOMES)
def test_forecast_and_measurement_agree(name: str, calibrated: tuple[Calibration, Engine]) -> None:
    table, engine = calibrated
    rates = table.rates(TOOLBOX, [engine.models[0].shape], [price_of(engine.models[0])])
    forecaster, genome = Forecaster(rates, TASK, TOOLBOX), Genome(GENOMES[name])
    instances = [instance for size in SIZES for instance in TASK.instances(size, SAMPLES, "test")]
    measured = Evaluation.of(asyncio.run(evaluate(genome, instances, TASK, TOOLBOX, engine)))
    for size in SIZES:
        forecast = forecaster.interval(genome, size)
        assert forecast.low is not None and forecast.high is not None and forecast.accuracy is not None
        assert forecast.low <= forecast.accuracy <= forecast.high
        found = measured.accuracy[size]  # two intervals that both hold the truth overlap
        assert found.low <= forecast.high and forecast.low <= found.high
        assert forecast.low - 0.03 <= found.mean <= forecast.high + 0.03
        for field in ("calls", "tokens", "passes", "depth", "flops"):
            known = getattr(measured.cost[size], field)
            assert getattr(forecast.cost, field) == pytest.approx(known, rel=0.02), field


def test_a_forecast_without_interval_is_the_same(calibrated: tuple[Calibration, Engine]) -> None:
    table, engine = calibrated
    forecaster = Forecaster(table.rates(TOOLBOX, [engine.models[0].shape], [None]), TASK, TOOLBOX)
    genome = Genome(tree(8))
    plain, whole = forecaster.at(genome, 64), forecaster.interval(genome, 64)
    assert (plain.cost.tokens, plain.accuracy) == (whole.cost.tokens, whole.accuracy)
    assert plain.low is plain.high is None
    assert math.isnan(plain.cost.usd) and plain.to_dict()["cost"]["usd"] is None
    assert whole.to_dict()["accuracy"] == {"mean": whole.accuracy, "low": whole.low, "high": whole.high}


def test_units_read_the_cost() -> None:
    cost = Cost(prefill=3, decode=4, passes=5, depth=6, flops=7, aalp=8, usd=9)
    assert {name: unit(cost) for name, unit in UNITS.items()} == {
        "tokens": 7, "passes": 5, "flops": 7, "aalp": 8, "usd": 9, "latency": 6,
    }  # fmt: skip
    with pytest.raises(UsageError, match="tokens, passes, flops, aalp, usd, latency"):
        unit_of("euro")


def test_sizes_are_spread_and_those_with_many_inputs_win() -> None:
    assert spread({5: [0], 1: [0], 3: [0]}, 4) == [1, 3, 5]
    found = spread({size: [0] * (12 if size in (8, 64) else 1) for size in range(1, 200)}, 6)
    assert len(found) == 6 and found == sorted(found) and {8, 64} <= set(found) and found[-1] == 199
