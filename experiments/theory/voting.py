"""Rows on errors: dependent steps that are voted on, votes to a given error, tries with an exact verifier."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

from row import Row

from undercut.evaluators.models.simulated import MALFORMED, Capability, SimulatedModel
from undercut.evaluators.task import Task
from undercut.spaces.genome import GeneValue, Genome, Input, Node, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.reliability import ahead, ahead_votes
from undercut.spaces.types import NUMBER, NUMBERS, TRUTH, Atom, ListOf

WARM = 0.7
LEADS, WIDTHS, VOTES = range(1, 33), range(1, 65), range(1, 102, 2)


def voted(genes: dict[str, GeneValue], body: Node) -> Node:
    """A vote over a call, on the call's own inputs."""
    return Node("vote", body.inputs, genes, [Genome(body)])


# -- T4: a walk through the Towers of Hanoi ---------------------------------------------------------------------------

DISKS = 20
STEP_ERROR = {"gpt-4.1-mini": 0.0022, "gpt-oss-20B": 0.0358}
"""Chance of a wrong step, as published (Meyerson et al. 2025, arXiv 2511.09030, Fig. 6b)."""
FLAGGED = 0.2
"""Share of the errors that raise a red flag; an assumption of ours."""
Pegs = tuple[int, ...]


def position(step: int, disks: int = DISKS) -> Pegs:
    """Where each disk is after so many of the 2^disks − 1 best moves from peg 1 to peg 3, the largest disk first."""
    source, target, pegs = 1, 3, []
    for disk in range(disks - 1, -1, -1):
        other = 6 - source - target
        moved = step >> disk & 1
        pegs.append(target if moved else source)
        source, target = (other, target) if moved else (source, other)
    return tuple(pegs)


def following(pegs: Pegs) -> Pegs:
    """The next best move towards all disks on peg 3; what is there already stays."""
    target, moving, goal = 3, -1, 3
    for disk, peg in enumerate(pegs):
        if peg != target:
            moving, goal, target = disk, target, 6 - peg - target
    return pegs if moving < 0 else (*pegs[:moving], goal, *pegs[moving + 1 :])


def written(walk: Sequence[Pegs]) -> str:
    """Positions as text, a word each: the peg of every disk, the largest first."""
    return " ".join("".join(map(str, pegs)) for pegs in walk)


def read(text: str) -> list[Pegs]:
    """The positions in a text."""
    return [tuple(map(int, word)) for word in text.split()]


def moved(walk: str, steps: Sequence[int]) -> str:
    """The positions after each of some steps from the last position of a walk."""
    pegs, found = read(walk)[-1], []
    for _ in steps:
        pegs = following(pegs)
        found.append(pegs)
    return written(found)


def _walk(text: str) -> str:
    """Check that a text is a walk."""
    if not text or set(text) - set("123 "):
        raise ValueError(text)
    return text


def _whole(answer: str, walk: str, steps: Sequence[int]) -> bool:
    disks = len(read(walk)[-1])
    return [len(pegs) for pegs in read(answer)] == [disks] * len(steps)


def _hanoi(size: int, generator: random.Random) -> tuple[tuple[Any, ...], str]:
    """So many steps from anywhere on the best way of a tower of at least 20 disks; the last position is the target."""
    disks = max(DISKS, size.bit_length())
    first = generator.randrange((1 << disks) - size)
    return ([*range(first + 1, first + size + 1)], written([position(first, disks)])), written(
        [position(first + size, disks)]
    )


def _arrived(output: Any, target: str) -> float:
    return float(isinstance(output, str) and read(output)[-1:] == read(target))


WALK = Atom("walk", parse=_walk, size=lambda text: len(text.split()))
MOVE = Primitive(
    "move",
    (WALK, NUMBERS),
    WALK,
    (
        "Towers of Hanoi. Pegs so far, largest disk first: {0} . Make the next best move for each of the steps {1} and "
        "write them.",
    ),
    law=lambda walk, steps: steps,
    reference=moved,
    valid=_whole,
)
HANOI = Task(
    "hanoi",
    (NUMBERS, WALK),
    WALK,
    (MOVE,),
    _hanoi,
    score=_arrived,
    sizes=(8, 16, 32),
    summary="make n moves of the Towers of Hanoi",
)


