"""Studies that nobody runs for a while must still find what they import."""

from __future__ import annotations

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


@pytest.mark.parametrize("study", STUDIES)
def test_every_script_finds_what_it_imports(study: str) -> None:
    names = [script.stem for script in STUDIES[study]]
    assert names, "a study without a script"
    command = [sys.executable, "-c", IMPORTED, *names]
    done = subprocess.run(command, cwd=EXPERIMENTS / study, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
