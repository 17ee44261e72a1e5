"""What installed packages add: entry points of the groups `undercut.tasks`, `.models`, `.scorers` and `.operators`."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Literal, TypeAlias

from undercut.spaces.errors import UsageError

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