class Stepper(SimulatedModel):
    """A model that leaves a step out where it is wrong, and is one step behind from there to the end of its walk.

    Each step that is asked for is one that can go wrong; how much of the walk before it is shown changes nothing.
    """

    def success(self, question: Question) -> float | None:
        """Probability that all of the steps are right."""
        return self.capability.success(question.primitive.name, len(question.values[1]))

    def _text(self, question: Question, prompt: str) -> str:
        text = super()._text(question, prompt)
        walk, steps = question.values
        right = read(moved(walk, steps))
        if text in (MALFORMED, written(right)):
            return text
        place = self._draw("astray", prompt).randrange(len(right))
        return written([*right[:place], *[read(walk)[-1], *right][place : len(right)]])


def stepper(name: str, seed: int) -> SimulatedModel:
    """A model that gets each step right with the published chance of the model of that name."""
    table = {"move": {1: 1 - STEP_ERROR[name]}}
    return Stepper(f"steps/{name}", Capability(table, malformed=FLAGGED, agreeing=True), seed=seed)


def maker(width: int, lead: int) -> Genome:
    """A fold of some steps a call, each call voted on until an answer is ahead."""
    vote = voted({"rule": "ahead", "lead": lead}, call("move", Input(0), Input(1), temperature=WARM))
    return Genome(Node("fold", [Input(0), Input(1)], {"size": width, "start": "input"}, [Genome(vote)]))


def makers() -> Iterator[Genome]:
    return (maker(width, lead) for width in WIDTHS for lead in LEADS)


def best_steps(name: str, steps: int, target: float) -> dict[str, float]:
    """Width and lead that cost least by the formulas of gambler's ruin, for the tokens that the task's calls take."""
    header = len(MOVE.prompts[0].split()) - 2

    def price(width: int) -> tuple[float, int, int]:
        right = (1 - STEP_ERROR[name]) ** width
        valid = 1 - (1 - right) * FLAGGED
        lead = next((k for k in LEADS if ahead(right / valid, k) ** (steps / width) >= target), None)
        if lead is None:
            return math.inf, width, 0
        tokens = header + 3 * width
        return tokens * ahead_votes(right / valid, lead) / valid / width, width, lead

    _, width, lead = min(map(price, WIDTHS))
    return {"fold.size": width, "vote.lead": lead}


T4 = Row(
    "T4",
    "s dependent steps, one of them wrong spoils all",
    HANOI,
    lambda seed: [stepper("gpt-oss-20B", seed)],
    makers,
    "fold of m* steps a call, first to be K* ahead: Θ(s) for a given K, Θ(s log s) for a given success",
    turned=("fold.size", "vote.lead"),
    continuous=best_steps("gpt-oss-20B", 256, 0.9),
    sizes=HANOI.sizes,
    problems=60,
    settings={"samples": 50},
)

# -- T5: n answers, all of which must be right ------------------------------------------------------------------------

RIGHT = 0.92


def _prime(number: int) -> bool:
    return number > 1 and all(number % below for below in range(2, math.isqrt(number) + 1))


def _primes(size: int, generator: random.Random) -> tuple[tuple[Any, ...], list[bool]]:
    numbers = [generator.randrange(1000, 10000) for _ in range(size)]
    return (numbers,), [_prime(number) for number in numbers]


PRIME = Primitive(
    "prime",
    (NUMBER,),
    TRUTH,
    ("Is {0} a prime number? Say yes or no.",),
    law=lambda number: 1,
    reference=_prime,
)
PRIMES = Task(
    "primes",
    (NUMBERS,),
    ListOf(TRUTH),
    (PRIME,),
    _primes,
    sizes=(2, 4, 8),
    summary="say of each of n numbers if it is prime",
)


def each(body: Node) -> Genome:
    """Every number by itself."""
    return Genome(Node("map", [Input(0)], {}, [Genome(body)]))


