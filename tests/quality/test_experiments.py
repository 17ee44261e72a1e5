"""Studies that nobody runs for a while must still find what they import, and say what their results say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
STUDIES = {folder.name: sorted(folder.glob("*.py")) for folder in sorted(EXPERIMENTS.iterdir()) if folder.is_dir()}
IMPORTED = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("undercut", *sys.argv[1:]):
            raise  # packages of others are extras of the studies, and may be missing
"""

PRINTED = {
    "first": "from run import *; print(page(json.loads(RESULTS.read_text())['runs']))",
    "efficiency": "from summary import *; print(page(tasks_of(lines_of(LINES))))",
    "tasks": "from run import table; table()",
    "theory": "from run import page; from results import kept; print(page(kept()['rows']))",
}
"""What prints the tables of a study from what is kept beside it; they stand in its README or the first one."""


@pytest.mark.parametrize("study", STUDIES)
def test_every_script_finds_what_it_imports(study: str) -> None:
    names = [script.stem for script in STUDIES[study]]
    assert names, "a study without a script"
    command = [sys.executable, "-c", IMPORTED, *names]
    done = subprocess.run(command, cwd=EXPERIMENTS / study, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("study", PRINTED)
def test_the_tables_of_a_study_are_those_of_its_results(study: str) -> None:
    command, folder = [sys.executable, "-c", PRINTED[study]], EXPERIMENTS / study
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    pages = [(where / "README.md").read_text(encoding="utf-8") for where in (folder, EXPERIMENTS.parent)]
    page = "\n".join(pages).splitlines()
    assert [line for line in printed.splitlines() if line not in page] == []


def test_the_rows_of_theory_in_the_first_readme_are_those_of_the_study() -> None:
    page = (EXPERIMENTS.parent / "README.md").read_text(encoding="utf-8").splitlines()
    for row in json.loads((EXPERIMENTS / "theory" / "results.json").read_text(encoding="utf-8"))["rows"]:
        (line,) = [line for line in page if line.startswith(f"| {row['row']} |")]
        _, _, reached, found, law, ratio = line.strip("| ").split(" | ")
        assert reached == f"{row['seeds_reached']} of {row['seeds']}" and law == row["law"]
        assert row["found"].startswith(found.removesuffix("…")) and ratio == f"{row['cost_ratio_at_8x']:.2f}"
