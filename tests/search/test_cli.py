"""The command, from the first look to the exported file, and what it says to what cannot be used."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.bill import Spent
from undercut.evaluators.cache import ANSWERS
from undercut.evaluators.journal import Journal
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.tasks import TASKS
from undercut.search import calibration
from undercut.search.cli import commands, main
from undercut.search.export import to_mermaid, to_python
from undercut.search.proposers.at_random import AtRandom
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.spaces.genome import DEEPEST, Genome, Input, Node, call
from undercut.spaces.operators import OPERATORS

MODEL = "-m simulated/gpt-3.5"
SMALL = f"{MODEL} --strategy random --sizes 4,8 --target-size 16 --evaluations 3 --samples 10 --max-size 5"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def in_a_hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtRandom, "batch", 40)
        patch.setattr(calibration, "STRUCTURES", 200)
        patch.setattr(calibration, "DRAWS", 50)
        yield


@pytest.fixture
def undercut(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command as a function of its line: exit code, standard output, standard error."""

    def run(line: str, *more: str) -> tuple[int, str, str]:
        code = main([*shlex.split(line), *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("done") / "sum-1"
    assert main([*shlex.split(f"search sum {SMALL}"), "--out", str(folder)]) == 0
    return folder


def refused(result: tuple[int, str, str], *words: str, code: int = 2) -> None:
    """One clear sentence on standard error, nothing else."""
    found, out, err = result
    assert (found, out) == (code, ""), (out, err)
    lines = err.splitlines()
    sentence = lines[-1]
    assert len(lines) == 1 or code == 1, err
    assert sentence.startswith("undercut: ") and len(sentence) < 500
    assert "Traceback" not in err
    for word in words:
        assert word in sentence, err


# ---- what it says of itself


@pytest.mark.parametrize("name", [None, *commands.commands])
def test_every_command_has_help(name: str | None, undercut: Command) -> None:
    code, out, err = undercut(f"{name or ''} --help")
    assert code == 0 and err == "" and "Usage: undercut" in out
    assert all(len(line) <= 110 for line in out.splitlines())


def test_alone_it_shows_help(undercut: Command) -> None:
    assert undercut("") == undercut("--help")


def test_no_summary_of_a_command_is_cut_off(undercut: Command) -> None:
    assert "..." not in undercut("--help")[1].partition("Commands:")[2]


def test_it_knows_its_version(undercut: Command) -> None:
    code, out, _ = undercut("--version")
    assert code == 0 and out.startswith("undercut")


@pytest.mark.parametrize(
    ("command", "names"),
    [("tasks", list(TASKS)), ("models", ["embedded", "simulated/perfect"]), ("operators", list(OPERATORS))],
)
def test_lists(command: str, names: list[str], undercut: Command) -> None:
    code, out, err = undercut(command)
    assert code == 0 and err == "" and all(name in out for name in names)
    code, out, err = undercut(f"{command} --json")
    rows = json.loads(out)
    assert code == 0 and set(names) <= {row["name"] for row in rows}
    assert all(row.keys() == {"name", "summary"} and row["summary"] for row in rows)


# ---- from a search to a file


def test_a_search_shows_its_front(tmp_path: Path, undercut: Command) -> None:
    code, out, err = undercut(f"search sum {SMALL} --out {tmp_path / 'run'}")
    assert code == 0
    assert "accuracy" in out and "forecast" in out and "one call" in out and "Next: undercut export" in out
    assert err.startswith("sum · simulated/gpt-3.5 · sizes 4 8, target 16 · cost in tokens · random · seed 0")
    assert "calibrate" in err and "measure" in err


def test_json_is_all_that_stands_on_standard_output(tmp_path: Path, undercut: Command) -> None:
    code, out, _ = undercut(f"search sum {SMALL} --json --out {tmp_path / 'run'}")
    assert code == 0
    assert json.loads(out)["task"] == "sum"
    assert undercut(f"front {tmp_path / 'run'} --json")[1] == out


def test_commands_to_copy_can_be_pasted(tmp_path: Path, undercut: Command) -> None:
    folder = tmp_path / "a run"
    code, out, _ = undercut(f"search maximum {SMALL} --max-size 2 --out '{folder}'")
    assert code == 0 and f"Next: undercut export '{folder}' --pick best" in out and out.endswith("-o 'a run.py'\n")


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undercut: Command) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert undercut(f"search maximum {SMALL} --max-size 2")[0] == 0
        assert (tmp_path / "runs" / f"maximum-{number}").is_dir()


def test_front_and_resume_of_a_finished_run(done: Path, undercut: Command) -> None:
    code, out, err = undercut(f"front {done}")
    assert code == 0 and err == "" and "accuracy" in out
    result = json.loads(undercut(f"front {done} --json")[1])
    code, out, err = undercut(f"resume {done} --json")
    assert code == 0 and json.loads(out) == result
    assert "rehearse" not in err and "search" not in err, "nothing is worked out again"


def test_what_a_killed_process_had_under_way_is_told_and_stays_on_the_bill(
    done: Path, tmp_path: Path, undercut: Command
) -> None:
    folder = tmp_path / "sum-1"
    shutil.copytree(done, folder)
    journal = Journal(folder / ANSWERS)
    before = Ledger(journal=journal).spent
    asyncio.run(Ledger(journal=journal).reserve(70, 30))  # and nobody ever settles it
    journal.close()
    code, _, err = undercut(f"resume {folder} --json")
    assert code == 0
    assert "killed with up to 1 calls under way: these stay on the bill at their most, 100 tokens" in err
    journal = Journal(folder / ANSWERS)
    assert Ledger(journal=journal).spent == before + Spent(1, 70, 30, None, 1, 100)
    journal.close()


@pytest.mark.parametrize("pick", ["best", "cheapest", "a", "one call"])
def test_exports(pick: str, done: Path, tmp_path: Path, undercut: Command) -> None:
    for form in ("python", "json", "mermaid"):
        code, out, err = undercut(f"export {done} --format {form} --pick", pick)
        assert code == 0 and err == "" and out.endswith("\n")
        if form == "python":
            assert "def solve(llm, x0" in out
            ast.parse(out)
        elif form == "json":
            assert json.loads(out)["task"] == "sum"
        else:
            assert out.startswith("flowchart")
        file = tmp_path / form
        code, nothing, err = undercut(f"export {done} --format {form} -o {file} --pick", pick)
        assert code == 0 and nothing == "" and str(file) in err
        assert file.read_text(encoding="utf-8") == out


def test_a_front_is_drawn_beside_its_table(done: Path, tmp_path: Path, undercut: Command) -> None:
    table = undercut(f"front {done}")
    code, out, err = undercut(f"front {done} --plot {tmp_path / 'front.svg'}")
    assert (code, out) == table[:2] and f"front.svg shows the front of {done}" in err
    assert (tmp_path / "front.svg").read_text().startswith("<?xml")
    refused(undercut(f"front {done} --plot front.doc"), "--plot must be a file that ends in one of", "'front.doc'")


def test_a_genome_that_was_exported_is_measured_run_and_priced(done: Path, tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "sum.json"
    assert undercut(f"export {done} --format json -o {file}")[0] == 0
    code, out, err = undercut(f"eval {file} sum -m simulated/perfect --sizes 4,8 --samples 5 --json")
    assert code == 0, err
    result = json.loads(out)
    assert result["front"][0]["accuracy"]["8"]["mean"] == 1.0 and result["spent"]["calls"] > 0
    code, out, err = undercut(f"eval {file} sum -m simulated/perfect --sizes 4 --samples 5")
    assert code == 0 and "  1 (.57–1)" in out
    code, out, err = undercut(f"run {file} -m simulated/perfect", "[3, 1, 2]")
    assert (code, out, err) == (0, "6\n", "")
    code, out, _ = undercut(f"run {file} -m simulated/perfect --json", "[3, 1, 2]")
    assert json.loads(out).keys() == {"output", "failure", "reason", "cost"}
    code, out, err = undercut(f"cost {file} -m simulated/perfect --size 8 --size 512 --json")
    assert code == 0, err
    priced = json.loads(out)
    item = priced["front"][0]
    assert item["cost"]["512"]["tokens"] > item["cost"]["8"]["tokens"] and item["laws"]["tokens"] == "n"
    code, out, err = undercut(f"cost {file} -m simulated/perfect")
    assert code == 0 and "n = 1000" in out and "no call was made" in out


# ---- wrong use


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("search nonsense", ["sort, sum", "'nonsense'"]),
        ("search own_nowhere:task", ["could not be imported"]),
        ("search sort -m nonsense", ["'nonsense'", "embedded"]),
        ("search sort -m simulated/nonsense", ["'simulated/nonsense'", "simulated/perfect"]),
        (f"search sort {MODEL} --sizes 0,4", ["--sizes", "'0,4'"]),
        (f"search sort {MODEL} --sizes four", ["--sizes", "'four'", "8,16,32"]),
        (f"search sort {MODEL} --sizes ''", ["--sizes"]),
        (f"search sort {MODEL} --sizes 8,4", ["--sizes must ascend", "[8, 4]"]),
        (f"search sort {MODEL} --sizes 8,8", ["--sizes must ascend"]),
        (f"search sort {MODEL} --sizes 4,8 --target-size 6", ["--target-size", "(8)", "6"]),
        (f"search sort {MODEL} --target-size 0", ["--target-size", "0"]),
        (f"search sort {MODEL} --target-size big", ["target-size", "'big'"]),
        (f"search sort {MODEL} --cost euro", ["--cost must be one of tokens", "'euro'"]),
        (f"search sort {MODEL} --strategy magic", ["--strategy must be one of auto, evolution", "'magic'"]),
        (f"search sort {MODEL} --samples 0", ["--samples must be 1 or more, not 0"]),
        (
            f"search sort {MODEL} --sizes 8,99999999999999",
            ["at most 100,000,000 items", "1 of size 99,999,999,999,999"],
        ),
        (
            f"search sort {MODEL} --sizes 4,8 --samples 99999999999999",
            ["100,000,000 items", "of size 4"],
        ),
        (f"check sort {MODEL} --sizes 4,8 --samples 99999999999999", ["100,000,000 items", "--samples"]),
        (f"search sort {MODEL} --evaluations -3", ["--evaluations must be 1 or more, not -3"]),
        (f"search sort {MODEL} --max-calls -1", ["--max-calls must be 0 or more, not -1"]),
        (f"search sort {MODEL} --max-minutes -1", ["--max-minutes must be 0 or more, not -1"]),
        ("search sort -m x --api-base http://me:pass@host/v1", ["API base must be a URL", "OPENAI_API_KEY"]),
        (f"search sort {MODEL} --concurrency 0", ["concurrency"]),
        (f"search sort {MODEL} --data nowhere.csv", ["JSONL, JSON or CSV", "nowhere.csv"]),
        (f"search sort {MODEL} --storage nonsense", ["--storage must be the URL"]),
        ("search", ["missing argument 'TASK'", "`undercut search --help`"]),
        ("search sort --nonsense", ["--nonsense"]),
        ("serch sort", ["serch"]),
        ("front nowhere", ["DIR must be the folder of a run", "'nowhere'"]),
        ("resume nowhere", ["DIR must be the folder of a run"]),
        ("export nowhere", ["DIR must be the folder of a run"]),
        ("export nowhere --format word", ["--format must be one of python, json, mermaid", "'word'"]),
        (f"eval nowhere.json sort {MODEL}", ["GENOME must be a file that can be read", "nowhere.json"]),
        (f"run nowhere.json {MODEL} 3", ["GENOME must be a file that can be read"]),
        ("cost nowhere.json --size 0", ["size"]),
        ("cost nowhere.json --size -8", ["size", "-8"]),
        ("cost nowhere.json --size 2.5", ["size", "'2.5'"]),
        (f"search sort {MODEL} --shape 8e9,0,4096", ["--shape must be parameters, layers and width", "'8e9,0,4096'"]),
        (f"search sort {MODEL} --shape other=8e9,32,4096", ["--shape must name a model of the run", "'other'"]),
        (f"search sort {MODEL} --prices nowhere.toml", ["--prices must be a file that can be read", "nowhere.toml"]),
        (f"search sort {MODEL} --batch", ["--batch needs batch prices"]),
        (f"search sort {MODEL} --workers 0", ["workers", "0"]),
        (f"search sort {MODEL} --cost usd", ["--cost usd cannot be known", "tokens, passes"]),
    ],
)
def test_wrong_use_is_one_sentence(
    line: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undercut: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(undercut(line), *words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_full_disk_is_one_sentence(undercut: Command) -> None:
    with Path("/dev/full").open("w", buffering=1) as full, contextlib.redirect_stdout(full):
        code, _, err = undercut("tasks")
        with contextlib.suppress(OSError):
            full.close()
    assert (code, err) == (
        1,
        "undercut: there must be room for what is written, and there is none: No space left on device\n",
    )


def test_folders_that_cannot_hold_a_run(done: Path, tmp_path: Path, undercut: Command) -> None:
    (tmp_path / "file").write_text("")
    refused(undercut(f"search sum {SMALL} --out {tmp_path / 'file' / 'below'}"), "--out must be a folder")
    refused(undercut(f"search sum {SMALL} --out {tmp_path}"), "--out must be an empty folder", "'file'")
    refused(undercut(f"search sum {SMALL} --seed 7 --out {done}"), "a run with other settings", "undercut resume")
    refused(undercut(f"front {tmp_path}"), "DIR must be the folder of a run")


def test_picks_and_outputs_that_are_not_there(done: Path, tmp_path: Path, undercut: Command) -> None:
    refused(undercut(f"export {done} --pick q"), "--pick must be best, cheapest or one of a", "'q'")
    refused(undercut(f"export {done} -o {tmp_path / 'no' / 'file.py'}"), "-o must be a file that can be written")


LAWLESS = """
from undercut import NUMBER, NUMBERS, Primitive, Task
def make(size, generator):
    numbers = [generator.randrange(100) for _ in range(size)]
    return (numbers,), sum(numbers)


total = Primitive("total", (NUMBERS,), NUMBER, ("total: {0}",), reference=sum)
task = Task("lawless", (NUMBERS,), NUMBER, (total,), make, sizes=(4, 8))
"""


def test_what_has_no_law_is_not_priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undercut: Command) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lawless_task.py").write_text(LAWLESS)
    (tmp_path / "genome.json").write_text(genome_text(call("total", Input(0))))
    said = ["primitive 'total' has no law", "give its Primitive a law"]
    refused(undercut("cost genome.json --task lawless_task:task -m simulated/perfect"), *said)
    refused(undercut("search lawless_task:task -m simulated/perfect"), *said)


def test_prices_and_workers_reach_the_cost(tmp_path: Path, undercut: Command) -> None:
    sheet, genome = tmp_path / "prices.toml", tmp_path / "genome.json"
    sheet.write_text("""
date = 2026-11-01
[models."simulated/gpt-3.5"]
price = {prompt = 1.0, completion = 2.0, batch = 0.5}
shape = {parameters = 1000, layers = 1, width = 1}
""")
    pieces = Node("split", [Input(0)], {"size": 8, "overlap": 0})
    mapped = Node("map", [pieces], {}, [Genome(call("sort", Input(0)))])
    genome.write_text(genome_text(Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [Genome(MERGE)])))

    def priced(more: str) -> dict[str, float]:
        code, out, _ = undercut(f"cost {genome} --task sort {MODEL} --size 64 --json {more}")
        assert code == 0
        found: dict[str, float] = json.loads(out)["front"][0]["cost"]["64"]
        return found

    plain, known = priced(""), priced(f"--prices {sheet}")
    assert plain["usd"] is None and plain["flops"] is None
    assert known["usd"] == pytest.approx((known["prefill"] + 2 * known["decode"]) / 1e6) and known["flops"] > 0
    assert priced(f"--prices {sheet} --batch")["usd"] == pytest.approx(known["usd"] / 2)
    depths = [priced(f"--workers {workers}")["depth"] for workers in (1, 2, 4, 64)]
    assert depths == sorted(depths, reverse=True) and depths[-1] == plain["depth"] and depths[0] == plain["passes"]
    assert priced("--shape 1000,1,1")["flops"] == known["flops"]


