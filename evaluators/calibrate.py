"""What is known of single calls: how many tokens they take, and how often they are right, by size.

Every call whose primitive has a reference is judged by it, wherever the call was made. The walk with symbols is given
`FittedRates` of the table: token counts as lines in the sizes, success as a smooth curve in the size.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from undercut.evaluators.catching import Slip, caught
from undercut.evaluators.fitting import Cell, Key, OutcomeFit
from undercut.evaluators.success import Asked, Successes
from undercut.evaluators.trace import CallRecord
from undercut.spaces.genome import Genome
from undercut.spaces.normal import bare
from undercut.spaces.question import Question
from undercut.spaces.toolbox import Toolbox

SLIPS = 64
"""Wrong answers of a primitive that are remembered, to hold checks against."""


class Answered(NamedTuple):
    """A call: the question, its record, and the answer, None where that raised a red flag."""

    question: Question
    record: CallRecord
    answer: Any = None


@dataclass(slots=True)
class Failed:
    """A question whose first answer was wrong.

    Attributes:
        key: what the call was counted under.
        sizes: of its inputs, in items.
        first: digest of that answer; "" where it was none.
        again: how many of its further samples were right, and how many there were, by whether their items were
            shuffled.
        pairs: how many pairs of its wrong answers are the same, and how many there are, likewise.
    """

    key: Key
    sizes: tuple[float, ...]
    first: str
    again: dict[bool, tuple[int, int]] = field(default_factory=dict)
    pairs: dict[bool, tuple[int, int]] = field(default_factory=dict)
    _answers: dict[bool, Counter[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, record: CallRecord) -> Failed:
        """That of a first answer."""
        return cls(key_of(record), tuple(map(float, record.input_sizes)), record.wrong)

    def add(self, record: CallRecord, shuffled: bool) -> None:
        """Count a further sample."""
        right, samples = self.again.get(shuffled, (0, 0))
        self.again[shuffled] = right + bool(record.right), samples + 1
        if record.wrong:
            answers = self._answers.setdefault(shuffled, Counter([self.first] if self.first else []))
            same, pairs = self.pairs.get(shuffled, (0, 0))
            self.pairs[shuffled] = same + answers[record.wrong], pairs + answers.total()
            answers[record.wrong] += 1


@dataclass
class Calibration:
    """Counts of calls by key and input sizes; an answer that several candidates share counts once.

    Attributes:
        failed: questions whose first answer was wrong, wherever they were asked, by what their samples have in common.
        repeats: how many calls that came out wrong were asked again by themselves.
        unrepeated: wrong calls that could be asked again and were not yet, by primitive. Until they are, samples of the
            primitive are taken to be independent, and its wrong answers never to agree: the most that votes can hope
            for. Where no call was wrong, wrong answers are taken to agree always.
        slips: wrong answers to calls that were asked by themselves, by primitive, `SLIPS` at the most.
        earlier: keys of calls that earlier runs have counted: what they told is there, and they are not counted again.
    """

    cells: dict[Key, dict[tuple[float, ...], Cell]] = field(default_factory=dict)
    failed: dict[str, Failed] = field(default_factory=dict)
    repeats: int = 0
    unrepeated: dict[str, list[Answered]] = field(default_factory=dict)
    slips: dict[str, list[Slip]] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    _counted: set[str] = field(default_factory=set)
    _fitted: dict[str, OutcomeFit] = field(default_factory=dict)
    _caught: dict[tuple[Genome, Genome], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = self._tokens()

    def add(self, records: Iterable[CallRecord]) -> None:
        """Count calls that were not counted before."""
        for record in sorted(records, key=lambda record: bool(record.sample)):  # first ones first
            sizes = tuple(float(size) for size in record.input_sizes)
            if record.right is False and not record.sample:
                self.failed.setdefault(record.question, Failed.of(record))
            if record.key in self._counted or record.key in self.earlier:
                continue
            self._counted.add(record.key)
            self._fitted.pop(record.primitive, None)
            cell = self.cells.setdefault(key_of(record), {}).setdefault(sizes, Cell())
            cell.calls += 1
            if not record.sample:
                cell.first += 1
                cell.valid += not record.flagged
                if record.choice is not None and record.right is not False:
                    cell.chosen[record.choice] += 1
                if record.right is not None:
                    cell.judged += 1
                    cell.right += record.right
            elif record.right is not None:
                cell.further += 1
                cell.further_right += record.right
                differs = record.shuffled or record.temperature > 0
                if differs and record.question in self.failed:
                    self.failed[record.question].add(record, record.shuffled)
            usage = record.usage
            if usage.prompt is None or usage.completion is None:
                continue  # what nobody told of one call is no reason to forget what others told
            cell.prompt += usage.prompt
            cell.cached += usage.cached
            if record.output_size is None:
                cell.refused += 1
                cell.refusal += usage.completion
            else:
                cell.answered += 1
                cell.completion += usage.completion

    def add_asked(self, answered: Iterable[Answered]) -> None:
        """Count calls that were asked by themselves, and remember what was answered wrongly."""
        answered = list(answered)
        self.add([each.record for each in answered])
        for each in answered:
            question, record, answer = each
            slips = self.slips.setdefault(record.primitive, [])
            if record.right is False and record.wrong and len(slips) < SLIPS:
                slips.append(Slip(question.values, answer))
                self._caught.clear()
            wrong = self.unrepeated.get(record.primitive) if record.right is False else None
            if wrong is not None and not self.repeated(record.primitive, record.model):
                wrong.append(each)

    def catches(self, check: Genome, body: Genome, toolbox: Toolbox) -> float:
        """Share of a body's wrong answers that a check refuses, however both are worded or sampled; see `caught`."""
        place = bare(check), bare(body)
        if place not in self._caught:
            self._caught[place] = caught(*place, self.slips, toolbox)
        return self._caught[place]

    def repeated(self, primitive: str, model: int) -> bool:
        """Whether wrong calls of a primitive were asked again, or came again in a vote or a retry."""
        keys = (failed.key for failed in self.failed.values() if failed.again)
        return any((key.primitive, key.asked.model) == (primitive, model) for key in keys)

    def add_repeat(self, first: CallRecord, again: CallRecord, shuffled: bool) -> None:
        """Count a further sample of a call whose first answer was wrong.

        It says how alike answers are, and not how often they are right: it was chosen for failing.
        """
        self.repeats += 1
        self.failed[first.question].add(again, shuffled)

    def successes(self, primitive: str) -> Successes | None:
        """How often a primitive's answers are right, by size; None where none was judged."""
        return self.outcomes(primitive).right

    def outcomes(self, primitive: str) -> OutcomeFit:
        """What came of a primitive's calls; fitted once for as long as no more are counted."""
        if primitive not in self._fitted:
            cells = {key: by_size for key, by_size in self.cells.items() if key.primitive == primitive}
            self._fitted[primitive] = OutcomeFit(cells)
        return self._fitted[primitive]

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all calls that were counted, by earlier runs as well."""
        return self.earlier | self._counted

    @property
    def answers(self) -> int:
        """How many different calls this run has counted, further samples included."""
        return len(self._counted) + self.repeats

    @property
    def untold(self) -> float:
        """Share of the counted calls whose usage was not told, in [0, 1]."""
        cells = [cell for by_size in self.cells.values() for cell in by_size.values()]
        calls = sum(cell.calls for cell in cells)
        return 1 - sum(cell.answered + cell.refused for cell in cells) / calls if calls else 0.0

    def tokens(self) -> float:
        """Tokens in and out of all calls that this run has counted and whose usage was told."""
        return self._tokens() - self._before

    def _tokens(self) -> float:
        cells = [cell for by_size in self.cells.values() for cell in by_size.values()]
        return math.fsum(cell.prompt + cell.completion + cell.refusal for cell in cells)


def key_of(record: CallRecord) -> Key:
    """What a call is counted under."""
    return Key(record.primitive, Asked(record.model, record.prompt, record.temperature))
