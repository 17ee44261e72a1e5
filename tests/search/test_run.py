"""A whole search, small: the same answer however it comes about."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from undercut.evaluators.attribution import LUCK
from undercut.evaluators.calibrate import Answered
from undercut.evaluators.evaluate import Outcome
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Completion, Model, Request, Shape
from undercut.evaluators.models.registry import open_model, open_models
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import open_task
from undercut.evaluators.trace import Trace
from undercut.search import calibration, candidates, conclude
from undercut.search.budget import Room
from undercut.search.candidates import SENSE, WRONG
from undercut.search.checks import AT_TARGET
from undercut.search.expense import foretold, limit_of
from undercut.search.explore import DOUBTFUL, FAR_LOOKS, LOOKS, Search
from undercut.search.forecast import Forecaster, aim
from undercut.search.front import STEP, front, thinned
from undercut.search.plan import SURE
from undercut.search.proposers.at_random import AtRandom
from undercut.search.proposers.bayes import Bayes
from undercut.search.proposers.evolution import Evolution
from undercut.search.proposers.exhaustive import Exhaustive
from undercut.search.proposers.portfolio import Portfolio
from undercut.search.rounds import FEWEST, FIRST, SELECT, shares
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.cost import NO_COST, UNKNOWN, Cost
from undercut.spaces.errors import BudgetError, ModelError, RunFolderError, UsageError
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.neighbours import neighbours
from undercut.spaces.normal import normal
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Function
from undercut.spaces.types import NUMBER, NUMBERS

SETTINGS = Settings(
    "sum", ("simulated/gpt-3.5",), "random", sizes=(4, 8), target_size=16, evaluations=6, samples=10, max_size=5
)
KEYS = {
    "constants", "payback", "task", "models", "seed", "sizes", "target_size", "cost", "prices", "stopped", "spent",
    "uncached", "front", "baselines",
}  # fmt: skip
ITEM_KEYS = {"id", "name", "genome", "accuracy", "cost", "predicted", "law", "slope", "failures"}
COST_KEYS = {
    "calls", "samples", "prefill", "cached", "decode", "passes", "depth", "flops", "aalp", "usd", "tokens",
}  # fmt: skip


class Counted:
    """A simulated model that notes what reaches it, and may fail from some call on."""

    price = None

    def __init__(self, fails_at: float = math.inf) -> None:
        self._model = open_model("simulated/gpt-3.5")
        self._fails_at = fails_at
        self.asked: Counter[tuple[str, float, int]] = Counter()

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def shape(self) -> Shape | None:
        return self._model.shape

    def count(self, text: str) -> int:
        return len(text)

    async def generate(self, request: Request) -> Completion:
        if self.asked.total() >= self._fails_at:
            raise ModelError("the model is down; resume")
        self.asked[request.prompt, request.temperature, request.seed] += 1
        return await self._model.generate(request)

    async def close(self) -> None:
        await self._model.close()


def small(folder: Path) -> dict[str, Any]:
    """The result of a small search."""
    return run_search(SETTINGS, folder, concurrency=7)


def text_of(result: Any) -> str:
    return json.dumps(result, allow_nan=False)


def worths(folder: Path) -> list[str]:
    """All that a proposer is told in a search, in order: decompositions, their accuracies and their costs."""
    told: list[str] = []

    def tell(_: AtRandom, genome: Genome, accuracy: float, cost: float) -> None:
        told.append(f"{genome} {accuracy!r} {cost!r}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtRandom, "tell", tell)
        run_search(SETTINGS, folder, concurrency=7)
    return told


def elsewhere(wanted: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a function of this module gives for a folder in another process, as text."""
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('small', sys.argv[1]); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); m.hurry(); "
        "print(m.text_of(getattr(m, sys.argv[2])(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, __file__, wanted, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def hurry() -> None:
    """Fewer forecasts a round than a search that is in earnest."""
    AtRandom.batch, Evolution.batch, Bayes.batch, Exhaustive.batch, Portfolio.batch = 40, 40, 20, 40, 40
    calibration.STRUCTURES, calibration.DRAWS = 200, 50