SORT, MERGE = call("sort", Input(0)), call("merge", Input(0), Input(1))


def genome_text(output: Any) -> str:
    return Genome(output).to_json()


def folds_in_folds(depth: int) -> str:
    """A fold whose step is a fold, and so on, so many bodies deep."""
    inner = json.dumps({"nodes": [{"op": "call", "inputs": ["x0", "x1"], "genes": MERGE.genes}], "output": 0})
    step = (
        '{"nodes": [{"op": "fold", "inputs": ["x1", "x0"], "genes": {"size": 2, "start": "input"}, "bodies": [%s]}], '
    )
    for _ in range(depth - 1):
        inner = step % inner + '"output": 0}'
    genes = {"size": 1, "start": "[number]"}
    data = {"undercut": 1, "nodes": [{"op": "fold", "inputs": ["x0"], "genes": genes, "bodies": ["…"]}], "output": 0}
    return json.dumps(data).replace(json.dumps("…"), inner)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", ["must hold JSON"]),
        ("[" * 100_000, ["nested deeper"]),
        (folds_in_folds(DEEPEST + 1), ["more than 100 bodies within bodies"]),
        (folds_in_folds(200), ["more than 100 bodies within bodies"]),
        (folds_in_folds(2000), ["more than 100 bodies within bodies"]),
        ("[]", ['"undercut": 1']),
        ('{"undercut": 1, "nodes": [{"op": "join", "inputs": [0]}], "output": 0}', ["cycle", "node 0"]),
        ('{"undercut": 1, "nodes": [], "output": 3}', ["there are none"]),
        (genome_text(Node("teleport", [Input(0)])), ["unknown operator 'teleport'"]),
        (genome_text(call("check", Input(0))), ["check"]),
        (genome_text(Node("join", [SORT])), ["type clash"]),
        (genome_text(Input(1)), ["x1 does not exist"]),
        (genome_text(Input(0)), ["must do work"]),
        (genome_text(call("sort", Input(0), prompt=9)), ["prompt", "9"]),
        (genome_text(call("sort", Input(0), temperature=-1)), ["temperature", "-1"]),
        (genome_text(call("juggle", Input(0))), ["'juggle'"]),
    ],
)
def test_genomes_that_are_none(text: str, words: list[str], tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "genome.json"
    file.write_text(text, encoding="utf-8")
    refused(undercut(f"eval {file} sort {MODEL}"), *words)
    refused(undercut(f"run {file} --task sort {MODEL}", "[1]"), *words)
    refused(undercut(f"cost {file} --task sort {MODEL}"), *words)


def test_bodies_may_be_nested_as_deep_as_a_file_may_be(tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "genome.json"
    file.write_text(folds_in_folds(DEEPEST), encoding="utf-8")
    assert undercut(f"eval {file} sort {MODEL} --sizes 2 --samples 2")[0] == 0
    assert undercut(f"run {file} --task sort {MODEL}", "[2, 1]")[0] == 0
    assert undercut(f"cost {file} --task sort {MODEL}")[0] == 0
    toolbox, genome = TASKS["sort"].toolbox(["any"]), Genome.from_json(file.read_text(encoding="utf-8"))
    assert compile(to_python(genome, toolbox, title="deep", notes=[]), "deep.py", "exec")
    assert to_mermaid(genome) and genome.to_networkx() and Genome.from_json(genome.to_json()) == genome


def test_inputs_that_are_none(tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "genome.json"
    file.write_text(genome_text(SORT), encoding="utf-8")
    refused(undercut(f"run {file} {MODEL}", "[1]"), "--task")
    refused(
        undercut(
            f"run {file} {MODEL} --task sort",
            "[1",
        ),
        "JSON",
    )
    refused(undercut(f"run {file} {MODEL} --task sort", "[1]", "2"), "takes 1 inputs", "2 were given")
    for given in ("3", '"text"', "[1, null]", '[1, "two"]', "{}"):
        refused(undercut(f"run {file} {MODEL} --task sort", given), "[number]")


def test_files_with_bad_problems(tmp_path: Path, undercut: Command) -> None:
    good = {"input": [2, 1], "target": [1, 2]}
    for rows in (
        '{"input": [2, 1]}',
        "[1]",
        "nothing",
        '{"inputs": [[1], [2]], "target": [1]}',
        '{"input": 3, "target": 3}',
    ):
        file = tmp_path / "rows.jsonl"
        file.write_text(json.dumps(good) + "\n" + rows + "\n", encoding="utf-8")
        refused(undercut(f"search sort {SMALL} --data {file} --out {tmp_path / 'run'}"), "line 2", "rows.jsonl")
    file.write_text("", encoding="utf-8")
    refused(undercut(f"search sort {SMALL} --data {file} --out {tmp_path / 'run'}"), "holds none")
    file.write_text(json.dumps(good), encoding="utf-8")
    refused(undercut(f"eval {tmp_path / 'none.json'} sort {MODEL} --data {file}"), "GENOME")


# ---- runs that could not finish


def test_a_limit_can_be_raised(tmp_path: Path, undercut: Command) -> None:
    folder = tmp_path / "run"
    said = undercut(f"search sum {SMALL} --max-calls 40 --out {folder}")
    refused(said, "raise --max-calls to go on", f"`undercut resume {folder}` goes on", code=1)
    refused(undercut(f"front {folder}"), "has not ended", "undercut resume")
    refused(undercut(f"export {folder}"), "has not ended")
    refused(undercut(f"resume {folder}"), "raise --max-calls to go on", code=1)
    code, out, _ = undercut(f"resume {folder} --max-calls 100000 --json")
    assert code == 0
    whole = json.loads(undercut(f"search sum {SMALL} --json --out {tmp_path / 'whole'}")[1])
    assert json.loads(out) == whole


def test_a_limit_below_what_is_spent_costs_a_run_nothing_of_its_front(tmp_path: Path, undercut: Command) -> None:
    folder = tmp_path / "run"
    whole = undercut(f"search sum {SMALL} --json --out {folder}")[1]
    spent = json.loads(whole)["spent"]
    for unit in ("calls", "tokens"):
        said = undercut(f"resume {folder} --max-{unit} {spent[unit] - 1} --json")
        refused(said, f"--max-{unit} counts all that a run has spent", str(spent[unit]), f"{spent[unit] - 1} is less")
    assert undercut(f"front {folder} --json")[1] == whole


def test_a_measurement_that_was_cut_off_goes_on_where_it_keeps_its_answers(tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "genome.json"
    file.write_text(genome_text(call("sort", Input(0))))
    line = f"eval {file} sort {MODEL} --sizes 4,8 --samples 10 --json"
    whole = json.loads(undercut(line)[1])
    assert whole["spent"]["calls"] == 20
    refused(undercut(f"{line} --max-calls 12 --out {tmp_path / 'kept'}"), "raise --max-calls to go on", code=1)
    assert json.loads(undercut(f"{line} --out {tmp_path / 'kept'}")[1]) == whole
    assert json.loads(undercut(f"{line} --max-calls 20 --out {tmp_path / 'kept'}")[1]) == whole
    refused(
        undercut(f"search sort {SMALL} --out {tmp_path / 'kept'}"), "--out must be an empty folder", "answers.sqlite"
    )
    (tmp_path / "file").touch()
    refused(undercut(f"{line} --out {tmp_path / 'file'}"), "--out must be a folder", "file")


def test_a_limit_can_be_lifted(tmp_path: Path, undercut: Command) -> None:
    folder = tmp_path / "run"
    refused(undercut(f"search sum {SMALL} --max-calls 40 --out {folder}"), "raise --max-calls to go on", code=1)
    code, out, _ = undercut(f"resume {folder} --unlimited --json")
    assert code == 0
    assert json.loads(out)["spent"]["calls"] > 40


def test_a_small_file_that_stands_for_a_huge_genome_is_refused(tmp_path: Path, undercut: Command) -> None:
    """Each of 40 nodes merges the one before with itself."""
    output = call("sort", Input(0))
    for _ in range(40):
        output = call("merge", output, output)
    file = tmp_path / "genome.json"
    file.write_text(genome_text(output))
    for line in (
        f"cost {file} --task sort {MODEL}",
        f"eval {file} sort {MODEL}",
        f"run {file} '[1]' --task sort {MODEL}",
    ):
        refused(undercut(line), "at most 1,000 nodes", "2,199,023,255,551")


def test_a_limit_in_dollars_takes_models_with_prices_alone(tmp_path: Path, undercut: Command) -> None:
    """Nothing is sent, to a model that has one neither; a run that was kept with such a limit goes on with another."""
    sheet, genome, numbers = tmp_path / "prices.toml", tmp_path / "genome.json", tmp_path / "numbers.jsonl"
    sheet.write_text('date = 2026-11-01\n[models."simulated/gpt-3.5"]\nprice = {prompt = 1.0, completion = 2.0}\n')
    step = Genome(call("add", Input(0), call("sum", Input(1))))
    genome.write_text(genome_text(Node("fold", [Input(0)], {"size": 4, "start": "number"}, [step])))
    numbers.write_text("1\n2\n")
    options, folder = f"-m simulated/perfect --prices {sheet} --max-usd 1", tmp_path / "run"
    for line in (
        f"search sum {SMALL} {options} --out {folder}",
        f"eval {genome} sum {MODEL} {options}",
        f"run {genome} --task sum {MODEL} {options} [1]",
        f"run {genome} --task sum {MODEL} {options} @{numbers} --out {folder}",
    ):
        refused(undercut(line), "--max-usd needs the price", "'simulated/perfect' has none", "--max-tokens")
    assert not folder.exists()
    settings = Settings("sum", ("simulated/gpt-3.5",), "random", (4, 8), 16, evaluations=3, samples=10, max_size=5)
    Store.create(folder, replace(settings, max_usd=1.0)).close()
    refused(undercut(f"resume {folder}"), "`undercut resume` takes --unlimited --max-tokens N")
    code, out, _ = undercut(f"resume {folder} --unlimited --max-tokens 1000000 --json")
    assert code == 0 and json.loads(out)["front"]


def test_what_makes_no_call_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undercut: Command) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "genome.json").write_text(genome_text(call("sort", Input(0))))
    line = f"{tmp_path / 'genome.json'} --task sort -m openai/gpt-5-mini"
    code, out, err = undercut(f"cost {line} --cost usd --json")
    assert (code, err) == (0, "") and json.loads(out)["front"][0]["cost"]["8"]["usd"] > 0
    code, out, err = undercut("check sort -m openai/gpt-5-mini --sizes 4 --json")
    assert (code, err) == (0, "") and json.loads(out)["cost"]["usd"]["mean"] > 0
    refused(undercut(f"run {line} [1]"), "OPENAI_API_KEY")


def test_a_name_with_brackets_is_shown_whole(tmp_path: Path, undercut: Command) -> None:
    file = tmp_path / "genome.json"
    both = call("merge", call("sort", Input(0)), call("sort", Input(0), prompt=1))
    file.write_text(genome_text(both))
    name = str(Genome(both))
    assert name.startswith("[")
    assert name in undercut(f"cost {file} --task sort {MODEL}")[1]
    assert name in undercut(f"eval {file} sort {MODEL} --sizes 4 --samples 2")[1]


def test_what_goes_on_with_a_stopped_run_has_the_limits_that_were_raised_for_it(
    undercut: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    refused(undercut(f"search sum {SMALL} --max-calls 40 --out {folder}"), "raise --max-calls", code=1)
    monkeypatch.setattr("undercut.search.run.run_search", interrupted)
    code, _, said = undercut(f"resume {folder} --unlimited --max-calls 500 --timeout 9.5")
    line = f"undercut resume {folder} --unlimited --max-calls 500 --timeout 9.5"
    assert code == 1 and f"stopped; `{line}` goes on\n" in said


def test_what_was_stopped_before_it_began_is_not_said_to_go_on(
    undercut: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("undercut.search.run.run_search", interrupted)
    code, _, said = undercut(f"search sort {SMALL} --out {tmp_path / 'run'}")
    assert code == 1 and "stopped before the run had begun; start it again\n" in said
    url, settings = f"sqlite:///{tmp_path / 'trials.db'}", Settings("sort", ("simulated/noisy",))
    Store.create(tmp_path / "run", settings, url).close()
    _, _, said = undercut(f"resume {tmp_path / 'run'} --storage {url}")
    assert f"stopped; `undercut resume {tmp_path / 'run'} --storage URL` goes on\n" in said


@pytest.mark.parametrize(
    ("slow", "model"),
    [("undercut.search.expense.foretold", "-m remote --api-base http://127.0.0.1:9/v1"),
     ("undercut.search.explore.calibrate", MODEL)],
)  # fmt: skip
def test_what_is_searched_for_is_said_before_anything_slow(
    slow: str, model: str, undercut: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(slow, interrupted)
    _, _, said = undercut(f"search sort {model} --sizes 4,8 --out {tmp_path / 'run'}")
    assert said.startswith(f"sort · {model.split()[1]} · sizes 4 8, target 16 · cost in tokens · auto · seed 0 · ")


def test_costs_of_two_tasks_are_not_compared(undercut: Command, tmp_path: Path) -> None:
    for task in ("sort", "count"):
        data = {**Genome(call(task, Input(0))).to_dict(), "task": task}
        (tmp_path / f"{task}.json").write_text(json.dumps(data), encoding="utf-8")
    code, _, said = undercut(f"cost {tmp_path / 'sort.json'} {tmp_path / 'count.json'}")
    assert code == 2 and "must be of one task" in said and "sort.json' is of 'sort'" in said and "count.json" in said


def test_a_sheet_of_other_models_is_told_of(undercut: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "prices.toml"
    sheet.write_text('date = 2026-11-01\n[models."a/b"]\nprice = {prompt = 1, completion = 2}\n', encoding="utf-8")
    code, out, said = undercut(f"check sort -m simulated/noisy --sizes 4 --prices {sheet}")
    assert code == 0 and "--prices has none of the models of this run (simulated/noisy), but a/b\n" in said
    assert "is not known: a model or judge has no known price; --prices FILE gives it one" in out
