"""Forecasts: what is said before a genome is run is what comes out when it is."""

from __future__ import annotations

import asyncio
import math
from itertools import count

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, Scores, evaluate
from undercut.evaluators.fitting import Cell
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Usage, price_of
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.trace import CallRecord
from undercut.search import calibration
from undercut.search.calibration import calibrate, spread
from undercut.search.forecast import BY_RESULTS, Forecaster
from undercut.search.larger import UpTo, Watch
from undercut.search.units import UNITS, unit_of
from undercut.spaces.cost import Cost
from undercut.spaces.errors import UsageError
from undercut.spaces.estimator import Estimator
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
        patch.setattr(calibration, "INSTANCES", 100)
        table, _ = asyncio.run(calibrate(space, TASK, engine, (*SIZES, 64), 0, lambda done, total: None))
        asyncio.run(calibration.ask_again(table.unrepeated, engine, table))
        table.unrepeated.clear()
    return table, engine


@pytest.mark.parametrize("name", GENOMES)
def test_forecast_and_measurement_agree(name: str, calibrated: tuple[Calibration, Engine]) -> None:
    table, engine = calibrated
    rates = FittedRates(table, TOOLBOX, [engine.models[0].shape], [price_of(engine.models[0])])
    forecaster, genome = Forecaster(rates, TASK, TOOLBOX), Genome(GENOMES[name])
    instances = [instance for size in SIZES for instance in TASK.instances(size, SAMPLES, "test")]
    measured = Evaluation.of(asyncio.run(evaluate(genome, instances, TASK, TOOLBOX, engine)))
    for size in SIZES:
        forecast = forecaster.given(genome, size, {})
        assert forecast.low is not None and forecast.high is not None and forecast.accuracy is not None
        assert forecast.low <= forecast.accuracy <= forecast.high
        found = measured.accuracy[size]  # two intervals that both hold the truth overlap
        assert found.low <= forecast.high and forecast.low <= found.high
        assert forecast.low - 0.03 <= found.mean <= forecast.high + 0.03
        for field in ("calls", "tokens", "passes", "depth", "flops"):
            known = getattr(measured.cost[size], field)
            assert getattr(forecast.cost, field) == pytest.approx(known, rel=0.02), field


def forecaster_of(table: Calibration, engine: Engine) -> Forecaster:
    return Forecaster(FittedRates(table, TOOLBOX, [engine.models[0].shape], [None]), TASK, TOOLBOX)


def test_a_forecast_without_interval_is_about_the_same(calibrated: tuple[Calibration, Engine]) -> None:
    forecaster, genome = forecaster_of(*calibrated), Genome(tree(8))
    plain, whole = forecaster.at(genome, 64), forecaster.given(genome, 64, {})
    assert plain.accuracy is not None and plain.cost.tokens == whole.cost.tokens
    assert whole.accuracy == pytest.approx(plain.accuracy, abs=0.1)
    assert plain.low is plain.high is None
    assert math.isnan(plain.cost.usd) and plain.to_dict()["cost"]["usd"] is None
    assert whole.to_dict()["accuracy"] == {"mean": whole.accuracy, "low": whole.low, "high": whole.high}


def test_a_forecast_is_doubted_the_more_the_more_calls_it_hangs_on(calibrated: tuple[Calibration, Engine]) -> None:
    """What a few calls leave unknown of one of them is multiplied by their number; many calls leave next to nothing."""
    table, _ = calibrated
    few = Calibration(
        {key: {sizes: Cell(6, 6, first=6, valid=6, judged=6, right=6, prompt=60, completion=60) for sizes in by}
         for key, by in table.cells.items()}
    )  # fmt: skip
    little, much = (Forecaster(FittedRates(each, TOOLBOX, [None], [None]), TASK, TOOLBOX) for each in (few, table))
    once, often = Genome(call("sort", X0)), Genome(tree(4))
    assert 0 <= little.doubt(once, 4) < little.doubt(often, 32) < 0.5
    for size in SIZES:
        assert much.doubt(once, size) < 0.1


