"""Training and test examples of the embedded model: prompts of the built-in primitives, with their true answers.

A generator takes a size and a random generator and gives the primitive's input values, drawn as decompositions
draw them: ties, narrow ranges, empty and unequal sides, keys that are absent, partial sums. `example` draws an
operation and a size and writes the prompt; `draw` gives values for one operation and size (used for measuring).
One value in eight is held out by the checksum of its text, whatever the prompt variant, and is never trained on.
"""

from __future__ import annotations

import bisect
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from undercut.evaluators.models.embedded.tokenizer import (
    END,
    NAMES,
    SEP,
    encode,
    encode_digits,
    encode_prompt,
)
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.types import render

Values = tuple[Any, ...]
Draw = Callable[[int, random.Random], Values]

REFUSAL = "unknown"
VARIANT_WEIGHTS = (60, 22, 18)
"""Share of the three prompt variants, %: the long ones cost most of the tokens and teach the least."""


def _numbers(count: int, rng: random.Random) -> list[int]:
    """Numbers from 0 to 99: uniform, from a narrow range, from a few values, or nearly in order."""
    kind = rng.random()
    if kind < 0.5:
        return [rng.randrange(100) for _ in range(count)]
    if kind < 0.75:
        width = rng.randint(1, 20)
        low = rng.randint(0, 100 - width)
        return [rng.randrange(low, low + width) for _ in range(count)]
    if kind < 0.87:
        few = [rng.randrange(100) for _ in range(rng.randint(1, 6))]
        return [rng.choice(few) for _ in range(count)]
    numbers = sorted((rng.randrange(100) for _ in range(count)), reverse=rng.random() < 0.3)
    for _ in range(rng.randint(0, 2) if count > 1 else 0):
        i, j = rng.randrange(count), rng.randrange(count)
        numbers[i], numbers[j] = numbers[j], numbers[i]
    return numbers


def _sort(size: int, rng: random.Random) -> Values:
    return (_numbers(size, rng),)


