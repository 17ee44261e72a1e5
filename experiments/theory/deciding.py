"""Rows on operators that decide: who works, whether to work at all, until when, and what comes first."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from row import Row

from undercut.evaluators.models.base import Completion, Request
from undercut.evaluators.models.scripted import count_words, written
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.task import Task
from undercut.spaces.genome import Expression, GeneValue, Genome, Input, Node, call
from undercut.spaces.operators.base import SIZES
from undercut.spaces.pricing import Shape
from undercut.spaces.primitive import Primitive
from undercut.spaces.sorting import ALGORITHMS
from undercut.spaces.toolbox import Function
from undercut.spaces.types import NEED, NUMBER, NUMBERS, SCORE, TRUTH, Atom, ListOf

X0, X1 = Input(0), Input(1)
WARM = 0.7
BILLION = 1_000_000_000


def node(op: str, *inputs: Expression, bodies: Sequence[Expression] = (), **genes: GeneValue) -> Node:
    """A node, its bodies given by their outputs."""
    return Node(op, inputs, genes, [Genome(body) for body in bodies])


def shape(billions: float) -> Shape:
    """A model of that many billions of parameters; only those count for the unit of cost here."""
    return Shape(parameters=round(billions * BILLION), layers=1, width=1)


def one_by_one(body: Node) -> Genome:
    """A list cut into single items, each in a list of its own, and what comes of them put together."""
    return Genome(node("join", node("map", node("split", X0, size=1, overlap=0), bodies=[body])))


# -- T1: a problem of one of several kinds, which can be told from its first few items --------------------------------

KINDS, TOLD = 4, 3
GENERALIST, SPECIALIST, DELEGATOR = 4.0, 1.0, 0.1
"""Billions of parameters: a generalist is as large as all of its specialists."""


def kind_of(numbers: Sequence[int]) -> int:
    """Which of the kinds a problem is."""
    return sum(numbers[:TOLD]) % KINDS


def largest(numbers: Sequence[int]) -> int:
    return max(numbers)


def smallest(numbers: Sequence[int]) -> int:
    return min(numbers)


def added(numbers: Sequence[int]) -> int:
    return sum(numbers) % 1000


def even(numbers: Sequence[int]) -> int:
    return sum(number % 2 == 0 for number in numbers)


WORK = (largest, smallest, added, even)


def worked(numbers: Sequence[int]) -> int:
    """What is right for a problem of any kind."""
    return WORK[kind_of(numbers)](numbers)


def _routed(size: int, generator: random.Random) -> tuple[tuple[Any, ...], int]:
    numbers = [generator.randrange(100) for _ in range(size)]
    return (numbers,), worked(numbers)


def is_told(numbers: Sequence[int]) -> bool:
    return len(numbers) >= TOLD


KIND = Atom("kind", parse=int, options=KINDS)
TELL = Primitive(
    "tell",
    (NUMBERS,),
    KIND,
    ("Which kind of problem is this? {0}",),
    law=lambda n: 1,
    reference=kind_of,
    expects=is_told,
)
DO = Primitive(
    "do",
    (NUMBERS,),
    NUMBER,
    ("Solve this problem, whatever its kind: {0}",),
    law=lambda n: 1,
    reference=worked,
    expects=is_told,
)
SPECIAL = tuple(
    Primitive(
        work.__name__,
        (NUMBERS,),
        NUMBER,
        (f"Solve this problem of the kind {work.__name__} : {{0}}",),
        law=lambda n: 1,
        reference=work,
        expects=lambda numbers, kind=kind: is_told(numbers) and kind_of(numbers) == kind,
    )
    for kind, work in enumerate(WORK)
)
ROUTED = Task(
    "routed", (NUMBERS,), NUMBER, (TELL, DO, *SPECIAL), _routed, summary="solve a problem of one of four kinds"
)
ABLE, UNABLE = {0: 1.0, 1 << 20: 1.0}, {0: 0.0}


def staff(seed: int) -> list[SimulatedModel]:
    """A generalist who can do all, a specialist for each kind, who can do that only, and a delegator who can tell."""

    def one(name: str, billions: float, *tasks: Primitive) -> SimulatedModel:
        able = {task.name: ABLE for task in tasks}
        return SimulatedModel(name, Capability(able, UNABLE), seed=seed, shape=shape(billions))

    return [
        one("generalist", GENERALIST, *ROUTED.primitives),
        *(one(f"specialist-{task.name}", SPECIALIST, task) for task in SPECIAL),
        one("delegator", DELEGATOR, TELL),
    ]


def delegations() -> Iterator[Genome]:
    """The generalist alone, and a delegator who reads so many items and picks the specialist."""
    yield Genome(call("do", X0, model=0))
    branches = [call(task.name, X0, model=1 + place) for place, task in enumerate(SPECIAL)]
    for read in SIZES:
        if read >= TOLD:
            tell = call("tell", X0, model=1 + KINDS)
            yield Genome(node("route", X0, bodies=[tell, *branches], pick="branch", read=read))


T1 = Row(
    "T1",
    "a problem of one of k kinds, which its first c items tell",
    ROUTED,
    staff,
    delegations,
    "read c items, then one specialist: Θ(m_d) + Θ(m_s·n), where a generalist takes Θ(k·m_s·n)",
    turned=("route.read",),
    continuous={"route.read": TOLD},
    unit="aalp",
    sizes=(4, 8, 16),
    problems=40,
    settings={"evaluations": 32},
)

# -- T2: some faulty functions in a program ---------------------------------------------------------------------------

LENGTH, FAULTY = 8, 0.125
"""Tokens of a function, and the share of functions that have a bug."""
QUERY, DEVELOPER = 1.0, 10.0
"""Billions of parameters of who finds bugs and of who mends them."""


@lru_cache(maxsize=1 << 16)
def sound(function: str) -> str:
    """A function without its bug: its numbers in order."""
    return " ".join(map(str, sorted(map(int, function.split()))))


def _function(text: str) -> str:
    if len(text.split()) != LENGTH:
        raise ValueError(text)
    return text


def _program(size: int, generator: random.Random) -> tuple[tuple[Any, ...], list[str]]:
    functions = []
    for _ in range(size):
        numbers = sorted(generator.sample(range(100), LENGTH))
        if generator.random() < FAULTY:
            numbers[2], numbers[5] = numbers[5], numbers[2]
        functions.append(" ".join(map(str, numbers)))
    return (functions,), [sound(function) for function in functions]


PROGRAM = ListOf(Atom("function", parse=_function, separator=" ; "))
LOOK = Primitive(
    "look",
    (PROGRAM,),
    NEED,
    ("Is there a bug in this code? {0}",),
    law=lambda n: 1,
    reference=lambda functions: any(function != sound(function) for function in functions),
    shares=(1 - FAULTY, FAULTY),
)
MEND = Primitive(
    "mend",
    (PROGRAM,),
    PROGRAM,
    ("Write this code again without its bugs: {0}",),
    law=lambda n: n,
    reference=lambda functions: [sound(function) for function in functions],
    valid=lambda answer, functions: len(answer) == len(functions),
)
DEBUGGED = Task("debugged", (PROGRAM,), PROGRAM, (LOOK, MEND), _program, summary="mend the bugs in n functions")


def team(seed: int) -> list[SimulatedModel]:
    """One who can find bugs and nothing else, and one who can do both."""
    return [
        SimulatedModel("query", Capability({"look": ABLE}, UNABLE), seed=seed, shape=shape(QUERY)),
        SimulatedModel("developer", Capability({}, ABLE), seed=seed, shape=shape(DEVELOPER)),
    ]


def repairs() -> Iterator[Genome]:
    """All at once, or a function at a time: each of them, or only those that have a bug."""
    mend = call("mend", X0, model=1)
    yield Genome(mend)
    yield one_by_one(mend)
    yield one_by_one(node("guard", X0, bodies=[call("look", X0, model=0), mend]))


T2 = Row(
    "T2",
    "b bugs in k functions of l tokens",
    DEBUGGED,
    team,
    repairs,
    "look at a function, rewrite only that: Θ(m_q·k·l + m_d·b·l²), where the whole code takes Θ(m_d·k²·l²)",
    turned=("split.size",),
    continuous={"split.size": 1},
    unit="aalp",
    sizes=(4, 8, 16),
    problems=40,
)

# -- T3: blocks that a mutation gets right half of the time -----------------------------------------------------------

HALF = 0.5


@lru_cache(maxsize=1 << 16)
def right_block(block: str) -> str:
    """What a block should be: its first number says so."""
    first = int(block.split()[0])
    return " ".join(str((first + step) % 100) for step in range(LENGTH))


def _blocks(size: int, generator: random.Random) -> tuple[tuple[Any, ...], list[str]]:
    blocks = [" ".join(str(generator.randrange(100)) for _ in range(LENGTH)) for _ in range(size)]
    return (blocks,), [right_block(block) for block in blocks]


def fit(blocks: Sequence[str]) -> float:
    """The share of blocks that are right."""
    return sum(block == right_block(block) for block in blocks) / len(blocks) if blocks else 1.0


def same_blocks(answer: Sequence[str], blocks: Sequence[str]) -> bool:
    return len(answer) == len(blocks)


BLOCKS = ListOf(Atom("block", parse=_function, separator=" ; "))
MUTATE = Primitive(
    "mutate",
    (BLOCKS,),
    BLOCKS,
    ("Write these blocks anew: {0}",),
    law=lambda n: n,
    reference=lambda blocks: [right_block(block) for block in blocks],
    valid=same_blocks,
)
EVOLVED = Task(
    "evolved",
    (BLOCKS,),
    BLOCKS,
    (MUTATE,),
    _blocks,
    functions=(Function("fit", (BLOCKS,), SCORE, fit, law=lambda n: 1),),
    summary="get n blocks right by mutation",
)


class Mutator:
    """A model that writes each block anew, right with chance ½ and independently of the others."""

    price = None
    end = 0

    def __init__(self, seed: int) -> None:
        self.name = "mutator"
        self.shape = shape(1.0)
        self.capability = Capability({"mutate": {1: HALF}})
        self._seed = seed

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return count_words(text)

    async def generate(self, request: Request) -> Completion:
        """Write the blocks."""
        assert request.question is not None
        draw = random.Random(repr((self._seed, request.prompt, request.question.sample)))
        blocks = []
        for block in request.question.values[0]:
            first, *rest = block.split()
            wrong = " ".join([first, *(str((int(word) + draw.randrange(1, 100)) % 100) for word in rest)])
            blocks.append(right_block(block) if draw.random() < HALF or wrong == right_block(block) else wrong)
        return written(" ; ".join(blocks) if blocks else "none", request, self.count)

    async def close(self) -> None:
        """Do nothing."""


def evolutions() -> Iterator[Genome]:
    """All blocks or one at a time, until they are right."""
    for rounds in (2, 4, 8, 12, 16, 24, 32, 64, 256):
        looped = node(
            "loop",
            X0,
            bodies=[call("mutate", X0, temperature=WARM), node("code", X0, function="fit")],
            accept="always",
            rounds=rounds,
        )
        yield Genome(looped)
        yield one_by_one(looped)


T3 = Row(
    "T3",
    "k blocks of l tokens, a mutated one right with p = ½",
    EVOLVED,
    lambda seed: [Mutator(seed)],
    evolutions,
    "a block at a time: Θ(m·k·l²), where all at once take Θ(m·2^k·k²·l²)",
    turned=("split.size",),
    continuous={"split.size": 1},
    unit="aalp",
    sizes=(4, 8, 16),
    problems=40,
    settings={"allow_code": True},
)

# -- T9: noisy comparisons --------------------------------------------------------------------------------------------

FLIPPED, MOST = 0.01, 8
"""Chance that one comparison is wrong, and most comparisons that a call can make."""


def _ordered(size: int, generator: random.Random) -> tuple[tuple[Any, ...], list[int]]:
    numbers = generator.sample(range(10_000), size)
    return (numbers,), sorted(numbers)


def below(pivot: int, numbers: Sequence[int]) -> list[bool]:
    """Which of the numbers come before the pivot."""
    return [number < pivot for number in numbers]


BELOW = Primitive(
    "below",
    (NUMBER, NUMBERS),
    ListOf(TRUTH),
    ("Which come before {0} ? Say yes or no for each of these: {1}",),
    law=lambda pivot, n: n,
    reference=below,
    valid=lambda answer, pivot, numbers: len(answer) == len(numbers),
)
ORDERED = Task("ordered", (NUMBERS,), NUMBERS, (BELOW,), _ordered, summary="order n numbers by comparisons")
SURE = {size: (1 - FLIPPED) ** size for size in range(1, MOST + 1)} | {MOST + 1: 0.0}


def orders() -> Iterator[Genome]:
    """Any algorithm, with batches of any size and votes of any lead."""
    for algorithm in ALGORITHMS:
        for batch in (1, 2, 4, 8) if algorithm in ("quick", "pairs") else (1,):
            for lead in range(1, 8):
                asked = call("below", X0, X1, temperature=WARM if lead > 1 else 0.0)
                body = asked if lead == 1 else node("vote", X0, X1, bodies=[asked], rule="ahead", lead=lead)
                yield Genome(node("sort_by", X0, bodies=[body], algorithm=algorithm, batch=batch))


T9 = Row(
    "T9",
    "sorting by comparisons, each wrong with chance q",
    ORDERED,
    lambda seed: [SimulatedModel("comparer", Capability({"below": SURE}), seed=seed)],
    orders,
    "Θ(n log n): quicksort, 2n·ln(n)/b calls of b comparisons, where all pairs are n(n − 1)/2",
    turned=("sort_by.batch", "vote.lead"),
    continuous={"sort_by.batch": MOST},
    sizes=(4, 8, 16),
    problems=20,
)
