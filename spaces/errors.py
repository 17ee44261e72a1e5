"""The one error tree of undercut.

    UndercutError
    ├─ UsageError            what a user gave cannot be used; exit code 2
    │   ├─ GenomeError       a genome that is malformed or not legal in its space
    │   ├─ TaskError         a task that is unknown, malformed or has no such instances
    │   ├─ ModelNameError    a model that is unknown or lacks what it needs
    │   └─ RunFolderError    a folder that cannot hold, or does not hold, this run
    ├─ ModelError            a model could not answer: the run stops, and can be resumed
    ├─ BudgetError           the next call could exceed a limit that the user set
    ├─ MissingExtraError     an optional package is not installed
    └─ InvalidAnswer         one answer broke its primitive's contract: a recorded failure

A message is one sentence: the rule, what was given, what would work.
"""

from __future__ import annotations


class UndercutError(Exception):
    """Root of every error that undercut raises on purpose."""


class UsageError(UndercutError):
    """What the user gave cannot be used."""


class GenomeError(UsageError):
    """A genome is malformed, or not legal in its space."""


class TaskError(UsageError):
    """A task is unknown, malformed, or has no such instances."""


class ModelNameError(UsageError):
    """A model is unknown or lacks what it needs to answer."""


class RunFolderError(UsageError):
    """A folder cannot hold, or does not hold, this run."""


class ModelError(UndercutError):
    """A model could not answer; nothing is wrong with the candidate that asked."""


class BudgetError(UndercutError):
    """The next call could exceed a limit that the user set."""


class MissingExtraError(UndercutError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"`pip install 'undercut[{extra}]'` brings it"
        )


class InvalidAnswer(UndercutError):
    """One answer of a model broke its primitive's contract (it raised a red flag)."""
