"""What the studies of theory found, in results.json; each keeps its part of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def kept() -> dict[str, Any]:
    """Everything that is there."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def keep(study: str, found: Any) -> None:
    """Put what one study found in the place of what is there."""
    RESULTS.write_text(json.dumps({**kept(), study: found}, indent=1, ensure_ascii=False) + "\n")
