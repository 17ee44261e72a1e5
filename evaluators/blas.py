"""One BLAS thread, for the embedded model and for a search's fits.

Their matrices are small: a second thread spins more than it computes, and on busy cores makes all of it many times
slower. An environment variable would have to be set before numpy loads, so the library that numpy brings is asked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@cache
def _switches() -> tuple[Any, Any] | None:
    """The functions that get and set the number of threads, or None where numpy has another BLAS."""
    package = Path(np.__file__).parent
    for folder in (package.with_name("numpy.libs"), package / ".dylibs"):
        for library in sorted(folder.glob("*openblas*")):
            try:
                loaded = ctypes.CDLL(str(library))
            except OSError:
                continue
            for name in _NAMES:
                if hasattr(loaded, name.format("get")) and hasattr(loaded, name.format("set")):
                    return getattr(loaded, name.format("get")), getattr(loaded, name.format("set"))
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold OpenBLAS at one thread inside the block; do nothing with any other BLAS."""
    switches = _switches()
    if switches is None:
        yield
        return
    get, put = switches
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)
