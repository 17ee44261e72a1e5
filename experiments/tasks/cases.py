"""The tasks of this study: a task file each, and a simulated chat model that knows the answers and errs by length."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undercut.evaluators.models.gpt35 import ASSUMED, MEASURED
from undercut.evaluators.models.simulated import Capability, Table
from undercut.evaluators.models.simulated_chat import ChatModel, by_heart, by_reading
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import facts, open_task

SHARED = "UNDERCUT_DATA"
"""Names the folder with the public data sets: gsm8k, bbh and got."""
READING: Mapping[str, Table] = {
    "answer": {50: 0.99, 200: 0.95, 1000: 0.85, 4000: 0.55, 20000: 0.15},
    "extract": {50: 1.0, 200: 0.99, 1000: 0.97, 4000: 0.8, 20000: 0.3},
    "filter": {50: 0.99, 200: 0.98, 1000: 0.9, 4000: 0.6, 20000: 0.1},
    "update": {50: 0.99, 200: 0.98, 1000: 0.96, 4000: 0.75, 20000: 0.25},
}
"""Reading long texts: how often a call is right, by words. Declared, not measured on any model."""
SUMS: Mapping[str, Table] = {
    "answer": {20: 0.75, 60: 0.5, 120: 0.3},
    "answer thinking": {20: 0.95, 60: 0.85, 120: 0.7},
    "extract": {20: 0.99, 120: 0.9},
    "conclude": {20: 0.8, 120: 0.6},
    "conclude thinking": {20: 0.96, 120: 0.88},
}
"""Sums and riddles in words, likewise."""
OTHERWISE: Table = {20: 0.99, 200: 0.95, 1000: 0.9}


@dataclass(frozen=True)
class Case:
    """A task file's text, the file's data where it is made here, and what its model knows and can do."""

    name: str
    toml: str
    know: Callable[[Task], Mapping[str, Callable[..., Any]]]
    capability: Capability
    rows: Callable[[], list[dict[str, Any]]] | None = None

    def write(self, folder: Path) -> Path:
        """Write the task file, and its data, into a folder."""
        if self.rows is not None:
            lines = "".join(json.dumps(row) + "\n" for row in self.rows())
            (folder / f"{self.name}.jsonl").write_text(lines, encoding="utf-8")
        path = folder / f"{self.name}.toml"
        path.write_text(self.toml.replace("SHARED", os.environ.get(SHARED, "")), encoding="utf-8")
        return path

    def model(self, path: Path) -> ChatModel:
        """The model that answers this task's prompts."""
        task = open_task(str(path))
        return ChatModel("chat", task.primitives, self.know(task), self.capability)


def _learned(task: Task) -> Mapping[str, Callable[..., Any]]:
    return by_heart((problem.inputs, problem.target) for problem in task.problems)


def _sums(*, label: bool = False) -> Capability:
    tables = {name.replace("answer", "classify") if label else name: table for name, table in SUMS.items()}
    return Capability(tables, OTHERWISE)


def _no_knowledge(task: Task) -> Mapping[str, Callable[..., Any]]:
    return {}


def _countries(task: Task) -> Mapping[str, Callable[..., Any]]:
    names = sorted({name for problem in task.problems for name in problem.target}, key=len, reverse=True)
    named = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
    return by_reading(
        lambda text: named.findall(text), lambda parts: parts, lambda lists: [each for one in lists for each in one]
    )


def _documents(kind: facts.Kind, sizes: tuple[int, ...], each: int) -> Callable[[], list[dict[str, Any]]]:
    def rows() -> list[dict[str, Any]]:
        generator = random.Random(f"documents/{kind}")
        found = []
        for size in sizes:
            for _ in range(each):
                (document, question), target = facts.make(kind, size, generator)
                found.append({"document": document, "question": question, "target": target, "words": size})
        return found

    return rows


BBH = """
[data]
file = "SHARED/bbh/{}.json"
[output]
"""
LONG = """
primitives = ["answer", "extract", "conclude", "combine", "summarise", "update"]
[data]
file = "{}.jsonl"
inputs = {{document = "document", question = "question"}}
pieces = "paragraph"
size = "words"
[output]
form = "{}"
[scorer]
kind = "{}"
"""
NUMERIC = 'form = "number"\n[scorer]\nkind = "numeric"\n'
LENGTHS, EACH = (1000, 5000, 20000), 45
FORMS = {"single": ("number", "numeric"), "several": ("numbers", "same_items"), "count": ("number", "numeric")}

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case(
            "gsm8k",
            """
[data]
file = "SHARED/gsm8k/test.jsonl"
inputs = {question = "question"}
target = "answer"
target_pattern = '#### (.*)'
[output]
"""
            + NUMERIC,
            _learned,
            _sums(),
        ),
        Case("arithmetic", BBH.format("multistep_arithmetic_two") + NUMERIC, _learned, _sums()),
        Case("objects", BBH.format("object_counting") + NUMERIC, _learned, _sums()),
        Case(
            "tracking",
            BBH.format("tracking_shuffled_objects_three_objects") + 'form = "label"\nchoices = ["(A)", "(B)", "(C)"]\n',
            _learned,
            _sums(label=True),
        ),
        Case(
            "sorting",
            """
primitives = ["sort", "merge"]
[data]
file = ["SHARED/got/sorting_032.csv", "SHARED/got/sorting_064.csv"]
inputs = {Unsorted = "numbers"}
target = "Sorted"
size = "items"
[output]
form = "numbers"
""",
            _no_knowledge,
            Capability(MEASURED, ASSUMED),
        ),
        Case(
            "intersection",
            """
primitives = ["intersect"]
[data]
file = ["SHARED/got/set_intersection_032.csv", "SHARED/got/set_intersection_064.csv"]
inputs = {SET1 = "numbers", SET2 = "numbers"}
target = "INTERSECTION"
size = "items"
[output]
form = "numbers"
[scorer]
kind = "same_items"
""",
            _no_knowledge,
            Capability(MEASURED, ASSUMED),
        ),
        Case(
            "keywords",
            """
about = "List the countries that are named, each as often as it is named, in the order of the text."
[data]
file = "SHARED/got/countries.csv"
inputs = {Text = "document"}
target = "Countries"
pieces = "sentence"
[output]
form = "items"
words = 24
[scorer]
kind = "same_items"
""",
            _countries,
            Capability({"answer": {10: 1.0, 40: 0.97, 100: 0.8, 200: 0.45, 400: 0.1}}, {20: 0.99, 200: 0.9, 400: 0.7}),
        ),
        *(
            Case(
                f"long-{kind}",
                LONG.format(f"long-{kind}", *FORMS[kind]),
                lambda task, kind=kind: facts.knowledge(kind),  # type: ignore[misc]
                Capability(READING, OTHERWISE),
                _documents(kind, LENGTHS, EACH),
            )
            for kind in facts.KINDS
        ),
    )
}
