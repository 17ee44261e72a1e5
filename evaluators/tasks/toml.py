"""A task from a TOML file: data, output, scorer, and what a model can be asked, without code.

`undercut init` writes an example with every key explained.
"""

from __future__ import annotations

import math
import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from undercut.evaluators.models.simulated import count_pieces
from undercut.evaluators.plugins import plugin, plugin_names
from undercut.evaluators.scorers import SCORERS, Score, exact, flaw
from undercut.evaluators.task import Instance, Task
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.tasks.rows import CUTS, Piece, Row, as_value, cell, passages, read_rows
from undercut.evaluators.tasks.schema import LARGEST, Data, Define, Output, Scorer, TaskFile, Texts, parse
from undercut.evaluators.tasks.text import (
    DOCUMENT,
    KINDS,
    OWN_LABELS,
    PASSAGE,
    Answering,
    Wording,
    answering,
    by_length,
    judging,
    text_primitives,
)
from undercut.spaces.errors import InvalidAnswer, TaskError
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Function
from undercut.spaces.types import ListOf, Type, render, size_of

BUCKETS = 3
"""Sizes that problems of many sizes are sorted into, unless the file names some."""
FEW, APART = 4, 1.25
"""Sizes that are few enough to be kept as they are; and how far apart others must be to be told apart."""

OPTIONS = {"numeric": ("tolerance", "relative"), "json_fields": ("fields",), "judge": ("rubric", "model")}
"""What the scorers can be told, by kind."""


def read_task(path: Path) -> Task:
    """The task that a TOML file describes.

    Raises:
        TaskError: the file or its data cannot be read, or break a rule.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TaskError(f"a task file must be there to be read, and {str(path)!r} is not: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise TaskError(f"a task file must be TOML, and {str(path)!r} is not: {error}") from error
    try:
        return _task(parse(found), path)
    except TaskError as error:
        raise TaskError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error


def _task(given: TaskFile, path: Path) -> Task:
    if not given.data.file:
        raise TaskError('[data] file must name at least one file, as in file = "problems.jsonl"')
    data, rows = given.data, [row for file in _texts(given.data.file) for row in read_rows(path.parent / file)]
    kinds = {_label(column): _kind(name, f"[data] inputs.{column}") for column, name in data.inputs.items()}
    if not kinds:
        raise TaskError('[data] inputs must name at least one column, as in inputs = {question = "question"}')
    if len(kinds) < len(data.inputs):
        raise TaskError(f"[data] inputs must differ in more than case and signs, and {', '.join(data.inputs)} do not")
    form = _form(given.output)
    scorer = _scorer(given.scorer)
    free = given.scorer.kind in ("regex", "judge") or given.scorer.kind not in SCORERS
    problems = []
    for row in rows:
        inputs = [
            _read(row, column, kind, data.pieces) for column, kind in zip(data.inputs, kinds.values(), strict=True)
        ]
        target = _target(row, data, None if free else form.kind)
        if why := flaw(scorer, target):
            raise TaskError(f"{row[0]} has a target that can never be scored: {why}")
        problems.append((tuple(inputs), target, _size(row, inputs, kinds, data)))
    kinds = {
        label: _as_seen(kind, [p[0][place] for p in problems]) for place, (label, kind) in enumerate(kinds.items())
    }
    sizes = _sizes([size for _, _, size in problems], data.sizes)
    instances = tuple(Instance(inputs, target, _nearest(size, sizes)) for inputs, target, size in problems)
    shapes = tuple(_shape(place, kind, instances) for place, kind in enumerate(kinds.values()))
    return Task(
        given.name or path.stem,
        tuple(kinds.values()),
        form.kind,
        tuple(_primitives(given, kinds, form).values()),
        _made,
        scorer,
        selectors=tuple(_selectors(list(kinds.values()), shapes, sorted({problem.size for problem in instances}))),
        sizes=tuple(sorted({problem.size for problem in instances})),
        summary=given.summary,
        problems=instances,
        shapes=shapes,
        judge=judging(kinds, form, given.scorer.rubric or "") if given.scorer.kind == "judge" else None,
        judge_model=given.scorer.model,
        cut=partial(passages, where=CUTS[data.pieces]),
    )


def _made(size: int, generator: random.Random) -> Any:
    raise TaskError("the problems of a task from a file are in its data, and none are made")


# -- types and values -------------------------------------------------------------------------------------------------


def _label(column: str) -> str:
    """A column's name as it stands in prompts and templates."""
    label = re.sub(r"\W+", "_", column).strip("_").lower() or "input"
    return f"given_{label}" if label in OWN_LABELS else label


