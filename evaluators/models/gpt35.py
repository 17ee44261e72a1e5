"""What gpt-3.5-turbo-0125 can do, as others measured it.

Source: mriesen/auto-graph-of-thoughts, commit 95331f84, `reinforced_graph_of_thoughts/language_model/
simulated_chat_gpt_*.py`: the share of right answers at each size, as its notebook `lm_capability_evaluation` measured
them. The numbers are restated under that project's licence: MIT, Copyright (c) 2024 Manuel Riesen.

What is ours is the mapping to our primitives. There, the size of a merge or an intersection is that of one of its two
lists; here, size is the sum of both, so that those sizes are doubled. Its keywords are counted in a text of so many
words; here, in a list of so many items. The lists that it sorted there hold single digits, so that larger numbers may
well be harder than this table says.
"""

from __future__ import annotations

from collections.abc import Mapping

SORT: Mapping[int, float] = {
    1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 0.99, 7: 1.0, 8: 0.97, 9: 0.97, 10: 0.97, 11: 0.95, 12: 0.8, 13: 0.72,
    14: 0.7, 15: 0.75, 16: 0.94, 17: 0.82, 18: 0.85, 19: 0.69, 20: 0.67, 21: 0.55, 22: 0.54, 23: 0.4, 24: 0.49,
    25: 0.35, 26: 0.34, 27: 0.33, 28: 0.29, 29: 0.17, 30: 0.17, 31: 0.13, 32: 0.14,
}  # fmt: skip
"""`sort_list`, by the list's length."""

MERGE: Mapping[int, float] = {
    8: 1.0, 9: 1.0, 10: 1.0, 11: 1.0, 12: 1.0, 13: 1.0, 14: 1.0, 15: 0.99, 16: 1.0, 17: 1.0, 18: 1.0, 19: 1.0,
    20: 1.0, 21: 1.0, 22: 0.98, 23: 1.0, 24: 0.99, 25: 0.97, 26: 0.98, 27: 1.0, 28: 1.0, 29: 0.98, 30: 0.98,
    31: 0.99, 32: 0.99,
}  # fmt: skip
"""`merge_list`, by the length of one side."""

SUM: Mapping[int, float] = {
    1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 7: 1.0, 8: 1.0, 9: 0.98, 10: 0.88, 11: 0.89, 12: 0.75, 13: 0.74,
    14: 0.58, 15: 0.5, 16: 0.34, 17: 0.3, 18: 0.21, 19: 0.1, 20: 0.09, 21: 0.12, 22: 0.05, 23: 0.09, 24: 0.04,
    25: 0.04, 26: 0.04, 27: 0.02, 28: 0.0, 29: 0.0, 30: 0.01, 31: 0.0, 32: 0.05,
}  # fmt: skip
"""`sum_list`, by the list's length."""

INTERSECT: Mapping[int, float] = {
    1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.99, 6: 1.0, 7: 1.0, 8: 1.0, 9: 1.0, 10: 0.98, 11: 0.99, 12: 0.98, 13: 1.0,
    14: 0.97, 15: 0.99, 16: 0.92, 17: 0.91, 18: 0.93, 19: 0.86, 20: 0.75, 21: 0.79, 22: 0.64, 23: 0.63, 24: 0.46,
    25: 0.53, 26: 0.42, 27: 0.39, 28: 0.29, 29: 0.24, 30: 0.25, 31: 0.13, 32: 0.18,
}  # fmt: skip
"""`intersect_set`, by the length of one side."""

COUNT: Mapping[int, float] = {
    10: 1.0, 20: 0.88, 30: 0.71, 40: 0.64, 50: 0.31, 60: 0.28, 70: 0.15, 80: 0.12, 90: 0.06, 100: 0.02,
}  # fmt: skip
"""`count_keywords`, by the text's length in words."""

MEASURED: Mapping[str, Mapping[int, float]] = {
    "sort": SORT,
    "merge": {2 * side: chance for side, chance in MERGE.items()},
    "sum": SUM,
    "intersect": {2 * side: chance for side, chance in INTERSECT.items()},
    "count": COUNT,
}
"""The measured tables, by our primitives and our sizes."""

ASSUMED: Mapping[int, float] = {1: 1.0, 8: 1.0, 32: 0.9}
"""Every other primitive. Nobody measured these: they are assumed to be perfect up to 8 items, and to falter beyond."""
