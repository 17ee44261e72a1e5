"""An exported file, alone in a fresh Python, gives what the engine gives on the same answers of a model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Completion, Model, Request, Shape
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.task import Instance
from undercut.evaluators.tasks import TASKS
from undercut.search.export import to_python
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.space import Space

TASK, SIZE, COUNT = TASKS["sort"], 16, 50
WEIGHTS = resources.files("undercut.evaluators.models.embedded") / "weights.npz"
X0, X1 = Input(0), Input(1)
GENOME = Genome(
    Node(
        "reduce",
        [Node("map", [Node("split", [X0], {"size": 8, "overlap": 0})], {}, [Genome(call("sort", X0))])],
        {"arity": 2, "shape": "tree"},
        [Genome(Node("merge_blocks", [X0, X1], {"block": 8}, [Genome(call("merge", X0, X1))]))],
    )
)
DRIVER = """
import json, sys
sys.path.insert(0, ".")
import exported

def result(inputs, said):
    try:
        return exported.solve(lambda prompt: said[prompt], *inputs)
    except exported.InvalidAnswer:
        return "invalid"

work = json.load(sys.stdin)
results = [result(inputs, work["said"]) for inputs in work["inputs"]]
assert not any(name.partition(".")[0] in ("undercut", "numpy") for name in sys.modules)
print(json.dumps(results))
"""


class Recorded:
    """A model whose answers are written down by prompt."""

    price = None

    def __init__(self, model: Model) -> None:
        self._model = model
        self.said: dict[str, str] = {}

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def shape(self) -> Shape | None:
        return self._model.shape

    async def generate(self, request: Request) -> Completion:
        completion = await self._model.generate(request)
        assert self.said.setdefault(request.prompt, completion.text) == completion.text
        return completion

    async def close(self) -> None:
        await self._model.close()


def model_of(name: str) -> Model:
    if name == "embedded":
        if not WEIGHTS.is_file():
            pytest.skip("the embedded model's weights are not here")
        return open_model("embedded")
    return SimulatedModel("flawed", Capability({}, {0: 1.0, 24: 0.7}, malformed=0.3))


async def by_engine(model: Recorded, instances: list[Instance]) -> list[Any]:
    toolbox = TASK.toolbox([model.name])
    engine = Engine([model], cache=AnswerCache(), ledger=Ledger(), concurrency=16)
    traces = await asyncio.gather(*(engine.run(GENOME, instance.inputs, toolbox) for instance in instances))
    await engine.close()
    await model.close()
    return ["invalid" if trace.failure else trace.output for trace in traces]


@pytest.mark.parametrize("name", ["flawed", "embedded"])
def test_a_file_alone_gives_what_the_engine_gives(name: str, tmp_path: Path) -> None:
    model, instances = Recorded(model_of(name)), TASK.instances(SIZE, COUNT, "test")
    toolbox = TASK.toolbox([model.name])
    Space(TASK.signature, toolbox).validate(GENOME)
    expected = asyncio.run(by_engine(model, instances))
    text = to_python(GENOME, toolbox, title="sort", notes=["Measured"])
    (tmp_path / "exported.py").write_text(text, encoding="utf-8")
    given = json.dumps({"inputs": [instance.inputs for instance in instances], "said": model.said})
    command = [sys.executable, "-I", "-c", DRIVER]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
    assert len({json.dumps(output) for output in expected}) > COUNT // 2
    if name == "flawed":
        right = sum(output == instance.target for output, instance in zip(expected, instances, strict=True))
        assert 0 < right < COUNT and "invalid" in expected