@pytest.fixture(scope="module", autouse=True)
def in_a_hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for kind in (AtRandom, Evolution, Bayes, Exhaustive, Portfolio):
            patch.setattr(kind, "batch", kind.batch)
        patch.setattr(calibration, "STRUCTURES", calibration.STRUCTURES)
        patch.setattr(calibration, "DRAWS", calibration.DRAWS)
        hurry()
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that nothing disturbed."""
    return run_search(SETTINGS, tmp_path_factory.mktemp("whole"), concurrency=64)


def test_a_result_has_exactly_its_keys(whole: dict[str, Any]) -> None:
    assert whole.keys() == KEYS
    assert whole["spent"].keys() == {"calls", "tokens", "usd", "unmetered", "uncertain"}
    assert whole["front"] and whole["baselines"]
    for item in (*whole["front"], *whole["baselines"]):
        assert item.keys() == ITEM_KEYS
        assert item["accuracy"].keys() == item["cost"].keys() == {"4", "8", "16"}
        assert item["predicted"].keys() == {"16"}
        assert item["predicted"]["16"].keys() == {"accuracy", "cost", "note"}
        assert all(found.keys() == {"mean", "low", "high", "samples"} for found in item["accuracy"].values())
        assert all(cost.keys() == COST_KEYS for cost in (*item["cost"].values(), item["predicted"]["16"]["cost"]))
        assert str(Genome.from_dict(item["genome"])) == item["name"]


def test_what_is_unknown_is_null(whole: dict[str, Any]) -> None:
    assert whole["spent"]["usd"] is None
    for item in (*whole["front"], *whole["baselines"]):
        for cost in (*item["cost"].values(), item["predicted"]["16"]["cost"]):
            assert cost["usd"] is cost["flops"] is cost["aalp"] is None
            assert cost["tokens"] > 0


def test_a_front_is_a_front(whole: dict[str, Any]) -> None:
    assert [item["id"] for item in whole["front"]] == list("abcdefgh"[: len(whole["front"])])
    costs = [item["predicted"]["16"]["cost"]["tokens"] for item in whole["front"]]
    assert costs == sorted(costs, reverse=True)
    assert "one call" in [item["id"] for item in whole["baselines"]]


def test_concurrency_changes_nothing(whole: dict[str, Any], tmp_path: Path) -> None:
    assert text_of(run_search(SETTINGS, tmp_path, concurrency=1)) == text_of(whole)


def test_another_process_finds_the_same(whole: dict[str, Any], tmp_path: Path) -> None:
    assert elsewhere("small", tmp_path, os.environ) == text_of(whole)


def test_another_processor_finds_the_same(tmp_path: Path) -> None:
    """Processors differ in the last bits of what they work out; here one does, by what it is allowed to use."""
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-FMA4",
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    assert elsewhere("worths", tmp_path / "plain", os.environ | plain) == text_of(worths(tmp_path / "here"))


@pytest.mark.parametrize("strategy", ["auto", "evolution", "bayes", "exhaustive"])
def test_every_strategy_ends(strategy: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, strategy=strategy, evaluations=3, max_size=4, task="maximum")
    first, again = (run_search(settings, tmp_path / name, concurrency=n) for name, n in (("a", 1), ("b", 64)))
    assert first["front"]
    assert text_of(first) == text_of(again)


def test_a_finished_run_asks_nothing_again(whole: dict[str, Any], tmp_path: Path) -> None:
    models = [Counted(), Counted()]
    results = [run_search(SETTINGS, tmp_path, models=[model]) for model in models]
    assert text_of(results[0]) == text_of(results[1])
    assert models[0].asked.total() == results[0]["spent"]["calls"] == whole["spent"]["calls"]
    assert models[1].asked.total() == 0


@pytest.mark.parametrize(("share", "concurrency"), [(0.05, 64), (0.6, 1), (0.6, 64), (0.99, 64)])
def test_a_run_that_broke_off_goes_on(share: float, concurrency: int, whole: dict[str, Any], tmp_path: Path) -> None:
    calls = whole["spent"]["calls"]
    broken, mended = Counted(fails_at=int(share * calls)), Counted()
    with pytest.raises(ModelError, match="down"):
        run_search(SETTINGS, tmp_path, models=[broken], concurrency=concurrency)
    result = run_search(SETTINGS, tmp_path, models=[mended], concurrency=concurrency, resume=True)
    assert result["front"] == whole["front"] and result["baselines"] == whole["baselines"]
    assert max((broken.asked + mended.asked).values()) == 1
    assert result["spent"]["tokens"] == whole["spent"]["tokens"]
    assert calls < result["spent"]["calls"] <= calls + concurrency  # those that failed were sent as well


def test_a_run_ends_in_order_within_a_limit_and_goes_on_with_a_higher_one(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    calls = whole["spent"]["calls"]
    short, long = replace(SETTINGS, max_calls=4 * calls // 5), replace(SETTINGS, max_calls=9 * calls)
    models = [Counted(), Counted()]
    result = run_search(short, tmp_path, models=models[:1])
    assert result["front"] and "--max-calls" in result["stopped"]
    assert models[0].asked.total() == result["spent"]["calls"] <= 4 * calls // 5
    result = run_search(long, tmp_path, models=models[1:], resume=True)
    assert result["front"] == whole["front"] and result["stopped"] == whole["stopped"]
    assert max((models[0].asked + models[1].asked).values()) == 1


def test_a_run_that_ended_within_a_limit_goes_on_with_one_that_is_a_little_higher(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    """It goes another way then, and the answers of its first way are no reason to see no room for a measurement."""
    calls = whole["spent"]["calls"]
    spent = 0
    for share in (0.6, 0.7, 0.9, 1.2):
        settings = replace(SETTINGS, max_calls=int(share * calls))
        result = run_search(settings, tmp_path, resume=bool(spent))
        assert result["front"] and spent <= result["spent"]["calls"] <= share * calls
        spent = result["spent"]["calls"]


@pytest.mark.parametrize("unit", ["calls", "tokens"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.6, 0.8, 1.0])
def test_whatever_the_limit_it_holds(unit: str, share: float, whole: dict[str, Any], tmp_path: Path) -> None:
    limit = int(share * whole["spent"][unit])
    settings = replace(SETTINGS, **{f"max_{unit}": limit})
    try:
        result = run_search(settings, tmp_path)
    except BudgetError as error:
        assert share < 0.8
        enough = re.search(f"about --max-{unit} ([0-9]+) would", str(error))
        assert enough or f"raise --max-{unit}" in str(error)
        store = Store.open(tmp_path)
        assert 0 < getattr(Ledger(journal=store.answers.journal).spent, unit) <= limit
        assert store.result is None
        store.close()
        if enough:  # what is named is enough, and is held as well
            most = int(enough[1])
            result = run_search(replace(settings, **{f"max_{unit}": most}), tmp_path, resume=True)
            assert result["front"]
            assert 0.8 * limit < result["spent"][unit] <= most, "forecasts may be too high by a fifth"
    else:
        assert result["spent"][unit] <= limit and result["front"]
        measured = {found["samples"] for item in result["front"] for found in item["accuracy"].values()}
        assert min(measured) >= 2 and max(measured) <= SETTINGS.samples
        assert (max(measured) < SETTINGS.samples) == ("left room for" in result["stopped"])


@pytest.mark.parametrize("limit", [250, 400])
def test_what_the_size_beyond_leaves_over_goes_into_more_problems(limit: int, tmp_path: Path) -> None:
    result = run_search(replace(SETTINGS, samples=40, max_calls=limit), tmp_path)
    assert 0.9 * limit < result["spent"]["calls"] <= limit
    (count,) = re.findall(r"left room for ([0-9]+) problems", result["stopped"])
    largest = {item["accuracy"]["8"]["samples"] for item in result["front"]}
    beyond = {item["accuracy"]["16"]["samples"] for item in result["front"]}
    assert max(largest) == int(count) > 2 * max(beyond), "as many as at first would leave a fifth unspent"


def test_names_tell_decompositions_apart() -> None:
    one, other = (Genome(call("intersect", *map(Input, order))) for order in ((0, 1), (1, 0)))
    sort = Genome(call("sort", Input(0)))
    names = conclude.named([one, other, sort])
    assert list(names.values()) == ["intersect of x0, x1", "intersect of x1, x0", "sort"]


def test_under_a_limit_known_designs_may_stand_on_the_front(tmp_path: Path) -> None:
    """They are measured anyway: what there was no room to race is not held back for that."""
    settings = replace(SETTINGS, task="maximum", models=("simulated/noisy",), sizes=(16, 32), target_size=64)
    result = run_search(replace(settings, max_calls=200), tmp_path)
    assert "leaves room for the last measurement alone" in result["stopped"]

    def foretold(item: dict[str, Any]) -> float:
        found: float = item["predicted"]["64"]["accuracy"]["mean"]
        return found

    best = max(map(foretold, result["front"]))
    assert all(foretold(item) < best + STEP for item in result["baselines"])


def test_where_nobody_can_judge_a_call_a_limit_that_leaves_no_runs_ends_in_known_designs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything was run nothing tells which decompositions make sense."""
    task = open_task("lookup")
    blind = replace(task, primitives=tuple(replace(each, reference=None) for each in task.primitives))
    settings = Settings("lookup", ("embedded",), sizes=(4, 8, 16), target_size=32, evaluations=6, max_calls=200)
    monkeypatch.setattr(Portfolio, "batch", 200)  # many forecasts, some of them of what makes none and looks well
    result = run_search(settings, tmp_path, task=blind)
    assert "leaves room for the last measurement alone" in result["stopped"]
    known = [item["genome"] for item in result["baselines"]]
    assert result["front"] and all(item["genome"] in known for item in result["front"])
    assert max(item["accuracy"]["16"]["mean"] for item in result["front"]) > 0.5