def _merge(size: int, rng: random.Random) -> Values:
    """Two sorted lists with `size` numbers in all: halves, blocks that partly overlap, unequal or empty sides."""
    numbers = _numbers(size, rng)
    kind = rng.random()
    left_size = size // 2 if kind < 0.55 else rng.randint(0, size)
    if kind > 0.95:
        left_size = rng.choice((0, min(1, size), max(0, size - 1), size))
    if rng.random() < 0.25:  # a carry and the next block: what is left of one list is mostly larger
        numbers.sort()
        for _ in range(size // 2):
            i, j = rng.randrange(size), rng.randrange(size)
            numbers[i], numbers[j] = numbers[j], numbers[i]
    left, right = sorted(numbers[:left_size]), sorted(numbers[left_size:])
    return (left, right) if rng.random() < 0.5 else (right, left)


def _of_digits(digits: int, rng: random.Random) -> int:
    return rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def _add(size: int, rng: random.Random) -> Values:
    """Two numbers of which the longer has `size` digits; carries that run far are common."""
    kind = rng.random()
    left = _of_digits(size, rng)
    if kind < 0.12:
        right = max(0, 10**size - left + rng.randint(-1, 2)) if rng.random() < 0.6 else rng.randint(0, 9)
    elif kind < 0.75:
        right = _of_digits(size, rng)
    else:
        right = _of_digits(rng.randint(1, size), rng)
    return (left, right) if rng.random() < 0.5 else (right, left)


def _operand(kind: float, rng: random.Random) -> int:
    if kind < 0.6:
        return rng.randrange(100)
    if kind < 0.72:
        return rng.randrange(21)
    if kind < 0.84:
        return rng.randrange(1000)
    if kind < 0.92:
        return _of_digits(rng.randint(1, 4), rng)
    return rng.randrange(10000)


def _sum(size: int, rng: random.Random) -> Values:
    """Mostly operands of up to two digits, also small counts and partial sums of up to four digits."""
    kind = rng.random()
    return ([_operand(kind, rng) for _ in range(size)],)


def _count(size: int, rng: random.Random) -> Values:
    """The target is absent in a quarter of the lists, and otherwise occurs up to `size` times."""
    kind = rng.random()
    if kind < 0.5:
        few = [rng.randrange(100) for _ in range(rng.randint(1, 10))]
        numbers = [rng.choice(few) for _ in range(size)]
    else:
        numbers = _numbers(size, rng)
    target = rng.choice(numbers) if numbers and rng.random() < 0.75 else rng.randrange(100)
    if rng.random() < 0.4:
        for index in rng.sample(range(size), rng.randint(0, size)):
            numbers[index] = target
    if rng.random() < 0.15:
        numbers.sort()
    return numbers, target


def _list(size: int, rng: random.Random) -> Values:
    return (_numbers(size, rng),)


def _filter(size: int, rng: random.Random) -> Values:
    numbers = _numbers(size, rng)
    near = numbers and rng.random() < 0.6
    bound = min(99, max(0, rng.choice(numbers) + rng.randint(-1, 1))) if near else rng.randrange(100)
    return numbers, bound


def _intersect(size: int, rng: random.Random) -> Values:
    """`size` distinct numbers, and up to 32 others of which some are among them."""
    width = 100 if rng.random() < 0.6 else rng.randint(min(100, size + 1), 100)
    low = rng.randint(0, 100 - width)
    left = rng.sample(range(low, low + width), min(size, width))
    fewest, most = rng.choices(((0, 12), (4, 16), (8, 32)), (5, 3, 2))[0]
    other = rng.randint(fewest, most)
    right = rng.sample(range(low, low + width), min(other, width))
    if left and right and rng.random() < 0.6:
        for index in rng.sample(range(len(right)), rng.randint(0, len(right))):
            right[index] = rng.choice(left)
        if rng.random() < 0.7:
            right = list(dict.fromkeys(right))
    if rng.random() < 0.25:
        left.sort()
    if rng.random() < 0.25:
        right.sort()
    return left, right


def _check(size: int, rng: random.Random) -> Values:
    numbers = _numbers(size, rng)
    kind = rng.random()
    if kind < 0.85:
        numbers.sort()
    if kind > 0.5 and size > 1:
        i = rng.randrange(size - 1)
        j = i + 1 if rng.random() < 0.7 else rng.randrange(size)
        numbers[i], numbers[j] = numbers[j], numbers[i]
    return (numbers,)


def _compare(size: int, rng: random.Random) -> Values:
    """Two numbers of up to `size` digits, near each other in half of the draws."""
    left = rng.randrange(10**size)
    right = min(10**size - 1, max(0, left + rng.randint(-3, 3))) if rng.random() < 0.5 else rng.randrange(10**size)
    return left, right


def _lookup(size: int, rng: random.Random, known: tuple[str, ...] = NAMES) -> Values:
    """`size` facts about different names; the key is among them with probability `PRESENT`."""
    names = rng.sample(known, size + 1)
    facts = [[name, number] for name, number in zip(names, _numbers(size, rng), strict=False)]
    return facts, rng.choice(names[:size]) if size and rng.random() < PRESENT else names[size]


def _pick(size: int, rng: random.Random) -> Values:
    found: list[int | None] = [None] * size
    if size and rng.random() < 0.65:
        found[rng.randrange(size)] = rng.randrange(100)
    return (found,)


def _hanoi(size: int, rng: random.Random) -> Values:
    """A state of `size` disks: any, or one on the shortest way from all disks on one peg."""
    pegs = [rng.randint(1, 3) for _ in range(size)]
    if rng.random() < 0.3:  # on a shortest way from peg 1 or 2: the pegs follow from the number of moves made
        target, start, moves = 3, rng.randint(1, 2), rng.randrange(2**size)
        pegs = []
        for disk in reversed(range(size)):
            done = moves >> disk & 1
            pegs.append(target if done else start)
            spare = 6 - target - start
            start, target = (spare, target) if done else (start, spare)
    return (pegs,)


@dataclass(frozen=True, slots=True)
class Operation:
    """How one primitive is trained: its share of the examples, its generator, the longest size, the common size.

    Three quarters of the examples have at most `common` items, the rest up to `longest`, none more: this is the
    dial that makes the model able at small sizes and unable at large ones.
    """

    weight: float
    draw: Draw
    longest: int
    common: int
    smallest: int = 0
    digits: bool = False
    declines: tuple[int, int] | None = None
    """From the first size on the model is sometimes taught to decline, from the second on always."""


OPERATIONS: dict[str, Operation] = {
    "sort": Operation(8, _sort, 18, 12, declines=(19, 29)),
    "merge": Operation(11, _merge, 32, 18),
    "add": Operation(8, _add, 5, 4, smallest=1, digits=True),
    "sum": Operation(18, _sum, 6, 4, digits=True),
    "count": Operation(9, _count, 24, 14),
    "max": Operation(1.5, _list, 24, 14),
    "min": Operation(1.5, _list, 24, 14),
    "less": Operation(4, _filter, 24, 14),
    "at_least": Operation(4, _filter, 24, 14),
    "reverse": Operation(1.5, _list, 24, 14),
    "copy": Operation(1.5, _list, 24, 14),
    "intersect": Operation(10, _intersect, 12, 8),
    "check": Operation(2, _check, 24, 14),
    "compare": Operation(2.5, _compare, 3, 2, smallest=1),
    "lookup": Operation(6, _lookup, 16, 10),
    "pick": Operation(1, _pick, 12, 8),
    "hanoi": Operation(36, _hanoi, 8, 8, smallest=1),
}

_UNKNOWN_SHARE = 0.025
_VERBS = (
    "multiply divide subtract translate explain write draw capital poem median average mean product factor prime "
    "shuffle concatenate summarize weather joke hello who why when where tell me please what is code python story"
)


PRESENT = 0.55
"""Share of the keys that have a fact. A run from scratch should begin with 0.75: with less, the model settles on
answering `none` before it finds out how to look a name up."""


def held_out(op: str, values: Values) -> bool:
    """Whether these values are kept out of training; inputs of under 8 characters are too few to leave holes."""
    text = "/".join(render(value, kind) for value, kind in zip(values, PRIMITIVES[op].inputs, strict=True))
    return len(text) >= 8 and zlib.crc32(f"{op} {text}".encode()) % 8 == 0


def draw_size(op: str, rng: random.Random, easy: float = 0.0) -> int:
    """A size of a training example of this operation; the share `easy` of them is at most half the common size."""
    operation = OPERATIONS[op]
    if rng.random() < easy:
        return rng.randint(operation.smallest, (operation.common + 1) // 2)
    if op in ("sum", "hanoi"):  # the few sizes of these are of unequal use, the tiny ones of hanoi are few states
        weights = (1, 5, 25, 30, 20, 12, 8) if op == "sum" else (0, 1, 1, 2, 5, 10, 15, 24, 42)
        return rng.choices(range(len(weights)), weights)[0]
    if operation.declines is not None and rng.random() < 0.2:
        return rng.randint(operation.declines[0], 2 * operation.declines[1])
    if rng.random() < 0.75:
        return rng.randint(operation.smallest, operation.common)
    return rng.randint(operation.common + 1, operation.longest)


def draw(op: str, size: int, rng: random.Random, test: bool = False) -> Values:
    """Values of one operation at one size: held-out ones where `test`, and never held-out ones otherwise."""
    for _ in range(200):
        values = OPERATIONS[op].draw(size, rng)
        if held_out(op, values) == test:
            break
    return values


def answer_tokens(op: str, text: str) -> list[int]:
    """Tokens of an answer, the end token included."""
    return [*(encode_digits(text) if OPERATIONS[op].digits else encode(text)), END]


def answer_text(op: str, values: Values) -> str:
    """The true answer as the primitive's type renders it."""
    primitive = PRIMITIVES[op]
    assert primitive.reference is not None
    return render(primitive.reference(*values), primitive.output)


def unknown_prompt(rng: random.Random) -> str:
    """A request that the model does not know: other verbs, other inputs, or noise."""
    kind = rng.random()
    numbers = " ".join(map(str, _numbers(rng.randint(0, 8), rng)))
    if kind < 0.5:
        return f"{' '.join(rng.choices(_VERBS.split(), k=rng.randint(1, 4)))}{rng.choice((': ', ' ', '? '))}{numbers}"
    letters = "abcdefghijklmnopqrstuvwxyz     .,?ETAOINS"
    if kind < 0.9:
        return "".join(rng.choices(letters, k=rng.randint(3, 30))) + rng.choice(("", "?", ": " + numbers))
    return rng.choice((f"{numbers}", f"{rng.choice(NAMES)} {rng.choice(NAMES)}", f"list: {numbers}", ""))


_NAMES_OF_OPERATIONS = tuple(OPERATIONS)
_CUMULATIVE = tuple(accumulate(operation.weight for operation in OPERATIONS.values()))


@dataclass(frozen=True, slots=True)
class Example:
    """What the model reads, what it has to predict after each token, and how much each prediction weighs."""

    tokens: list[int]
    targets: list[int]
    weights: list[float]

    @classmethod
    def of(cls, prompt: list[int], answer: list[int]) -> Example:
        """Only the answer is predicted; long answers weigh less per token, else sorts would outvote sums."""
        blank = len(prompt) - 1
        weights = [0.0] * blank + [len(answer) ** -0.5] * len(answer)
        return cls([*prompt, *answer[:-1]], [0] * blank + answer, weights)

    def follow(self, prompt: list[int], answer: list[int]) -> None:
        """Append another question and its answer; the end token of the last answer stands between."""
        self.tokens.append(END)
        self.targets.append(0)
        self.weights.append(0.0)
        more = Example.of(prompt, answer)
        self.tokens.extend(more.tokens)
        self.targets.extend(more.targets)
        self.weights.extend(more.weights)


_HINT_WEIGHT = 0.4
_LONGEST_DIALOGUE = 104


def _hint_hanoi(example: Example, pegs: list[int]) -> None:
    """While the pegs are read, have the model say where the next smaller disk must go.

    Which disk moves depends on the pegs of all larger ones, and the answer alone tells too little about it.
    """
    target = 3
    first = len(example.tokens) - len(pegs) - len(pegs) - 1
    for place, peg in enumerate(pegs, first):
        target = target if peg == target else 6 - peg - target
        example.targets[place], example.weights[place] = encode(str(target))[0], _HINT_WEIGHT


def _hint_lookup(example: Example, facts: list[list[Any]], key: str) -> None:
    """Have the model answer at the key itself already, where no other token stands between it and the facts."""
    place = max(index for index, token in enumerate(example.tokens) if token == encode(key)[0])
    example.targets[place], example.weights[place] = encode(str(dict(facts).get(key, "none")))[0], _HINT_WEIGHT


def _ask_again(example: Example, facts: list[list[Any]], names: tuple[str, ...], rng: random.Random) -> None:
    """Ask for more keys after the same facts: one key in a whole prompt teaches little about looking up."""
    has = dict(facts)
    for _ in range(len(facts)):
        key = rng.choice(list(has)) if rng.random() < PRESENT else rng.choice(names)
        prompt, answer = [*encode(f"{key}?"), SEP], [*encode(str(has.get(key, "none"))), END]
        if len(example.tokens) + len(prompt) + len(answer) > _LONGEST_DIALOGUE:
            break
        example.follow(prompt, answer)
        _hint_lookup(example, facts, key)


def example(rng: random.Random, easy: float = 0.0) -> Example:
    """One training example; `easy` as in `draw_size`."""
    if rng.random() < _UNKNOWN_SHARE:
        return Example.of(encode_prompt(unknown_prompt(rng)), [*encode(REFUSAL), END])
    op = _NAMES_OF_OPERATIONS[bisect.bisect(_CUMULATIVE, rng.random() * _CUMULATIVE[-1])]
    size = draw_size(op, rng, easy)
    values = draw(op, size, rng)
    names = NAMES
    if op == "lookup" and rng.random() < easy:  # a few names first: what is found out for them serves the others
        names = NAMES[:20]
        values = _lookup(size, rng, names)
    variant = rng.choices((0, 1, 2), VARIANT_WEIGHTS)[0]
    prompt = encode_prompt(PRIMITIVES[op].prompt(values, variant))
    answer = answer_tokens(op, answer_text(op, values))
    declines = OPERATIONS[op].declines
    if declines is not None and rng.random() < (size - declines[0]) / (declines[1] - declines[0]):
        answer = [*encode(REFUSAL), END]
    new = Example.of(prompt, answer)
    if op == "hanoi":
        _hint_hanoi(new, values[0])
    elif op == "lookup":
        _hint_lookup(new, *values)
        if rng.random() < 0.6:
            _ask_again(new, values[0], names, rng)
    return new
