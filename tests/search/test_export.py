"""Exports: the file that stands alone does what the genome does."""

from __future__ import annotations

import ast
import json
import random
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from functools import reduce as fold_left
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.search.export import to_mermaid, to_python
from undercut.search.export.as_python import operator_function
from undercut.search.export.command import llm
from undercut.spaces.errors import GenomeError, InvalidAnswer, UsageError
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Signature
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Answer, Question
from undercut.spaces.space import Space
from undercut.spaces.toolbox import Function, Toolbox
from undercut.spaces.types import NEED, NOTHING, NUMBER, NUMBERS, SCORE, TRUTH, Atom, ListOf
from undercut.spaces.variation import mutate

X0, X1 = Input(0), Input(1)


def only_even(numbers: list[int]) -> list[int]:
    """Code that uses other code of its module."""
    return [number for number in numbers if not _odd(number)]


def _odd(number: int) -> bool:
    return number % MODULUS == 1


MODULUS = 2
LABEL = Atom("label", parse=lambda text: {"a": 1, "b": 2}[text.lower()] if text.lower() in "ab" else int(text))
PROMPTS = ('say "label" of {0:, } in {{braces}}\n\\ {1}', "label {0}")
ROWS = Primitive("rows?", (ListOf(NUMBERS), NUMBER), NUMBERS, ("rows {0} from {1}",), law=lambda n, x: n)
LABELLED = Primitive("class", (NUMBERS, NUMBER), LABEL, PROMPTS, law=lambda n, x: 1, symmetric=(0,))
TOOLBOX = Toolbox(
    [*PRIMITIVES.values(), ROWS, LABELLED],
    [
        Function("even numbers", (NUMBERS,), NUMBERS, only_even, law=lambda n: n / 2),
        Function("total", (NUMBERS,), NUMBER, sum, law=lambda n: 1),
        Function("split", (NUMBERS,), NUMBERS, lambda items: [item // MODULUS for item in items], law=lambda n: n),
    ],
)
KIND = Atom("kind", parse=int, options=3)
UNTIDY = Primitive("untidy", (NUMBERS,), NEED, ("untidy {0}",), law=lambda n: 1, reference=lambda a: a != sorted(a))
KIND_OF = Primitive("kind", (NUMBERS,), KIND, ("kind {0}",), law=lambda n: 1, reference=lambda a: sum(a) % 3)
RATE = Primitive("rate", (NUMBERS,), SCORE, ("rate {0}",), law=lambda n: 1, reference=lambda a: (sum(a[:2]) % 5) / 4)
BETTER = Primitive(
    "better", (NUMBERS, NUMBERS), TRUTH, ("better {0} {1}",), law=lambda a, b: 1, reference=lambda a, b: a < b
)
BELOW = Primitive(
    "below",
    (NUMBER, NUMBERS),
    ListOf(TRUTH),
    ("below {0} {1}",),
    law=lambda x, n: n,
    reference=lambda x, a: [each < x for each in a],
)
TOOLBOX = Toolbox(
    [*TOOLBOX.primitives.values(), UNTIDY, KIND_OF, RATE, BETTER, BELOW],
    list(TOOLBOX.functions.values()),
    ("small", "medium", "large"),
)
REFERENCES: dict[str, Callable[..., Any]] = {
    "rows?": lambda rows, start: sorted(item for row in rows for item in row)[start % 3 :],
    "class": lambda numbers, number: 1 + number % 2,
}

Maker = Callable[[random.Random], list[Any]]


def numbers(generator: random.Random, most: int = 23) -> list[int]:
    return [generator.randrange(100) for _ in range(generator.randrange(most))]


def one_list(generator: random.Random) -> list[Any]:
    return [numbers(generator)]


def list_and_number(generator: random.Random) -> list[Any]:
    return [[generator.randrange(4) for _ in range(generator.randrange(20))], generator.randrange(4)]


def facts(generator: random.Random) -> list[Any]:
    names = generator.sample(["Ada", "Bo", "Cy", "Di", "Ed", "Flo", "Gus"], 6)
    return [[[name, generator.randrange(100)] for name in names[:5]], generator.choice(names)]


def node(op: str, *inputs: Any, bodies: Any = (), **genes: Any) -> Node:
    return Node(op, inputs, genes, [Genome(body) for body in bodies])


def chunked(body: Any, *shared: Any, size: int = 4) -> Node:
    return node("map", node("split", X0, size=size, overlap=0), *shared, bodies=[body])


SORT, MERGE = call("sort", X0), call("merge", X0, X1)
BLOCKS = node("merge_blocks", X0, X1, bodies=[MERGE], block=3)
SHUFFLED = call("sort", X0, shuffle=True, temperature=0.7)
SUM = call("sum", X0, shuffle=True)
COUNTED = chunked(call("count", X0, X1), X1)
TIDY = call("sort", X0, shuffle=True, temperature=0.7)
CASES: dict[str, tuple[Node, Maker]] = {
    "guard": (node("guard", X0, bodies=[call("untidy", X0), SORT]), one_list),
    "route to a branch": (
        node("route", X0, bodies=[call("kind", X0), SORT, call("reverse", X0), SORT], pick="branch", read=2),
        one_list,
    ),
    "route to a model": (
        node("route", X0, bodies=[call("kind", X0), SORT], pick="model", first=0, read=5),
        one_list,
    ),
    "route to a part": (
        node("route", X0, bodies=[call("kind", X0), SORT], pick="part", parts=3, read=3),
        one_list,
    ),
    "loop": (node("loop", X0, bodies=[TIDY, call("rate", X0)], accept="better", rounds=4), one_list),
    "loop that takes all": (
        node("loop", X0, bodies=[call("reverse", TIDY), call("rate", X0)], accept="always", rounds=3),
        one_list,
    ),
    "best of several": (node("select", X0, bodies=[TIDY, call("rate", X0)], rule="best", candidates=4), one_list),
    "knockout": (
        node("select", X0, bodies=[TIDY, call("better", X0, X1)], rule="knockout", candidates=5, comparisons=3),
        one_list,
    ),
    **{
        f"sort by {algorithm}": (node("sort_by", X0, bodies=[call("compare", X0, X1)], algorithm=algorithm), one_list)
        for algorithm in ("merge", "quick", "heap", "pairs")
    },
    "sort by batches": (node("sort_by", X0, bodies=[call("below", X0, X1)], algorithm="quick", batch=4), one_list),
    "one call": (call("sort", X0, prompt=2, cap=99), one_list),
    "tree of block merges": (node("reduce", chunked(SORT), bodies=[BLOCKS], arity=2, shape="tree"), one_list),
    "chain of merges": (node("reduce", chunked(SORT), bodies=[MERGE], arity=2, shape="chain"), one_list),
    "tree of additions": (node("reduce", X0, bodies=[call("add", X0, X1)], arity=2, shape="tree"), one_list),
    "reduce over lists": (node("reduce", X0, bodies=[SUM], arity=4, shape="tree"), one_list),
    "chain over lists": (node("reduce", X0, bodies=[call("sum", X0)], arity=3, shape="chain"), one_list),
    "parts and join": (
        node("join", node("map", node("split", X0, parts=3), bodies=[call("reverse", X0)])),
        one_list,
    ),
    "windows": (
        node("join", node("map", node("split", X0, size=5, overlap=2), bodies=[call("copy", X0)])),
        one_list,
    ),
    "fold from nothing": (
        node("fold", X0, bodies=[call("merge", X0, call("sort", X1))], size=3, start="[number]"),
        one_list,
    ),
    "fold from an input": (
        node("fold", X0, X1, bodies=[call("add", X0, call("sum", X1))], size=2, start="input"),
        list_and_number,
    ),
    "fold with more": (
        node("fold", X0, X1, bodies=[call("add", X0, call("count", X1, Input(2)))], size=4, start="number"),
        list_and_number,
    ),
    "majority": (node("vote", X0, bodies=[SUM], rule="majority", votes=5), one_list),
    "even majority": (node("vote", X0, bodies=[call("max", X0, shuffle=True)], rule="majority", votes=4), one_list),
    "first ahead": (node("vote", X0, bodies=[SUM], rule="ahead", lead=2), one_list),
    "map of votes of retries": (
        chunked(node("vote", X0, rule="majority", votes=3, bodies=[node("retry", X0, bodies=[SHUFFLED], tries=2)])),
        one_list,
    ),
    "retry": (node("retry", X0, bodies=[SHUFFLED], tries=4), one_list),
    "retry with check": (node("retry", X0, bodies=[SHUFFLED, call("check", X0)], tries=3), one_list),
    "count": (node("reduce", COUNTED, bodies=[call("add", X0, X1)], arity=2, shape="tree"), list_and_number),
    "lookup and pick": (call("pick", chunked(call("lookup", X0, X1), X1, size=2)), facts),
    "shared part": (call("merge", SORT, call("merge", call("sort", call("less", X0, X1)), SORT)), list_and_number),
    "code": (node("code", node("code", SORT, function="even numbers"), function="split"), one_list),
    "code that is built in": (node("code", X0, function="total"), one_list),
    "awkward primitives": (
        call("add", call("class", X0, X1), call("class", call("rows?", node("split", X0, parts=2), X1), X1, prompt=1)),
        list_and_number,
    ),
}


def text_of(question: Question) -> str:
    """What the model says: now and then something wrong or malformed, as the prompt alone decides."""
    primitive, prompt = question.primitive, question.primitive.prompt(question.values, question.prompt)
    draw = random.Random(zlib.crc32(prompt.encode()))
    reference = primitive.reference or REFERENCES[primitive.name]
    value = reference(*question.values)
    if draw.random() < 0.05:
        return draw.choice(["I cannot say.", "", "1 2 three", "[7, 7]", "none"])
    if draw.random() < 0.25:
        value = {int: lambda: value + draw.randrange(3), list: lambda: draw.sample(value, len(value))}.get(
            type(value), lambda: value
        )()
    if isinstance(value, bool):
        return "Yes." if value else "no"
    if isinstance(value, list) and value and isinstance(value[0], bool):
        return " ".join("yes" if each else "no" for each in value)
    if isinstance(value, list):
        return " " + draw.choice([" ", ", "]).join(map(str, value)) if value else "None"
    return NOTHING if value is None else f"{value}\n"


MOST = 300
"""Questions of one instance, beyond which a random genome is not worth the wait."""


class TooManyError(Exception):
    """A random genome asks too much."""


def by_engine(genome: Genome, inputs: list[Any], table: dict[str, str], toolbox: Toolbox = TOOLBOX) -> Any:
    """The engine's result, with what was said noted in `table`."""
    calls: list[str] = []

    async def ask(question: Question) -> Answer:
        text = text_of(question)
        calls.append(text)
        if len(calls) > MOST:
            raise TooManyError
        table[question.primitive.prompt(question.values, question.prompt)] = text
        try:
            return Answer(question.primitive.read(text, question.values))
        except InvalidAnswer as flag:
            return Answer(None, flag=flag)

    try:
        return run_now(Execution(ask, toolbox, concurrent=False).apply(genome, inputs))
    except InvalidAnswer:
        return "invalid"


DRIVER = """
import importlib.util, json, sys

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
results = []
for inputs, table in json.load(sys.stdin):
    try:
        results.append(exported.solve(lambda prompt: table[prompt], *inputs))
    except exported.InvalidAnswer:
        results.append("invalid")
assert not any(name.startswith("undercut") for name in sys.modules)
print(json.dumps(results))
"""


def in_fresh_python(folder: Path, *arguments: str, given: str) -> str:
    command = [sys.executable, "-I", "-S", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(text: str) -> dict[str, Any]:
    """The names of an exported file."""
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("case", CASES)
def test_exported_file_does_what_the_engine_does(case: str, tmp_path: Path) -> None:
    output, make = CASES[case]
    genome = Genome(output)
    text = to_python(genome, TOOLBOX, title=case, notes=["accuracy 0.97"])
    ast.parse(text, feature_version=(3, 9))
    (tmp_path / "exported.py").write_text(text, encoding="utf-8")
    generator = random.Random(case)
    work, expected = [], []
    for _ in range(40):
        inputs, table = make(generator), {}
        expected.append(by_engine(genome, inputs, table))
        work.append((inputs, table))
    found = in_fresh_python(tmp_path, "-c", DRIVER, "exported.py", given=json.dumps(work))
    assert json.loads(found) == expected
    assert len({json.dumps(result) for result in expected}) > 3


def test_cases_cover_every_operator() -> None:
    used = {each.op for output, _ in CASES.values() for each in Genome(output).walk()}
    assert used == set(OPERATORS)


@pytest.mark.parametrize("op", sorted(set(OPERATORS) - {"call", "code"}))
def test_every_operator_has_a_function(op: str) -> None:
    assert operator_function(op).__doc__


@pytest.mark.parametrize("case", CASES)
def test_exported_file_stands_alone(case: str) -> None:
    text = to_python(Genome(CASES[case][0]), TOOLBOX, title='Quotes """ and \\', notes=['ends with "'])
    imported = {
        alias.name if isinstance(statement, ast.Import) else statement.module
        for statement in ast.walk(ast.parse(text))
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for alias in statement.names
    }
    assert {str(name).split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert 'os.environ.get("OPENAI_API_KEY")' in text


SAID = ("3", "1 2", "2, 1", "[4]", "none", "", "yes", "No.", "six", "1 2 3")


@pytest.mark.parametrize("name", PRIMITIVES)
def test_questions_are_those_of_the_primitive(name: str) -> None:
    primitive = PRIMITIVES[name]
    examples = {"[fact]": [["Ada", 3], ["Bo", 4]], "key": "Bo", "number": 3}
    values = [examples.get(str(kind), [2, 1]) for kind in primitive.inputs]
    for variant in range(len(primitive.prompts)):
        output = call(name, *map(Input, range(len(values))), prompt=variant)
        namespace = loaded(to_python(Genome(output), TOOLBOX, title=name, notes=[]))
        for text in SAID:
            asked: list[str] = []

            def llm(prompt: str, asked: list[str] = asked, text: str = text) -> str:
                asked.append(prompt)
                return text

            try:
                expected = primitive.read(text, values)
            except InvalidAnswer:
                with pytest.raises(namespace["InvalidAnswer"]):
                    namespace["solve"](llm, *values)
            else:
                assert namespace["solve"](llm, *values) == expected
            assert asked == [primitive.prompt(values, variant)]


def test_no_secret_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in to_python(Genome(SORT), TOOLBOX, title="sort", notes=[])


def test_options_reach_a_model_that_takes_them(tmp_path: Path) -> None:
    toolbox = Toolbox(list(PRIMITIVES.values()), models=("small", "large"))
    genome = Genome(call("sort", call("sort", X0, model=1, temperature=0.7, cap=50)))
    namespace = loaded(to_python(genome, toolbox, title="sort", notes=[]))
    seen: list[Any] = []

    def llm(prompt: str, model: str, **more: Any) -> str:
        seen.append((model, more))
        return "1 2"

    assert namespace["solve"](llm, [2, 1]) == [1, 2]
    assert seen == [("large", {"temperature": 0.7, "max_tokens": 50}), ("small", {})]
    assert namespace["solve"](lambda prompt: "1 2", [2, 1]) == [1, 2]


def test_exported_file_is_a_command(tmp_path: Path) -> None:
    text = to_python(Genome(node("split", X0, parts=2)), TOOLBOX, title="halves", notes=[])
    (tmp_path / "halves.py").write_text(text, encoding="utf-8")
    assert json.loads(in_fresh_python(tmp_path, "halves.py", given="[[1, 2, 3]]")) == [[1, 2], [3]]
    (tmp_path / "inputs.json").write_text("[[1, 2]]", encoding="utf-8")
    assert json.loads(in_fresh_python(tmp_path, "halves.py", "inputs.json", given="")) == [[1], [2]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[3, 1, 2]", r"takes 1 \(\[number\]\), and 3 were given"),
        ("[]", "and 0 were given"),
        ("[[3, 1], [2]]", "and 2 were given"),
        ("[3]", "input 1 must be a list"),
        ("{}", "it is no list"),
    ],
)
def test_wrong_inputs_of_a_command_are_told_in_a_sentence(given: str, said: str, tmp_path: Path) -> None:
    text = to_python(Genome(node("split", X0, parts=2)), TOOLBOX, title="halves", notes=[], inputs=[NUMBERS])
    (tmp_path / "halves.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "halves.py"], input=given, capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"The inputs must be a JSON list, such as \[\[3, 1, 2\]\].*{said}.*\n", done.stderr)


def test_a_command_tells_what_it_takes(tmp_path: Path) -> None:
    text = to_python(Genome(node("split", X0, parts=2)), TOOLBOX, title="halves", notes=[], inputs=[NUMBERS])
    (tmp_path / "halves.py").write_text(text, encoding="utf-8")
    (tmp_path / "in.json").write_text("[[3, 1]]", encoding="utf-8")
    assert in_fresh_python(tmp_path, "halves.py", "in.json", given="") == "[[3], [1]]\n"
    assert in_fresh_python(tmp_path, "halves.py", "--help", given="").startswith("python halves.py [FILE]: run on")
    command = [sys.executable, "-I", "halves.py", "in.json", "more.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 1 and done.stderr.endswith("one file is read, and 2 were given\n")


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/v1", "nowhere", "http://127.0.0.1:port/v1"])
def test_a_model_that_cannot_be_reached_is_told_in_a_sentence(base: str, tmp_path: Path) -> None:
    (tmp_path / "sort.py").write_text(to_python(Genome(SORT), TOOLBOX, title="sort"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "sort.py"], input="[[3, 1, 2]]", capture_output=True, text=True, cwd=tmp_path,
        env={"OPENAI_BASE_URL": base, "MODEL": "m", "no_proxy": "*"}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        done.stderr.startswith("The model could not be asked: OPENAI_BASE_URL must be") and "\n" not in done.stderr[:-1]
    )


def test_an_answer_that_is_no_chat_completion_is_told(
    serve: Callable[[Callable[[], web.Application]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> web.Application:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response({"error": "no such model"})

        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        return app

    for name, value in (("OPENAI_BASE_URL", serve(make)), ("MODEL", "m"), ("no_proxy", "*")):
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match="MODEL one of its models: KeyError"):
        llm("hi")


@pytest.mark.parametrize("status", [302, 303])
def test_a_key_goes_to_the_host_that_is_named_and_to_no_other(
    serve: Callable[[Callable[[], web.Application]], str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: dict[str, str | None] = {}

    def make() -> web.Application:
        async def first(request: web.Request) -> web.Response:
            got["named"] = request.headers.get("Authorization")
            place = f"http://localhost:{request.url.port}/v1/elsewhere"
            return web.Response(status=status, headers={"Location": place})

        async def elsewhere(request: web.Request) -> web.Response:
            got["other"] = request.headers.get("Authorization")
            return web.json_response({"choices": [{"message": {"content": "5"}}]})

        app = web.Application()
        app.router.add_post("/v1/chat/completions", first)
        app.router.add_get("/v1/elsewhere", elsewhere)
        return app

    monkeypatch.setenv("no_proxy", "*")
    for name, value in (("OPENAI_BASE_URL", serve(make)), ("MODEL", "m"), ("OPENAI_API_KEY", "sk-secret-123456")):
        monkeypatch.setenv(name, value)
    assert llm("hi") == "5"
    assert got == {"named": "Bearer sk-secret-123456", "other": None}


def test_a_key_that_no_header_can_carry_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("MODEL", "m"), ("OPENAI_API_KEY", "sk-12\n34")):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="OPENAI_API_KEY must have nothing but printable ASCII") as caught:
        llm("hi")
    assert "34" not in str(caught.value)


def test_nested_parallel_work_does_not_block_itself(tmp_path: Path) -> None:
    inner = node("map", X0, bodies=[node("vote", X0, bodies=[call("add", X0, X0)], rule="majority", votes=9)])
    text = to_python(Genome(chunked(inner, size=5)), TOOLBOX, title="nested", notes=[])
    namespace = loaded(text)
    found = namespace["solve"](lambda prompt: str(eval(prompt.removeprefix("add: "))), list(range(60)))
    assert fold_left(list.__add__, found, []) == [2 * number for number in range(60)]


def test_model_that_fails_stops_the_work() -> None:
    namespace = loaded(to_python(Genome(chunked(SORT)), TOOLBOX, title="", notes=[]))
    with pytest.raises(ConnectionError, match="down"):
        namespace["solve"](_down, list(range(40)))


def _down(prompt: str) -> str:
    raise ConnectionError("down")


def test_code_that_cannot_be_copied_is_refused() -> None:
    def closure(items: list[int]) -> list[int]:
        return items[:outer]

    outer = 2
    toolbox = Toolbox([], [Function("cut", (NUMBERS,), NUMBERS, closure, law=lambda n: n)])
    with pytest.raises(UsageError, match=r"cannot copy|does not"):
        to_python(Genome(node("code", X0, function="cut")), toolbox, title="", notes=[])


@pytest.mark.parametrize(
    "output",
    [
        node("exec", X0),
        node("join", X0, **{"x=__import__('os')": 1}),
        node("split", X0, sizes=3),
        node("reduce", X0, bodies=[MERGE], arity=2),
        node("call", X0, primitive="unknown"),
        call("sort", X0, prompt=7),
        node("code", X0, function="unknown"),
    ],
)
def test_genome_that_does_not_fit_is_refused(output: Node) -> None:
    with pytest.raises(GenomeError):
        to_python(Genome(output), TOOLBOX, title="", notes=[])


@pytest.mark.parametrize("case", CASES)
def test_mermaid_draws_every_operator(case: str) -> None:
    genome = Genome(CASES[case][0])
    chart = to_mermaid(genome)
    assert chart.startswith("flowchart TD\n")
    lines = [line.strip() for line in chart.splitlines()]
    assert sum(line.startswith("n") and '["' in line for line in lines) == len(list(genome.walk()))
    assert lines.count("end") == sum(line.startswith("subgraph") for line in lines)


THREE = Atom("three", parse=int, options=3)
KIND = Primitive("kind", (NUMBERS,), THREE, ("kind of {0}",), law=lambda n: 1)
RECORD = Atom("record", parse=json.loads, render=json.dumps)
DESCRIBE = Primitive("describe", (NUMBERS,), RECORD, ("describe {0}",), law=lambda n: 1)
ODD = Toolbox([KIND, DESCRIBE, PRIMITIVES["intersect"]])


@pytest.mark.parametrize(
    ("output", "inputs", "said", "expected"),
    [
        (
            Node("merge_blocks", [X0, X1], {"block": 1}, [Genome(call("intersect", X0, X1))]),
            [[1, 2], [3, 4]],
            ["none"],
            [],
        ),
        (Node("retry", [X0], {"tries": 3}, [Genome(call("kind", X0, temperature=0.7))]), [[3, 1]], ["7", "-1", "1"], 1),
        (
            Node("vote", [X0], {"rule": "majority", "votes": 5}, [Genome(call("describe", X0, temperature=0.7))]),
            [[3, 1]],
            ['{"x": 0}', '{"a": 1, "b": 2}', '{"x": 0}', '{"b": 2, "a": 1}', '{"a": 1, "b": 2}'],
            {"a": 1, "b": 2},
        ),
    ],
    ids=["blocks that come to nothing", "a choice out of its range", "a record in another order"],
)
def test_odd_answers_lead_to_the_same(output: Node, inputs: list[Any], said: list[str], expected: Any) -> None:
    answers = cycle(said)

    async def ask(question: Question) -> Answer:
        try:
            return Answer(question.primitive.read(next(answers), question.values))
        except InvalidAnswer as flag:
            return Answer(None, flag=flag)

    assert run_now(Execution(ask, ODD, concurrent=False).apply(Genome(output), inputs)) == expected
    solve, turns = loaded(to_python(Genome(output), ODD, title="odd", notes=[])), iter(said * 100)
    lock = threading.Lock()

    def llm(prompt: str, **_: Any) -> str:
        with lock:
            return next(turns)

    assert solve["solve"](llm, *inputs) == expected


FEW = Toolbox([PRIMITIVES[name] for name in ("sort", "merge", "sum", "add", "check")], overlaps=(0, 1))
SPACES = [Space(Signature((NUMBERS,), kind), FEW, max_size=8) for kind in (NUMBERS, NUMBER)]


@pytest.mark.parametrize("seed", range(60))
def test_random_genome_does_what_the_engine_does(seed: int) -> None:
    generator = random.Random(seed)
    space = generator.choice(SPACES)
    genome = mutate(space, space.sample(generator), generator)
    solve = loaded(to_python(genome, FEW, title=str(genome), notes=[]))
    for _ in range(5):
        inputs, table = [numbers(generator, 9)], {}
        try:
            expected = by_engine(genome, inputs, table, FEW)
        except TooManyError:
            continue
        try:
            found = solve["solve"](table.__getitem__, *inputs)
        except solve["InvalidAnswer"]:
            found = "invalid"
        assert found == expected