def test_a_measurement_that_runs_out_of_room_reports_what_it_has(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where forecasts were far too low: all that is run after the first few problems meets the limit."""
    settings = replace(SETTINGS, max_calls=4 * whole["spent"]["calls"] // 5)
    run, runs = conclude._run, list[int]()

    async def limited(search: Search, parts: Mapping[Genome, float], problems: Mapping[int, int]) -> None:
        runs.append(len(problems))
        if len(runs) > 1:
            raise BudgetError("the next call could exceed the limit")
        await run(search, parts, problems)

    monkeypatch.setattr(conclude, "_run", limited)
    result = run_search(settings, tmp_path)
    assert (
        f"left room for {FEWEST} problems" in result["stopped"] and "no room for the size beyond" in result["stopped"]
    )
    assert {item["accuracy"]["8"]["samples"] for item in result["front"]} == {FEWEST}
    assert all("16" not in item["accuracy"] for item in result["front"])


def test_a_result_tells_of_calls_that_nobody_waited_for_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those under way when another one, which takes more, met the limit in the middle of the last measurement."""

    class Slow(Counted):
        async def generate(self, request: Request) -> Completion:
            for _ in range(100 * (len(request.prompt) % 7)):  # some answers take longer than others
                await asyncio.sleep(0)
            return await super().generate(request)

    run, runs = conclude._run, list[int]()

    async def limited(search: Search, parts: Mapping[Genome, float], problems: Mapping[int, int]) -> None:
        runs.append(len(problems))
        if len(runs) == 2:
            search.ledger._limits["tokens"] = search.ledger.spent.tokens + 300
        await run(search, parts, problems)

    monkeypatch.setattr(conclude, "_run", limited)
    settings, model = replace(SETTINGS, evaluations=3, max_size=4, max_tokens=10**7), Slow()
    result = run_search(settings, tmp_path, models=[model], concurrency=16)
    assert "no room for the size beyond" in result["stopped"]
    assert result["spent"]["calls"] == model.asked.total()


@pytest.mark.parametrize(
    ("task", "model", "share"),
    [("sum", "simulated/noisy", 1.0), ("sum", "simulated/gpt-3.5", 0.4), ("count", "simulated/gpt-3.5", 0.3)],
)
def test_a_search_held_to_a_share_of_what_is_foretold_ends_in_order(
    task: str, model: str, share: float, tmp_path: Path
) -> None:
    """Calls are not asked ahead of runs that there is no room for, and points that cannot be measured are let go."""
    settings, found = replace(SETTINGS, task=task, models=(model,), max_size=7), open_task(task)
    limit = share * limit_of(foretold(settings, found, open_models([model], primitives=found.primitives)))
    result = run_search(replace(settings, max_tokens=int(limit)), tmp_path)
    assert result["front"] and result["spent"]["tokens"] <= limit


@pytest.mark.parametrize("unit", ["calls", "tokens"])
@pytest.mark.parametrize("task", ["sum", "count", "maximum"])
def test_with_less_than_the_least_that_is_foretold_there_is_no_result(task: str, unit: str, tmp_path: Path) -> None:
    settings, found = replace(SETTINGS, task=task), open_task(task)
    cost = foretold(settings, found, open_models(settings.models, primitives=found.primitives))
    least = int(getattr(cost.least, unit))
    assert 0 < least < getattr(cost.low, unit)
    with pytest.raises(BudgetError, match=f"--max-{unit}") as refused:
        run_search(replace(settings, **{f"max_{unit}": least - 1}), tmp_path)
    named = re.search(f"--max-{unit} ([0-9]+) would", str(refused.value))
    assert named is None or least < int(named[1]) < 3 * least


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_run_with_a_limit_that_broke_off_decides_as_it_would_have(
    share: float, whole: dict[str, Any], tmp_path: Path
) -> None:
    settings = replace(SETTINGS, max_tokens=4 * whole["spent"]["tokens"] // 5)
    calm = run_search(settings, tmp_path / "calm", concurrency=7)
    broken = Counted(fails_at=int(share * calm["spent"]["calls"]))
    with pytest.raises(ModelError, match="down"):
        run_search(settings, tmp_path / "broken", models=[broken], concurrency=1)
    result = run_search(settings, tmp_path / "broken", concurrency=1, resume=True)
    assert result["front"] == calm["front"] and result["baselines"] == calm["baselines"]
    assert result["stopped"] == calm["stopped"]


def test_a_run_with_a_limit_that_was_killed_ends_in_order(whole: dict[str, Any], tmp_path: Path) -> None:
    """Calls under way that were lost with it are on the bill, and are not expected to be lost again."""

    async def lose(ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.reserve(70, 30) for _ in range(calls)))

    calls = whole["spent"]["calls"]
    settings = replace(SETTINGS, max_calls=3 * calls)
    with pytest.raises(ModelError, match="down"):
        run_search(settings, tmp_path, models=[Counted(fails_at=calls // 10)], concurrency=1)
    store = Store.open(tmp_path)
    asyncio.run(lose(Ledger(journal=store.answers.journal)))
    store.close()
    result = run_search(settings, tmp_path, models=[Counted()], resume=True)
    assert result["front"] == whole["front"] and result["stopped"] == whole["stopped"]
    assert 2 * calls < result["spent"]["calls"] <= settings.max_calls


def test_a_limit_in_dollars_needs_a_price(tmp_path: Path) -> None:
    """Which one has none is told before anything is kept or sent."""
    with pytest.raises(
        UsageError, match=r"--max-usd needs the price of every model and judge, and 'simulated/gpt-3\.5'"
    ):
        run_search(replace(SETTINGS, max_usd=1.0), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        run_search(SETTINGS, tmp_path / "nowhere", resume=True)


def test_every_measured_genome_is_a_trial(tmp_path: Path) -> None:
    result = run_search(replace(SETTINGS, evaluations=2), tmp_path)
    store = Store.open(tmp_path)
    stages = Counter(trial.user_attrs["stage"] for trial in store.trials())
    last = {Genome.from_dict(item["genome"]).key for item in (*result["front"], *result["baselines"])}
    assert stages["search"] <= 2 and stages["test"] == len(last)
    for trial in store.trials():
        Genome.from_json(trial.user_attrs["genome"])
        assert trial.user_attrs["evaluation"].keys() == {"accuracy", "cost", "failures"}
    assert store.result == result
    store.close()


def test_a_run_says_why_it_ended(tmp_path: Path) -> None:
    reasons = {
        "many": (replace(SETTINGS, evaluations=2), "--evaluations allows, 2"),
        "good": (replace(SETTINGS, until=0.3), "right 30% of the time"),
        "all": (replace(SETTINGS, strategy="exhaustive", max_size=1, evaluations=50), "every decomposition"),
    }
    for name, (settings, reason) in reasons.items():
        assert reason in run_search(settings, tmp_path / name)["stopped"]


def test_answers_of_an_earlier_run_are_not_asked_for_again(whole: dict[str, Any], tmp_path: Path) -> None:
    run_search(SETTINGS, tmp_path / "earlier")
    model = Counted()
    result = run_search(SETTINGS, tmp_path / "later", models=[model], reuse=[tmp_path / "earlier"])
    assert model.asked.total() == result["spent"]["calls"] == 0
    assert result["front"] == whole["front"] and result["uncached"] == whole["uncached"]
    with pytest.raises(RunFolderError, match="--reuse must be the folder of a run"):
        run_search(SETTINGS, tmp_path / "last", reuse=[tmp_path / "nowhere"])


def test_what_an_earlier_run_measured_of_single_calls_is_not_measured_again(tmp_path: Path) -> None:
    """Of other inputs, as another seed has them; and a run that was cut off goes on with what it began with."""
    run_search(SETTINGS, tmp_path / "earlier")
    settings, asked = replace(SETTINGS, seed=1), Counter[str]()
    results = []
    for name, reuse in (("alone", []), ("after", [tmp_path / "earlier"])):

        def noted(phase: str, done: int, total: int, words: str, name: str = name) -> None:
            asked[name] = max(asked[name], total * (phase == "calibrate"))

        results.append(run_search(settings, tmp_path / name, reuse=reuse, progress=noted))
    assert asked["after"] < asked["alone"] / 2
    broken, mended = Counted(fails_at=results[1]["spent"]["calls"] // 2), Counted()
    with pytest.raises(ModelError):
        run_search(settings, tmp_path / "cut", models=[broken], reuse=[tmp_path / "earlier"], concurrency=1)
    (tmp_path / "earlier" / "calibration.json").unlink()  # it has a copy of its own
    result = run_search(settings, tmp_path / "cut", models=[mended], resume=True)
    assert result["front"] == results[1]["front"]
    assert max((broken.asked + mended.asked).values()) == 1


def test_a_run_that_knew_of_another_one_tells_the_next_what_both_know(tmp_path: Path) -> None:
    """Its first calibration asked less than one from cold does: with its answers alone the rest would be asked."""
    settings, asked = replace(SETTINGS, seed=1), list[int]()
    run_search(SETTINGS, tmp_path / "first")
    run_search(settings, tmp_path / "second", reuse=[tmp_path / "first"])
    model = Counted()

    def noted(phase: str, done: int, total: int, words: str) -> None:
        asked.extend([total] * (phase == "calibrate"))

    run_search(settings, tmp_path / "third", models=[model], reuse=[tmp_path / "second"], progress=noted)
    assert max(asked, default=0) < 10


def test_a_calibration_that_cannot_be_read_is_told_of_before_a_run_begins(tmp_path: Path) -> None:
    run_search(SETTINGS, tmp_path / "earlier")
    (tmp_path / "earlier" / "calibration.json").write_text("[")
    with pytest.raises(RunFolderError, match="must be as a run of this version wrote it"):
        run_search(SETTINGS, tmp_path / "later", reuse=[tmp_path / "earlier"])
    with pytest.raises(RunFolderError, match="had not begun"):
        run_search(SETTINGS, tmp_path / "later", resume=True)


@pytest.mark.parametrize("taken", [False, True])
def test_a_run_that_was_cut_off_while_it_took_answers_over_has_not_begun(
    taken: bool, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot go on without these answers, which it would pay for again."""
    run_search(SETTINGS, tmp_path / "earlier")
    reuse = Store.reuse

    def cut_off(store: Store, folder: Path) -> int:
        if taken:
            reuse(store, folder)
        raise KeyboardInterrupt

    model = Counted()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "reuse", cut_off)
        run_search(SETTINGS, tmp_path / "later", models=[model], reuse=[tmp_path / "earlier"])
    with pytest.raises(RunFolderError, match="had not begun; start it again with `undercut search`"):
        run_search(SETTINGS, tmp_path / "later", models=[model], resume=True)
    result = run_search(SETTINGS, tmp_path / "later", models=[model], reuse=[tmp_path / "earlier"])
    assert model.asked.total() == result["spent"]["calls"] == 0 and result["front"] == whole["front"]


def know(search: Search, worths: dict[Genome, tuple[float, float]]) -> None:
    """Let a search take these for the accuracy and cost of genomes, and know of no others."""
    candidates = search.candidates
    for kept in (candidates.known, candidates._order, candidates._ranked):
        kept.clear()
    for genome, (accuracy, cost) in worths.items():
        candidates._keep(genome, accuracy, cost, cost)


def test_what_cannot_win_drops_out_of_the_race(tmp_path: Path) -> None:
    good, bad = Genome(call("sum", Input(0))), Genome(call("sum", Input(0), prompt=1))
    task, models = open_task("sum"), [open_model("simulated/gpt-3.5")]
    search = Search(SETTINGS, task, models, Store.create(tmp_path, SETTINGS), lambda *told: None)
    search.candidates.refit()
    search.bench.outcomes[bad] = [Outcome(4, 0.0, None, NO_COST) for _ in range(8)]
    know(search, {good: (0.95, 10.0), bad: (0.96, 11.0)})
    asyncio.run(search.race([good, bad], "search", (8,)))
    assert [genome for genome, outcomes in search.bench.outcomes.items() if len(outcomes) == 16] == [good]
    assert search.ledger.spent.calls == 16
    search.store.close()


def test_sizes_at_which_next_to_all_is_right_are_run_no_further(search: Search) -> None:
    """What the forecast is sure of costs no calls, but at the largest size; what it is not sure of is run."""
    *smaller, largest = search.settings.sizes
    chances = {size: search.candidates.forecaster.chance(SUMMED, size, search.bench.seen(SUMMED)) for size in smaller}
    sure = {size for size, chance in chances.items() if chance >= SURE}
    assert sure and search.bench.seen(SUMMED).keys() >= sure  # its first runs told
    before = search.bench.seen(SUMMED)
    asyncio.run(search.race([SUMMED], "select", (4,)))
    gained = {size: runs.runs - before[size].runs for size, runs in search.bench.seen(SUMMED).items()}
    assert gained == {**dict.fromkeys(smaller, 4), **dict.fromkeys(sure, 0), largest: 4}


def test_what_hangs_on_how_alike_answers_are_waits_for_what_does_not(search: Search) -> None:
    """Calls are asked again for a vote only once nothing else is promising, and then the vote is judged anew."""
    question = Question(SUMMED_CALL, ([7] * 8,))
    asyncio.run(search.engine.asker(trace := Trace())(question))
    wrong = structs.replace(trace.records[0], right=False)
    search.bench.calibration.add([wrong])
    search.bench.calibration.unrepeated["sum"] = [Answered(question, wrong)]
    vote = Genome(Node("vote", [Input(0)], {"rule": "ahead", "lead": 2}, [WARM]))
    know(search, {REWORDED: (0.5, 10.0), vote: (0.99, 50.0)})
    search._asked_ahead.update({REWORDED: LOOKS, vote: LOOKS})
    assert asyncio.run(search.vetted(())) == [REWORDED]
    assert "sum" in search.bench.calibration.unrepeated
    know(search, {vote: (0.99, 50.0)})
    asyncio.run(search.vetted(()))
    assert "sum" not in search.bench.calibration.unrepeated and search.bench.calibration.repeats


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    """A search for sums at up to 256 that knows what a few calls showed."""
    settings = replace(SETTINGS, target_size=256)
    opened = Search(
        settings,
        open_task("sum"),
        [open_model("simulated/gpt-3.5")],
        Store.create(tmp_path, settings),
        lambda *told: None,
    )
    opened.candidates.refit()
    asyncio.run(opened.race([Genome(call("sum", Input(0)))], "search", (8,)))
    yield opened
    opened.store.close()


def chunked(size: int, width: int) -> Genome:
    """Sums of pieces, so many of them added up at a time, and all but the last of that thrown away."""
    pieces = Node("map", [Node("split", [Input(0)], {"size": size, "overlap": 0})], {}, [SUMMED])
    last = Node("fold", [pieces], {"size": width, "start": "number"}, [Genome(call("sum", Input(1)))])
    return Genome(last)


SUMMED = Genome(call("sum", Input(0)))
WARM = Genome(call("sum", Input(0), temperature=0.7))
REWORDED = Genome(call("sum", Input(0), prompt=1))
SUMMED_CALL = next(tool for tool in open_task("sum").primitives if tool.name == "sum")


def test_calls_are_asked_ahead_on_other_problems_each_time_until_the_forecast_is_known(search: Search) -> None:
    """Nothing was measured of pieces of 64 before."""
    genome, target = chunked(64, 64), search.checks.target
    before, looks = search.candidates.forecaster.doubt(genome, target), 0
    assert before > DOUBTFUL
    assert len({repr(instance.inputs) for instance in search.checks.at_target()}) == AT_TARGET
    spent = search.ledger.spent.calls
    while asyncio.run(search._ask_for([genome])):
        assert search.ledger.spent.calls > spent  # what was asked before tells nothing new
        search.candidates.refit()
        spent, looks = search.ledger.spent.calls, looks + 1
    assert 1 <= looks <= LOOKS
    assert looks == LOOKS or search.candidates.forecaster.doubt(genome, target) <= DOUBTFUL
    assert not asyncio.run(search._ask_for([genome])) and search.ledger.spent.calls == spent


def test_what_better_luck_would_bring_onto_the_front_gets_a_second_look(search: Search) -> None:
    """A few wrong answers by bad luck rule out what nobody asks again: now it is asked, as often as doubt remains."""
    hoped, hopeless = chunked(64, 64), Genome(call("sum", Input(0), prompt=2))
    accuracy, cost = search.candidates.worth(SUMMED)
    know(search, {SUMMED: (accuracy, cost), hoped: (accuracy, 1.5 * cost), hopeless: (0.0, 1e9)})
    assert search.candidates.promising(search.bench.outcomes) == []
    assert search.candidates.forecaster.doubt(hoped, 256) > DOUBTFUL
    promising = asyncio.run(search._second_look())
    assert search._asked_ahead[hoped] and not search._asked_ahead[hopeless]
    known = search.candidates.forecaster.doubt(hoped, 256) < DOUBTFUL
    assert known or search._asked_ahead[hoped] == LOOKS or promising
    assert promising == bool(search.candidates.promising(search.bench.outcomes))


def test_what_was_right_by_luck_looks_promising_no_longer(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for it, and what it had outshone comes up."""
    lucky, good = chunked(4, 64), REWORDED
    know(search, {good: (0.5, 100.0), lucky: (0.99, 50.0)})
    search._asked_ahead[good] = LOOKS
    core, spent = search.checks._core(lucky), search.ledger.spent.calls
    assert search.candidates.promising(()) == [lucky]

    def holds(genome: Genome) -> bool:
        if genome == lucky:
            search.checks._right[core] = False
        return genome != lucky

    monkeypatch.setattr(search.checks, "holds_always", holds)
    assert asyncio.run(search.vetted(())) == [good]
    assert search.candidates.known[lucky] == WRONG and search.ledger.spent.calls == spent


def test_what_a_far_front_hangs_on_is_asked_until_it_is_known(search: Search) -> None:
    """No runs tell of a target beyond all sizes measured, so that its forecast must not be left to a few calls."""
    genome, target = chunked(4, 64), search.checks.target
    know(search, {genome: (0.5, 100.0)})
    search._asked_ahead[genome] = LOOKS  # as many as there are before a run
    assert search.candidates.forecaster.doubt(genome, target) > DOUBTFUL
    asyncio.run(search.look_far())
    spent = search.ledger.spent.calls
    assert LOOKS < search._asked_ahead[genome] <= FAR_LOOKS
    for best, _, _ in search.candidates.front():
        doubt = search.candidates.forecaster.doubt(best, target)
        assert doubt <= DOUBTFUL or search._asked_ahead[best] == FAR_LOOKS
    asyncio.run(search.look_far())
    assert search.ledger.spent.calls == spent


def test_a_target_that_is_measured_needs_no_such_calls(tmp_path: Path) -> None:
    task, models = open_task("sum"), [open_model("simulated/gpt-3.5")]
    with closing(Store.create(tmp_path, SETTINGS)) as store:
        search = Search(SETTINGS, task, models, store, lambda *told: None)
        search.candidates.refit()
        asyncio.run(search.race([SUMMED], "search", (2,)))
        spent, genome = search.ledger.spent.calls, chunked(4, 64)
        know(search, {genome: (0.5, 100.0)})
        assert search.candidates.forecaster.doubt(genome, SETTINGS.target_size) > DOUBTFUL
        asyncio.run(search.look_far())
        assert search.ledger.spent.calls == spent


def test_finalists_are_raced_until_their_place_is_settled(search: Search) -> None:
    """What is right each time beside what hardly ever is needs no more problems; what is about as good does."""
    target, worth = search.settings.target_size, search.candidates.worth(SUMMED)
    know(search, {SUMMED: (0.1, worth[1]), WARM: (0.95, 2 * worth[1])})
    seen = {SUMMED: [0.0] * 40, WARM: [1.0] * 40}
    for genome, scores in seen.items():
        search.bench.outcomes[genome] = [Outcome(target, score, None, NO_COST) for score in scores]
    assert search._settled(WARM)
    search.bench.outcomes[WARM] = search.bench.outcomes[WARM][:20] + search.bench.outcomes[SUMMED][:20]
    search.bench.outcomes[SUMMED] = search.bench.outcomes[WARM]
    assert not search._settled(WARM)
    asyncio.run(search.race([WARM], "select", (6,), {WARM: 0.5}))
    ran = Counter(outcome.size for outcome in search.bench.outcomes[WARM])
    assert ran[search.settings.sizes[-1]] == 3, "half of the problems"


def test_where_nothing_can_be_judged_runs_at_small_sizes_have_a_say(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kin may make sense each time: what fails half of the small problems fails large ones more often."""
    monkeypatch.setattr(Forecaster, "unjudged", lambda forecaster, genome: ["sum"])
    search.candidates._kin.add(SUMMED, 1.0, 1.0)
    hoped = search.candidates.worth(WARM)[0]
    search.bench.outcomes[WARM] = [Outcome(search.settings.sizes[0], score, None, NO_COST) for score in (0.0, 1.0) * 4]
    assert search.candidates.worth(WARM)[0] < 0.7 * hoped


class Knowing(Counted):
    """The same, which knows the references that a search was not given."""

    async def generate(self, request: Request) -> Completion:
        assert request.question is not None
        tools = [*open_task("sum").primitives, *open_task("count").primitives]
        known = next(each for each in tools if each.name == request.question.primitive.name)
        question = structs.replace(request.question, primitive=known)
        return await super().generate(structs.replace(request, question=question))


def test_what_no_call_tells_is_learned_from_whole_results(tmp_path: Path) -> None:
    """No answer can be judged and nothing rehearsed: what is cheaper than any known design is found nevertheless."""
    task = open_task("sum")
    blind = replace(task, primitives=tuple(replace(each, reference=None) for each in task.primitives))
    settings = Settings("sum", ("simulated/gpt-3.5",), sizes=(4, 8, 16), target_size=16, max_size=3)
    result = run_search(settings, tmp_path / "run", task=blind, models=[Knowing()])

    def tokens(items: list[dict[str, Any]]) -> float:
        """Of the cheapest that is right nearly always."""
        right = [item for item in items if item["accuracy"]["16"]["mean"] >= 0.95]
        return min((float(item["cost"]["16"]["tokens"]) for item in right), default=math.inf)

    assert tokens(result["front"]) < 0.9 * tokens(result["baselines"]) < math.inf
    again = run_search(settings, tmp_path / "again", task=blind, models=[Knowing()], concurrency=1)
    assert again == result


def test_what_one_kind_of_call_does_not_tell_is_learned_from_whole_results(tmp_path: Path) -> None:
    """Adding can be judged and counting cannot: designs that count are run first, and what is near them is found."""
    task = open_task("count")
    hidden = tuple(replace(each, reference=None) if each.name == "count" else each for each in task.primitives)
    settings = Settings("count", ("simulated/gpt-3.5",), sizes=(12, 24, 48), target_size=48, max_size=3)
    result = run_search(settings, tmp_path, task=replace(task, primitives=hidden), models=[Knowing()])
    rights = [item["accuracy"]["48"]["mean"] for item in result["front"]]
    assert min(rights) < 0.6 and max(rights) > 0.7, "one call, and what counts in pieces"


def test_where_nothing_can_be_rehearsed_sense_has_a_say(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is likely from kin, then from own runs: one right of eight is luck where most should have been right."""
    monkeypatch.setattr(Forecaster, "unjudged", lambda forecaster, genome: ["sum"])
    largest = search.settings.sizes[-1]
    alone = search.candidates.worth(WARM)[0] / search.candidates._kin.sound(WARM)
    search.candidates._kin.add(SUMMED, 0.0, 1.0)
    assert search.candidates.worth(WARM)[0] == pytest.approx(alone * search.candidates._kin.sound(WARM))
    monkeypatch.setattr(search.candidates._kin, "sound", lambda genome: SENSE / 2)
    assert search.candidates.worth(WARM)[0] == 0, "what most likely makes no sense is not run"
    for right, sound in ((8, 1.0), (1, 0.2), (1, 0.05), (0, 0.5)):
        scores = [1.0] * right + [0.0] * (8 - right)
        search.bench.outcomes[WARM] = [Outcome(largest, score, None, NO_COST) for score in scores]
        monkeypatch.setattr(search.bench.attribution, "sound", lambda genome, size, sound=sound: sound)
        seen, forecaster = search.bench.seen(WARM), search.candidates.forecaster
        chance = aim(*(forecaster.chance(WARM, size, seen) for size in (largest, 256)))
        expected = sound * chance + (1 - sound) * min(chance, (right + LUCK) / 9) if right and sound > SENSE else 0.0
        assert search.candidates.worth(WARM)[0] == pytest.approx(expected)


def test_what_is_right_only_up_to_the_target_is_found_out(search: Search) -> None:
    """Pieces of 12, 20 at a time, are one piece up to 240, and no more than the last one beyond."""
    for size, width, holds in ((12, 20, False), (64, 64, True)):
        genome = chunked(size, width)
        assert search.checks.right(genome)
        assert search.checks.holds_far(genome) is holds
        assert search.checks.right(genome) is holds


def test_the_best_are_polished_until_no_step_is_left_untried(search: Search) -> None:
    search.candidates.forecast(SUMMED)
    search.candidates.polish()
    assert len(search.candidates.known) > 5
    footholds = search.candidates._footholds()
    assert {genome for genome, _, _ in search.candidates.front()} <= set(footholds)
    for genome in footholds:
        assert all(normal(near) in search.candidates.known for near in neighbours(search.space, genome))


def test_the_front_is_that_of_all_that_is_known_by_now(search: Search) -> None:
    """However often worths changed, and with equals among them, of which the one known first stays."""
    candidates, generator = search.candidates, random.Random(0)
    genomes = [Genome(Node("retry", [Input(0)], {"tries": tries}, [SUMMED])) for tries in range(1, 40)]
    for _ in range(400):
        genome, accuracy, cost = generator.choice(genomes), generator.randrange(8) / 8, generator.randrange(1, 9)
        candidates._keep(genome, accuracy, cost, cost)
        points = [(genome, *worth) for genome, worth in candidates.known.items() if candidates.allows(genome)]
        assert candidates.front() == thinned(front(points))
    costs = [candidates.known[genome][1] for genome in candidates.near_front()]
    assert costs == sorted(costs) and set(candidates.near_front()) >= {genome for genome, *_ in candidates.front()}


def test_a_twin_of_what_was_run_is_not_run(search: Search) -> None:
    twin = Genome(Node("retry", [Input(0)], {"tries": 2}, [SUMMED]))
    cost = search.candidates.worth(SUMMED)[1]
    know(search, {SUMMED: (0.5, cost), twin: (0.6, cost * 1.02)})
    assert search.candidates.promising([]) == [SUMMED, twin]
    assert search.candidates.promising([SUMMED]) == []
    search.bench.outcomes[SUMMED] = [Outcome(4, 0.0, None, NO_COST) for _ in range(40)]
    assert search.candidates.promising([SUMMED]) == [twin]  # the twin was run in vain: this one may still do better


def test_what_adds_most_accuracy_for_its_cost_is_run_first(search: Search) -> None:
    near, dear = (Genome(Node("vote", [Input(0)], {"rule": "ahead", "lead": lead}, [SUMMED])) for lead in (2, 3))
    know(search, {SUMMED: (0.2, 10.0), near: (0.5, 30.0), dear: (0.9, 300.0)})
    assert search.candidates.promising([]) == [SUMMED, near, dear]
    assert search.candidates.promising([], 2) == [SUMMED, near]


def test_the_search_looks_on_for_longer_while_nothing_is_right_half_of_the_time(search: Search) -> None:
    know(search, {SUMMED: (0.3, 10.0)})
    hard = search._patience()
    know(search, {SUMMED: (0.9, 10.0)})
    assert search._patience() < hard


def test_what_costs_more_than_all_so_far_waits_while_there_is_something_cheaper(search: Search) -> None:
    dear = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 1001}, [SUMMED]))
    dearer = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 1003}, [SUMMED]))
    assert search.bench.calibration.tokens() == pytest.approx(search.ledger.spent.tokens)
    assert search.plan.in_step([dear, SUMMED], FIRST) == [SUMMED]
    assert search.plan.in_step([dearer, dear], FIRST) == [dear]
    assert search.plan.in_step([], FIRST) == []
    few = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [SUMMED]))
    assert search.plan.in_step([few, SUMMED], (1,)) == [few, SUMMED]
    assert search.plan.in_step([few, SUMMED], (1000,)) == [SUMMED]  # of so many problems it is too dear, too