def elections() -> Iterator[Genome]:
    """Votes by either rule, of any number."""
    asked = call("prime", Input(0), temperature=WARM)
    yield each(asked)
    yield from (each(voted({"rule": "ahead", "lead": lead}, asked)) for lead in LEADS)
    yield from (each(voted({"rule": "majority", "votes": votes}, asked)) for votes in VOTES)


def least_lead(right: float, error: float) -> float:
    """The real number K at which first-to-be-K-ahead errs so often."""
    return math.log((1 - error) / error) / math.log(right / (1 - right))


T5 = Row(
    "T5",
    "a vote to error δ for each of n answers",
    PRIMES,
    lambda seed: [SimulatedModel("yes-or-no", Capability({}, {0: RIGHT}, agreeing=True), seed=seed)],
    elections,
    "first to be K ahead, K/(2p − 1) votes, where a fixed majority takes ln(1/δ)/(2(p − ½)²)",
    turned=("vote.lead",),
    continuous={"vote.lead": least_lead(RIGHT, 1 - 0.9 ** (1 / 64))},
    sizes=PRIMES.sizes,
    problems=100,
)

# -- T11: tries with an exact verifier --------------------------------------------------------------------------------

SOLVED = 0.3
ALWAYS = {0: SOLVED, 1 << 20: SOLVED}


def _ranks(numbers: Sequence[int]) -> list[int]:
    """The place of each number by the sum of its digits, and of equal ones by size, from 1 on."""
    keys = [(sum(map(int, str(number))), number, place) for place, number in enumerate(numbers)]
    order = {key: rank for rank, key in enumerate(sorted(keys), 1)}
    return [order[key] for key in keys]


def _ranking(size: int, generator: random.Random) -> tuple[tuple[Any, ...], list[int]]:
    numbers = [generator.randrange(10, 1000) for _ in range(size)]
    return (numbers,), _ranks(numbers)


RANKS = ListOf(Atom("rank", parse=int))
RANK = Primitive(
    "rank",
    (NUMBERS,),
    RANKS,
    ("Write the rank of each number by the sum of its digits, and of equal ones by size: {0}",),
    law=lambda n: n,
    reference=_ranks,
    valid=lambda answer, numbers: sorted(answer) == list(range(1, len(numbers) + 1)),
)
VERIFY = Primitive(
    "verify",
    (RANKS, NUMBERS),
    TRUTH,
    ("Are {0} the ranks of {1} by the sum of digits? Say yes or no.",),
    law=lambda answer, numbers: 1,
    reference=lambda answer, numbers: answer == _ranks(numbers),
)
RANKING = Task(
    "ranking",
    (NUMBERS,),
    RANKS,
    (RANK, VERIFY),
    _ranking,
    sizes=(4, 8, 16),
    summary="rank n numbers by the sum of their digits",
)


def tries() -> Iterator[Genome]:
    """Answers tried until one passes, and votes of any number."""
    asked = call("rank", Input(0), temperature=WARM)
    check = Genome(call("verify", Input(0), Input(1)))
    yield Genome(asked)
    yield from (Genome(Node("retry", [Input(0)], {"tries": most}, [Genome(asked), check])) for most in range(2, 41))
    yield from (Genome(voted({"rule": "ahead", "lead": lead}, asked)) for lead in LEADS)
    yield from (Genome(voted({"rule": "majority", "votes": votes}, asked)) for votes in VOTES)


T11 = Row(
    "T11",
    "an exact verifier, and answers that are right less than half of the time",
    RANKING,
    lambda seed: [SimulatedModel("rarely", Capability({"rank": ALWAYS}, {0: 1.0}, agreeing=True), seed=seed)],
    tries,
    "any-pass of N tries, N = ⌈ln(1/δ)/−ln(1 − p)⌉, 1/p of them as expected; a majority is wrong",
    turned=("retry.tries",),
    continuous={"retry.tries": math.log(1 / 0.05) / -math.log(1 - SOLVED)},
    sizes=RANKING.sizes,
    floor=0.95,
    problems=400,
)  # fmt: skip