def test_calls_whose_usage_nobody_told_have_no_say_in_what_calls_take() -> None:
    """Others tell as much as if these had not been made; where nobody told any, forecasts count words and items."""

    def record(size: int, usage: Usage) -> CallRecord:
        key = f"{size} {usage} {next(numbers)}"
        return CallRecord("sort", 0, 0, 0.0, (size,), size, usage, flagged=False, right=None, key=key)

    def found(calls: list[CallRecord]) -> tuple[Calibration, FittedRates]:
        table = Calibration()
        table.add(calls)
        return table, FittedRates(table, TOOLBOX, [None], [None])

    numbers = count()
    told = [record(size, Usage(10 * size + 5, size)) for size in SIZES]
    untold = [record(size, usage) for size in SIZES for usage in (Usage(None, 7), Usage(70, None), Usage(None, None))]
    (_, few), (table, all_) = found(told), found([*told, *untold])
    assert table.tokens() == 11 * sum(SIZES) + 5 * len(SIZES)
    known, same = (Forecaster(rates, TASK, TOOLBOX).at(Genome(call("sort", X0)), 64).cost for rates in (few, all_))
    assert known.tokens == same.tokens == pytest.approx(11 * 64 + 5, rel=0.01)
    guessed = Forecaster(found(untold)[1], TASK, TOOLBOX).at(Genome(call("sort", X0)), 64).cost
    words = len(TOOLBOX.primitives["sort"].prompts[0].split())
    assert guessed.tokens == words + 64 + 1 + 64  # a token for each word and item
    (constants,) = found(untold)[1].constants()
    assert constants["header"]["mean"] is constants["end"]["mean"] is None and constants["calls"] == len(untold)