def test_a_limit_shortens_a_race_before_it_rules_it_out(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a race takes is known by the sizes at which it is run: not those at which next to all would be right."""
    largest = search.settings.sizes[-1]
    sizes = [size for size in search.settings.sizes if search.plan.telling([SUMMED], size)]
    assert largest in sizes and len(sizes) < len(search.settings.sizes)
    one, end = search.plan.bill([SUMMED], dict.fromkeys(sizes, 1)).calls, search.plan.closing().calls

    def rounds(problems: float) -> Sequence[int]:
        monkeypatch.setattr(search.plan, "room", lambda: Room({"calls": end + problems * one}))
        return conclude._rounds(search, [SUMMED])

    assert [rounds(most + 0.5) for most in SELECT] == [SELECT[:1], SELECT[:2], SELECT]
    assert search.plan.fitting([SUMMED], SELECT) == [SUMMED]
    assert rounds(1.5) == SELECT[:1] and search.plan.fitting([SUMMED], SELECT[:1]) == []
    monkeypatch.setattr(search.plan, "room", lambda: Room({}))
    assert conclude._rounds(search, [SUMMED]) == SELECT


def test_what_nobody_can_judge_is_no_more_run_by_leaps(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything was run there is no other way; then forecasts that hang on whole results are not worth it."""
    dear = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 1001}, [SUMMED]))
    blind = replace(search.task, primitives=tuple(replace(each, reference=None) for each in search.task.primitives))
    monkeypatch.setattr(search.plan, "_task", blind)
    monkeypatch.setattr(search.bench, "outcomes", {})
    monkeypatch.setattr(search.bench.calibration, "tokens", lambda: 10_000.0)
    assert search.plan.in_step([dear], FIRST) == [dear]
    search.bench.outcomes[SUMMED] = [Outcome(8, 1.0, None, NO_COST)]
    assert search.plan.in_step([dear, SUMMED], FIRST) == [SUMMED]
    assert search.plan.in_step([dear], FIRST) == []


