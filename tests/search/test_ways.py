"""Which way a text goes: from a cheap model to a dear one where an answer is doubted, and cut up where it is long."""

from __future__ import annotations

import asyncio
import json
import random
import types
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import evaluate
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Price, Request
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.models.simulated import Capability
from undercut.evaluators.models.simulated_chat import ChatModel
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import facts, open_task
from undercut.search import calibration
from undercut.search.designs import known_designs
from undercut.search.expense import foretold
from undercut.search.export import to_python
from undercut.search.proposers.at_random import AtRandom
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.estimator import Estimator
from undercut.spaces.genome import Genome
from undercut.spaces.space import Space

MODELS = ("cheap", "dear")
TASK = """
primitives = ["answer", "combine", "doubt"]
[data]
file = "problems.jsonl"
inputs = {document = "document", question = "question"}
pieces = "paragraph"
sizes = [60, 240]
[output]
form = "number"
[scorer]
kind = "numeric"
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Documents of two sizes in which a single fact is asked for."""
    folder, generator = tmp_path_factory.mktemp("ways"), random.Random(7)
    rows = [facts.make("single", size, generator) for size in (60, 240) for _ in range(60)]
    (folder / "problems.jsonl").write_text(
        "".join(json.dumps({"document": d, "question": q, "target": target}) + "\n" for (d, q), target in rows),
        encoding="utf-8",
    )
    (folder / "task.toml").write_text(TASK, encoding="utf-8")
    return open_task(str(folder / "task.toml"))


def chat(task: Task) -> list[ChatModel]:
    """A cheap model that is right half of the time but knows when it is not, and a dear one that is always right."""
    known = facts.knowledge("single")
    return [
        ChatModel(
            "cheap",
            task.primitives,
            known,
            Capability({"answer": {1: 0.5, 10_000: 0.5}}, {1: 1.0}),
            price=Price(1e-7, 1e-7),
        ),
        ChatModel("dear", task.primitives, known, Capability({}, {1: 1.0}), price=Price(1e-5, 1e-5)),
    ]


def design(task: Task, name: str, models: int = 2) -> Genome:
    return dict(known_designs(task, task.sizes[0], models))[name]


@pytest.mark.parametrize("name", ["cascade", "route by size"])
def test_both_ways_are_in_the_space_of_a_text_task(task: Task, name: str) -> None:
    space = Space(task.signature, task.toolbox(MODELS), max_size=9)
    space.validate(design(task, name))
    operator = design(task, name).output.op  # type: ignore[union-attr]
    generator = random.Random(3)
    drawn = (space.sample(generator) for _ in range(3000))
    assert any(getattr(genome.output, "op", "") == operator for genome in drawn)


def test_a_cascade_asks_the_dear_model_where_the_cheap_one_was_wrong_and_nowhere_else(task: Task) -> None:
    models = chat(task)
    problems = task.instances(60, 40)

    def run(genome: Genome) -> list[Any]:
        engine = Engine(models, cache=AnswerCache(), ledger=Ledger())
        return asyncio.run(evaluate(genome, problems, task, task.toolbox(MODELS), engine))

    once = run(design(task, "one call"))
    wrong = [outcome.score == 0 for outcome in once]
    assert 5 < sum(wrong) < 35
    cascade = run(design(task, "cascade"))
    assert all(outcome.score == 1 for outcome in cascade)
    assert [any(record.model == 1 for record in outcome.records) for outcome in cascade] == wrong
    asked = [[(record.primitive, record.model) for record in outcome.records] for outcome in cascade]
    assert all(len(each) == 2 + missed for each, missed in zip(asked, wrong, strict=True))
    prices = [Price(1e-7, 1e-7), Price(1e-5, 1e-5)]
    for outcome in cascade:
        usd = sum(prices[r.model].usd(r.usage.prompt or 0, r.usage.completion or 0) for r in outcome.records)
        assert outcome.cost.usd == pytest.approx(usd)


def test_a_search_over_two_models_finds_what_is_as_right_as_the_dear_one_for_less(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AtRandom, "batch", 30)
    monkeypatch.setattr(calibration, "STRUCTURES", 50)
    monkeypatch.setattr(calibration, "DRAWS", 20)
    settings = Settings(
        "single", MODELS, "random", sizes=(60, 240), target_size=240, cost="usd", evaluations=12, samples=12, max_size=4
    )
    result = run_search(settings, tmp_path / "run", task=task, models=chat(task))
    cascade = next(item for item in result["baselines"] if item["id"] == "cascade")
    assert cascade["accuracy"]["240"]["mean"] == 1
    best = max(result["front"], key=lambda item: item["accuracy"]["240"]["mean"])
    assert best["accuracy"]["240"]["mean"] >= 0.9
    assert best["cost"]["240"]["usd"] <= cascade["cost"]["240"]["usd"] * 1.05
    dear = 1e-5 * 240  # the least that the dear model takes to read such a document
    assert cascade["cost"]["240"]["usd"] < 0.9 * dear


def test_a_route_by_size_costs_what_its_ways_cost(task: Task) -> None:
    toolbox = task.toolbox(["m"])
    estimator = Estimator(DeclaredRates([ScriptedModel({})]), toolbox)

    def tokens(name: str, size: int) -> float:
        return estimator.apply(design(task, name, 1), task.extents(size)).cost.tokens

    assert tokens("route by size", 60) == tokens("one call", 60)
    assert tokens("route by size", 240) == tokens("map-reduce", 240) != tokens("one call", 240)


def test_a_route_by_size_is_exported_as_the_engine_runs_it(task: Task) -> None:
    toolbox, genome = task.toolbox(["m"]), design(task, "route by size", 1)
    model = ChatModel("m", task.primitives, facts.knowledge("single"), Capability({}, {1: 1.0}))
    file = types.ModuleType("exported")
    exec(compile(to_python(genome, toolbox, title="route"), "exported.py", "exec"), file.__dict__)
    for size, more in ((60, False), (240, True)):
        problem = task.instances(size, 1)[0]
        engine = Engine([model], cache=AnswerCache(), ledger=Ledger())
        trace = asyncio.run(engine.run(genome, problem.inputs, toolbox))
        assert trace.output == problem.target and (len(trace.records) > 1) is more

        def llm(prompt: str) -> str:
            return asyncio.run(model.generate(Request(prompt))).text

        assert file.solve(llm, *problem.inputs) == problem.target


def test_what_is_foretold_reads_a_prompt_once_for_several_answers(task: Task) -> None:
    class Prefilled(ScriptedModel):
        def most_samples(self) -> int:
            return 64

    asked = Settings("single", ("m",), sizes=(60, 240), target_size=240, evaluations=12, samples=12)
    one, many = foretold(asked, task, [ScriptedModel({})]), foretold(asked, task, [Prefilled({})])
    assert many.mean.calls < one.mean.calls and many.mean.tokens < one.mean.tokens
