"""What the blocking door refuses, in a sentence and before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from undercut.search.api import optimize
from undercut.spaces.errors import UsageError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"concurrency": 0}, "--concurrency must be a whole number of 1 or more, not 0"),
        ({"models": []}, r"--model must name a model, as in embedded, not \[\]"),
        ({"sizes": 4}, "--sizes must be whole numbers of 1 or more, as in 8,16,32, not 4"),
        ({"sizes": ("4",)}, r"--sizes must be .*, not \['4'\]"),
        ({"max_calls": "x"}, "--max-calls must be a whole number, not 'x'"),
        ({"target_size": "x"}, "--target-size must be a whole number, not 'x'"),
        ({"until": "x"}, "--until must be a number, not 'x'"),
        ({"max_cals": 3}, "a setting must be one of models, .*, and 'max_cals' is not"),
        ({"task": None}, "a task must be a Task or the name of one, such as 'sort', not None"),
        ({"reuse": "runs"}, "--reuse must be the folder of a run, and 'runs' holds none"),
        ({"cost": "usd"}, "--cost usd cannot be known for 'simulated/noisy'"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_folder_is_made(
    given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    settings = {"task": "sort", "models": "simulated/noisy", "sizes": (4,), **given}
    with pytest.raises(UsageError, match=said):
        optimize(out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()