@pytest.mark.parametrize("blind", [False, True])
def test_a_dear_finalist_is_raced_last_and_where_nobody_can_judge_it_only_if_it_was_run(
    search: Search, monkeypatch: pytest.MonkeyPatch, blind: bool
) -> None:
    dear = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 501}, [SUMMED]))
    tools = tuple(replace(each, reference=None) for each in search.task.primitives)
    task = replace(search.task, primitives=tools) if blind else search.task
    monkeypatch.setattr(search, "task", task)
    monkeypatch.setattr(search.plan, "_task", task)
    monkeypatch.setattr(search.bench.calibration, "tokens", lambda: 10_000.0)
    raced: list[Genome] = []

    async def race(genomes: Sequence[Genome], *_: Any) -> None:
        raced.extend(genomes)
        search.bench.outcomes.update({genome: [Outcome(8, 1.0, None, NO_COST)] for genome in genomes})

    async def vetted(done: Collection[Genome], most: int = 0) -> list[Genome]:
        return [] if dear in done else [dear]

    monkeypatch.setattr(search, "race", race)
    monkeypatch.setattr(search, "vetted", vetted)
    monkeypatch.setattr(search.candidates, "polish", lambda: None)
    search.bench.outcomes[SUMMED] = [Outcome(8, 1.0, None, NO_COST)]
    finalists = asyncio.run(conclude._finalists(search))
    assert SUMMED in finalists and raced.count(dear) == (dear in finalists) == (not blind)


