"""Tasks from TOML files: what they hold, what they ask, and what is said where they break a rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.task import SPLITS, Task, is_of
from undercut.evaluators.tasks import open_task
from undercut.evaluators.tasks.text import NOTES, PASSAGE, answering, read_choice, read_number, read_text, read_truth
from undercut.search.designs import known_designs
from undercut.spaces.errors import InvalidAnswer, TaskError
from undercut.spaces.estimator import Estimator
from undercut.spaces.extent import length, total
from undercut.spaces.space import Space
from undercut.spaces.types import ListOf

ROWS = [
    {"text": "One.\n" * lines, "ask": f"How many in {number}?", "target": str(lines), "place": lines}
    for number in range(40)
    for lines in (2, 4, 8)
]
WHOLE = """
[data]
file = "rows.jsonl"
inputs = {text = "document", ask = "question"}
size = "items"
[output]
form = "number"
[scorer]
kind = "numeric"
tolerance = 0.5
"""


def task_of(folder: Path, text: str = WHOLE, rows: list[dict[str, Any]] = ROWS, name: str = "rows.jsonl") -> Task:
    """The task of a file with this text."""
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = folder / "task.toml"
    path.write_text(text, encoding="utf-8")
    return open_task(str(path))


def test_a_task_file_is_a_task(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    assert (task.name, task.sizes, len(task.problems)) == ("task", (2, 4, 8), 120)
    assert all(is_of(value, kind) for p in task.problems for value, kind in zip(p.inputs, task.inputs, strict=True))
    found = [task.instances(size, 50, split) for size in task.sizes for split in SPLITS]
    assert sum(map(len, found)) == 120, "every problem is in one split"
    problem = task.instances(4, 1)[0]
    assert (problem.inputs[0], problem.target, problem.size) == (["One."] * 4, 4, 4)
    assert task.score(4.4, problem.target) == 1.0 and task.score(4.6, problem.target) == 0.0


def test_a_task_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert task_of(tmp_path, "\ufeff" + WHOLE).digests == task_of(tmp_path).digests


def test_every_primitive_asks_with_all_that_it_takes(tmp_path: Path) -> None:
    task = task_of(tmp_path, 'about = "Mind the {braces}."\n' + WHOLE)
    names = [primitive.name for primitive in task.primitives]
    assert names == [
        "answer", "extract", "conclude", "compare", "verify", "doubt", "combine", "filter", "summarise", "update"
    ]  # fmt: skip
    for primitive in task.primitives:
        for variant in range(len(primitive.prompts)):
            values = [[f"<{place}>"] if isinstance(kind, ListOf) else f"<{place}>"
                      for place, kind in enumerate(primitive.inputs)]  # fmt: skip
            if primitive.name == "combine":
                values[0] = [7]
            prompt = primitive.prompt(values, variant)
            assert all(f"<{place}>" in prompt for place in range(len(values)) if primitive.name != "combine" or place)
            assert "Mind the {braces}." in prompt


def test_known_designs_of_text_are_legal_and_have_a_price(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    toolbox = task.toolbox(["m"])
    space = Space(task.signature, toolbox)
    estimator = Estimator(DeclaredRates([ScriptedModel({})]), toolbox)
    designs = dict(known_designs(task, 2))
    assert set(designs) == {
        "one call", "step by step", "self-consistency", "verify and retry", "cascade", "route by size",
        "filter then answer", "map-reduce",
        "extract then answer", "map, summarise, answer", "fold with notes",
    }  # fmt: skip
    for genome in designs.values():
        space.validate(genome)
        costs = [estimator.apply(genome, task.extents(size)).cost.tokens for size in (8, 64)]
        assert 0 < costs[0] < costs[1]


def test_sizes_and_shapes_follow_the_data(tmp_path: Path) -> None:
    words = WHOLE.replace('"items"', '"words"')
    task = task_of(tmp_path, words.replace("[output]", "sizes = [6, 12]\n[output]"))
    assert task.sizes == (6, 12)
    by_column = task_of(tmp_path, WHOLE.replace('"items"', '"place"'))
    assert by_column.sizes == (2, 4, 8)
    document, question = by_column.extents(8)
    assert (total(document), length(document), total(question)) == (pytest.approx(8), 8, pytest.approx(4))
    longer = [{**row, "text": "a b c d e.\n" * row["place"]} for row in ROWS]
    document = task_of(tmp_path, WHOLE, longer).extents(8)[0]
    assert (total(document), length(document)) == (pytest.approx(40), 8)


def test_many_sizes_are_sorted_into_a_few(tmp_path: Path) -> None:
    rows = [{"input": "w " * number, "target": "1"} for number in range(1, 200)]
    task = task_of(tmp_path, '[data]\nfile = "rows.jsonl"\n', rows)
    assert len(task.sizes) == 3 and task.sizes[0] < 50 < task.sizes[1] < 150 < task.sizes[2]
    assert {len(task.instances(size, 5)) for size in task.sizes} == {5}


def test_csv_and_json_hold_the_same_problems(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('A B,target\n"[3, 1]","[1, 3]"\n"[2, 1]","[1, 2]"\n', encoding="utf-8")
    (tmp_path / "rows.json").write_text(
        json.dumps({"note": "x", "examples": [{"A B": [3, 1], "target": [1, 3]}, {"A B": [2, 1], "target": [1, 2]}]}),
        encoding="utf-8",
    )
    text = (
        'primitives = ["sort", "merge"]\n[data]\nfile = {}\ninputs = {{"A B" = "numbers"}}\nsize = "items"\n'
        '[output]\nform = "numbers"\n'
    )
    csv, both = (task_of(tmp_path, text.format(file)) for file in ('"rows.csv"', '["rows.csv", "rows.json"]'))
    assert [p.inputs for p in csv.problems] == [([3, 1],), ([2, 1],)]
    assert both.problems == csv.problems * 2
    assert [primitive.name for primitive in csv.primitives] == ["sort", "merge"]


def test_a_users_prompts_take_the_place_of_ours(tmp_path: Path) -> None:
    task = task_of(tmp_path, WHOLE + '[prompts]\nanswer = ["{ask}? {{json}} {text}", "Q {text} {ask}"]\n')
    answer = next(primitive for primitive in task.primitives if primitive.name == "answer")
    assert answer.prompt([["a", "b"], "who"], 0) == "who? {json} a\nb"
    assert answer.prompt([["a", "b"], "who"], 1) == "Q a\nb who"


def test_inputs_do_not_get_in_the_way_of_what_primitives_make(tmp_path: Path) -> None:
    rows = [{"answer": "a b", "notes": "n", "target": "1"}]
    text = '[data]\nfile = "rows.jsonl"\ninputs = {answer = "question", notes = "document"}\n'
    task = task_of(tmp_path, text + '[prompts]\nverify = "{answer} {given_answer} {given_notes}"\n', rows)
    verify = next(primitive for primitive in task.primitives if primitive.name == "verify")
    assert verify.prompt(["x", "q", ["d"]]) == "x q d"


def test_a_primitive_of_ones_own(tmp_path: Path) -> None:
    own = '[define.shorten]\ninputs = ["notes"]\noutput = "notes"\nprompts = "Less: {notes}"\nshare = 0.5\nwords = 2\n'
    shorten = next(p for p in task_of(tmp_path, WHOLE + own).primitives if p.name == "shorten")
    assert (shorten.inputs, shorten.output, shorten.answer_size(10)) == ((NOTES,), NOTES, 7)
    assert shorten.prompt(["a b"]) == "Less: a b"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[data]", "[dta]", r"keys of the file must be among data, name, .*'dta' is not"),
        ("size =", "sise =", r"keys of \[data\] must be among file, .*'sise' is not"),
        ('"rows.jsonl"', '"lost.jsonl"', r"can be read, and .*lost\.jsonl is not: No such file"),
        ('"rows.jsonl"', '"task.toml"', r"ends in \.jsonl, \.json or \.csv"),
        ('"document"', '"scroll"', r"inputs\.text must be one of document, question, .*'scroll' is not"),
        ("text =", "page =", r"must have a value in column 'page', and has none; its columns are text, ask"),
        ('"items"', '"colour"', r"size must be items, words, tokens or a column, and 'colour'"),
        ('"items"', '3', r"\[data\] size must be a text, and is a whole number"),
        ('"items"', '"words"\npieces = "line - at `$.x"',
         r"\[data\] pieces must be one of line, sentence, paragraph, word"),
        ('"items"', '"words"\nsizes = 3', r"\[data\] sizes must be a list, and is a whole number"),
        ('"items"', '"words"\nsizes = [4, 0]', r"each of \[data\] sizes must be from 1 to 1,000,000,000, and 0 is not"),
        ('"rows.jsonl"', "[]", r"\[data\] file must name at least one file"),
        ('file = "rows.jsonl"', "", r"\[data\] must have file, and file is missing"),
        (WHOLE, "", r"the file must have a table \[data\], and data is missing"),
        (WHOLE, "data = " + "[" * 5000, r"must be TOML"),
        ('"number"', '"poem"', r"form must be one of answer, number, .*'poem' is not"),
        ('"number"', '"label"', r"a label needs choices"),
        ('"numeric"', '"taste"', r"kind must be one of exact, .*judge, and 'taste' is not"),
        ('"numeric"', '"exact"', r"kind = 'exact' takes no more keys, and 'tolerance' was given"),
        ("tolerance = 0.5", "tolerance = -1", r"\[scorer\] tolerance must be from 0 to 1e\+300, and -1 is not"),
        ('"number"', '"number"\nwords = inf', r"\[output\] words must be from 0 to 1,000,000, and inf is not"),
        ('"number"', '"number"\nwords = nan', r"\[output\] words must be from 0 to 1,000,000, and nan is not"),
        ("[scorer]", '[define.x]\ninputs = ["ask"]\noutput = "notes"\nprompts = "{ask}"\nwords = 1e300\n[scorer]',
         r"\[define.NAME\] words must be from 0 to 1,000,000, and 1e\+300 is not"),
        ("[scorer]", '[define.x]\ninputs = ["ask"]\n[scorer]',
         r"must have inputs, output, prompts, and output is missing"),
        ("[scorer]", '[define.x]\ninputs = ["ask"]\noutput = "notes"\nprompts = []\n[scorer]',
         r"\[define.x\] prompts must be at least one text, .*\{ask\}"),
        ('"numeric"\ntolerance = 0.5', '"judge"', r"needs a rubric"),
        ("[data]", 'primitives = ["answer", "guess"]\n[data]', r"primitives must be among answer, .*'guess' does not"),
        ("[data]", 'primitives = ["extract"]\n[data]', r"the output \(number\), as answer.* and extract does not"),
        ("[data]", 'primitives = []\n[data]', r"the output \(number\), as answer.* would, and there is none"),
        ("[scorer]", '[prompts]\nanswer = "{text}"\n[scorer]', r"must hold each of its inputs, and \{ask\} is missing"),
        ("[scorer]", '[prompts]\nanswer = "{text} {ask} {x}"\n[scorer]', r"may name \{text\}, \{ask\}, with all other"),
        ("[scorer]", '[prompts]\nsing = "{text}"\n[scorer]', r"may have those of ready-made .*'sing' is none"),
        ("[output]", 'sizes = [8, 2]\n[output]', r"sizes must ascend"),
        ("[output]", "target_pattern = 'x(.*)'\n[output]", r"line 1 of .* must match \[data\] target_pattern"),
        ("[output]", "target_pattern = '(x)?'\n[output]", r"line 1 of .* must match .* and its first group"),
        ("[data]", "[data", r"must be TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_gets_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in WHOLE
    with pytest.raises(TaskError, match=words) as error:
        task_of(tmp_path, WHOLE.replace(old, new, 1))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert "task.toml" in str(error.value) or "rows.jsonl" in str(error.value) or "lost" in str(error.value)


def test_what_is_asked_of_documents_alone_must_stand_somewhere(tmp_path: Path) -> None:
    alone = WHOLE.replace(', ask = "question"', "")
    assert alone != WHOLE
    with pytest.raises(TaskError, match=r"about must say what is asked of the documents.*\(answer, "):
        task_of(tmp_path, alone)
    task_of(tmp_path, 'about = "Count the keepers."\n' + alone)
    task_of(tmp_path, alone.replace("[output]", '[output]\ninstruction = "Write how many keepers there are."'))
    task_of(tmp_path, f'primitives = ["answer"]\n{alone}\n[prompts]\nanswer = "How many keepers? {{text}}"\n')


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"line 3 of .*rows\.jsonl must have a number as its target"):
        task_of(tmp_path, rows=[*ROWS[:2], {**ROWS[0], "target": "many"}])
    (tmp_path / "rows.jsonl").write_text("[1]\n", encoding="utf-8")
    with pytest.raises(TaskError, match=r"line 1 of .* must be an object"):
        open_task(str(tmp_path / "task.toml"))
    with pytest.raises(TaskError, match=r"must be there to be read"):
        open_task(str(tmp_path / "nowhere.toml"))


def test_no_primitive_is_named_twice(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="primitives must be among") as error:
        task_of(tmp_path, WHOLE.replace("[data]", 'primitives = ["guess"]\n[data]', 1))
    assert str(error.value).count("compare") == 1


@pytest.mark.parametrize(
    ("form", "scorer", "target", "words"),
    [
        ("answer", '"regex"', "(", r"line 1 .* must be a regular expression, and \( is none"),
        ("answer", '"regex"', "x*", None),
        ("answer", '"numeric"', "many", r"line 1 .* by the scorer numeric, and many is worth 0"),
        ("answer", '"numeric"', "about 3", None),
        ("answer", '"json_fields"', "many", r"line 1 .* by the scorer json_fields, and many is worth 0"),
        ("record", '"json_fields"\nfields = ["a", "b"]', '{"a": 1}', r"line 1 .* is worth 0\.5"),
        ("record", '"json_fields"\nfields = ["a"]', '{"a": 1}', None),
        ("answer", '"judge"\nrubric = "as good"', "many", None),
    ],
)
def test_a_target_that_can_never_be_scored_is_refused(
    tmp_path: Path, form: str, scorer: str, target: str, words: str | None
) -> None:
    text = f'[data]\nfile = "rows.jsonl"\n[output]\nform = "{form}"\n[scorer]\nkind = {scorer}\n'
    rows = [{"input": "a b", "target": target}]
    if words is None:
        task = task_of(tmp_path, text, rows)
        (tmp_path / "more.jsonl").write_text(json.dumps({"input": "c d", "target": task.problems[0].target}))
        assert len(open_task(str(tmp_path / "task.toml"), str(tmp_path / "more.jsonl")).problems) == 1
    else:
        with pytest.raises(TaskError, match=words):
            task_of(tmp_path, text, rows)


@pytest.mark.parametrize("depth", [900, 9000])
@pytest.mark.parametrize("kind", ["number", "numbers", "question", "document"])
def test_what_is_nested_too_deep_to_read_is_refused(tmp_path: Path, kind: str, depth: int) -> None:
    (tmp_path / "deep.jsonl").write_text(f'{{"input": {"[" * depth + "]" * depth}, "target": "1"}}\n', encoding="utf-8")
    with pytest.raises(TaskError, match=r"line 1 of .*deep\.jsonl"):
        task_of(tmp_path, f'[data]\nfile = "deep.jsonl"\ninputs = {{input = "{kind}"}}\n')


def test_answers_are_read_as_models_write_them() -> None:
    assert read_text("I think so.\n**Answer:** 12 eggs") == "12 eggs"
    assert (read_number("Answer: $1,234.0"), read_number("so 2 + 2.5 = 4.5"), read_number("None.")) == (1234, 4.5, None)
    assert read_truth("Yes, it is") is True and read_truth("no.") is False
    assert read_choice("Answer: (B) it is", choices=("(A)", "(B)")) == "(B)"
    assert (read_number("Answer: 1e5"), read_number("12345678901234567891")) == (100_000, 12345678901234567891)
    far = "9" * 400
    for read, text in ((read_text, " "), (read_number, "many"), (read_number, far), (read_truth, "perhaps")):
        with pytest.raises(ValueError):
            read(text)
    with pytest.raises(ValueError):
        read_choice("A or B", choices=("A", "B"))
    label = answering("label", ["yes", "no"]).kind
    assert label.parse("No!") == "no"  # type: ignore[union-attr]


def test_filtered_passages_come_from_the_document(tmp_path: Path) -> None:
    task = task_of(tmp_path)
    keep = next(primitive for primitive in task.primitives if primitive.name == "filter")
    assert keep.output == ListOf(PASSAGE)
    assert keep.read("b c\n", (["a", "b  c"], "who")) == ["b c"]
    assert keep.read("none", (["a"], "who")) == []
    with pytest.raises(InvalidAnswer):
        keep.read("z", (["a"], "who"))
