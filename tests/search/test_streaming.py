"""A fold over a file: the same as a fold over a list, and nothing lost or paid twice when it is cut off."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.search.cli import main
from undercut.search.single import run_genome
from undercut.search.streaming import EVERY, Work, run_stream
from undercut.spaces.errors import BudgetError, GenomeError, RunFolderError, TaskError
from undercut.spaces.genome import Genome, Input, Node, call

MODEL = ("simulated/noisy",)


def counting(size: int, lead: int = 1) -> Genome:
    """Count a digit, some items at a time, each count voted on."""
    asked = Node("vote", [Input(1), Input(2)], {"rule": "ahead", "lead": lead},
                 [Genome(call("count", Input(0), Input(1), temperature=0.7))])  # fmt: skip
    step = Genome(call("add", Input(0), asked))
    return Genome(Node("fold", [Input(0), Input(1)], {"size": size, "start": "number"}, [step]))


def digits(count: int) -> list[int]:
    """So many digits, few of whose pieces are alike."""
    generator = random.Random("digits")
    return [generator.randrange(10) for _ in range(count)]


def in_file(folder: Path, digits: list[int]) -> Path:
    path = folder / "digits.jsonl"
    path.write_text("".join(f"{digit}\n" for digit in digits))
    return path


def work_on(path: Path, size: int = 4, lead: int = 2) -> Work:
    return Work(counting(size, lead).to_dict(), "count", (f"@{path}", "7"), MODEL)


@settings(max_examples=25, deadline=None)
@given(digits=st.lists(st.integers(0, 9), max_size=40), size=st.integers(1, 9), lead=st.integers(1, 3))
def test_a_file_gives_what_the_list_gives(
    tmp_path_factory: pytest.TempPathFactory, digits: list[int], size: int, lead: int
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    streamed = run_stream(work_on(in_file(folder, digits), size, lead), folder / "run")
    whole = run_genome(counting(size, lead), "count", (json.dumps(digits), "7"), MODEL)
    assert {name: streamed[name] for name in ("output", "failure", "reason")} == {
        name: whole[name] for name in ("output", "failure", "reason")
    }
    assert streamed["cost"] == pytest.approx(whole["cost"], nan_ok=True)


def test_a_run_that_its_limit_cuts_off_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    path = in_file(tmp_path, digits(200))
    whole = run_stream(work_on(path), tmp_path / "whole")
    for limit in (1, 2, 17, 60, 75):
        with pytest.raises(BudgetError):
            run_stream(work_on(path), tmp_path / "cut", max_calls=limit)
    rest = run_stream(work_on(path), tmp_path / "cut")
    assert rest == whole


def test_a_killed_run_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    path = in_file(tmp_path, digits(3 * EVERY))
    work = work_on(path, size=1, lead=1)
    whole = run_stream(work, tmp_path / "whole")
    script = (
        "import os, sys; from pathlib import Path; from undercut.search.streaming import run_stream, work_of\n"
        "at = int(sys.argv[2])\n"
        "run_stream(work_of(Path(sys.argv[1])), Path(sys.argv[1]), watch=lambda n, state: n >= at and os._exit(9))"
    )
    with pytest.raises(BudgetError):
        run_stream(work, tmp_path / "killed", max_calls=0)
    for at in (100, 2 * EVERY + 30):
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "killed"), str(at)])
        assert done.returncode == 9
    seen: list[int] = []
    rest = run_stream(work, tmp_path / "killed", watch=lambda n, state: seen.append(n))
    assert seen[0] == 2 * EVERY + 1, "it goes on where it was last written down"
    assert rest | {"spent": None} == whole | {"spent": None}
    bill = rest["spent"]  # what a killed process had reserved may have been sent
    assert bill["tokens"] - bill["uncertain"] == whole["spent"]["tokens"]


def test_a_run_that_has_ended_asks_nothing_more(tmp_path: Path) -> None:
    work = work_on(in_file(tmp_path, [7, 1, 7]))
    first = run_stream(work, tmp_path / "run")
    assert run_stream(work, tmp_path / "run", max_calls=first["spent"]["calls"]) == first
    assert first["output"] == 2


def test_another_file_or_other_work_is_not_taken_for_the_same(tmp_path: Path) -> None:
    path = in_file(tmp_path, [1, 2, 3, 4, 5, 6, 7, 8])
    run_stream(work_on(path), tmp_path / "run")
    with pytest.raises(RunFolderError, match="other work"):
        run_stream(work_on(path, lead=3), tmp_path / "run")
    in_file(tmp_path, [1, 2, 0, 4, 5, 6, 7, 8])
    with pytest.raises(TaskError, match=r"first 8 lines of .* have changed"):
        run_stream(work_on(path), tmp_path / "run")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = in_file(tmp_path, [1])
    with pytest.raises(RunFolderError, match="neither"):
        run_stream(work_on(path), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_that_has_grown_is_read_on(tmp_path: Path) -> None:
    path = in_file(tmp_path, [7, 7, 1, 2])
    assert run_stream(work_on(path), tmp_path / "run")["output"] == 2
    in_file(tmp_path, [7, 7, 1, 2, 7])
    path.write_text(path.read_text().rstrip("\n"))  # as many editors leave it
    assert run_stream(work_on(path), tmp_path / "run")["output"] == 3
    in_file(tmp_path, [7, 7, 1, 2, 7, 7])
    assert run_stream(work_on(path), tmp_path / "run")["output"] == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("oops", "line 3 of .* in JSON"),
        ('"a"', "line 3 of .* type number"),
        ("[" * 9000, "line 3 of .* too deep to read"),
    ],
)
def test_a_line_that_is_no_item_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "digits.jsonl"
    path.write_text(f"1\n7\n{line}\n")
    with pytest.raises(TaskError, match=said):
        run_stream(work_on(path), tmp_path / "run")
    path.write_text("1\n7\n7\n")
    assert run_stream(work_on(path), tmp_path / "run")["output"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("[" * 9000, "too deep to read"), ('"\\ud83d"', "half a character"), ("oops", "Expecting value")],
)
def test_an_input_that_cannot_be_read_is_told(
    text: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "count.json").write_text(json.dumps({**counting(10).to_dict(), "task": "count"}))
    assert main(["run", str(tmp_path / "count.json"), text, "7", "-m", MODEL[0]]) == 2
    told = capsys.readouterr().err
    assert told.startswith("undercut: each of INPUTS must be JSON") and said in told


def test_only_a_fold_reads_a_file(tmp_path: Path) -> None:
    path = in_file(tmp_path, [1])
    once = Genome(call("count", Input(0), Input(1)))
    with pytest.raises(GenomeError, match="the whole decomposition is a fold"):
        run_stream(Work(once.to_dict(), "count", (f"@{path}", "7"), MODEL), tmp_path / "run")
    with pytest.raises(TaskError, match="cannot be read"):
        run_stream(work_on(tmp_path / "nothing"), tmp_path / "run")


def test_what_no_step_reads_need_not_be_there(tmp_path: Path) -> None:
    path = in_file(tmp_path, [7, 1, 7])
    step = Genome(call("add", Input(0), call("count", Input(1), Input(2))))
    genes: dict[str, int | float | str | bool] = {"size": 2, "start": "number"}
    counted = Node("fold", [Input(0), Input(1)], genes, [step])
    assert run_stream(Work(Genome(counted).to_dict(), "count", (f"@{path}", "7"), MODEL), tmp_path / "a")["output"] == 2
    added = Node("fold", [Input(0), Input(0)], genes, [Genome(call("add", Input(0), call("sum", Input(1))))])
    assert run_stream(Work(Genome(added).to_dict(), "count", (f"@{path}", "7"), MODEL), tmp_path / "b")["output"] == 15
    again = Node("fold", [Input(0), Input(0)], genes, [Genome(call("add", Input(0), call("sum", Input(2))))])
    with pytest.raises(GenomeError, match="just as they are given"):
        run_stream(Work(Genome(again).to_dict(), "count", (f"@{path}", "7"), MODEL), tmp_path / "c")


def test_the_command_runs_stops_at_its_limit_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = in_file(tmp_path, [7] * 30 + [1] * 30)
    genome = tmp_path / "count.json"
    genome.write_text(json.dumps({**counting(10).to_dict(), "task": "count"}))
    run = ["run", str(genome), f"@{path}", "7", "-m", MODEL[0]]
    assert main([*run, "--out", str(tmp_path / "run"), "--max-calls", "3"]) == 1
    assert "raise --max-calls" in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "run")]) == 1, "a limit holds until another one is given"
    assert "raise --max-calls" in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "run"), "--max-calls", "5"]) == 1
    assert "may spend 5 calls" in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "run")]) == 1
    assert "may spend 5 calls" in capsys.readouterr().err
    assert main(["resume", str(tmp_path / "run"), "--unlimited"]) == 0
    assert json.loads(capsys.readouterr().out) == 30
    assert main(["run", str(genome), "[7]", "7", "-m", MODEL[0], "--out", str(tmp_path / "other")]) == 2
    assert "--out is the folder of a run over @FILE" in capsys.readouterr().err


def test_a_fold_over_a_file_goes_on_from_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_file(tmp_path, [7] * 30 + [1] * 30)
    (tmp_path / "count.json").write_text(json.dumps({**counting(10).to_dict(), "task": "count"}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main([*f"run count.json @{path.name} 7 -m {MODEL[0]} --out run --max-calls 3".split()]) == 1
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    assert main(["resume", "../run", "--unlimited"]) == 0
    assert json.loads(capsys.readouterr().out) == 30
    path.rename(tmp_path / "moved")
    assert main(["resume", "../run"]) == 2
    assert f"{str(path)!r} is not there any more; put it back" in capsys.readouterr().err