def test_a_candidate_that_costs_far_more_than_forecast_is_dropped_early(search: Search) -> None:
    vote = Genome(Node("vote", [Input(0)], {"rule": "ahead", "lead": 4}, [SUMMED]))
    cost = search.candidates.worth(vote)[1]
    know(search, {SUMMED: (0.5, cost / 20), vote: (0.9, cost)})
    search.bench.outcomes[vote] = [Outcome(8, 0.0, None, NO_COST)]
    search.candidates._kin.add(vote, 1.0, 100 * search.bench.unit(search.candidates.forecaster.at(vote, 8).cost))
    search.candidates.forecast(vote)
    asyncio.run(search.race([vote], "search", (2, 8)))
    assert len(search.bench.outcomes[vote]) == 1


def test_progress_tells_of_all_phases(tmp_path: Path) -> None:
    phases: list[str] = []
    note: Callable[[str, int, int, str], None] = lambda phase, done, total, words: phases.append(phase)  # noqa: E731
    run_search(replace(SETTINGS, evaluations=2), tmp_path, progress=note)
    assert list(dict.fromkeys(phases)) == ["rehearse", "calibrate", "search", "measure"]


def test_counted_is_a_model() -> None:
    assert isinstance(Counted(), Model)


def test_a_design_that_was_found_is_measured_once(whole: dict[str, Any]) -> None:
    found = {item["name"]: item for item in whole["front"]}
    again = [item for item in whole["baselines"] if item["name"] in found]
    assert again
    for item in again:
        assert item["accuracy"] == found[item["name"]]["accuracy"]


