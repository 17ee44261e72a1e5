"""Exports of decompositions of texts: prompts, readers and red flags are carried along, and do what the engine does."""

from __future__ import annotations

import asyncio
import json
import types
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Request
from undercut.evaluators.models.made_up import answer_to
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import open_task
from undercut.evaluators.tasks.rows import CUTS, Piece, as_value
from undercut.evaluators.tasks.text import DOCUMENT
from undercut.search.designs import known_designs
from undercut.search.export import to_python
from undercut.search.single import read_inputs

FORMS = {
    "number": 'form = "number"',
    "label": 'form = "label"\nchoices = ["yes, all", "no {none}"]',
    "items": 'form = "items"',
    "record": 'form = "record"',
    "answer": 'form = "answer"',
}
TARGETS: dict[str, Any] = {
    "number": 1, "label": "yes, all", "items": ["a"], "record": {"a": 1}, "answer": "b"
}  # fmt: skip


def task_of(folder: Path, form: str) -> Task:
    row = {"text": 'One is here.\nTwo is "there".\nThree {is} not.\nFour.', "ask": "Who?", "target": TARGETS[form]}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (folder / "task.toml").write_text(
        f'[data]\nfile = "rows.jsonl"\ninputs = {{text = "document", ask = "question"}}\n[output]\n{FORMS[form]}\n',
        encoding="utf-8",
    )
    return open_task(str(folder / "task.toml"))


@pytest.mark.parametrize("form", FORMS)
def test_every_known_design_of_text_is_exported_as_the_engine_runs_it(form: str, tmp_path: Path) -> None:
    task = task_of(tmp_path, form)
    toolbox = task.toolbox(["m"])
    inputs = task.problems[0].inputs
    for name, genome in known_designs(task, 8):
        answers: dict[str, str] = {}

        def made_up(request: Request, answers: dict[str, str] = answers) -> str:
            assert request.question is not None
            return answers.setdefault(request.prompt, answer_to(request.question, request.prompt))

        engine = Engine([ScriptedModel(made_up)], cache=AnswerCache(), ledger=Ledger())
        trace = asyncio.run(engine.run(genome, inputs, toolbox))
        assert trace.failure is None, (name, trace.reason)
        file = types.ModuleType("exported")
        exec(compile(to_python(genome, toolbox, title=name), "exported.py", "exec"), file.__dict__)
        assert file.solve(answers.__getitem__, *inputs) == trace.output, name


@pytest.mark.parametrize("pieces", CUTS)
def test_a_document_may_be_given_whole_and_is_cut_as_the_task_cuts_it(pieces: Piece, tmp_path: Path) -> None:
    """As a list of its characters it would be as many calls."""
    task_of(tmp_path, "number")
    text = (tmp_path / "task.toml").read_text(encoding="utf-8")
    (tmp_path / "task.toml").write_text(text.replace("[output]", f'pieces = "{pieces}"\n[output]'), encoding="utf-8")
    task = open_task(str(tmp_path / "task.toml"))
    document = 'One is here.\nTwo is "there".\n\nThree {is} not. Four.'
    genome = next(genome for name, genome in known_designs(task, 8) if name == "map-reduce")
    source = to_python(genome, task.toolbox(["m"]), title="x", inputs=task.inputs, cut=task.cut)
    file = types.ModuleType("exported")
    exec(compile(source, "exported.py", "exec"), file.__dict__)
    asked: list[list[str]] = [[], []]
    for each, given in zip(asked, (document, as_value(document, DOCUMENT, pieces)), strict=True):
        file.solve(lambda prompt, each=each: each.append(prompt) or "1", given, "Who?")
    assert sorted(asked[0]) == sorted(asked[1])
    assert 'main(solve, "document", "question")' in source
    assert read_inputs([json.dumps(document), '"Who?"'], task, "x")[0] == as_value(document, DOCUMENT, pieces)
