"""What whole results tell of single calls, where nobody can judge these: credit assignment.

A result is right where its decomposition makes sense at that size and each of its calls was right. So a call that was
part of a right result was right, wherever else it was made. A wrong result is put down to its other calls, the more to
each the less likely that call is to be right, or to the decomposition as a whole.

Source: Dempster, Laird & Rubin 1977 (JRSS B 39), in rounds, where what a wrong result adds to what is known already
counts alone; Pearl 1988, Probabilistic Reasoning in Intelligent Systems, section 4.2, for what several results say of
one call.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from msgspec.structs import replace

from undercut.evaluators.calibrate import Failed, key_of
from undercut.evaluators.evaluate import Outcome
from undercut.evaluators.fitting import smoothed
from undercut.evaluators.identity import answer_digest
from undercut.evaluators.success import SHIFTS, Asked, Chance, Successes
from undercut.evaluators.trace import CallRecord
from undercut.spaces.genome import Genome
from undercut.spaces.normal import SAMPLING, bare

PRIOR = 0.5
"""Chance that a decomposition makes sense, before it was run."""
LUCK = 0.05
"""Chance that a decomposition which makes no sense is right nevertheless."""
ROUNDS, EARLY = 6, 3
"""Rounds in which wrong results are put down to calls and chances are fitted to that. In the first `EARLY` of them a
decomposition that was right at least once is taken to make sense: too little is known of its calls yet."""
CERTAIN = 0.99
"""A call that bears more than this share of the blame for a wrong result is taken for wrong."""
RIGHT, WRONG, EXACT = Chance(math.inf, 0.0), Chance(-math.inf, 0.0), 1e-9
"""What is known of a call that was right, and of one that was wrong; all other chances keep so far from 0 and 1."""
HIDING = (*SAMPLING, "guard")
"""Operators that may be right although a call was wrong: their results tell little of single calls."""


class Place(NamedTuple):
    """What calls are told apart by."""

    primitive: str
    asked: Asked
    sizes: tuple[float, ...]


class Run(NamedTuple):
    """One result: its score in [0, 1], the keys of the calls that it took, and of those whose red flag ended it."""

    score: float
    calls: frozenset[str]
    flagged: frozenset[str]


class Attributed(NamedTuple):
    """What whole results tell of calls that nobody can judge.

    Attributes:
        successes: how often answers are right, by primitive.
        failed: questions about a whole problem whose first answer was wrong, and what came of their further samples.
    """

    successes: Mapping[str, Successes] = MappingProxyType({})
    failed: Collection[Failed] = ()


NOTHING_TOLD = Attributed()
Told: TypeAlias = dict[tuple[frozenset[str], str], float]
"""How much a wrong result of some calls speaks against one of them, in log-odds."""


@dataclass
class Attribution:
    """Results of decompositions, and the calls of some primitives that they are put down to.

    Attributes:
        primitives: names of those whose answers nobody can judge.
    """

    primitives: Collection[str]
    _places: dict[str, Place] = field(default_factory=dict)  # of all calls, by their keys
    _good: dict[str, float] = field(default_factory=dict)  # the best score that a call was part of
    _runs: dict[tuple[Genome, int], list[Run]] = field(default_factory=dict)
    _whole: dict[tuple[Genome, int], list[tuple[Hashable, CallRecord]]] = field(default_factory=dict)
    _answers: dict[Hashable, set[str]] = field(default_factory=dict)  # digests of right ones, by problem
    _sound: dict[tuple[Genome, int], float] = field(default_factory=dict)
    _fitted: dict[str, Successes] = field(default_factory=dict)
    _current: bool = True

    def add(self, genome: Genome, outcomes: Mapping[Hashable, Outcome]) -> None:
        """Take note of runs of a decomposition, by the problem, with their records."""
        if not self.primitives:
            return
        self._current = False
        hiding, whole = _hiding(genome), _one_call(genome)
        for problem, outcome in outcomes.items():
            if outcome.score == 1:
                self._answers.setdefault(problem, set()).add(answer_digest(outcome.output))
            asked = [record for record in outcome.records if record.primitive in self.primitives]
            if any(record.right is False for record in outcome.records if record.primitive not in self.primitives):
                continue  # a judged call was wrong: the result says nothing of the others
            for record in asked:
                self._places[record.key] = Place(*key_of(record), tuple(map(float, record.input_sizes)))
                if whole:
                    self._whole.setdefault((genome, outcome.size), []).append((problem, record))
                if not hiding:
                    self._good[record.key] = max(outcome.score, self._good.get(record.key, 0.0))
            calls = frozenset(record.key for record in asked if not record.sample)
            flagged = frozenset(record.key for record in asked if record.flagged and outcome.failure)
            self._runs.setdefault((genome, outcome.size), []).append(Run(outcome.score, calls, flagged))

    def found(self) -> Attributed:
        """What all results so far tell."""
        self._fit()
        return Attributed(self._fitted, self._failed())

    def sound(self, genome: Genome, size: int) -> float | None:
        """Chance that a decomposition makes sense at a size; None where it was not run there."""
        self._fit()
        return self._sound.get((genome, size))

    def _failed(self) -> Collection[Failed]:
        """Questions about a whole problem whose first answer was wrong."""
        found: dict[str, Failed] = {}
        for problem, record in sorted(self._judged(), key=lambda each: bool(each[1].sample)):  # first ones first
            question = f"{problem} {key_of(record)}"
            if not record.sample and not record.right:
                found[question] = Failed.of(record)
            elif record.sample and question in found and (record.shuffled or record.temperature > 0):
                found[question].add(record, record.shuffled)
        return found.values()

    def _judged(self) -> Iterator[tuple[Hashable, CallRecord]]:
        """Calls about a whole problem, where it makes sense to ask them; right are answers equal to a right result."""
        known: dict[str, tuple[Hashable, CallRecord]] = {}
        for place, records in self._whole.items():
            if self._sound.get(place, 0.0) > PRIOR:
                known |= {record.key: (problem, record) for problem, record in records if problem in self._answers}
        for problem, record in known.values():
            right = not record.flagged and record.wrong in self._answers[problem]
            yield problem, replace(record, right=right, wrong="" if right else record.wrong)

    def _fit(self) -> None:
        if self._current:
            return
        self._current = True
        told: Told = {}
        blame: dict[str, float] = {}
        for turn in range(ROUNDS):
            judged = {record.key: bool(record.right) for _, record in self._judged()}
            good = self._good | {key: 1.0 for key, right in judged.items() if right}
            known = self._known(good, blame)
            self._sound = _soundness(self._runs, known)
            if turn < EARLY:
                self._sound |= {place: 1.0 for place, runs in self._runs.items() if any(run.score for run in runs)}
            chances = {key: chance.at() for key, chance in known.items()}
            told = self._told(chances, told)
            blame = _blamed(chances, told) | {key: 1.0 for key, right in judged.items() if not right}
            blame |= {key: 1.0 for runs in self._runs.values() for run in runs for key in run.flagged}
            rows: dict[str, list[tuple[Asked, Sequence[float], float, float]]] = {}
            for key in good.keys() | blame.keys():
                right = good.get(key, 0.0)
                calls = right + min(1 - right, blame.get(key, 0.0))
                if calls:
                    place = self._places[key]
                    rows.setdefault(place.primitive, []).append((place.asked, place.sizes, calls, right))
            self._fitted = {name: found for name, each in rows.items() if (found := smoothed(sorted(each))) is not None}

    def _known(self, good: Mapping[str, float], blame: Mapping[str, float]) -> dict[str, Chance]:
        """How likely each call was right, as far as known so far."""
        fitted: dict[Place, Chance] = {}
        found: dict[str, Chance] = {}
        for key, place in self._places.items():
            if good.get(key) == 1:
                found[key] = RIGHT
            elif blame.get(key, 0.0) > CERTAIN:
                part = good.get(key, 0.0)  # what a result may be worth that it was part of
                found[key] = Chance(math.log(part / (1 - part)), 0.0) if part else WRONG
            else:
                if place not in fitted:
                    known = self._fitted.get(place.primitive) or Successes([place.asked], [place.sizes], [1e-6], [0])
                    fitted[place] = known.chance(place.asked, place.sizes)
                found[key] = fitted[place]
        return found

    def _told(self, chances: Mapping[str, float], before: Told) -> Told:
        """How much each wrong result speaks against its calls: the more, the likelier all the others were right.

        How likely each call was right follows from its chance and from what other results said of it the round before.
        """
        against = _against(before)
        told: Told = {}
        looked_at = set[frozenset[str]]()
        for (genome, size), runs in self._runs.items():
            sound = self._sound[genome, size]
            for run in () if _hiding(genome) else runs:
                calls = run.calls
                if run.score == 1 or run.flagged or calls in looked_at:
                    continue  # another decomposition that made the same calls says nothing new
                looked_at.add(calls)
                right = {
                    key: math.log(max(EXACT, 1 - _wrong(chances[key], against[key] - before.get((calls, key), 0.0))))
                    for key in sorted(calls)
                }
                every = math.fsum(right.values())
                for key, alone in right.items():
                    others = sound * math.exp(every - alone)
                    told[calls, key] = -(1 - run.score) * math.log(max(EXACT, 1 - others))
        return told


def _one_call(genome: Genome) -> bool:
    """Whether it is a single call, however many samples it takes."""
    return bare(genome).size == 1


def _hiding(genome: Genome) -> bool:
    return any(node.op in HIDING for node in genome.walk())


def _soundness(
    runs: Mapping[tuple[Genome, int], Sequence[Run]], known: Mapping[str, Chance]
) -> dict[tuple[Genome, int], float]:
    """Chance that a decomposition makes sense at a size, by its runs there; a single call does at all sizes or none.

    Where it does, the chances of its calls may be better or worse than they seem, all by as many standard deviations.
    """
    found: dict[tuple[Genome, int], float] = {}
    most: dict[Genome, float] = {}
    prior = np.exp(-(SHIFTS**2) / 2)
    for (genome, size), some in runs.items():
        hiding = _hiding(genome)
        scores = np.array([run.score for run in some])
        right = np.array([_all_right(run, known, hiding) for run in some]).T  # shape (shifts, runs)
        likely = np.log(right / LUCK) @ scores + np.log((1 - right) / (1 - LUCK)) @ (1 - scores)
        odds = PRIOR / (1 - PRIOR) * float(prior @ np.exp(np.clip(likely, -40, 40)) / prior.sum())
        found[genome, size] = odds / (1 + odds)
        most[genome] = max(found[genome, size], most.get(genome, 0.0))
    return {(genome, size): most[genome] if _one_call(genome) else sound for (genome, size), sound in found.items()}


def _all_right(run: Run, known: Mapping[str, Chance], hiding: bool) -> list[float]:
    """Chance at every shift that a run comes out right if its decomposition makes sense; half if calls do not tell."""
    if hiding:
        return [0.5] * len(SHIFTS)
    alike = Counter(known[key] for key in sorted(run.calls))
    rights = [math.prod(chance.at(shift) ** many for chance, many in alike.items()) for shift in SHIFTS]
    return [min(1 - 1e-6, max(1e-6, right)) for right in rights]


def _against(told: Told) -> defaultdict[str, float]:
    """How much all that was told speaks against each call."""
    against = defaultdict[str, float](float)
    for (_, key), evidence in told.items():
        against[key] += evidence
    return against


def _blamed(chances: Mapping[str, float], told: Told) -> dict[str, float]:
    """How much of wrong results is put down to each call beyond what its chance says already; 1 is all of one."""
    blame: dict[str, float] = {}
    for key, evidence in _against(told).items():
        chance = chances[key]
        if chance < 1:
            blame[key] = (_wrong(chance, evidence) - (1 - chance)) / chance if chance > EXACT else 1.0
    return blame


def _wrong(chance: float, against: float) -> float:
    """Chance that a call was wrong, by its chance of being right and the evidence against it in log-odds."""
    wrong = (1 - chance) * math.exp(min(40.0, against))
    return wrong / (wrong + chance) if wrong + chance else 1.0