def _kind(name: str, where: str) -> Type:
    """The type of a name; `[name]` is a list of it."""
    listed = re.fullmatch(r"\[(.+)\]", name)
    if listed:
        return ListOf(_kind(listed[1], where))
    if name not in KINDS:
        raise TaskError(f"{where} must be one of {', '.join(KINDS)} or a list such as [answer], and {name!r} is not")
    return KINDS[name]


def _form(output: Output) -> Answering:
    form = answering(output.form, output.choices)
    if output.choices and output.form != "label":
        raise TaskError(f'[output] choices belong to form = "label", and the form is {output.form!r}')
    form = form if output.instruction is None else replace(form, instruction=output.instruction)
    return form if output.words is None else replace(form, size=output.words)


def _read(row: Row, column: str, kind: Type, pieces: Piece) -> Any:
    try:
        return as_value(cell(row, column), kind, pieces)
    except (ValueError, InvalidAnswer, RecursionError) as error:
        raise TaskError(f"{row[0]} must have a {kind} in column {column!r}: {error}") from error


def _target(row: Row, data: Data, kind: Type | None) -> Any:
    """The right output; as it stands where `kind` is None: it may be a pattern, or a text for a judge."""
    value = cell(row, data.target)
    if data.target_pattern is not None:
        try:
            found = re.search(data.target_pattern, str(value))
            value = None if found is None or found[1] is None else found[1].strip()
        except (re.error, IndexError) as error:
            raise TaskError(f"[data] target_pattern must be a regular expression with a group: {error}") from error
        if value is None:
            raise TaskError(
                f"{row[0]} must match [data] target_pattern and its first group in column {data.target!r}, and does not"
            )
    if kind is None:
        return value
    try:
        return as_value(value, kind)
    except (ValueError, InvalidAnswer, RecursionError) as error:
        raise TaskError(f"{row[0]} must have a {kind} as its target in {data.target!r}: {error}") from error


def _as_seen(kind: Type, values: Sequence[Any]) -> Type:
    """The type; a document's with the typical size of its passages."""
    if kind != DOCUMENT:
        return kind
    passages = [passage for value in values for passage in value] or [""]
    return ListOf(replace(PASSAGE, typical=max(1.0, fmean(PASSAGE.size(each) for each in passages))))


# -- sizes ------------------------------------------------------------------------------------------------------------


def _size(row: Row, inputs: Sequence[Any], kinds: Mapping[str, Type], data: Data) -> float:
    if data.size == "items":
        lists = [len(value) for value in inputs if isinstance(value, list)]
        if not lists:
            raise TaskError('[data] size = "items" needs an input that is a document or a list; "words" would work')
        return max(lists)
    texts = [render(value, kind) for value, kind in zip(inputs, kinds.values(), strict=True)]
    if data.size == "words":
        return sum(len(text.split()) for text in texts)
    if data.size == "tokens":
        return sum(map(count_pieces, texts))
    if data.size not in row[1]:
        raise TaskError(f"[data] size must be items, words, tokens or a column, and {data.size!r} is none of {row[0]}")
    size = _read(row, data.size, KINDS["number"], "line")
    if not 0 < size <= LARGEST:
        raise TaskError(f"{row[0]} must have a size above 0, up to {LARGEST}, in column {data.size!r}, and has {size}")
    return float(size)