def test_what_is_dear_or_sure_is_measured_on_fewer_problems_and_nothing_on_less_than_a_few(
    whole: dict[str, Any],
) -> None:
    largest = str(max(SETTINGS.sizes))
    items = [*whole["front"], *whole["baselines"]]
    many = {item["id"]: item["accuracy"][largest]["samples"] for item in items}
    price = {item["id"]: item["cost"][largest]["tokens"] for item in items}
    assert min(many.values()) >= FEWEST
    assert many[max(price, key=price.__getitem__)] < many[min(price, key=price.__getitem__)] <= SETTINGS.samples


def test_a_known_design_that_another_makes_needless_is_measured_on_few_problems(whole: dict[str, Any]) -> None:
    """A tree of sums is dearer than one call on all sums of the parts, and no more accurate."""
    largest = str(max(SETTINGS.sizes))
    chosen = {item["name"] for item in whole["front"]}
    by_cost = sorted(whole["baselines"], key=lambda item: item["cost"][largest]["tokens"])
    dearest = by_cost[-1]
    assert dearest["name"] not in chosen
    assert any(item["accuracy"][largest]["mean"] >= dearest["accuracy"][largest]["mean"] for item in by_cost[:-1])
    assert dearest["accuracy"][largest]["samples"] == FEWEST


