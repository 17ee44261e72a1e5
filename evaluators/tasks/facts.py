"""Long documents in which facts are scattered: who keeps how many of what, among sentences that say nothing.

Three questions can be asked of them: a single fact, several facts, and how many there are of a kind. What is true of a
part of a document can be read off that part alone, so that reading piece by piece is possible in principle.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from undercut.evaluators.models.simulated_chat import by_reading

Kind: TypeAlias = Literal["single", "several", "count"]
KINDS: tuple[Kind, ...] = ("single", "several", "count")

NAMES = (
    "Alder", "Birch", "Cedar", "Dover", "Elgin", "Fargo", "Garth", "Haven", "Islay", "Jura", "Kelso", "Leith",
    "Morven", "Nairn", "Oban", "Perth", "Rona", "Skye", "Tarbert", "Unst", "Voss", "Wick", "Yell", "Zennor",
)  # fmt: skip
"""Keepers of facts."""
WANTED = 3
"""Facts that a question for several asks after."""
SPARSE = 60
"""Words of filler for each fact."""
LINES = 6
"""Sentences of a paragraph."""
_FILLER = (
    "The {a} road runs past the {b} and turns at the old mill.",
    "Nobody in the {a} could say when the {b} had last been painted.",
    "In the evening the {a} lies quiet, and the {b} is shut.",
    "A visitor wrote that the {a} was smaller than the {b} next to it.",
    "Rain fell on the {a} for most of the week, and the {b} stayed dry.",
)
_NOUNS = ("harbour", "station", "market", "chapel", "library", "bridge", "garden", "inn", "school", "quarry")
_FACT = re.compile(r"Keeper (\w+) has code (\d+)\.")
_ASKED = re.compile(r"keepers? ([\w ,]+?)[?]")


def make(kind: Kind, size: int, generator: random.Random) -> tuple[tuple[str, str], Any]:
    """A document of about `size` words with a question, and the answer; paragraphs are parted by empty lines."""
    many = min(len(NAMES), max(WANTED + 1, size // SPARSE))
    names = generator.sample(NAMES, many)
    facts = [(name, generator.randrange(1000, 10000)) for name in names]
    sentences = [f"Keeper {name} has code {code}." for name, code in facts]
    length = 5 * len(sentences)
    while length < size:
        a, b = generator.sample(_NOUNS, 2)
        sentences.append(generator.choice(_FILLER).format(a=a, b=b))
        length += len(sentences[-1].split())
    generator.shuffle(sentences)
    text = "\n\n".join(" ".join(sentences[start : start + LINES]) for start in range(0, len(sentences), LINES))
    if kind == "count":
        bound = generator.randrange(3, 9) * 1000
        return (text, f"How many keepers have a code below {bound}?"), sum(code < bound for _, code in facts)
    if kind == "single":
        name, code = generator.choice(facts)
        return (text, f"Which code has the keeper {name}?"), code
    asked = generator.sample(facts, WANTED)
    return (text, f"Which codes have the keepers {', '.join(name for name, _ in asked)}?"), [code for _, code in asked]


def knowledge(kind: Kind) -> dict[str, Callable[..., Any]]:
    """What a model that never errs answers to the ready-made primitives for text."""
    return by_reading(_found, {"single": _one, "several": _all, "count": _how_many}[kind], _JOINS[kind])


def _found(text: str, question: str) -> list[str]:
    """The facts in a text that a question is about, each once."""
    wanted = _asked(question)
    found = dict.fromkeys(_FACT.findall(text))
    return [f"Keeper {name} has code {code}." for name, code in found if not wanted or name in wanted]


def _asked(question: str) -> list[str]:
    found = _ASKED.search(question)
    return [] if found is None or "below" in question else [name.strip() for name in found[1].split(",")]


def _codes(parts: Sequence[str]) -> dict[str, int]:
    return {name: int(code) for part in parts for name, code in _FACT.findall(part)}


def _one(parts: Sequence[str], question: str) -> int | None:
    return next(iter(_codes(parts).values()), None)


def _all(parts: Sequence[str], question: str) -> list[int]:
    codes = _codes(parts)
    return [codes[name] for name in _asked(question) if name in codes]


def _how_many(parts: Sequence[str], question: str) -> int:
    bound = int(re.findall(r"\d+", question)[-1])
    return sum(code < bound for code in _codes(parts).values())


_JOINS: dict[str, Callable[..., Any]] = {
    "single": lambda answers, question: next((answer for answer in answers if answer is not None), None),
    "several": lambda answers, question: [code for answer in answers for code in answer],
    "count": lambda answers, question: sum(answer or 0 for answer in answers),
}
