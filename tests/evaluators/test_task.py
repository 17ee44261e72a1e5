"""Tasks: problems that are the same for the same arguments and never in two splits, generated or from a file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.task import SPLITS, Instance, Task, is_of, split_of
from undercut.evaluators.tasks import TASKS, open_task, rows
from undercut.evaluators.tasks.primitives import FACTS, FOUND, KEY
from undercut.evaluators.tasks.rows import read_rows
from undercut.spaces.errors import GenomeError, InvalidAnswer, TaskError
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import NUMBER, NUMBERS, TRUTH, Atom, ListOf, Type, size_of


@pytest.mark.parametrize("name", TASKS)
def test_splits_share_no_problem(name: str) -> None:
    task = TASKS[name]
    found = {
        split: {json.dumps(i.inputs) for size in (2, 8) for i in task.instances(size, 60, split)} for split in SPLITS
    }
    assert not (found["search"] & found["select"] or found["select"] & found["test"] or found["search"] & found["test"])
    assert all(split_of(json.loads(inputs)) == split for split in SPLITS for inputs in found[split])


@pytest.mark.parametrize("name", TASKS)
def test_same_arguments_same_problems(name: str) -> None:
    task = TASKS[name]
    assert task.instances(8, 5, "test", 3) == task.instances(8, 5, "test", 3)
    assert task.instances(8, 5, "test", 3) == task.instances(8, 9, "test", 3)[:5]
    assert task.instances(8, 5, "test", 3) != task.instances(8, 5, "test", 4)


@pytest.mark.parametrize("name", TASKS)
def test_problems_have_their_types_and_sizes(name: str) -> None:
    task = TASKS[name]
    for size in (1, 2, *task.sizes):
        for instance in task.instances(size, 4):
            assert instance.size == size
            for value, kind, extent in zip(instance.inputs, task.inputs, task.extents(size), strict=True):
                assert is_of(value, kind)
                assert size_of(value, kind) == (size if isinstance(kind, ListOf) else 1)
                assert extent is not None
            assert task.score(instance.target, instance.target) == 1.0
    assert task.summary and task.has(10**6)


def test_lookups_find_what_the_facts_say() -> None:
    instances = TASKS["lookup"].instances(8, 200)
    for instance in instances:
        facts, name = instance.inputs
        assert instance.target == dict(map(tuple, facts)).get(name)
        assert len({known for known, _ in facts}) == 8
    assert 0.8 < sum(instance.target is not None for instance in instances) / 200 < 0.99


def test_too_few_problems_are_said_to_be() -> None:
    only = Task("only", (NUMBERS,), NUMBER, (), lambda size, generator: (([size],), size))
    splits = {split for split in SPLITS if split_of([[3]]) != split}
    for split in splits:
        with pytest.raises(TaskError, match=f"too few problems of size 3 .* '{split}'"):
            only.instances(3, 1, split)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, NUMBER, True),
        ("3", NUMBER, False),
        (3.5, NUMBER, False),
        (None, NUMBER, False),
        (True, NUMBER, False),
        ([], NUMBERS, True),
        ([1, 2], NUMBERS, True),
        ([1, "2"], NUMBERS, False),
        (3, NUMBERS, False),
        ({}, NUMBERS, False),
        ([[1], []], ListOf(NUMBERS), True),
        ([1], ListOf(NUMBERS), False),
        (True, TRUTH, True),
        ("yes", TRUTH, False),
        (math.nan, Atom("real", parse=float), False),
        (math.inf, Atom("real", parse=float), True),
        ([10**5000], NUMBERS, False),
        (None, FOUND, True),
        (7, FOUND, True),
        ("Ada", KEY, True),
        (None, KEY, False),
        ([["Ada", 3]], FACTS, True),
        ([3], FACTS, False),
    ],
)
def test_values_are_of_types(value: Any, kind: Type, expected: bool) -> None:
    assert is_of(value, kind) is expected


# ---- problems from a file

LISTS = [[index, 9, 5, 7] for index in range(30)] + [[index, 3] for index in range(30)]


def jsonl(path: Path) -> None:
    rows = [{"inputs": [numbers], "target": sorted(numbers)} for numbers in LISTS]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")


def json_with_one_input(path: Path) -> None:
    rows = [{"input": numbers, "target": sorted(numbers), "note": "more"} for numbers in LISTS]
    path.write_text(json.dumps({"version": 1, "rows": rows}), encoding="utf-8")


def named_columns(path: Path) -> None:
    lines = [f'"{sorted(numbers)}","{numbers}"' for numbers in LISTS]
    path.write_text("target,input\n" + "\n".join(lines) + "\n", encoding="utf-8")


def graph_of_thoughts_columns(path: Path) -> None:
    """The columns ID, Unsorted, Sorted, as others publish such problems, with a byte-order mark."""
    lines = [f'{index},"{numbers}","{sorted(numbers)}"' for index, numbers in enumerate(LISTS)]
    path.write_text("ID,Unsorted,Sorted\r\n" + "\r\n".join(lines) + "\r\n", encoding="utf-8-sig")


def test_a_problem_that_stands_in_a_file_several_times_counts_once() -> None:
    """A measurement on ten copies of a problem tells no more than one on the problem."""
    once = tuple(Instance(([number],), [number], 1) for number in range(60))
    task, copied = (replace(TASKS["sort"], problems=problems) for problems in (once, (*once, *once[:40])))
    for split in SPLITS:
        assert copied.instances(1, 100, split) == task.instances(1, 100, split)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (jsonl, "p.jsonl"),
        (json_with_one_input, "p.json"),
        (named_columns, "p.csv"),
        (graph_of_thoughts_columns, "p.csv"),
    ],
)
def test_files_hold_problems(write: Any, name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    task = open_task("sort", str(tmp_path / name))
    assert sorted(problem.inputs[0] for problem in task.problems) == sorted(LISTS)
    assert all(problem.target == sorted(problem.inputs[0]) for problem in task.problems)
    assert task.has(4) and task.has(2) and not task.has(3)
    known = {split: {json.dumps(i.inputs) for i in task.instances(4, 100, split)} for split in SPLITS}
    assert sum(map(len, known.values())) == len(set.union(*known.values())) == 30
    assert task.instances(4, 3, "test", 1) == task.instances(4, 3, "test", 1)
    with pytest.raises(TaskError, match=r"no problems of size 3 .* sizes \[2, 4\]"):
        task.instances(3, 1)


def test_tasks_with_two_inputs_have_two_columns(tmp_path: Path) -> None:
    file = tmp_path / "count.csv"
    file.write_text('input1,input2,target\n"[1, 2, 1]",1,2\n"[3]",1,0\n', encoding="utf-8")
    assert [problem.inputs for problem in open_task("count", str(file)).problems] == [([1, 2, 1], 1), ([3], 1)]


def test_a_cell_may_hold_nothing_on_purpose(tmp_path: Path) -> None:
    file = tmp_path / "lookup.csv"
    file.write_text('input1,input2,target\n"[[""Ada"", 3]]",Bo,null\n', encoding="utf-8")
    assert open_task("lookup", str(file)).problems[0].target is None


def test_files_are_found_where_they_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    jsonl(tmp_path / "there" / "p.jsonl")
    monkeypatch.chdir(tmp_path / "here")
    home = str(tmp_path / "there")
    found = open_task("sort", "p.jsonl", home).problems
    (tmp_path / "there" / "p.jsonl").rename(tmp_path / "here" / "p.jsonl")
    assert found == open_task("sort", "p.jsonl", home).problems == open_task("sort", "p.jsonl").problems
    (tmp_path / "here" / "p.jsonl").unlink()
    with pytest.raises(TaskError, match=r"there/p.jsonl' is not there any more; put it back"):
        open_task("sort", "p.jsonl", home)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "", "holds none"),
        ("p.csv", "Sorted\n[1]\n", "line 2 .* needs a column for each of 1 inputs"),
        ("p.csv", "input,target\n", "holds none"),
        ("p.csv", "input,target\n[1],\n", "line 2 .* must have a value in column .target."),
        ("p.csv", "input,target\n[1],[1]\n[2]\n", "line 3 .* must have a value in column .target."),
        ("p.csv", "input,target\n3,[3]\n", r"line 2 .* must be of type \[number\], and the int 3 is no"),
        ("p.csv", "input,target\none two,[3]\n", r"line 2 .* must be of type \[number\]"),
        ("p.jsonl", "", "holds none"),
        ("p.jsonl", "{}", "line 1 .* must be an object"),
        ("p.jsonl", "[]", "line 1 .* must be an object"),
        ("p.jsonl", '{"input": [1], "target": [1]}\n{"input": [1]', "line 2"),
        ("p.jsonl", '{"inputs": [[1], [2]], "target": [1]}', "line 1 .* a list of inputs, 1 of them"),
        ("p.jsonl", '{"inputs": {"a": [1]}, "target": [1]}', "line 1 .* its inputs must be a list, and are"),
        ("p.jsonl", '{"input": [1], "target": "12"}', r"line 1 .* target must be of type \[number\], and the str '12'"),
        ("p.jsonl", '{"input": [1, 3.5], "target": [1]}', "line 1 .* and the float 3.5 is no number"),
        ("p.jsonl", "[" * 9000, "line 1 .* too deep to read"),
        ("p.json", "[" * 9000, "p.json .* too deep to read"),
        ("p.jsonl", '{"input": [1], "target": "\\ud83d"}', r"line 1 .* half a character, '\\ud83d'"),
        ("p.csv", "input,target\n" + "[" * 9000 + ",[1]", r"line 2 .* must be of type \[number\]"),
        ("p.jsonl", '{"input": ["a"], "target": [1]}', "line 1 .* type"),
        ("p.json", '{"input": [1], "target": [1]}\n{"input": [1], "target": [1]}', "p.json must be JSON"),
        ("p.txt", "[1]", "ends in .jsonl, .json or .csv"),
    ],
)
def test_files_that_hold_something_else(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match=words):
        open_task("sort", str(tmp_path / name))


def test_a_cell_may_be_a_long_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"text,target\n{'word ' * 40_000},1\n", encoding="utf-8")
    assert len(read_rows(file)[0][1]["text"]) == 200_000
    monkeypatch.setattr(rows, "CELL", 1000)
    with pytest.raises(TaskError, match=r"must be CSV .* not after line 1: field larger"):
        read_rows(file)
    monkeypatch.undo()
    read_rows(file)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0c"])
def test_a_json_string_may_hold_what_elsewhere_ends_a_line(end: str, tmp_path: Path) -> None:
    values = [{"text": f"a{end}b"}, {"text": "c"}]
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    (tmp_path / "p.jsonl").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert [dict(cells) for _, cells in read_rows(tmp_path / "p.jsonl")] == values


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("nowhere.csv", "bytes.csv", "none.json", "a\0b.csv"):
        with pytest.raises(TaskError, match="data must be a JSONL, JSON or CSV file"):
            open_task("sort", str(tmp_path / name))


def test_a_size_with_too_few_problems_in_a_split() -> None:
    task = replace(TASKS["sort"], problems=tuple(TASKS["sort"].instances(4, 2, "test")))
    with pytest.raises(TaskError, match=r"of each size for .*, and of the 2 of size 4 none falls to 'search'"):
        task.instances(4, 1, "search")
    assert len(task.instances(4, 50, "test")) == 2


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (([[1], [2]], 1), "a list of inputs, 1 of them"),
        (({1}, 1), "a list of inputs, 1 of them"),
        ((3, 1), "a list of inputs, 1 of them"),
        ((((5, 6),), 11), r"an input must be of type \[number\], and the tuple \(5, 6\) is no \[number\]"),
        ((({5},), 5), r"and the set \{5\} is no \[number\]"),
        ((([1, 2.5],), 3), "an input .* and the float 2.5 is no number"),
        ((([1, True],), 3), "an input .* and the bool True is no number"),
        ((([1],), "1"), "the target must be of type number, and the str '1' is no number"),
        ((([1],), math.nan), "the target .* and the float nan is no number"),
        ((([10**5000],), 1), "Exceeds the limit"),
    ],
)
def test_problems_that_are_made_have_the_types_of_the_task(made: Any, words: str) -> None:
    task = Task("own", (NUMBERS,), NUMBER, (), lambda size, generator: made)
    for split in SPLITS:
        with pytest.raises(TaskError, match=f"of task 'own' must give what .* at size 8 does not: .*{words}"):
            task.instances(8, 1, split)


def test_a_scorer_of_ones_own_may_take_any_target() -> None:
    task = Task("own", (NUMBERS,), NUMBER, (), lambda size, generator: ([[size]], "odd"), lambda output, target: 1.0)
    assert task.instances(8, 1, split_of([[8]]))[0].target == "odd"


@pytest.mark.parametrize("sizes", [(), (0,), (8, 2.5)])
def test_a_task_has_sizes(sizes: Any) -> None:
    with pytest.raises(TaskError, match="task 'sort' must have sizes that are whole numbers of 1 or more"):
        replace(TASKS["sort"], sizes=sizes)


def test_what_the_users_own_code_raises_is_said_in_one_sentence() -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("oops")

    task = replace(TASKS["sort"], make=broken)
    with pytest.raises(TaskError, match=r"makes the problems of task 'sort' .* KeyError: 'oops'"):
        task.instances(3, 1)
    with pytest.raises(TaskError, match=r"scorer of task 'sort' .* for '\[1\]' it raised KeyError"):
        replace(TASKS["sort"], score=broken).scored([1], [1])
    assert math.isnan(replace(TASKS["sort"], score=lambda output, target: 2.0).scored([1], [1]))
    yes: Any = "yes"
    with pytest.raises(TaskError, match=r"scorer of task 'sort' .* for '\[1\]' it gave 'yes'"):
        replace(TASKS["sort"], score=lambda output, target: yes).scored([1], [1])
    with pytest.raises(GenomeError, match=r"law of primitive 'sort' .* for 3 it raised KeyError"):
        replace(TASKS["sort"].primitives[0], law=broken).answer_size(3)
    with pytest.raises(GenomeError, match=r"`valid` of primitive 'sort' .* for the answer '1' it raised KeyError"):
        replace(TASKS["sort"].primitives[0], valid=broken).read("1", [[1]])
    assert not replace(TASKS["sort"].primitives[0], expects=broken).sensible([[1]])


def test_what_a_reader_of_ones_own_cannot_read_is_no_answer() -> None:
    second = Atom("second", parse=lambda text: text.split()[1])
    asked = Primitive("asked", (NUMBERS,), second, ("{0}",))
    assert asked.read("a b", [[1]]) == "b"
    with pytest.raises(InvalidAnswer, match="must be of type second, and 'a' is not"):
        asked.read("a", [[1]])


def test_a_comparison_of_answers_that_raises_is_named() -> None:
    def broken(answer: int, other: int) -> bool:
        raise KeyError(answer)

    asked = Primitive("asked", (NUMBERS,), NUMBER, ("{0}",), same=broken)
    with pytest.raises(GenomeError, match="`same` of primitive 'asked' must take any two answers of type number"):
        asked.agree(1, 2)
