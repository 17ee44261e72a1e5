"""What one run measured of single calls is known to the next one, whatever its models and wordings are numbered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.earlier import Measured, learned, read_all, to_json
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.success import Asked
from undercut.evaluators.tasks import TASKS
from undercut.search.calibration import ask_again, calibrate
from undercut.spaces.errors import RunFolderError
from undercut.spaces.space import Space

TASK = TASKS["sort"]
PRIMITIVES = {primitive.name: primitive for primitive in TASK.primitives}
NAMES = ("simulated/gpt-3.5", "simulated/noisy")
SIZES = (8, 16, 32)


def table(seed: int = 0, earlier: Calibration | None = None, again: bool = True) -> Calibration:
    """A calibration of two models, in which wrong calls were asked again, or may yet be."""

    async def measured() -> Calibration:
        engine = Engine([open_model(name) for name in NAMES], cache=AnswerCache(), ledger=Ledger())
        space = Space(TASK.signature, TASK.toolbox(NAMES), max_size=5)
        found, _ = await calibrate(space, TASK, engine, SIZES, seed, lambda done, total: None, earlier)
        await ask_again(["sort"] if again else [], engine, found)
        return found

    return asyncio.run(measured())


@pytest.fixture(scope="module")
def first() -> Calibration:
    return table()


@pytest.fixture(scope="module")
def kept(first: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    path = tmp_path_factory.mktemp("run") / "calibration.json"
    path.write_bytes(to_json([Measured.of(first, "one", NAMES, PRIMITIVES)]))
    (found,) = read_all(path)
    return found


def test_what_was_kept_says_the_same(first: Calibration, kept: Measured) -> None:
    again = learned([kept], NAMES, PRIMITIVES)
    assert again.cells == first.cells and again.earlier == first.keys
    told = [(each.key, each.sizes, each.again, each.pairs) for each in first.failed.values() if each.again]
    assert told and [(each.key, each.sizes, each.again, each.pairs) for each in again.failed.values()] == told
    assert again.failed.keys().isdisjoint(first.failed)  # a question's digest holds the number of its model
    assert again.answers == again.tokens() == 0  # none of that was paid for by this run
    hoped = {name for name, wrong in first.unrepeated.items() if name in PRIMITIVES}
    assert set(again.unrepeated) == hoped and "sort" not in hoped


def test_models_and_wordings_are_found_under_other_numbers(first: Calibration, kept: Measured) -> None:
    sort = PRIMITIVES["sort"]
    turned = {"sort": replace(sort, prompts=("Another wording of it: {0}", *sort.prompts))}
    again = learned([kept], ["new", *reversed(NAMES)], turned)
    assert {key.primitive for key in again.cells} == {"sort"}
    for key, by_size in first.cells.items():
        if key.primitive == "sort":
            moved = key._replace(asked=Asked(2 - key.asked.model, key.asked.prompt + 1, key.asked.temperature))
            assert again.cells[moved] == by_size
    assert not any(key.asked.model == 0 or key.asked.prompt == 0 for key in again.cells)


def test_a_model_that_is_new_is_asked_again_by_itself(kept: Measured) -> None:
    """How alike its answers are is not known from another one's."""
    started = learned([kept], NAMES[:1], PRIMITIVES)
    assert not started.unrepeated.get("sort") and any(each.key.primitive == "sort" for each in started.failed.values())
    assert {wrong.record.model for wrong in table(1, started, again=False).unrepeated["sort"]} == {1}


def test_what_changed_is_not_known(kept: Measured) -> None:
    worded = {"sort": replace(PRIMITIVES["sort"], prompts=("Another wording: {0}",))}
    assert not learned([kept], NAMES, worded).cells
    assert not learned([kept], ["new"], PRIMITIVES).cells


def test_calls_that_two_runs_counted_count_once(first: Calibration, kept: Measured) -> None:
    second = table(1, learned([kept], NAMES, PRIMITIVES))
    later = Measured.of(second, "two", NAMES, PRIMITIVES)
    both = learned([kept, later], NAMES, PRIMITIVES)
    assert both.cells == second.cells and first.keys < both.earlier
    apart = Measured.of(table(2), "three", NAMES, PRIMITIVES)
    judged = [
        sum(cell.calls for by_size in each.cells.values() for cell in by_size.values())
        for each in (learned([kept, apart], NAMES, PRIMITIVES), learned([apart], NAMES, PRIMITIVES), first)
    ]
    assert judged[0] == judged[1] + judged[2]


def test_little_is_asked_where_much_is_known(first: Calibration, kept: Measured) -> None:
    second = table(1, learned([kept], NAMES, PRIMITIVES))
    assert 0 <= second.answers < first.answers / 2


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'[{"inputs": "x", "cells": [], "repeated": [], "keys": [], "version": 2}]']
)
def test_a_file_that_no_run_wrote_is_told_of(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_bytes(text)
    with pytest.raises(RunFolderError, match="must be as a run of this version wrote it"):
        read_all(path)
