"""undercut: find, by search, the cheapest way to split a problem over language-model calls.

The names below are all there is to import from here; what is heavy is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undercut.evaluators.task import Instance, Task
    from undercut.search.api import optimize
    from undercut.spaces.errors import UndercutError
    from undercut.spaces.genome import Genome, Input, Node, call
    from undercut.spaces.primitive import Primitive
    from undercut.spaces.space import Space
    from undercut.spaces.toolbox import Function, Toolbox
    from undercut.spaces.types import NEED, NUMBER, NUMBERS, SCORE, TRUTH, Atom, ListOf

_HOMES = {
    "undercut.evaluators.task": ("Instance", "Task"),
    "undercut.search.api": ("optimize",),
    "undercut.spaces.errors": ("UndercutError",),
    "undercut.spaces.genome": ("Genome", "Input", "Node", "call"),
    "undercut.spaces.primitive": ("Primitive",),
    "undercut.spaces.space": ("Space",),
    "undercut.spaces.toolbox": ("Function", "Toolbox"),
    "undercut.spaces.types": ("NEED", "NUMBER", "NUMBERS", "SCORE", "TRUTH", "Atom", "ListOf"),
}

__all__ = [
    "NEED",
    "NUMBER",
    "NUMBERS",
    "SCORE",
    "TRUTH",
    "Atom",
    "Function",
    "Genome",
    "Input",
    "Instance",
    "ListOf",
    "Node",
    "Primitive",
    "Space",
    "Task",
    "Toolbox",
    "UndercutError",
    "call",
    "optimize",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'undercut' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
