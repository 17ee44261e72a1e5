"""What installed packages add: entry points of the groups `undercut.tasks`, `.models`, `.scorers` and `.operators`."""

from __future__ import annotations

import importlib.metadata
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from undercut.spaces.errors import UsageError
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Operator

Group: TypeAlias = Literal["tasks", "models", "scorers", "operators"]


def plugin_names(group: Group) -> list[str]:
    """Names that installed packages announce in a group, in order."""
    return sorted({entry.name for entry in importlib.metadata.entry_points(group=f"undercut.{group}")})


def plugin(group: Group, name: str) -> Any:
    """What an installed package announces under a name; None where none does.

    Raises:
        UsageError: it cannot be imported.
    """
    for entry in importlib.metadata.entry_points(group=f"undercut.{group}", name=name):
        try:
            return entry.load()
        except Exception as error:  # it is somebody's code, and may raise anything
            said = f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{name!r} of the entry points undercut.{group} is {entry.value}, which could not be imported: {said}"
            ) from error
    return None


@lru_cache(maxsize=1)
def install_operators() -> None:
    """Add the operators that installed packages announce to those that there are; done once for a process.

    Raises:
        UsageError: one cannot be imported, is no operator, or has a name that is taken.
    """
    for name in plugin_names("operators"):
        found = plugin("operators", name)
        operator = found() if isinstance(found, type) else found
        if not isinstance(operator, Operator) or operator.name != name:
            raise UsageError(
                f"the entry points undercut.operators must be operators of the name that they are announced under, and "
                f"{name!r} is {found!r}"
            )
        if name in OPERATORS:
            raise UsageError(f"an operator must have a name of its own, and {name!r} of an installed package has not")
        OPERATORS[name] = operator