def _sizes(found: Sequence[float], wanted: Sequence[int]) -> list[int]:
    """The sizes that problems are sorted into: those wanted, the few there are, or the middles of thirds."""
    if list(wanted) != sorted(set(wanted)):
        raise TaskError(f"[data] sizes must ascend without doubles, as in [8, 16, 32], not {list(wanted)}")
    if wanted:
        return list(wanted)
    every = sorted(max(1, round(size)) for size in found)
    if len(set(every)) <= FEW:
        return sorted(set(every))
    middles = [every[(2 * part + 1) * len(every) // (2 * BUCKETS)] for part in range(BUCKETS)]
    kept = middles[:1]
    kept += [size for before, size in pairwise(middles) if size >= APART * before]
    return kept if len(kept) > 1 else [every[len(every) // 2]]


def _nearest(size: float, sizes: Sequence[int]) -> int:
    return min(sizes, key=lambda each: abs(math.log(max(size, 1) / each)))


def _shape(place: int, kind: Type, problems: Sequence[Instance]) -> tuple[float, float]:
    """The line that best gives an input's own size by the problem's size; it neither falls nor begins below 0."""
    own = [float(size_of(problem.inputs[place], kind)) for problem in problems]
    sizes = [float(problem.size) for problem in problems]
    middle, height = fmean(sizes), fmean(own)
    spread = sum((size - middle) ** 2 for size in sizes)
    slope = sum((x - middle) * (y - height) for x, y in zip(sizes, own, strict=True)) / spread if spread else 0.0
    if slope <= 0:
        return height, 0.0
    if height - slope * middle < 0:
        return 0.0, height / middle
    return height - slope * middle, slope


def _selectors(
    kinds: Sequence[Type], shapes: Sequence[tuple[float, float]], sizes: Sequence[int]
) -> Iterator[Function]:
    """What tells the problems of one size from those of the next, by the input that grows the most."""
    place = max(range(len(kinds)), key=lambda each: shapes[each][1])
    constant, slope = shapes[place]
    if slope > 0:
        for one, other in pairwise(sizes):
            yield by_length(kinds[: place + 1], round(constant + slope * math.sqrt(one * other)))


# -- what is asked ----------------------------------------------------------------------------------------------------


def _scorer(given: Scorer) -> Score:
    score = exact if given.kind == "judge" else SCORERS.get(given.kind) or plugin("scorers", given.kind)
    if not callable(score):
        known = ", ".join([*SCORERS, "judge", *plugin_names("scorers")])
        raise TaskError(f"[scorer] kind must be one of {known}, and {given.kind!r} is not")
    told = {name: value for name in Scorer.__struct_fields__[1:] if (value := getattr(given, name)) is not None}
    wrong = [name for name in told if name not in OPTIONS.get(given.kind, ())]
    if wrong:
        takes = ", ".join(OPTIONS.get(given.kind, ())) or "no more keys"
        raise TaskError(f"[scorer] kind = {given.kind!r} takes {takes}, and {wrong[0]!r} was given")
    if given.kind == "judge" and not given.rubric:
        raise TaskError('[scorer] kind = "judge" needs a rubric that says what a good answer is')
    return partial(score, **told) if told and given.kind != "judge" else score


def _primitives(given: TaskFile, kinds: Mapping[str, Type], form: Answering) -> dict[str, Primitive]:
    """The primitives by name: those asked for, or all that suit; with the user's prompts and own ones."""
    ready = text_primitives(kinds, form, given.about)
    names = list(ready) if given.primitives is None else given.primitives
    unknown = [name for name in names if name not in ready and name not in PRIMITIVES]
    if unknown:
        known = ", ".join(dict.fromkeys([*ready, *PRIMITIVES]))
        raise TaskError(f"primitives must be among {known}, or stand in [define.NAME], and {unknown[0]!r} does not")
    for name in given.prompts:
        if name not in ready or name not in names:
            here = ", ".join(each for each in names if each in ready) or "none here"
            raise TaskError(f"[prompts] may have those of ready-made primitives ({here}), and {name!r} is none")
    told = given.about or given.output.choices or given.output.instruction
    vague = [name for name in names if name in ready and name not in given.prompts]
    if vague and not told and all(kind == DOCUMENT for kind in kinds.values()):
        raise TaskError(
            "about must say what is asked of the documents, as no other input does, and it is not there; or [prompts] "
            f"must have a text for each ready-made primitive ({', '.join(vague)})"
        )
    found = {
        name: ready[name].primitive(name, given.about, _texts(given.prompts.get(name, [])))
        if name in ready else PRIMITIVES[name]
        for name in names
    }  # fmt: skip
    for name, own in given.define.items():
        if name in found:
            raise TaskError(f"[define.{name}] must have a name of its own, and {name!r} is a primitive already")
        found[name] = _defined(name, own, kinds, form)
    if not any(primitive.output == form.kind for primitive in found.values()):
        there = f"{', '.join(found)} {'do' if len(found) > 1 else 'does'} not" if found else "there is none"
        able = ", ".join(name for name in ready if ready[name].output == form.kind)
        raise TaskError(f"at least one primitive must give the output ({form.kind}), as {able} would, and {there}")
    return found


def _defined(name: str, own: Define, kinds: Mapping[str, Type], form: Answering) -> Primitive:
    where = f"[define.{name}] inputs"
    known = {**KINDS, **kinds, "output": form.kind, "[output]": ListOf(form.kind)}
    inputs = {re.sub(r"\W+", "", each): known.get(each) or _kind(each, where) for each in own.inputs}
    output = known.get(own.output) or _kind(own.output, f"[define.{name}] output")
    if len(inputs) < len(own.inputs) or not inputs:
        raise TaskError(f"{where} must name one or more inputs that differ, and has {own.inputs}")

    def law(*sizes: float) -> float:
        return own.words + own.share * sum(sizes)

    if not own.prompts:
        raise TaskError(
            f'[define.{name}] prompts must be at least one text, as in "Shorten this: {{{next(iter(inputs))}}}"'
        )
    return Wording((), inputs, output, law).primitive(name, templates=_texts(own.prompts))


def _texts(given: Texts) -> list[str]:
    return [given] if isinstance(given, str) else given
