"""How many wrong answers a check catches: it is held against those that models were seen to give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node
from undercut.spaces.question import Answer, Question
from undercut.spaces.toolbox import Toolbox


class Slip(NamedTuple):
    """The inputs of a call, and an answer that was wrong and raised no red flag."""

    values: tuple[Any, ...]
    answer: Any


def caught(check: Genome, body: Genome, slips: Mapping[str, Sequence[Slip]], toolbox: Toolbox) -> float:
    """Share, in (0, 1], of a body's wrong answers that a check refuses if its own answers are all right.

    The check is tried on wrong answers that the body's calls were seen to give, by primitive: most wrong results come
    from a single one of these, and what a check sees in a part it sees in the whole. Until some were seen it is taken
    to catch all.
    """
    refused = held = 0
    for inputs in _wrong(body, slips, 1 + max(map(_last_input, check.nodes), default=0)):
        try:
            accepted = run_now(Execution(_truth, toolbox, concurrent=False).apply(check, inputs))
        except Exception:  # references are the user's code, and here on what a model made up
            continue
        held, refused = held + 1, refused + (not accepted)
    return (refused + 1) / (held + 1)


def _wrong(body: Genome, slips: Mapping[str, Sequence[Slip]], arity: int) -> Iterator[list[Any]]:
    """Inputs of a check: a wrong answer, and the body's own inputs; None for those that its call was not given."""
    for node in dict.fromkeys(body.walk()):
        if node.op == "call":
            places = [s.index if isinstance(s, Input) and node in body.nodes else None for s in node.inputs]
            for values, answer in slips.get(str(node.genes["primitive"]), ()):
                given = dict(zip(places, values, strict=True))
                yield [answer, *(given.get(place) for place in range(arity - 1))]


def _last_input(node: Node) -> int:
    return max((source.index for source in node.inputs if isinstance(source, Input)), default=0)


async def _truth(question: Question) -> Answer:
    reference = question.primitive.reference
    if reference is None:
        raise LookupError(question.primitive.name)
    return Answer(reference(*question.values))
