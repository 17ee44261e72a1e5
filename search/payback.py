"""Whether a search was worth its bill: what its result saves per use, and after how many uses that is more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from undercut.search.units import field_of

SLACK = 0.02
"""A known design counts as good as a found one where it is right this much less often."""
BILLED = ("tokens", "usd")
"""Units that a bill is in, too."""


def payback(
    best: dict[str, Any], known: Sequence[dict[str, Any]], spent: dict[str, Any], unit: str, at: int
) -> dict[str, Any] | None:
    """The best find against the cheapest known design that is about as accurate at size `at`.

    None where no known design is. `saving` is in `unit` per use, negative where the known design is cheaper; `uses`
    until the bill is saved is None where nothing is saved or the bill is not in that unit.
    """
    size = str(at)

    def cost(item: dict[str, Any]) -> float:
        value = item["cost"][size][field_of(unit)]
        return math.nan if value is None else float(value)

    def right(item: dict[str, Any]) -> float:
        return float(item["accuracy"][size]["mean"])

    rivals = [item for item in known if right(item) >= right(best) - SLACK]
    if not rivals:
        return None
    rival = min(rivals, key=cost)
    saving = cost(rival) - cost(best)
    if math.isnan(saving):
        return None
    bill = spent[unit] if unit in BILLED else None
    uses = math.ceil(bill / saving) if bill is not None and saving > 0 else None
    return {"id": best["id"], "against": rival["id"], "size": at, "saving": saving, "uses": uses}
