"""Single calls measured before the runs: which are asked, in which wordings, and which are asked ahead later on."""

from __future__ import annotations

import asyncio
from collections import Counter
from copy import deepcopy

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.success import Asked
from undercut.evaluators.tasks import open_task
from undercut.search.calibration import (
    AHEAD,
    GROUPS,
    MANY,
    REPEATS,
    REWORDED,
    SAMPLES,
    WARM,
    ask_again,
    ask_ahead,
    calibrate,
    variants,
)
from undercut.spaces.errors import BudgetError
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.space import Space

TASK = open_task("sort")
X0, X1 = Input(0), Input(1)
CHUNKS = Node("split", [X0], {"parts": 3})
TREE = Genome(
    Node(
        "reduce",
        [Node("map", [CHUNKS], {}, [Genome(call("sort", X0))])],
        {"arity": 2, "shape": "tree"},
        [Genome(call("merge", X0, X1))],
    )
)
FAR = TASK.instances(64, AHEAD)
CLIFFS = Capability({"sort": {24: 1.0, 30: 0.0}, "merge": {40: 1.0, 64: 0.0}, "check": {64: 1.0}})


def opened(*models: str, **limits: int) -> tuple[Space, Engine]:
    asked = [SimulatedModel("able", CLIFFS)] if not models else [open_model(name) for name in models]
    toolbox = TASK.toolbox([model.name for model in asked])
    return Space(TASK.signature, toolbox, max_size=5), Engine(asked, cache=AnswerCache(), ledger=Ledger(**limits))


def calibrated(space: Space, engine: Engine) -> Calibration:
    table, _ = asyncio.run(calibrate(space, TASK, engine, (8, 16, 64), 0, lambda done, total: None))
    return table


def doubt(table: Calibration) -> float:
    """How little is known of merges of 43 and 21 items."""
    successes = table.successes("merge")
    assert successes is not None
    return successes.chance(Asked(0, 0, 0.0), (43, 21)).doubt


def ahead(
    space: Space, engine: Engine, table: Calibration, genome: Genome = TREE, calls: float = 0.0
) -> tuple[bool, Counter[tuple[str, tuple[float, ...]]]]:
    """Whether calls were asked, and how many of which primitive at which sizes."""

    def counted() -> Counter[tuple[str, tuple[float, ...]]]:
        return Counter(
            {(key.primitive, size): cell.calls for key, by in table.cells.items() for size, cell in by.items()}
        )

    before = counted()
    asked = asyncio.run(ask_ahead(genome, FAR, TASK, space, engine, table, calls))
    return asked, counted() - before


def test_every_model_is_asked_everything_and_in_all_wordings_at_times() -> None:
    sort = TASK.primitives[0]
    many = len(sort.prompts)
    asked = [variants(sort, ([3, 1, 2],), 2, place) for place in range(REWORDED + 1)]
    assert [len(each) for each in asked] == [2 * many, *[2] * (REWORDED - 1), 2 * many]
    assert {question.model for question in asked[1]} == {0, 1} and {question.prompt for question in asked[1]} == {0}


def test_what_nothing_like_it_was_measured_of_is_asked_ahead() -> None:
    """The tree hangs on merges of 43 and 21 items, next to a cliff; a few calls tell on which side they are."""
    space, engine = opened()
    table = calibrated(space, engine)
    before = doubt(table)
    asked, calls = ahead(space, engine, table)
    assert asked
    assert calls[("merge", (43.0, 21.0))] == AHEAD, calls
    assert len(calls) <= GROUPS and max(calls.values()) <= AHEAD
    assert doubt(table) < before / 2


def test_of_many_calls_each_kind_is_asked_its_part() -> None:
    """Thirty-two pieces make as many calls of one size and 31 merges; three right ones say little of them all."""
    pieces = Node("map", [Node("split", [X0], {"size": 2, "overlap": 0})], {}, [Genome(call("sort", X0))])
    many = Genome(Node("reduce", [pieces], {"arity": 2, "shape": "tree"}, [Genome(call("merge", X0, X1))]))
    space, engine = opened()
    table = calibrated(space, engine)
    _, half = ahead(space, engine, table, many, 63 / 2)
    assert half[("sort", (2.0,))] == 16 and half[("merge", (32.0, 32.0))] == AHEAD, half
    _, more = ahead(space, engine, table, many, 1000.0)
    assert more[("sort", (2.0,))] == MANY == max(more.values()), more


def test_wrong_answers_to_what_was_asked_ahead_are_asked_again_as_well() -> None:
    space, engine = opened("simulated/gpt-3.5")
    table = calibrated(space, engine)
    failed, waiting = set(table.failed), {name: len(wrong) for name, wrong in table.unrepeated.items()}
    assert all(ahead(space, engine, table)[0] for _ in range(2))
    new = Counter(each.key.primitive for question, each in table.failed.items() if question not in failed)
    assert new and {name: len(wrong) - waiting[name] for name, wrong in table.unrepeated.items()} == dict.fromkeys(
        waiting, 0
    ) | dict(new)
    assert asyncio.run(ask_again(table.unrepeated, engine, table))
    assert table.repeated(next(iter(new)), 0) and not table.repeated("sort of three", 0)


