"""Rates for the walk with symbols, fitted to measured calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from functools import cached_property
from itertools import chain
from typing import Any

from undercut.evaluators.attribution import NOTHING_TOLD, Attributed
from undercut.evaluators.calibrate import Calibration, Failed
from undercut.evaluators.fitting import FLAT, Key, TokenFit
from undercut.evaluators.likeness import Again, likeness
from undercut.evaluators.statistics import Accuracy, wilson
from undercut.evaluators.success import Asked, Successes
from undercut.spaces.estimate import CallRates
from undercut.spaces.genome import Genome, Node
from undercut.spaces.pricing import Price, Shape, call_cost
from undercut.spaces.primitive import Primitive
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Toolbox

ALIKE = 0.85
ALIKE_SHUFFLED = 0.5
"""How alike two samples of one prompt, or of one prompt with its items shuffled, are taken to be until measured."""
SAME = 3.0
"""Log-odds that two wrong answers to a prompt of size 0 are the same, expected before any was seen."""


class FittedRates:
    """`Rates` for the walk with symbols, from a calibration.

    `shift` moves every chance by so many standard deviations: −1.64 and 1.64 give the ends of a 90 % interval that
    takes all chances to be wrong in the same direction. `attributed` stands in for primitives of which no answer was
    judged.
    """

    def __init__(
        self,
        calibration: Calibration,
        toolbox: Toolbox,
        shapes: Sequence[Shape | None],
        prices: Sequence[Price | None],
        shift: float = 0.0,
        attributed: Attributed = NOTHING_TOLD,
    ) -> None:
        self._toolbox = toolbox
        self._shapes = shapes
        self._prices = prices
        self._shift = shift
        self._calibration = calibration
        self._attributed = attributed
        self._tokens = {
            key: TokenFit(cells, toolbox.primitives[key.primitive].answer_size)
            for key, cells in calibration.cells.items()
        }
        self._outcomes = {name: calibration.outcomes(name) for name in {key.primitive for key in calibration.cells}}
        self._known: dict[tuple[Any, ...], CallRates] = {}

    def shifted(self, shift: float) -> FittedRates:
        """The same rates with every chance moved by so many standard deviations."""
        other = copy(self)
        other._shift, other._known = shift, {}
        return other

    def largest(self, primitive: str) -> float | None:
        """The largest size in items at which calls of a primitive were judged; None where none was."""
        outcomes = self._outcomes.get(primitive)
        return None if outcomes is None else outcomes.largest

    def call(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        """Rates of one call; a key that was never asked takes those of the nearest one.

        Where nobody told what calls took, each word and item is taken for a token.
        """
        model, prompt, temperature = (node.genes[name] for name in ("model", "prompt", "temperature"))
        place = (primitive.name, model, prompt, temperature, *sizes)
        known = self._known.get(place)
        if known is None:
            key = Key(primitive.name, Asked(int(model), int(prompt), float(temperature)))
            known = self._known[place] = self._call(key, primitive, sizes)
        return known

    def wrong(self, question: Question) -> float:
        """Chance in [0, 1] that the answer to a question is wrong."""
        asked = Asked(question.model, question.prompt, question.temperature)
        right = self._right(question.primitive.name, asked.model)
        return 1.0 if right is None else 1 - right.chance(asked, question.primitive.sizes(question.values)).at()

    def _right(self, primitive: str, model: int) -> Successes | None:
        """How often answers are right: of all samples where they are not alike, else of first ones."""
        outcomes = self._outcomes.get(primitive)
        if outcomes is None:
            return None
        alike = [found.mean for key, found in self._alike.items() if key[:2] == (primitive, model)]
        judged = outcomes.right_of_all if alike and not any(alike) else outcomes.right
        return judged or self._attributed.successes.get(primitive)

    def _call(self, key: Key, primitive: Primitive, sizes: Sequence[float]) -> CallRates:
        asked = key.asked
        shape, price = self._shapes[asked.model], self._prices[asked.model]
        near, words = self._nearest(key), len(primitive.prompts[asked.prompt].split())
        guessed = words + sum(sizes), 1 + primitive.answer_size(*sizes)
        if near is None:
            return CallRates(call_cost(*guessed, 0, shape, price), 0.5 if primitive.reference else 1.0)
        tokens, outcomes = self._tokens[near], self._outcomes[key.primitive]
        longer = words - len(primitive.prompts[near.asked.prompt].split())
        fitted = tokens.prompt.at(sizes) + longer, tokens.completion.at([primitive.answer_size(*sizes)])
        prompt, answer = (
            max(1.0, guess if math.isnan(fit) else fit) for fit, guess in zip(fitted, guessed, strict=True)
        )
        valid = outcomes.valid(asked, sizes).at(self._shift)
        judged = self._right(key.primitive, asked.model)
        right = judged.chance(asked, sizes).at(self._shift) if judged else valid
        cached = prompt * tokens.cached
        refusal = None if tokens.refusal is None else call_cost(prompt, tokens.refusal, cached, shape, price)
        return CallRates(call_cost(prompt, answer, cached, shape, price), min(right, valid), valid, refusal)

    def _nearest(self, key: Key) -> Key | None:
        """The key itself, or the best known one of its primitive: same model, then same prompt, then temperature."""
        if key in self._tokens:
            return key
        mine = [known for known in self._tokens if known.primitive == key.primitive]
        return max(
            mine,
            key=lambda known: (
                known.asked.model == key.asked.model,
                known.asked.prompt == key.asked.prompt,
                -abs(known.asked.temperature - key.asked.temperature),
                self._tokens[known].calls,
            ),
            default=None,
        )

    def constants(self) -> list[dict[str, Any]]:
        """The fitted constants of every way of asking, in JSON form, with their 95 % intervals.

        `header` and `per_item` make the prompt's tokens (one slope for each input), `end` and `per_answer_item` the
        answer's; `valid` is the share of answers without a red flag, which a retry hangs on, `alike` how alike two
        samples are, plain and shuffled, which a vote hangs on, and `success` what was counted by size.
        """
        found = []
        for key, tokens in sorted(self._tokens.items()):
            (header, *per_item), (end, *per_answer) = tokens.prompt.to_dicts(), tokens.completion.to_dicts()
            alike = {
                name: seen.to_dict() if (seen := self._alike.get((key.primitive, key.asked.model, which))) else None
                for name, which in (("plain", False), ("shuffled", True))
            }
            cells = sorted(self._calibration.cells[key].items())
            first = sum(cell.first for _, cell in cells)
            valid = wilson(sum(cell.valid for _, cell in cells) / first, first).to_dict() if first else None
            found.append(
                {
                    "primitive": key.primitive,
                    **key.asked._asdict(),
                    "calls": int(tokens.calls),
                    "header": header,
                    "per_item": per_item,
                    "end": end,
                    "per_answer_item": per_answer[0],
                    "cached": tokens.cached,
                    "valid": valid,
                    "alike": alike,
                    "success": [
                        {"sizes": [*sizes], "judged": cell.judged, "right": cell.right} for sizes, cell in cells
                    ],
                }
            )
        return found

    def dependence(self, node: Node) -> float:
        """How alike two samples of one call are: as measured; all the way where nothing makes them differ."""
        *_, shuffled = sampled = _sampled(node)
        if not shuffled and not float(node.genes["temperature"]):
            return 1.0
        found = self._alike.get(sampled)
        if found is not None:
            return found.mean
        if sampled[0] in self._calibration.unrepeated:
            return 0.0
        return ALIKE_SHUFFLED if shuffled else ALIKE

    def agreement(self, node: Node, size: float) -> float:
        """How often two wrong answers to a prompt of so many items are the same; 1 until measured."""
        primitive, model, shuffled = _sampled(node)
        if primitive not in self._same:
            return 0.0 if self._calibration.unrepeated.get(primitive) else 1.0  # nothing wrong was seen: the worst
        same, largest = self._same[primitive]
        return same.chance(_way(model, shuffled), [min(size, largest)]).at()

    def catches(self, check: Genome, body: Genome) -> float:
        """Share of the wrong answers seen of a body's calls that a check refuses; see `caught`."""
        return self._calibration.catches(check, body, self._toolbox)

    def shares(self, node: Node, primitive: Primitive, sizes: Sequence[float]) -> tuple[float, ...]:
        """How often each option of a choice came, smoothed over the sizes; as declared where none was seen."""
        outcomes = self._outcomes.get(primitive.name)
        measured = outcomes.shares(primitive.options, sizes) if outcomes else None
        return measured or primitive.expected_shares()

    def _failed(self) -> Iterable[Failed]:
        """Questions whose first answer was wrong, by a reference or as whole results tell."""
        return chain(self._calibration.failed.values(), self._attributed.failed)

    @cached_property
    def _same(self) -> dict[str, tuple[Successes, float]]:
        """How often two wrong answers of a primitive were the same, by size, and the largest size asked."""
        told: dict[str, dict[tuple[Asked, float], list[tuple[int, int]]]] = {}
        for failed in self._failed():
            for shuffled, pairs in failed.pairs.items():
                place = _way(failed.key.asked.model, shuffled), sum(failed.sizes)
                told.setdefault(failed.key.primitive, {}).setdefault(place, []).append(pairs)
        return {
            primitive: (
                Successes(
                    [way for way, _ in seen],
                    [[size] for _, size in seen],
                    [sum(pairs for _, pairs in each) for each in seen.values()],
                    [sum(same for same, _ in each) for each in seen.values()],
                    SAME,
                    fall=0.0,
                    fall_spread=FLAT,
                ),
                max(size for _, size in seen),
            )
            for primitive, seen in told.items()
        }

    @cached_property
    def _alike(self) -> dict[tuple[str, int, bool], Accuracy]:
        """How alike samples are: how often further ones of a wrong one were right, against how often such calls are."""
        found: dict[tuple[str, int, bool], Counter[Again]] = {}
        for failed in self._failed():
            key, sizes, again = failed.key, failed.sizes, failed.again
            outcomes = self._outcomes.get(key.primitive)
            judged = outcomes.right if outcomes else None
            judged = judged or self._attributed.successes.get(key.primitive)
            if judged is None:
                continue  # first judged after these rates were fitted
            for shuffled, (right, samples) in again.items():
                ways = found.setdefault((key.primitive, key.asked.model, shuffled), Counter())
                ways[Again(judged.chance(key.asked, sizes), right, samples)] += 1
        return {key: likeness(asked) for key, asked in found.items()}


def _sampled(node: Node) -> tuple[str, int, bool]:
    """What further samples of a call are counted by: the primitive, the model, and whether items are shuffled."""
    return str(node.genes["primitive"]), int(node.genes["model"]), bool(node.genes.get("shuffle"))


def _way(model: int, shuffled: bool) -> Asked:
    """What is told apart where wrong answers are compared: who answers, and whether the words are the same."""
    return Asked(model, int(shuffled), 0.0)
