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
from undercut.search.designs import known_designs
from undercut.search.export import to_python

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
