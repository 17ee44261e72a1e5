"""Prompts read back: which question stands behind a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.primitive import Primitive, pieces
from undercut.spaces.question import Question
from undercut.spaces.types import parse


class PromptReader:
    """Finds the question of a prompt that one of some primitives wrote.

    Args:
        primitives: those that may have written it; the first one that would write the very same text is taken.
    """

    def __init__(self, primitives: Iterable[Primitive]) -> None:
        self._forms = [
            (_pattern(prompt), tool, variant) for tool in primitives for variant, prompt in enumerate(tool.prompts)
        ]

    def question(self, prompt: str) -> Question | None:
        """The question behind a prompt, None where no primitive would have written it."""
        for pattern, tool, variant in self._forms:
            found = pattern.fullmatch(prompt)
            if found is None:
                continue
            try:
                values = tuple(
                    parse(_with_spaces(found[f"x{place}"], tool.prompts[variant], place), kind)
                    for place, kind in enumerate(tool.inputs)
                )
                if tool.prompt(values, variant) == prompt:
                    return Question(tool, values, variant)
            except (InvalidAnswer, LookupError, ValueError, TypeError):  # a type need not read what it writes
                continue
        return None


def _pattern(prompt: str) -> re.Pattern[str]:
    """What the prompts of one variant look like."""
    seen: set[int] = set()
    pattern = ""
    for text, place, _ in pieces(prompt):
        pattern += re.escape(text)
        if place is not None:
            pattern += f"(?P=x{place})" if place in seen else f"(?P<x{place}>.*)"
            seen.add(place)
    return re.compile(pattern, re.DOTALL)


def _with_spaces(text: str, prompt: str, place: int) -> str:
    """A list's text with its usual separator in the place of one that the prompt asks for."""
    separators = (separator for _, at, separator in pieces(prompt) if at == place and separator)
    return text.replace(next(separators, " "), " ")