def test_wrong_calls_are_asked_again_where_most_are_right_and_where_hardly_any_is() -> None:
    space, engine = opened("simulated/gpt-3.5")
    table = calibrated(space, engine)
    assert asyncio.run(ask_again({"sort"}, engine, table))
    again = [failed for failed in table.failed.values() if failed.again]
    assert {failed.key.primitive for failed in again} == {"sort"}
    sizes = sorted(sum(failed.sizes) for failed in again)
    assert sizes[0] <= 24 and sizes[-1] == 64
    assert len(again) <= REPEATS
    assert sum(samples for failed in again for _, samples in failed.again.values()) == table.repeats
    assert any(failed.pairs for failed in again if sum(failed.sizes) == 64)


def test_a_check_is_held_against_what_was_answered_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that lacks a number may well be in order: the rest of the wrong answers is what is caught."""
    monkeypatch.setattr("undercut.search.calibration.REWORDED", 1)  # more wrong answers
    space, engine = opened("simulated/gpt-3.5")
    table = calibrated(space, engine)
    rates = FittedRates(table, space.toolbox, [None], [None])
    seen = table.slips["sort"]
    assert len(seen) > 20 and all(answer != sorted(values[0]) for values, answer in seen)
    caught = sum(answer != sorted(answer) for _, answer in seen)
    found = rates.catches(Genome(call("check", X0, prompt=1)), Genome(call("sort", X0, temperature=WARM)))
    assert found == (caught + 1) / (len(seen) + 1) and 0.2 < found < 0.95


def test_wrong_calls_are_asked_again_once_and_only_those_that_are_wanted() -> None:
    """Until then a vote is hoped to draw samples that fail independently, and wrong ones that never agree."""
    space, engine = opened("simulated/gpt-3.5")
    table = calibrated(space, engine)
    vote = call("sort", X0, temperature=WARM)

    def hoped() -> tuple[float, float]:
        rates = FittedRates(table, space.toolbox, [None], [None])
        return rates.dependence(vote), rates.agreement(vote, 64.0)

    assert "sort" in table.unrepeated and hoped() == (0.0, 0.0)
    sent = engine.ledger.spent.calls
    assert not asyncio.run(ask_again({"merge of three"}, engine, table)) and engine.ledger.spent.calls == sent
    assert asyncio.run(ask_again({"sort"}, engine, table))
    sent = engine.ledger.spent.calls
    assert "sort" not in table.unrepeated and hoped()[1] > 0
    assert not asyncio.run(ask_again({"sort"}, engine, table)) and engine.ledger.spent.calls == sent


def test_what_is_always_right_at_its_only_size_is_not_asked_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding two numbers has one size, at which a few answers tell all there is to know."""
    monkeypatch.setattr("undercut.search.calibration.WAVES", 20)
    task = open_task("sum")
    models = [open_model("simulated/gpt-3.5")]
    space = Space(task.signature, task.toolbox([models[0].name]), max_size=3)
    engine = Engine(models, cache=AnswerCache(), ledger=Ledger())
    table, _ = asyncio.run(calibrate(space, task, engine, (4, 8, 16), 0, lambda done, total: None))
    (add,) = (tool for tool in task.primitives if tool.name == "add")
    asked = sum(cell.calls for key, by in table.cells.items() if key.primitive == "add" for cell in by.values())
    assert asked <= sum(len(variants(add, (1, 2), 1, place)) for place in range(6 * SAMPLES))


def test_what_was_asked_ahead_is_not_paid_for_again() -> None:
    space, engine = opened("simulated/noisy")
    table = calibrated(space, engine)
    before = deepcopy(table)
    ahead(space, engine, table)
    sent = engine.ledger.spent.calls
    ahead(space, engine, before)
    assert engine.ledger.spent.calls == sent


def test_nothing_is_asked_ahead_past_a_budget() -> None:
    space, engine = opened()
    table = calibrated(space, engine)
    sent = engine.ledger.spent.calls
    poor = Engine(list(engine.models), cache=AnswerCache(), ledger=Ledger(3))
    with pytest.raises(BudgetError):
        asyncio.run(ask_ahead(TREE, FAR, TASK, space, poor, table, 0.0))
    assert poor.ledger.spent.calls <= 3 and engine.ledger.spent.calls == sent


def test_a_genome_that_would_be_wrong_asks_nothing_ahead() -> None:
    space, engine = opened()
    wrong = Genome(Node("map", [Node("split", [X0], {"size": 4, "overlap": 0})], {}, [Genome(call("sort", X0))]))
    joined = Genome(Node("join", [wrong.output], {}))
    assert not asyncio.run(ask_ahead(joined, FAR, TASK, space, engine, calibrated(space, engine), 0.0))
