"""How alike samples of one question are: closed forms, what many samples show, and where they are counted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.engine import Engine
from undercut.evaluators.identity import question_key
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.likeness import Again, likeness
from undercut.evaluators.models.base import Request, Usage
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.rates import ALIKE, FittedRates
from undercut.evaluators.success import Chance
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import MERGE, SORT
from undercut.evaluators.trace import CallRecord
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.question import Question
from undercut.spaces.types import render

CERTAIN = Chance(30.0, 0.0)
TASK = TASKS["sort"]


@given(st.integers(1, 40), st.integers(0, 40))
def test_where_further_samples_are_right_unless_they_are_alike_it_is_the_rule_of_succession(
    never: int, mended: int
) -> None:
    found = likeness({Again(CERTAIN, 0, 3): never, Again(CERTAIN, 3, 3): mended})
    assert found.mean == pytest.approx((never + 1) / (never + mended + 2), abs=0.01)
    assert found.low <= found.mean <= found.high and found.samples == 3 * (never + mended)


@given(st.integers(1, 1000), st.floats(-3, 3), st.floats(0, 2))
def test_where_every_question_came_right_at_least_once_there_is_no_likeness(
    many: int, odds: float, spread: float
) -> None:
    """Samples that were right do not make it less likely that others are independent."""
    more, fewer = (likeness({Again(Chance(odds, spread), right, 4): many}) for right in (4, 1))
    assert more.mean == fewer.mean == 0.0


@pytest.mark.parametrize("alike", [0.0, 0.05, 0.3, 0.8])
@pytest.mark.parametrize("chance", [(-1.5, 0.18), (2.0, 0.88)])
def test_many_samples_tell_it(alike: float, chance: tuple[float, float]) -> None:
    odds, right = chance
    generator = random.Random(f"{alike}/{odds}")
    asked = Counter[Again]()
    for _ in range(6000):
        tries = generator.choice((1, 2, 5))
        came = 0 if generator.random() < alike else sum(generator.random() < right for _ in range(tries))
        asked[Again(Chance(odds, 0.02), came, tries)] += 1
    found = likeness(asked)
    assert found.mean == pytest.approx(alike, abs=0.03) and found.low - 0.01 <= alike <= found.high + 0.01
    assert (found.mean == 0) == (alike == 0)


def test_next_to_a_cliff_wrong_answers_show_no_likeness() -> None:
    """That seven calls were never right says that such calls hardly ever are, if that is not known better."""
    unsure, sure = (
        likeness({Again(Chance(-1.1, spread), 0, 2): 7, Again(Chance(2.5, 0.3), 2, 2): 2}) for spread in (1.5, 0.1)
    )
    assert unsure.mean == 0 < sure.mean


def test_nothing_tells_nothing() -> None:
    with pytest.raises(ValueError, match="at least one question"):
        likeness({})


def voted(stubborn: float, temperature: float, *, shuffle: bool) -> Calibration:
    """What votes of five over 200 sorts show: a share of them has one answer, and all are right half of the time."""

    def answer(request: Request) -> str:
        assert request.question is not None
        numbers = sorted(request.question.values[0])
        draw = random.Random(f"{numbers}").random()
        if draw < stubborn:  # the same answer every time, wrong as often as any other
            wrong = draw < stubborn / 2
        else:
            wrong = random.Random(f"{request.seed}/{request.prompt}").random() < 0.5
        return render(numbers[1:] + numbers[:1] if wrong else numbers, SORT.output)

    asked = Genome(call("sort", Input(0), temperature=temperature, shuffle=shuffle))
    vote = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 5}, [asked]))
    table, engine = Calibration(), Engine([ScriptedModel(answer)], cache=AnswerCache(), ledger=Ledger())
    for instance in TASK.instances(8, 200, seed=3):
        trace = asyncio.run(engine.run(vote, instance.inputs, TASK.toolbox(["scripted"])))
        table.add(trace.records)
    return table


@pytest.mark.parametrize("stubborn", [0.0, 0.4])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_vote_that_is_run_tells_it(stubborn: float, *, shuffle: bool) -> None:
    """Nothing was asked again on purpose: the samples of the votes say it."""
    table = voted(stubborn, 0.7, shuffle=shuffle)
    rates = FittedRates(table, TASK.toolbox(["scripted"]), [None], [None])
    found = rates.dependence(call("sort", Input(0), temperature=0.7, shuffle=shuffle))
    assert found == pytest.approx(stubborn, abs=0.12)
    assert (found == 0) == (stubborn == 0)


def test_what_was_first_asked_after_the_rates_were_fitted_is_left_to_the_next_ones() -> None:
    """A race may ask for a primitive that no call of the calibration did, and votes go on being forecast meanwhile."""

    def record(primitive: str, right: bool, *sample: int) -> CallRecord:
        key, sizes = f"{primitive} {sample}", (4,) if primitive == "sort" else (2, 2)
        return CallRecord(primitive, 0, 0, 0.7, sizes, 4, Usage(5, 5), False, right, key, sample, question=primitive)

    toolbox, voted_on = TASK.toolbox(["scripted"]), call("merge", Input(0), Input(1), temperature=0.7)
    table = Calibration()
    table.add([record("sort", False), record("sort", True, 1)])
    rates = FittedRates(table, toolbox, [None], [None])
    table.add([record("merge", False), record("merge", True, 1)])
    assert rates.dependence(voted_on) == ALIKE
    assert FittedRates(table, toolbox, [None], [None]).dependence(voted_on) < ALIKE


def test_votes_that_shuffle_and_votes_that_do_not_share_the_first_answer() -> None:
    """Which of the two comes first makes no difference to what is known of either."""
    toolbox, instances = TASK.toolbox(["scripted"]), TASK.instances(8, 20, seed=3)
    tables = []
    for order in ((False, True), (True, False)):
        table = Calibration()
        engine = Engine([ScriptedModel(lambda request: "none")], cache=AnswerCache(), ledger=Ledger())
        for shuffle in order:
            asked = Genome(call("sort", Input(0), temperature=0.7, shuffle=shuffle))
            vote = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [asked]))
            for instance in instances:
                table.add(asyncio.run(engine.run(vote, instance.inputs, toolbox)).records)
        tables.append(Counter(str(failed.again) for failed in table.failed.values()))
    assert tables[0] == tables[1] == {"{False: (0, 2)}": 20, "{True: (0, 2)}": 20}


def test_greedy_samples_in_the_same_words_tell_nothing() -> None:
    """They are one answer, given five times."""
    table = voted(0.4, 0.0, shuffle=False)
    assert table.failed and not any(failed.again for failed in table.failed.values())


def test_samples_of_a_question_are_known_by_it_whatever_the_order_of_what_has_none() -> None:
    def key(question: Question) -> str:
        return question_key(question, question.primitive.prompt(question.values, question.prompt))

    first, further = Question(SORT, ([3, 1, 2],), shuffle=True), Question(SORT, ([2, 3, 1],), sample=(1,), shuffle=True)
    assert key(first) == key(further)
    others = [
        Question(SORT, ([3, 1, 2],)),
        Question(SORT, ([2, 3, 1],)),
        Question(SORT, ([3, 1, 1],), shuffle=True),
        Question(SORT, ([3, 1, 2],), 1, shuffle=True),
        Question(SORT, ([3, 1, 2],), 0, 1, shuffle=True),
        Question(SORT, ([3, 1, 2],), temperature=0.7, shuffle=True),
        Question(MERGE, ([3], [1, 2]), shuffle=True),
        Question(MERGE, ([1, 2], [3]), shuffle=True),
    ]
    assert len({key(question) for question in (first, *others)}) == 1 + len(others)


def test_a_trace_says_which_samples_were_shuffled() -> None:
    toolbox = TASK.toolbox(["scripted"])
    asked = Genome(call("sort", Input(0), shuffle=True))
    vote = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": 3}, [asked]))
    engine = Engine([ScriptedModel(lambda request: "1 2 3")], cache=AnswerCache(), ledger=Ledger())
    records = asyncio.run(engine.run(vote, ([3, 1, 2],), toolbox)).records
    assert len({record.question for record in records}) == 1
    assert sorted((record.sample, record.shuffled) for record in records) == [((), False), ((1,), True), ((2,), True)]
