"""Whole results are put down to the calls that they took."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from undercut.evaluators.attribution import LUCK, PRIOR, Attribution
from undercut.evaluators.evaluate import Outcome
from undercut.evaluators.identity import answer_digest
from undercut.evaluators.models.base import Usage
from undercut.evaluators.success import Asked
from undercut.evaluators.trace import CallRecord
from undercut.spaces.cost import NO_COST
from undercut.spaces.genome import Genome, Input, Node, call

GREEDY = Asked(0, 0, 0.0)
ONE = Genome(call("answer", Input(0)))
VOTE = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [Genome(call("answer", Input(0)))]))
NOTES = Genome(call("conclude", call("extract", Input(0))))
OTHER = Genome(call("answer", call("extract", Input(0))))
RIGHT = "right"


def asked(
    primitive: str,
    key: str,
    size: int = 8,
    *,
    right: bool | None = None,
    sample: tuple[int, ...] = (),
    value: str = "",
    flagged: bool = False,
    temperature: float = 0.0,
) -> CallRecord:
    """A call that was made."""
    told = "" if right or flagged else answer_digest(value)
    return CallRecord(
        primitive, 0, 0, temperature, (size,), 1, Usage(1, 1), flagged, right, key, sample=sample, wrong=told
    )


def outcome(score: float, *records: CallRecord, size: int = 8, output: str = RIGHT) -> Outcome:
    """A result; what is not right is an answer of its own."""
    failure = "invalid" if any(record.flagged for record in records) else None
    return Outcome(size, score, failure, NO_COST, output if score == 1 else f"not {output}", records)


def chance(found: Attribution, primitive: str, size: int = 8) -> float:
    """How likely an answer of a primitive is taken to be right."""
    return found.found().successes[primitive].chance(GREEDY, [size]).at()


def test_a_record_is_the_same_answer_whatever_the_order_of_its_fields() -> None:
    """A vote takes the two for one; taken for two, a right answer would stand for a wrong one here."""
    assert answer_digest({"a": 1, "b": [2]}) == answer_digest({"b": [2], "a": 1}) != answer_digest({"a": 1, "b": [3]})


def test_a_single_call_is_right_as_often_as_its_results() -> None:
    found = Attribution(["answer"])
    found.add(ONE, {place: outcome(place < 12, asked("answer", f"{place}")) for place in range(40)})
    assert chance(found, "answer") == pytest.approx(0.3, abs=0.05)
    assert found.sound(ONE, 8) == pytest.approx(1.0, abs=0.01)
    assert found.sound(ONE, 16) is None


@pytest.mark.parametrize("scores", [(0.5,) * 40, (1.0, 0.0) * 20])
def test_partial_scores_count_in_part(scores: Sequence[float]) -> None:
    found = Attribution(["answer"])
    found.add(ONE, {place: outcome(score, asked("answer", f"{place}")) for place, score in enumerate(scores)})
    assert chance(found, "answer") == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("extract", "conclude"), [(0.95, 0.5), (0.5, 0.95)])
def test_of_two_calls_that_one_is_blamed_that_fails_elsewhere(extract: float, conclude: float) -> None:
    """The same notes lead to two conclusions by two ways: what is common to right results cannot be what is wrong."""
    draw = random.Random(7)
    found = Attribution(["extract", "conclude", "answer"])
    for genome, last in ((NOTES, "conclude"), (OTHER, "answer")):
        runs = {}
        for place in range(200):
            noted = random.Random(f"extract {place}").random() < extract
            concluded = draw.random() < (conclude if last == "conclude" else 0.9)
            calls = asked("extract", f"extract {place}"), asked(last, f"{last} {place}")
            runs[place] = outcome(noted and concluded, *calls)
        found.add(genome, runs)
    assert chance(found, "extract") == pytest.approx(extract, abs=0.1)
    assert chance(found, "conclude") == pytest.approx(conclude, abs=0.1)
    assert chance(found, "answer") == pytest.approx(0.9, abs=0.1)


def test_a_call_that_was_part_of_a_right_result_is_not_blamed_for_a_wrong_one() -> None:
    found = Attribution(["extract", "conclude", "answer"])
    found.add(OTHER, {0: outcome(1, asked("extract", "shared"), asked("answer", "a"))})
    found.add(NOTES, {0: outcome(0, asked("extract", "shared"), asked("conclude", "b"))})
    found.add(NOTES, {1: outcome(1, asked("extract", "c"), asked("conclude", "d"))})
    found.add(NOTES, {2: outcome(1, asked("extract", "e"), asked("conclude", "f"))})
    assert chance(found, "extract") > 0.95 > 0.85 > chance(found, "conclude")


def test_many_calls_that_are_seldom_all_right_are_not_taken_for_a_lack_of_sense() -> None:
    """Right results alone would make the calls look so good that wrong ones could not be theirs."""
    found, draw = Attribution(["answer"]), random.Random(3)
    pieces = Node("split", [Input(0)], {"size": 1, "overlap": 0})
    each = Genome(Node("join", [Node("map", [pieces], {}, [ONE])]))
    runs = {
        n: outcome(draw.random() < 0.3, *(asked("answer", f"{n}/{part}") for part in range(30))) for n in range(200)
    }
    found.add(each, runs)
    assert chance(found, "answer") == pytest.approx(0.3 ** (1 / 30), abs=0.02)
    assert found.sound(each, 8) == pytest.approx(1.0, abs=0.01)


def test_a_decomposition_that_makes_no_sense_is_no_fault_of_its_calls() -> None:
    found = Attribution(["extract", "conclude", "answer"])
    found.add(
        OTHER, {place: outcome(1, asked("extract", f"{place}"), asked("answer", f"a{place}")) for place in range(9)}
    )
    before = chance(found, "extract"), chance(found, "answer")
    turned = Genome(call("extract", call("answer", Input(0))))
    found.add(
        turned, {place: outcome(0, asked("answer", f"b{place}"), asked("extract", f"c{place}")) for place in range(9)}
    )
    sound = found.sound(turned, 8)
    assert sound is not None and sound < 0.05
    assert (chance(found, "extract"), chance(found, "answer")) == pytest.approx(before, abs=0.01)
    assert found.sound(OTHER, 8) == pytest.approx(1.0, abs=0.01)


def test_what_one_right_result_says_of_sense_follows_bayes() -> None:
    found = Attribution(["answer", "extract"])
    many = {place: outcome(1, asked("answer", f"{place}")) for place in range(200)}
    found.add(ONE, many)
    found.add(VOTE, {0: outcome(1, asked("answer", "v"))})
    twice = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [OTHER]))
    found.add(twice, {0: outcome(1, asked("answer", "x"), asked("extract", "y"))})
    odds = PRIOR / LUCK  # a vote hides which of its calls were right, so that they are taken to be so half of the time
    assert found.sound(twice, 8) == pytest.approx(odds / (1 + odds))


def test_a_flagged_answer_is_to_blame_alone() -> None:
    found = Attribution(["extract", "conclude"])
    flagged = [outcome(0, asked("extract", f"{n}"), asked("conclude", f"c{n}", flagged=True)) for n in range(20)]
    found.add(NOTES, dict(enumerate(flagged)))
    found.add(NOTES, {99: outcome(1, asked("extract", "z"), asked("conclude", "cz"))})
    assert chance(found, "conclude") < 0.2 < 0.8 < chance(found, "extract")


def test_what_a_judged_call_spoils_is_put_down_to_no_other() -> None:
    found = Attribution(["conclude"])
    found.add(
        NOTES, {n: outcome(1, asked("extract", f"{n}", right=True), asked("conclude", f"c{n}")) for n in range(5)}
    )
    before = chance(found, "conclude")
    found.add(
        NOTES, {n: outcome(0, asked("extract", f"{n}", right=False), asked("conclude", f"c{n}")) for n in range(5, 20)}
    )
    assert chance(found, "conclude") == before


def test_samples_are_told_right_from_wrong_by_right_results() -> None:
    """Of five answers to a whole problem two are the known one, two the same wrong one, and the first another."""
    found = Attribution(["answer"])
    values = ["third", RIGHT, "second", "second", RIGHT]
    samples = [
        asked("answer", f"s{n}", sample=(n,) if n else (), value=value, temperature=0.7)
        for n, value in enumerate(values)
    ]
    found.add(VOTE, {0: outcome(0, *samples)})
    assert not found.found().failed, "nobody knows the answer yet"
    found.add(NOTES, {0: outcome(1)})
    found.add(ONE, {n: outcome(1, asked("answer", f"{n}", value=RIGHT)) for n in range(1, 9)})  # asking makes sense
    found.add(VOTE, {n: outcome(1, asked("answer", f"v{n}", value=RIGHT)) for n in range(1, 9)})
    (failed,) = found.found().failed
    assert failed.first == samples[0].wrong
    assert failed.again == {False: (2, 4)}
    assert failed.pairs == {False: (1, 3)}


@pytest.mark.parametrize("score", [0.2, 0.57, 0.8])
def test_a_call_whose_results_are_worth_a_part_makes_sense(score: float) -> None:
    found = Attribution(["answer"])
    found.add(ONE, {n: outcome(score, asked("answer", f"{n}", value=f"v{n}")) for n in range(20)})
    assert (found.sound(ONE, 8) or 0.0) > 0.9
    assert chance(found, "answer") == pytest.approx(score, abs=0.05)


def test_nothing_is_kept_where_all_can_be_judged() -> None:
    found = Attribution([])
    found.add(ONE, {0: outcome(1, asked("answer", "k", right=True))})
    assert not found.found().successes and found.sound(ONE, 8) is None and not found.found().failed
