"""Every row that is run, by name."""

from __future__ import annotations

from chunking import T6_LINEAR, T6_QUADRATIC, T8
from deciding import T1, T2, T3, T9
from row import Row
from voting import T4, T5, T11

ROWS: dict[str, Row] = {row.name: row for row in (T1, T2, T3, T4, T5, T6_QUADRATIC, T6_LINEAR, T8, T9, T11)}
