"""What calls, questions and answers are told apart by: digests of their content, in whatever order they come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question

VERSION = 1
"""Of `answer_key`; answers under keys of another version are not found, and so asked again."""
SEEDS = 2**31
"""How many seeds there are: as many as every provider takes."""

in_json = json.JSONEncoder().encode
"""As `json.dumps` has it, which takes twice as long for a text."""
_in_order = json.JSONEncoder(sort_keys=True).encode


def answer_key(model: str, prompt: str, temperature: float, max_tokens: int, sample: Sequence[int]) -> str:
    """Digest of all that an answer depends on: the model's identity, the prompt, its parameters and the sample."""
    # The JSON of the list of these, put together by hand: this is done for every call.
    asked = (
        f"[{VERSION}, {in_json(model)}, {in_json(prompt)}, {float(temperature)!r}, {int(max_tokens)}, {list(sample)}]"
    )
    return hashlib.sha256(asked.encode()).hexdigest()


def question_key(question: Question, prompt: str) -> str:
    """Digest of what all samples of a question share: where items are shuffled, their order is no part of it."""
    asked: Any = prompt
    if question.shuffle:
        symmetric = question.primitive.symmetric
        values = enumerate(question.values)
        asked = [sorted(map(repr, v)) if place in symmetric and isinstance(v, list) else v for place, v in values]
    key = f"{question.model} {question.temperature} {question.primitive.name} {question.prompt} {asked}"
    return digest(key)


def answer_digest(value: Any) -> str:
    """Digest by which an answer is told from others, as a vote tells them: the order of a record's fields is none."""
    return digest(_in_order(value))


def wording_key(primitive: Primitive, prompt: int) -> str:
    """Digest of what a wording of a primitive is known by in every run: its types and its words, and no number."""
    return digest(repr((primitive.name, *map(str, primitive.inputs), str(primitive.output), primitive.prompts[prompt])))


def digest(text: str) -> str:
    """What a text is told from others by."""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def seed_of(prompt: str, sample: Sequence[int]) -> int:
    """The seed of one sample of a prompt, of 31 bits.

    Samples of one vote follow one another, so that a server which draws sample i of a request with the seed + i draws
    the same ones as if it were asked for each of them alone.
    """
    path = list(sample) or [0]
    digest = hashlib.sha256(f"[{in_json(prompt)}, {path[:-1]}]".encode()).digest()  # the JSON of both
    return (int.from_bytes(digest[:4], "big") + path[-1]) % SEEDS
