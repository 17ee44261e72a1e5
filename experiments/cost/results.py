"""What the studies of cost found: each keeps its part of results.json; and what they share in telling it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def keep(study: str, found: dict[str, Any]) -> None:
    """Put what one study found in the place of what is there; what it did not look at this time stays."""
    parts = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    parts[study] = {**parts.get(study, {}), **found}
    RESULTS.write_text(json.dumps(dict(sorted(parts.items())), indent=1) + "\n")


def say(text: str) -> None:
    """Tell how far the study is."""
    print(text, file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of aligned columns, the first to the left and the others to the right."""
    lines = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )
