"""What is made of answers: intervals, failures, calibrations and the curves through them."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.calibrate import Calibration
from undercut.evaluators.declared import DeclaredRates
from undercut.evaluators.engine import Engine
from undercut.evaluators.evaluate import Evaluation, Outcome, evaluate, mean_cost
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import Request, Usage
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.rates import FittedRates
from undercut.evaluators.statistics import accuracy, anytime, guaranteed
from undercut.evaluators.task import Task
from undercut.evaluators.tasks import TASKS
from undercut.evaluators.tasks.primitives import PRIMITIVES, SORT, SUM
from undercut.evaluators.trace import CallRecord
from undercut.spaces.cost import Cost
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import render

TASK = TASKS["sort"]
TOOLBOX = TASK.toolbox(["scripted"])
SORTED = Genome(call("sort", Input(0)))

# ---- intervals


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [  # Wilson's interval at 95 %, as tables and other packages give it
        (0, 10, 0.0, 0.27753),
        (10, 10, 0.72247, 1.0),
        (5, 10, 0.23659, 0.76341),
        (81, 263, 0.25528, 0.36619),
        (1, 1, 0.20655, 1.0),
    ],
)
def test_intervals_have_known_values(right: int, samples: int, low: float, high: float) -> None:
    found = accuracy([1.0] * right + [0.0] * (samples - right))
    assert found.mean == pytest.approx(right / samples)
    assert (found.low, found.high) == (pytest.approx(low, abs=2e-5), pytest.approx(high, abs=2e-5))
    assert found.to_dict() == {"mean": found.mean, "low": found.low, "high": found.high, "samples": samples}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from([0.5, 0.9, 0.99]))
def test_intervals_hold_the_mean_and_have_a_width(scores: list[float], level: float) -> None:
    found = accuracy(scores, level)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.high - found.low > 0
    wider = accuracy(scores, 0.999)
    assert wider.low <= found.low + 1e-12 and found.high <= wider.high + 1e-12


def chance(right: int, n: int, p: float) -> float:
    return math.comb(n, right) * p**right * (1 - p) ** (n - right)


@pytest.mark.parametrize("n", [1, 7, 25])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.3, 0.5, 0.97, 1.0])
def test_a_guaranteed_interval_holds_as_often_as_it_says(n: int, p: float) -> None:
    found = [guaranteed(right / n, n, 0.9) for right in range(n + 1)]
    assert sum(chance(right, n, p) for right, each in enumerate(found) if each.low <= p <= each.high) >= 0.9 - 1e-9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from([0.8, 0.95, 0.999]))
def test_intervals_for_sure_are_wider_the_more_they_promise(scores: list[float], level: float) -> None:
    mean, n = math.fsum(scores) / len(scores), len(scores)
    for kind in (guaranteed, anytime):
        found, surer = kind(mean, n, level), kind(mean, n, 0.9999)
        assert 0 <= surer.low <= found.low <= mean <= found.high <= surer.high <= 1
        assert found.low < found.high


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_an_anytime_interval_holds_at_all_numbers_at_once(p: float) -> None:
    generator, broken = random.Random(1), 0
    bounds = {(right, n): anytime(right / n, n, 0.8) for n in range(1, 41) for right in range(n + 1)}
    for _ in range(1000):
        right = 0
        for n in range(1, 41):
            right += generator.random() < p
            if not bounds[right, n].low <= p <= bounds[right, n].high:
                broken += 1
                break
    assert broken <= 200


def test_no_scores_have_no_accuracy() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        accuracy([])


# ---- outcomes


def outcomes_of(answer: str | None, task: Task = TASK) -> list[Outcome]:
    """Outcomes of a model that always says this; None is the truth."""

    def say(request: Request) -> str:
        assert request.question is not None and SORT.reference is not None
        return render(SORT.reference(*request.question.values), SORT.output) if answer is None else answer

    engine = Engine([ScriptedModel(say)], cache=AnswerCache(), ledger=Ledger())
    return asyncio.run(evaluate(SORTED, TASK.instances(4, 5), task, TOOLBOX, engine))


def test_what_is_right_scores() -> None:
    found = Evaluation.of(outcomes_of(None))
    assert found.accuracy[4].mean == 1.0 and found.failures == {}
    assert found.cost[4].calls == 1 and found.cost[4].tokens == 1 + 4 + 4


def test_invalid_answers_are_failures_of_their_own() -> None:
    found = Evaluation.of(outcomes_of("I would rather not."))
    assert found.accuracy[4].mean == 0.0 and found.accuracy[4].samples == 5
    assert found.failures == {"invalid": 5}
    assert found.cost[4].calls == 1


def test_wrong_answers_are_no_failures() -> None:
    found = Evaluation.of(outcomes_of("1 2 3 4"))
    assert found.accuracy[4].mean == 0.0 and found.failures == {}


@pytest.mark.parametrize("score", [math.nan, 7.0, -1.0])
def test_scores_that_are_none_are_unscored(score: float) -> None:
    odd = Task("odd", TASK.inputs, TASK.output, TASK.primitives, TASK.make, score=lambda output, target: score)
    found = outcomes_of(None, odd)
    assert {(outcome.score, outcome.failure) for outcome in found} == {(0.0, "unscored")}
    assert Evaluation.of(found).failures == {"unscored": 5}


def test_sizes_are_kept_apart_and_costs_are_means() -> None:
    outcomes = [Outcome(size, 1.0, None, Cost(calls=size, depth=size)) for size in (8, 4, 4, 2)]
    found = Evaluation.of([*outcomes, Outcome(4, 0.0, "invalid", Cost(calls=1, depth=1))])
    assert list(found.accuracy) == list(found.cost) == [2, 4, 8]
    assert found.cost[4].calls == found.cost[4].depth == pytest.approx(3)
    assert found.accuracy[4].mean == pytest.approx(2 / 3)
    assert math.isnan(mean_cost([Cost(usd=math.nan), Cost(usd=1)]).usd)
    assert mean_cost([]) == Cost()


# ---- calibrations


def record(key: str, size: int, right: bool | None = True, *, prompt: float = 0, flagged: bool = False) -> CallRecord:
    """A call of `sort` whose prompt has 3 + 2 n tokens and whose answer has 1 + n."""
    usage = Usage(3 + 2 * size, 1 + size)
    output = None if flagged else size
    wrong = key if right is False and not flagged else ""
    return CallRecord(
        "sort", int(prompt), 0, 0.0, (size,), output, usage, flagged, right, key, question=key, wrong=wrong
    )


def answered(first: CallRecord, right: bool, wrong: str = "") -> CallRecord:
    """A further sample of a call."""
    return structs.replace(first, right=right, wrong="" if right else wrong, sample=(1,))


def fitted(records: Sequence[CallRecord], shift: float = 0.0) -> FittedRates:
    table = Calibration()
    table.add(records)
    rates = FittedRates(table, TOOLBOX, [None], [None])
    return rates.shifted(shift) if shift else rates


def node(**genes: float) -> Node:
    return call("sort", Input(0), **genes)


def test_an_answer_counts_once() -> None:
    table = Calibration()
    for _ in range(3):
        table.add([record("a", 4), record("b", 4, False), record("c", 8)])
    table.add([record("a", 4)])
    cells = next(iter(table.cells.values()))
    assert {sizes: (cell.calls, cell.judged, cell.right) for sizes, cell in cells.items()} == {
        (4.0,): (2, 2, 1),
        (8.0,): (1, 1, 1),
    }


def test_what_cannot_be_judged_is_not_counted_as_wrong() -> None:
    rates = fitted([record(f"{index}", 4, None) for index in range(200)])
    assert rates.call(node(), SORT, [4]).right == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("size", [1, 5, 12, 40])
def test_lines_are_exact_on_exact_data(size: int) -> None:
    found = fitted([record(f"{n}", n) for n in (2, 4, 8, 16)]).call(node(), SORT, [size]).cost
    assert found.prefill == pytest.approx(3 + 2 * size, rel=0.01)
    assert found.decode == pytest.approx(1 + size, rel=0.01)


def test_one_size_alone_is_held_to_a_token_an_item() -> None:
    rates = fitted([record(f"{index}", 8) for index in range(50)])
    near, far = (rates.call(node(), SORT, [size]).cost for size in (8, 20))
    assert near.prefill == pytest.approx(19, rel=0.01)
    assert far.prefill - near.prefill == pytest.approx(12, rel=0.2)


def test_unknown_tokens_stay_unknown() -> None:
    silent = CallRecord("sort", 0, 0, 0.0, (4,), 4, Usage(None, None), False, True, "k")
    found = fitted([silent]).call(node(), SORT, [4])
    assert math.isnan(found.cost.tokens) or found.cost.tokens > 0
    assert 0.5 < found.right <= 1


def cliff(calls: int = 200) -> list[CallRecord]:
    """Right up to 8 items, half of the time at 16, never at 32."""
    chances = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0, 16: 0.5, 32: 0.0}
    return [record(f"{n}/{i}", n, i < chance * calls) for n, chance in chances.items() for i in range(calls)]


def test_curves_pass_through_what_was_counted() -> None:
    rates = fitted(cliff())
    found = {size: rates.call(node(), SORT, [size]).right for size in (1, 4, 8, 16, 32)}
    assert found[1] > 0.98 and found[8] > 0.95 and found[32] < 0.05
    assert found[16] == pytest.approx(0.5, abs=0.05)


def test_curves_are_sane_at_the_ends() -> None:
    rates = fitted(cliff())
    ends = [rates.call(node(), SORT, [size]).right for size in (0, 1, 32, 64, 1000, 10**6)]
    assert all(0 <= chance <= 1 for chance in ends)
    assert ends[0] > 0.95 and max(ends[2:]) < 0.05
    perfect = fitted([record(f"{n}/{i}", n) for n in (2, 4, 8) for i in range(12)])
    beyond = [perfect.call(node(), SORT, [size]).right for size in (8, 16, 32)]
    assert beyond == sorted(beyond, reverse=True) and beyond[0] > 0.9


def test_ends_of_intervals_lie_on_either_side() -> None:
    for size in (1, 8, 12, 16, 32, 64):
        low, middle, high = (fitted(cliff(20), shift).call(node(), SORT, [size]).right for shift in (-1.64, 0, 1.64))
        assert low <= middle <= high and low < high


def test_more_calls_narrow_an_interval() -> None:
    widths = []
    for calls in (10, 100, 1000):
        low, high = (fitted(cliff(calls), shift).call(node(), SORT, [16]).right for shift in (-1.64, 1.64))
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def test_flagged_calls_are_wrong_and_not_valid() -> None:
    records = [record(f"{i}", 4, i % 2 == 0, flagged=i % 2 == 1) for i in range(400)]
    found = fitted(records).call(node(), SORT, [4])
    assert found.valid == pytest.approx(0.5, abs=0.03)
    assert found.right == pytest.approx(0.5, abs=0.03)


def test_a_prompt_that_was_never_asked_is_as_long_as_it_is() -> None:
    rates = fitted([record(f"{n}", n) for n in (2, 4, 8, 16)])
    known, other = (rates.call(node(prompt=prompt), SORT, [8]).cost.prefill for prompt in (0, 2))
    longer = len(SORT.prompts[2].split()) - len(SORT.prompts[0].split())
    assert other - known == pytest.approx(longer)


def test_a_primitive_that_was_never_asked_has_rates() -> None:
    found = fitted([record("a", 4)]).call(call("merge", Input(0), Input(1)), PRIMITIVES["merge"], [4, 4])
    assert found.cost.tokens > 8 and 0 < found.right < 1


def test_samples_differ_where_something_makes_them_differ() -> None:
    rates = fitted([record("a", 4)])
    greedy, warm, shuffled = (rates.dependence(n) for n in (node(), node(temperature=0.7), node(shuffle=True)))
    assert greedy == 1.0 and 1.0 > warm > shuffled >= 0


# ---- what is declared


@pytest.mark.parametrize("prompt", [0, 1, 2])
@pytest.mark.parametrize("primitive", [SORT, SUM])
def test_declared_prompts_are_as_long_as_real_ones(primitive: object, prompt: int) -> None:
    assert primitive in (SORT, SUM)
    tool = SORT if primitive is SORT else SUM
    model = open_model("simulated/perfect")
    rates = DeclaredRates([model])
    numbers = list(range(10, 19))
    found = rates.call(call(tool.name, Input(0), prompt=prompt), tool, [len(numbers)])
    count = model.count(tool.prompt([numbers], prompt))  # type: ignore[attr-defined]
    assert found.cost.prefill == count
    assert found.cost.decode == tool.answer_size(len(numbers)) and found.right == 1.0


def test_every_primitive_has_a_declared_cost() -> None:
    toolbox = Toolbox(list(PRIMITIVES.values()))
    rates = DeclaredRates([open_model("simulated/perfect")])
    for tool in toolbox.primitives.values():
        for prompt in range(len(tool.prompts)):
            inputs = [Input(index) for index in range(len(tool.inputs))]
            found = rates.call(call(tool.name, *inputs, prompt=prompt), tool, [3] * len(inputs))
            assert np.isfinite(found.cost.tokens) and found.cost.tokens > 3


@pytest.mark.parametrize(("again", "low", "high"), [(False, 0.9, 1.0), (True, 0.0, 0.1)])
def test_how_alike_samples_are_is_measured(again: bool, low: float, high: float) -> None:
    """Calls of which half are right: wrong ones that stay wrong are alike, ones that are right as often are not."""
    table = Calibration()
    first = [record(f"{i}", 8, i % 2 == 0) for i in range(60)]
    table.add(first)
    for index, one in enumerate(each for each in first if not each.right):
        table.add_repeat(one, answered(one, again and index % 2 == 0), False)
    rates = FittedRates(table, Toolbox([SORT]), [None], [None])
    assert low <= rates.dependence(node(temperature=0.7)) <= high
    assert rates.dependence(node()) == 1.0


@pytest.mark.parametrize(("right", "alike"), [(30, False), (15, False), (9, True), (0, True)])
def test_what_chance_explains_is_no_likeness(right: int, alike: bool) -> None:
    """Of 30 wrong calls of a kind that is right half of the time, 15 should be right when asked again."""
    table = Calibration()
    first = [record(f"{i}", 8, i % 2 == 0) for i in range(60)]
    table.add(first)
    for index, one in enumerate(each for each in first if not each.right):
        table.add_repeat(one, answered(one, index < right), False)
    found = FittedRates(table, Toolbox([SORT]), [None], [None]).dependence(node(temperature=0.7))
    assert found > 0.2 if alike else found == 0.0


@pytest.mark.parametrize(("stubborn", "alike"), [(0, False), (4, True), (8, True)])
def test_a_prompt_that_comes_right_once_is_not_one_that_never_does(stubborn: int, alike: bool) -> None:
    """Of calls that are right four times in five, each wrong one is asked twice again; some are never right."""
    table = Calibration()
    first = [record(f"{i}", 8, i % 5 > 0) for i in range(50)]
    table.add(first)
    for index, one in enumerate(each for each in first if not each.right):
        for again in (True, False):
            table.add_repeat(one, answered(one, again and index >= stubborn), False)
    found = FittedRates(table, Toolbox([SORT]), [None], [None]).dependence(node(temperature=0.7))
    assert found > 0.3 if alike else found == 0.0


@pytest.mark.parametrize(("same", "low", "high"), [(None, 1.0, 1.0), (False, 0.0, 0.1), (True, 0.95, 1.0)])
def test_how_often_wrong_answers_agree_is_measured(same: bool | None, low: float, high: float) -> None:
    table = Calibration()
    first = [record(f"{i}", 8, i % 2 == 0) for i in range(60)]
    table.add(first)
    for one in first:
        if not one.right:
            table.add_repeat(one, answered(one, same is None, one.wrong if same else "another"), False)
    rates = FittedRates(table, Toolbox([SORT]), [None], [None])
    assert low <= rates.agreement(node(temperature=0.7), 8) <= high


def test_how_often_wrong_answers_agree_is_learned_from_votes_as_well() -> None:
    """Of four wrong answers in five to each question two are the same: one pair in six."""
    first = [record(f"{i}", 8, False) for i in range(60)]
    again = [
        structs.replace(one, temperature=0.7, key=f"{one.key}/{sample}", sample=(sample,), right=not wrong, wrong=wrong)
        for one in first
        for sample, wrong in enumerate([one.wrong, "another", "a third", ""], 1)
    ]
    table = Calibration()
    table.add(first)
    table.add(again)
    agreement = FittedRates(table, Toolbox([SORT]), [None], [None]).agreement(node(temperature=0.7), 8)
    assert agreement == pytest.approx(1 / 6, abs=0.04)


def test_wrong_answers_agree_as_often_as_at_the_size_where_that_was_seen() -> None:
    """There is one wrong way to sort two items, and there are many ways to sort sixty-four: a vote hangs on it."""
    table = Calibration()
    for size, same in ((2, True), (64, False)):
        first = [record(f"{size}/{i}", size, i % 2 == 0) for i in range(40)]
        table.add(first)
        for one in first:
            if not one.right:
                table.add_repeat(one, answered(one, False, one.wrong if same else "another"), False)
    rates = FittedRates(table, Toolbox([SORT]), [None], [None])
    small, large, larger = (rates.agreement(node(temperature=0.7), size) for size in (2, 64, 4096))
    assert small > 0.9 and large < 0.1 and larger == large  # what was not looked at is not hoped for


@pytest.mark.parametrize("alike", [False, True])
def test_further_samples_tell_how_often_a_call_is_right_where_they_are_independent(alike: bool) -> None:
    """Of first samples half are right, of further ones one in five."""
    table = Calibration()
    first = [record(f"{i}", 8, i % 2 == 0) for i in range(40)]
    table.add(first)
    for index, one in enumerate(each for each in first if not each.right):
        table.add_repeat(one, answered(one, not alike and index % 2 == 0), False)
    table.add([structs.replace(record(f"{i}/1", 8, i % 5 == 0), sample=(1,)) for i in range(400)])
    right = FittedRates(table, Toolbox([SORT]), [None], [None]).call(node(), SORT, [8]).right
    assert right == pytest.approx(0.5 if alike else (20 + 80) / 440, abs=0.05)


def test_constants_have_intervals() -> None:
    noisy = [record(f"{size}/{index}", size) for size in (2, 4, 8) for index in range(5)]
    (exact,) = fitted(noisy).constants()
    assert exact["header"]["mean"] == pytest.approx(3, abs=0.05) and exact["per_item"][0]["mean"] == pytest.approx(
        2, abs=0.01
    )
    assert exact["end"]["mean"] == pytest.approx(1, abs=0.05) and exact["calls"] == 15
    longer = structs.replace(record("x", 8), usage=Usage(29, 9))
    (spread,) = fitted([*noisy, longer]).constants()
    width = spread["header"]["high"] - spread["header"]["low"]
    assert width > exact["header"]["high"] - exact["header"]["low"]
    assert spread["header"]["low"] < 3 < spread["header"]["high"]
    unknown = structs.replace(record("y", 8), usage=Usage(None, None))
    assert fitted([unknown]).constants()[0]["header"] == {"mean": None, "low": None, "high": None}


def test_a_prefix_cache_shows_in_the_rates() -> None:
    rates = fitted([structs.replace(record(f"{i}", 8), usage=Usage(20, 9, cached=5)) for i in range(4)])
    cost = rates.call(node(), SORT, [8]).cost
    assert cost.cached == pytest.approx(cost.prefill / 3) and cost.prefill + cost.cached == pytest.approx(20, abs=0.1)
