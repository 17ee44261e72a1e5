"""Asking a model, writing prompts and reading answers, in which sample: what exported files share.

Like `runtime`, this is copied as source and runs on Python 3.9 with the standard library alone.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from typing import Any

from undercut.spaces.errors import InvalidAnswer

LLM: ContextVar[Callable[..., str]] = ContextVar("llm")
SAMPLE: ContextVar[tuple[int, ...]] = ContextVar("sample", default=())


def use(llm: Callable[..., str]) -> None:
    """Let `llm` answer from here on; it is called from several threads, with no option that it does not take."""
    try:
        parameters = list(inspect.signature(llm).parameters.values())
    except ValueError:  # some functions in C do not say
        parameters = []
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    taken = {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}

    def answer(prompt: str, **options: Any) -> str:
        return llm(prompt, **{name: value for name, value in options.items() if open_ended or name in taken})

    LLM.set(answer)
    SAMPLE.set(())


def ask(prompt: str, read: Callable[[str], Any], **options: Any) -> Any:
    """Ask the model, and read its answer."""
    # In a context of its own, so that a model that itself solves something leaves this one's state alone.
    text = copy_context().run(LLM.get(), prompt, **options).strip()
    try:
        return read(text)
    except Exception as error:  # the reader may be the user's code: what it cannot read is no answer
        raise InvalidAnswer(f"the text {text[:80]!r} does not answer {prompt[:80]!r}") from error


def sample_path() -> tuple[int, ...]:
    """Which sample this is: the path of indices through votes and retries, without trailing zeros."""
    path = SAMPLE.get()
    while path and path[-1] == 0:
        path = path[:-1]
    return path


def in_sample(index: int, body: Callable[..., Any], inputs: Sequence[Any]) -> Any:
    """Run a body as the sample `index` of the sample that this is."""
    token = SAMPLE.set((*SAMPLE.get(), index))
    try:
        return body(*inputs)
    finally:
        SAMPLE.reset(token)


def shuffled(inputs: Sequence[Any], symmetric: Sequence[int]) -> list[Any]:
    """The inputs; in a further sample, those at the `symmetric` positions in an order of its own."""
    values = list(inputs)
    path = sample_path()
    if path:
        generator = random.Random(repr(path))
        for position in symmetric:
            if isinstance(values[position], list):
                values[position] = generator.sample(values[position], len(values[position]))
    return values


def write_list(items: Sequence[Any], write: Callable[[Any], str], separator: str = " ") -> str:
    """A list as it stands in a prompt."""
    return separator.join(write(item) for item in items) if items else "none"


def read_list(text: str, read: Callable[[str], Any], separator: str = "") -> list[Any]:
    """A list from an answer; without a separator, commas and white space separate."""
    text = text.strip()
    if text.lower() in ("none", "[]"):
        return []
    words = text.strip("[]").split(separator) if separator else re.split(r"[,\s]+", text.strip("[] \n"))
    return [read(word.strip()) for word in words if word.strip()]


def read_option(text: str, read: Callable[[str], int], options: int) -> int:
    """A choice from an answer: one of so many options."""
    choice = read(text)
    if not 0 <= choice < options:
        raise ValueError(text)
    return choice


def read_lists(text: str, read: Callable[[str], Any]) -> list[Any]:
    """A list of lists from an answer."""
    text = text.strip()
    return [] if text.lower() in ("none", "[]") else [read(part.strip()) for part in text.split("|")]
