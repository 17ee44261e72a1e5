"""What an installed package announces is there under its name: tasks, models, scorers and operators."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from undercut.evaluators.models.registry import list_models, open_model
from undercut.evaluators.plugins import plugin, plugin_names
from undercut.evaluators.tasks import open_task
from undercut.spaces.errors import ModelNameError, TaskError, UsageError

PACKAGE = '''
"""A package of somebody else's."""
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.tasks.builtin import TASKS
from undercut.spaces.operators.join import Join

task = TASKS["sum"]

def model(name):
    return ScriptedModel(lambda request: "7", name)

def half(output, target):
    return 0.5

class Glue(Join):
    name = "glue"
    summary = "join by another name"

class Thief(Join):
    pass
'''
ANNOUNCED = """
[undercut.tasks]
my-sum = others_package:task
[undercut.models]
sevens = others_package:model
broken = others_package:half
[undercut.scorers]
half = others_package:half
[undercut.operators]
glue = others_package:Glue
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are imported from, with one in it as an installer leaves it."""
    info = tmp_path / "others_package-1.0.dist-info"
    info.mkdir()
    (tmp_path / "others_package.py").write_text(PACKAGE, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others-package\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(ANNOUNCED, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    # Operators change what this process knows for good: where they are tried, it is in another one.
    monkeypatch.setattr("undercut.evaluators.tasks.install_operators", lambda: None)
    return tmp_path


def test_tasks_models_and_scorers_are_found(site: Path) -> None:
    assert plugin_names("models") == ["broken", "sevens"] and plugin("scorers", "lost") is None
    assert open_task("my-sum").name == "sum"
    assert open_model("sevens").name == "sevens"
    assert "sevens" in dict(list_models())
    with pytest.raises(ModelNameError, match="from a name to a Model, and 'broken'"):
        open_model("broken")
    (site / "rows.jsonl").write_text('{"input": "a", "target": "b"}\n', encoding="utf-8")
    (site / "task.toml").write_text('[data]\nfile = "rows.jsonl"\n[scorer]\nkind = "half"\n', encoding="utf-8")
    assert open_task(str(site / "task.toml")).score("x", "y") == 0.5
    (site / "task.toml").write_text('[data]\nfile = "rows.jsonl"\n[scorer]\nkind = "whole"\n', encoding="utf-8")
    with pytest.raises(TaskError, match="judge, half, and 'whole' is not"):
        open_task(str(site / "task.toml"))


def test_what_cannot_be_imported_is_named(site: Path) -> None:
    (site / "others_package-1.0.dist-info/entry_points.txt").write_text(
        "[undercut.scorers]\ngone = nowhere_at_all:score\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"'gone' of the entry points undercut\.scorers is nowhere_at_all:score"):
        plugin("scorers", "gone")


def test_an_operator_joins_the_space_and_names_are_not_stolen(site: Path) -> None:
    code = """
import json
from undercut.evaluators.tasks import open_task
from undercut.spaces.space import Space
task = open_task("sort")
few = Space(task.signature, task.toolbox(["m"]), ["call", "split", "map", "glue"], max_size=4)
known = "glue" in Space(task.signature, task.toolbox(["m"])).operators
print(json.dumps([sum("glue" in genome.to_json() for genome in few.enumerate(20000)), known]))
"""

    def run() -> subprocess.CompletedProcess[str]:
        start = f"import sys; sys.path.insert(0, {str(site)!r})"
        return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stderr
    many, known = json.loads(done.stdout)
    assert many > 0 and known
    (site / "others_package-1.0.dist-info/entry_points.txt").write_text(
        "[undercut.operators]\njoin = others_package:Thief\n", encoding="utf-8"
    )
    assert "an operator must have a name of its own, and 'join'" in run().stderr
