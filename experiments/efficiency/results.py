"""What the studies of efficiency found: each keeps its part of results.json; and what they share in telling it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def keep(study: str, found: dict[str, Any]) -> None:
    """Put what one study found in the place of what is there; what it did not look at this time stays."""
    parts = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    parts[study] = {**parts.get(study, {}), **found}
    RESULTS.write_text(json.dumps(dict(sorted(parts.items())), indent=1) + "\n")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The searches that a study has kept, one a line; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_line(path: Path, line: dict[str, Any]) -> None:
    """Keep one search from the moment it has ended."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def say(text: str) -> None:
    """Tell how far the study is."""
    print(text, file=sys.stderr, flush=True)


def quartiles(values: Sequence[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return list(values) * 3 if len(values) == 1 else quantiles(values, n=4, method="inclusive")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
