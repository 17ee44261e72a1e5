"""A task of the user's own: a file of a few lines, or a package that is installed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from undercut.evaluators.tasks import open_task
from undercut.search.cli import main
from undercut.spaces.errors import TaskError

TEXT = (Path(__file__).parent / "large_sum.py").read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with nothing of it left behind in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith("undercut"):
            origin = getattr(sys.modules[name], "__file__", None) or ""
            if origin.startswith(str(tmp_path)):
                del sys.modules[name]


def test_the_file_is_short() -> None:
    assert len(TEXT.splitlines()) <= 15


def test_a_task_in_a_file_is_searched(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "large_sum.py").write_text(TEXT, encoding="utf-8")
    options = "--strategy random --sizes 4,8 --target-size 16 --evaluations 4 --samples 10 --max-size 6 --json"
    code = main(shlex.split(f"search large_sum:task -m simulated/noisy {options}"))
    said = capsys.readouterr()
    assert code == 0, said.err
    result = json.loads(said.out)
    best = result["front"][0]
    assert best["accuracy"]["8"]["mean"] >= 0.8
    assert "at_least" in best["name"] and "sum" in best["name"]
    assert (home / "runs" / "large-sum-1").is_dir()
    assert main(["export", "runs/large-sum-1", "--format", "python", "-o", "solve.py"]) == 0
    text = (home / "solve.py").read_text(encoding="utf-8")
    compile(text, "solve.py", "exec")

    # In another process, and from another folder.
    (home / "elsewhere").mkdir()
    for line in ("export ../runs/large-sum-1", "resume ../runs/large-sum-1 --max-calls 1000000 --json"):
        command = [sys.executable, "-m", "undercut", *line.split()]
        done = subprocess.run(command, cwd=home / "elsewhere", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if line.startswith("export"):
            assert done.stdout == text
        else:
            assert json.loads(done.stdout)["front"][0]["name"] == best["name"]
    (home / "large_sum.py").rename(home / "moved.py")
    done = subprocess.run(command, cwd=home / "elsewhere", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"could not be imported from {str(home)!r}, where the run began, or from here" in done.stderr


def test_a_task_that_is_not_there_is_refused(home: Path) -> None:
    (home / "own_empty.py").write_text("task = 3\n", encoding="utf-8")
    (home / "own_broken.py").write_text("task = 1 / 0\n", encoding="utf-8")
    (home / "own_odd.py").write_text("task = (\n", encoding="utf-8")
    for name, words in (
        ("own_nowhere:task", "could not be imported"),
        ("own_empty:job", "no attribute 'job'"),
        ("own_empty:task", "must be an undercut.Task"),
        ("own_broken:task", "could not be imported"),
        ("own_odd:task", "could not be imported"),
        (":task", "module:attribute"),
        ("own_empty:", "module:attribute"),
    ):
        with pytest.raises(TaskError, match=words):
            open_task(name)


def test_a_task_of_an_installed_package_is_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = home / "site"
    info = site / "large_sums-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "large_sums_of_a_package.py").write_text(TEXT, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: large-sums\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[undercut.tasks]\nlarge-sum = large_sums_of_a_package:task\nlost-sum = large_sums_nowhere:task\n",
        encoding="utf-8",
    )
    sys.path.insert(0, str(site))
    assert open_task("large-sum").name == "large-sum"
    with pytest.raises(TaskError, match="lost-sum"):
        open_task("lost-sum")