def test_problems_are_shared_out_by_what_scores_vary_and_the_inverse_root_of_the_cost() -> None:
    costs = [Cost(calls=1, prefill=tokens) for tokens in (1, 1, 2, 16)]
    even = [0.5] * 4
    assert shares(costs, even) == [1, 1, 1, math.sqrt(5 / 16)]
    assert shares(costs, [0.5, 0.9, 0.1, 0.99])[:3] == pytest.approx([1, 1, 0.6 * math.sqrt(5 / 2)])
    sure = 2 * math.sqrt(0.95 * 0.05) * math.sqrt(2 / 3)
    assert shares([NO_COST, Cost(prefill=2), Cost(prefill=2)], [0.5, 1.0, 0.0]) == pytest.approx([1, sure, sure])
    assert shares([Cost(prefill=1)] * 30 + [Cost(prefill=10**6)], [0.5] * 31)[-1] == 0.25
    unknown = [Cost(calls=calls, prefill=UNKNOWN) for calls in (1, 1, 4)]
    assert shares(unknown, even[:3]) == [1, 1, math.sqrt(1 / 2)]
    assert shares([], []) == []


def test_what_is_wrong_far_off_is_not_what_others_are_held_against(tmp_path: Path) -> None:
    """A guess that costs nothing is right for lists of up to 200, and would make all others look too dear."""

    def is_long(numbers: list[int]) -> int:
        return int(len(numbers) > 200)

    def make(size: int, generator: random.Random) -> tuple[tuple[Any, ...], Any]:
        numbers = [generator.randrange(10) for _ in range(size)]
        return (numbers,), is_long(numbers)

    tell = Primitive("tell", (NUMBERS,), NUMBER, ("Long? {0}",), law=lambda n: 1, reference=is_long)
    guess = Function("guess", (NUMBERS,), NUMBER, lambda numbers: 0, lambda n: 1)
    task = Task("long", (NUMBERS,), NUMBER, (tell,), make, functions=(guess,))
    model = SimulatedModel("able", Capability({"tell": {1: 1.0, 1 << 20: 1.0}}))
    asked = replace(SETTINGS, task="long", models=("able",), target_size=1024, max_size=2, allow_code=True)
    found = run_search(asked, tmp_path / "run", task=task, models=[model])
    assert [item["name"] for item in found["front"]] == ["tell"]


def test_what_was_never_right_stands_on_no_front(tmp_path: Path) -> None:
    """One call is the cheapest there is, and forecast to be right at times; at 32 the model declines to sort."""
    asked = Settings("sort", ("embedded",), sizes=(32,), target_size=64, strategy="random", evaluations=2, samples=8)
    found = run_search(replace(asked, max_size=5), tmp_path / "run")
    once = next(item for item in found["baselines"] if item["id"] == "one call")
    assert {accuracy["mean"] for accuracy in once["accuracy"].values()} == {0.0}
    assert found["front"] and once["name"] not in [item["name"] for item in found["front"]]


def test_a_search_climbs_no_further_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It still ends in order, with a front of what it has come by."""
    forecast = candidates.Candidates.forecast
    told: set[str] = set()

    def noted(self: candidates.Candidates, genome: Genome) -> None:
        told.add(genome.key)
        forecast(self, genome)

    monkeypatch.setattr(candidates.Candidates, "forecast", noted)
    known = []
    for climbed in (0, candidates.CLIMBED):
        monkeypatch.setattr(candidates, "CLIMBED", climbed)
        told.clear()
        assert run_search(SETTINGS, tmp_path / str(climbed))["front"]
        known.append(len(told))
    assert known[0] < known[1] / 2
