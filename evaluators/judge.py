"""Whether an answer is the true one."""

from __future__ import annotations

from typing import Any

from undercut.spaces.question import Question

REMEMBERED = 4096
"""How many true answers are kept; the oldest goes first."""


class Judge:
    """Holds answers against the primitives' references, and asks a reference once for each question."""

    def __init__(self) -> None:
        self._truths: dict[tuple[str, str], tuple[bool, Any]] = {}

    def right(self, question: Question, value: Any, *, flagged: bool = False) -> bool | None:
        """Whether the value is the true answer; None where nobody knows it.

        A question that makes no sense has no true answer. A flagged answer is wrong. A reference that raises does not
        know: inputs that come from wrong answers may lie outside what it is written for.
        """
        if question.primitive.reference is None or not question.primitive.sensible(question.values):
            return None
        if flagged:
            return False
        known, truth = self._truth(question)
        return question.primitive.agree(value, truth) if known else None

    def _truth(self, question: Question) -> tuple[bool, Any]:
        primitive = question.primitive
        key = (primitive.name, repr(question.values))
        found = self._truths.get(key)
        if found is None:
            assert primitive.reference is not None
            try:
                found = (True, primitive.reference(*question.values))
            except Exception:  # the reference is the user's code, and may raise anything
                found = (False, None)
            if len(self._truths) >= REMEMBERED:
                del self._truths[next(iter(self._truths))]
            self._truths[key] = found
        return found