def test_runs_say_nothing_of_larger_calls(
    calibrated: tuple[Calibration, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree over 64 numbers makes one merge that is larger than any of a tree over 32: the last one."""
    table, engine = calibrated
    rates, genome = FittedRates(table, TOOLBOX, [engine.models[0].shape], [None]), Genome(tree(8))
    watch = Watch(rates)
    Estimator(watch, TOOLBOX).apply(genome, TASK.extents(32))
    assert watch.most == {"sort": 8, "merge": 32}
    others = Estimator(UpTo(rates, watch.most), TOOLBOX).apply(genome, TASK.extents(64))
    whole = Estimator(rates, TOOLBOX).apply(genome, TASK.extents(64))
    last = Estimator(rates, TOOLBOX).apply(Genome(call("merge", X0, X1)), [32, 32])
    assert whole.log_right == pytest.approx(others.log_right + last.log_right)
    assert others.cost.tokens == whole.cost.tokens
    forecaster, faultless = forecaster_of(table, engine), {32: Scores(40.0, 40, 40)}
    before, after = (forecaster.chance(genome, 64, seen) for seen in ({}, faultless))
    near = Estimator(rates, TOOLBOX).apply(genome, TASK.extents(32))
    in_proportion = forecaster.chance(genome, 32, faultless) ** (whole.log_right / near.log_right)
    assert before + 0.1 < after < in_proportion - 0.02  # the runs speak for the other calls of a tree over 64 alone
    monkeypatch.setattr(forecaster, "unjudged", lambda genome: ["merge", "sort"])
    assert forecaster.chance(genome, 64, faultless) > after + 0.02  # where runs are all there is, they speak for all


def test_own_runs_move_a_forecast(calibrated: tuple[Calibration, Engine]) -> None:
    forecaster, genome = forecaster_of(*calibrated), Genome(tree(8))
    by_runs = [forecaster.chance(genome, 64, {32: Scores(right, right, 40)}) for right in (0, 20, 40)]
    assert by_runs == sorted(by_runs) and by_runs[0] < 0.05
    assert by_runs[0] < forecaster.chance(genome, 64, {}) < by_runs[2]
    failed = forecaster.given(genome, 64, {32: Scores(0.0, 0, 40)})
    assert failed.high is not None and failed.high < 0.1


def test_a_forecast_says_what_it_cannot_know(calibrated: tuple[Calibration, Engine]) -> None:
    forecaster = forecaster_of(*calibrated)
    assert forecaster.given(Genome(call("sort", X0)), 32, {}).note is None
    assert forecaster.given(Genome(call("sort", X0)), 640, {}).note == "beyond the sizes measured of sort"
    assert forecaster.given(Genome(tree(8)), 640, {}).note == "beyond the sizes measured of merge"
    empty = forecaster_of(Calibration(), calibrated[1]).given(Genome(tree(8)), 32, {})
    assert empty.accuracy is None and empty.to_dict()["accuracy"] is None
    assert empty.note == "no answer of merge, sort could be judged: it has no reference"
    run = forecaster_of(Calibration(), calibrated[1]).given(Genome(tree(8)), 32, {16: Scores(10.0, 10, 20)})
    assert run.accuracy is not None and run.low is not None and run.high is not None
    assert 0 <= run.low < run.accuracy < run.high < 0.8
    assert run.note == BY_RESULTS


def test_what_is_not_right_may_be_worth_something(calibrated: tuple[Calibration, Engine]) -> None:
    """A tree that is right half of the time and worth .6 where it is not is worth .8, run or not."""
    table, engine = calibrated
    rates, genome = FittedRates(table, TOOLBOX, [engine.models[0].shape], [None]), Genome(tree(8))
    plain, kinder = (Forecaster(rates, TASK, TOOLBOX, credit=credit) for credit in (0.0, 0.6))
    for seen in ({}, {32: Scores(28.0, 20, 40)}):
        right, worth = plain.given(genome, 64, seen), kinder.given(genome, 64, seen)
        for name in ("accuracy", "low", "high"):
            most = plain.most(seen, 64)
            assert getattr(worth, name) == pytest.approx(min(most, 0.6 + 0.4 * getattr(right, name)))
    assert plain.chance(genome, 32, {32: Scores(380.0, 200, 400)}) == pytest.approx(0.5, abs=0.05)
    assert kinder.chance(genome, 32, {32: Scores(320.0, 200, 400)}) == pytest.approx(0.8, abs=0.03)
    unjudged = Forecaster(FittedRates(Calibration(), TOOLBOX, [None], [None]), TASK, TOOLBOX, credit=0.6)
    assert unjudged.chance(genome, 32, {32: Scores(280.0, 20, 400)}) == pytest.approx(0.7, abs=0.03)


def test_the_runs_of_others_say_whether_wrong_calls_spoil_more_than_a_rehearsal_shows(
    calibrated: tuple[Calibration, Engine],
) -> None:
    """A tree spoiled by one wrong call in five in a rehearsal is forecast as those fare of which the same was said."""
    table, engine = calibrated
    rates = FittedRates(table, TOOLBOX, [engine.models[0].shape], [None])
    genome, others = Genome(tree(8)), [Genome(tree(size)) for size in (2, 3, 4, 6)]
    plain = Forecaster(rates, TASK, TOOLBOX)

    def chance(share: float, spoiled: float | None = None) -> float:
        spoiling = {(each, size): share for each in (genome, *others) for size in (32, 64)}
        ran = {}
        for other in others if spoiled is not None else ():
            always = plain.at(other, 32).accuracy
            assert always is not None and spoiled is not None
            ran[other] = {32: Scores(0.0, round(400 * always**spoiled), 400)}
        return Forecaster(rates, TASK, TOOLBOX, spoiling=spoiling, ran=ran).chance(genome, 64, {})

    assert chance(1.0) + 0.1 < chance(0.2)
    assert chance(0.2, spoiled=1.0) == pytest.approx(chance(1.0), abs=0.02)
    assert chance(0.2, spoiled=0.2) > chance(0.2)
    assert chance(1.0, spoiled=0.2) == pytest.approx(chance(1.0))  # where views agree there is nothing to weigh


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
