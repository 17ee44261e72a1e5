"""The closed forms against published figures, exact sums, exact Markov chains, and simulation."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undercut.evaluators.tasks.primitives import ADD, CHECK, MERGE, SORT, SUM
from undercut.spaces.cost import Cost
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import Estimate
from undercut.spaces.estimator import Estimator
from undercut.spaces.execution import Execution, run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.growth import growth
from undercut.spaces.question import Answer, Question
from undercut.spaces.reliability import (
    ahead,
    ahead_votes,
    blended,
    majority,
    stopping,
    valid_majority,
)
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import TRUTH

X, Y = Input(0), Input(1)
TOOLBOX = Toolbox((SORT, MERGE, CHECK, SUM, ADD))
CHANCES = (0.05, 0.3, 0.5, 0.55, 0.8, 0.99)


# -- votes ------------------------------------------------------------------------------------------------------------


def chain(right: float, lead: int) -> tuple[float, float]:
    """Chance to win and expected votes of first-to-be-`lead`-ahead, from the Markov chain of the difference."""
    states = {0: 1.0}
    won = votes = 0.0
    while sum(states.values()) > 1e-15:
        votes += sum(states.values())
        following: dict[int, float] = {}
        for difference, weight in states.items():
            for step, chance in ((1, right), (-1, 1 - right)):
                following[difference + step] = following.get(difference + step, 0.0) + weight * chance
        won += following.pop(lead, 0.0)
        following.pop(-lead, None)
        states = following
    return won, votes


@pytest.mark.parametrize("lead", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("right", CHANCES)
def test_ahead_is_what_the_markov_chain_says(right: float, lead: int) -> None:
    won, votes = chain(right, lead)
    assert ahead(right, lead) == pytest.approx(won, rel=1e-9)
    assert ahead_votes(right, lead) == pytest.approx(votes, rel=1e-9)


def test_ahead_at_the_edges() -> None:
    assert [ahead(0.0, 3), ahead(1.0, 3)] == [0, 1]
    assert [ahead_votes(0.0, 3), ahead_votes(1.0, 3), ahead_votes(0.5, 3)] == [3, 3, 9]
    assert ahead_votes(0.5 + 1e-5, 4) == pytest.approx(16, rel=1e-6)


@pytest.mark.parametrize("votes", range(1, 10))
@pytest.mark.parametrize("right", CHANCES)
def test_majority_is_what_enumeration_says(right: float, votes: int) -> None:
    won = 0.0
    for answers in itertools.product((True, False), repeat=votes):
        weight = math.prod(right if answer else 1 - right for answer in answers)
        margin = 2 * sum(answers) - votes
        won += weight * (margin > 0 or (margin == 0 and answers[0]))
    assert majority(right, votes) == pytest.approx(won, rel=1e-9)


@pytest.mark.parametrize("votes", [1, 2, 5])
def test_majority_of_valid_answers_is_what_enumeration_says(votes: int) -> None:
    right, valid, won = 0.7, 0.6, 0.0
    chances = {1: right * valid, -1: (1 - right) * valid, 0: 1 - valid}
    for answers in itertools.product(chances, repeat=votes):
        first = next((answer for answer in answers if answer), 0)
        margin = sum(answers)
        won += math.prod(chances[answer] for answer in answers) * (margin > 0 or (margin == 0 and first == 1))
    assert valid_majority(right, valid, votes) == pytest.approx(won, rel=1e-9)


@pytest.mark.parametrize("votes", [1, 2, 9, 101, 1001])
def test_majority_at_the_edges(votes: int) -> None:
    assert (majority(0.0, votes), majority(1.0, votes)) == (0, 1)
    assert valid_majority(0.9, 1.0, votes) == majority(0.9, votes)
    assert 0.44 < valid_majority(0.9, 0.5, votes) <= 1


@pytest.mark.parametrize(("wrong", "lead"), [(0.0022, 3), (0.3571, 29), (0.1839, 12), (0.0358, 6)])
def test_published_leads(wrong: float, lead: int) -> None:
    """Source: Meyerson et al. 2025 (arXiv 2511.09030), Towers of Hanoi with 20 disks."""
    steps, target = 2**20 - 1, 0.95
    assert ahead(1 - wrong, lead) ** steps >= target > ahead(1 - wrong, lead - 1) ** steps


def steps_cost(right: float, steps: int, width: int, target: float) -> float:
    """Expected calls for dependent steps, `width` of them in one decisive vote."""
    lead = next(lead for lead in itertools.count(1) if ahead(right, lead) ** (steps / width) >= target)
    return lead / (right ** (width - 1) * (2 * right - 1))


@pytest.mark.parametrize(("right", "width", "ratio"), [(0.9978, 100, 0.83), (0.9, 10, 2.3)])
def test_one_step_a_call_is_not_always_best(right: float, width: int, ratio: float) -> None:
    found = steps_cost(right, 10**6, width, 0.95) / steps_cost(right, 10**6, 1, 0.95)
    assert found == pytest.approx(ratio, abs=0.05)


# -- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 3, 7])
@pytest.mark.parametrize(("accepted", "refused"), [(0.6, 0.3), (0.9, 0.1), (0.2, 0.0), (0.0, 0.4), (1.0, 0.0)])
def test_stopping_is_what_enumeration_says(accepted: float, refused: float, most: int) -> None:
    chances = {"accepted": accepted, "refused": refused, "flagged": 1 - accepted - refused}
    attempts = passed = kept = 0.0
    for answers in itertools.product(chances, repeat=most):
        weight = math.prod(chances[answer] for answer in answers)
        taken = "accepted" in answers
        attempts += weight * (answers.index("accepted") + 1 if taken else most)
        passed += weight * taken
        kept += weight * (not taken and "refused" in answers)
    assert stopping(accepted, refused, most) == pytest.approx((attempts, passed, kept))


def test_samples_that_are_alike_are_one_sample() -> None:
    assert blended(0.9, 0.6, 0) == 0.9
    assert blended(0.9, 0.6, 1) == pytest.approx(0.6)


class Erring:
    """A model whose every answer is independently right, wrong (always the same wrong answer) or flagged.

    A share of the wrong answers lacks an item instead, which no check for order sees.
    """

    def __init__(self, right: float, valid: float, seed: int, hidden: float = 0.0) -> None:
        self.right, self.valid, self.hidden = right, valid, hidden
        self.generator = random.Random(seed)
        self.calls = 0

    async def __call__(self, question: Question) -> Answer:
        self.calls += 1
        draw = self.generator.random()
        assert question.primitive.reference is not None
        truth = question.primitive.reference(*question.values)
        if draw < self.right:
            return Answer(truth, 1)
        if draw < self.valid:
            if question.primitive.output == TRUTH:
                return Answer(not truth, 1)
            return Answer(truth[:-1] if self.generator.random() < self.hidden else truth[::-1], 1)
        return Answer(None, 1, InvalidAnswer("flagged"))


def body(name: str = "sort") -> Genome:
    return Genome(call(name, X, temperature=0.7))


ERRING: dict[str, Node] = {
    "majority of 3": Node("vote", [X], {"rule": "majority", "votes": 3}, [body()]),
    "majority of 4": Node("vote", [X], {"rule": "majority", "votes": 4}, [body()]),
    "ahead by 2": Node("vote", [X], {"rule": "ahead", "lead": 2}, [body()]),
    "ahead by 3": Node("vote", [X], {"rule": "ahead", "lead": 3}, [body()]),
    "retry 3": Node("retry", [X], {"tries": 3}, [body()]),
    "retry 3 with a check": Node("retry", [X], {"tries": 3}, [body(), body("check")]),
    "vote over retries": Node(
        "vote", [X], {"rule": "majority", "votes": 3}, [Genome(Node("retry", [X], {"tries": 2}, [body()]))]
    ),
}
RUNS = 2000


@pytest.mark.parametrize(("right", "valid"), [(0.8, 0.9), (0.6, 1.0), (0.55, 0.7)])
@pytest.mark.parametrize("name", ERRING)
def test_estimates_of_votes_and_retries_hold_in_simulation(
    name: str, right: float, valid: float, make_rates: Any
) -> None:
    genome, items = Genome(ERRING[name]), [1, 2, 3]
    declared = Estimator(make_rates(right, valid), TOOLBOX).apply(genome, [((1, 3),)])
    model = Erring(right, valid, seed=7)
    good = answered = 0
    rounds = []
    for _ in range(RUNS):
        execution = Execution(model, TOOLBOX, concurrent=False)
        try:
            good += run_now(execution.apply(genome, [items])) == items
            answered += 1
        except InvalidAnswer:
            pass
        rounds.append(execution.depth)
    for chance, count in ((math.exp(declared.log_right), good), (math.exp(declared.log_valid), answered)):
        assert abs(count / RUNS - chance) <= 4.5 * math.sqrt(chance * (1 - chance) / RUNS) + 1e-9
    assert model.calls / RUNS == pytest.approx(declared.cost.calls, rel=0.05)
    if name in ("majority of 3", "ahead by 2", "ahead by 3", "retry 3"):
        one = Estimator(make_rates(), TOOLBOX).apply(body(), [((1, 3),)]).cost.depth
        assert sum(rounds) / RUNS == pytest.approx(declared.cost.depth / one, rel=0.05)


@pytest.mark.parametrize("hidden", [0.0, 0.4, 1.0])
def test_a_check_is_worth_what_it_can_see(hidden: float, make_rates: Any) -> None:
    genome, items = Genome(ERRING["retry 3 with a check"]), [1, 2, 3]
    declared = Estimator(make_rates(0.8, 0.95, 1 - hidden), TOOLBOX).apply(genome, [((1, 3),)])
    model, good = Erring(0.8, 0.95, seed=11, hidden=hidden), 0
    for _ in range(RUNS):
        with contextlib.suppress(InvalidAnswer):
            good += run_now(Execution(model, TOOLBOX, concurrent=False).apply(genome, [items])) == items
    chance = math.exp(declared.log_right)
    assert abs(good / RUNS - chance) <= 4.5 * math.sqrt(chance * (1 - chance) / RUNS)
    assert model.calls / RUNS == pytest.approx(declared.cost.calls, rel=0.05)


class SameAgain:
    """Rates of calls that are half right, and the same on every sample."""

    def __init__(self, rates: Any) -> None:
        self.call = rates.call

    def dependence(self, node: Node) -> float:
        return 1.0

    def catches(self, check: Genome, body: Genome) -> float:
        """All that is wrong."""
        return 1.0

    def agreement(self, node: Node, size: float) -> float:
        return 1.0


@pytest.mark.parametrize("name", ["majority of 3", "ahead by 2", "retry 3", "retry 3 with a check"])
def test_repeating_what_repeats_itself_does_not_help(name: str, make_rates: Any) -> None:
    genome = Genome(ERRING[name])
    one = Estimator(make_rates(0.5, 0.8), TOOLBOX).apply(body(), [((1, 3),)])
    made = Estimator(SameAgain(make_rates(0.5, 0.8)), TOOLBOX).apply(genome, [((1, 3),)])
    assert made.log_right <= one.log_right + 1e-9
    assert made.cost.calls > one.cost.calls


# -- the tokens of structures -----------------------------------------------------------------------------------------

HEADER = {"sort": 5, "merge": 11, "sum": 7, "add": 2}


@pytest.fixture
def tokens(estimator: Estimator) -> Callable[[Node, int], float]:
    def measure(output: Node, n: int) -> float:
        return estimator.apply(Genome(output), [((1, n),)]).cost.tokens

    return measure


def chunks(size: int) -> Node:
    return Node("map", [Node("split", [X], {"size": size, "overlap": 0})], {}, [Genome(call("sort", X))])


def merged(size: int, shape: str) -> Node:
    return Node("reduce", [chunks(size)], {"arity": 2, "shape": shape}, [Genome(call("merge", X, Y))])


@pytest.mark.parametrize("n", [2**12, 2**20])
def test_tokens_of_known_structures(n: int, tokens: Callable[[Node, int], float]) -> None:
    size = 16
    k, ratio, about = n // size, 1, pytest.approx
    base = k * HEADER["sort"] + (1 + ratio) * n
    assert tokens(call("sort", X), n) == about(HEADER["sort"] + n + ratio * n, rel=0.01)
    assert tokens(chunks(size), n) == about(base, rel=0.01)
    tree = (k - 1) * HEADER["merge"] + (1 + ratio) * n * math.log2(k)
    assert tokens(merged(size, "tree"), n) == about(base + tree, rel=0.01)
    incremental = (k - 1) * HEADER["merge"] + (1 + ratio) * (size * k * (k + 1) / 2 - size)
    assert tokens(merged(size, "chain"), n) == about(base + incremental, rel=0.01)
    fold = Node("fold", [X], {"size": size, "start": "number"}, [Genome(call("add", X, call("sum", Y)))])
    state = 1
    steps = k * (HEADER["add"] + HEADER["sum"] + 2 * state + 2 * state) + n
    assert tokens(fold, n) == about(steps, rel=0.01)
    vote = Node("vote", [X], {"rule": "majority", "votes": 5}, [Genome(call("sort", X))])
    assert tokens(vote, n) == about(5 * tokens(call("sort", X), n))


def test_a_tree_that_compresses_is_linear(tokens: Callable[[Node, int], float]) -> None:
    n, size = 2**20, 16
    k = n // size
    sums = Node("map", [Node("split", [X], {"size": size, "overlap": 0})], {}, [Genome(call("sum", X))])
    tree = Node("reduce", [sums], {"arity": 2, "shape": "tree"}, [Genome(call("add", X, Y))])
    assert tokens(tree, n) == pytest.approx(k * (HEADER["sum"] + 1) + n + (k - 1) * (HEADER["add"] + 3), rel=0.01)


def test_tree_and_incremental_merge_differ_in_growth(tokens: Callable[[Node, int], float]) -> None:
    assert str(growth(lambda n: tokens(merged(16, "tree"), n))) == "n log n"
    assert str(growth(lambda n: tokens(merged(16, "chain"), n))) == "n²"


def test_expected_sizes_do_not_break_the_walk(make_rates: Any) -> None:
    """A law may give a fraction of an item; whatever takes a list apart rounds it."""
    half = Genome(Node("fold", [X], {"size": 3, "start": "[number]"}, [Genome(call("sort", Y))]))
    estimator = Estimator(make_rates(), TOOLBOX)
    for output in (
        Node("reduce", [X], {"arity": 2, "shape": "tree"}, [Genome(call("add", X, Y))]),
        Node("reduce", [X], {"arity": 2, "shape": "chain"}, [Genome(call("add", X, Y))]),
        Node("split", [X], {"parts": 3}),
        Node("split", [X], {"size": 3, "overlap": 1}),
        Node("merge_blocks", [X, X], {"block": 2}, [Genome(call("merge", X, Y))]),
        half.output,
    ):
        for size in (0.25, 1.5, 3.5, 7.75, 80.5):
            made: Estimate = estimator.apply(Genome(output), [((1, size),)])
            assert all(value >= 0 and math.isfinite(value) for value in made.cost)


def test_what_outgrows_every_number_costs_without_limit(estimator: Estimator) -> None:
    doubling = Node("fold", [X, X], {"size": 1, "start": "input"}, [Genome(call("merge", X, X))])
    made = estimator.apply(Genome(doubling), [((1, 10**6),)])
    assert made.cost == Cost(*[math.inf] * 10)
    assert made.log_right == -math.inf
    again = estimator.apply(Genome(call("sort", X)), [((1, 10),)])
    assert again.cost.calls == 1


# -- runs that end early ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("valid", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("steps", [1, 5, 63, 64, 1000, 10**6])
def test_a_chain_of_calls_is_billed_up_to_the_first_red_flag(valid: float, steps: int, make_rates: Any) -> None:
    step = Genome(call("sum", Node("join", [Node("split", [Y], {"size": 1, "overlap": 0})])))
    genome = Genome(Node("fold", [Y], {"size": 1, "start": "number"}, [step]))
    inputs = ((1, 1),), ((1, steps),)
    whole = Estimator(make_rates(1.0, valid), TOOLBOX).apply(genome, inputs)
    billed = Estimator(make_rates(1.0, valid), TOOLBOX, ends=True).apply(genome, inputs)
    assert whole.cost.calls == steps
    assert billed.cost.calls == pytest.approx((1 - valid**steps) / (1 - valid))
    assert billed.log_valid == pytest.approx(whole.log_valid) == pytest.approx(steps * math.log(valid))


def test_work_side_by_side_is_billed_whole_and_what_follows_as_often_as_it_is_reached(make_rates: Any) -> None:
    pieces = Node("split", [X], {"size": 2, "overlap": 0})
    mapped = Node("map", [pieces], {}, [Genome(call("sum", X))])
    genome = Genome(call("sum", mapped))
    billed = Estimator(make_rates(1.0, 0.8), TOOLBOX, ends=True).apply(genome, [((1, 6),)])
    assert billed.cost.calls == pytest.approx(3 + 0.8**3)


def test_a_chain_whose_steps_grow_is_billed_about_right(make_rates: Any) -> None:
    """Beyond `DIRECT` steps stretches stand for their steps; held against the sum over all of them."""
    step = Genome(call("merge", X, Y))
    genome = Genome(Node("fold", [X], {"size": 1, "start": "[number]"}, [step]))
    valid, steps = 0.999, 2000
    estimator = Estimator(make_rates(1.0, valid), TOOLBOX, ends=True)
    exact = sum(estimator.apply(step, (((1, k),), ((1, 1),))).cost.tokens * valid**k for k in range(steps))
    assert estimator.apply(genome, [((1, steps),)]).cost.tokens == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("kinds", [1, 2, 3])
@pytest.mark.parametrize("votes", [1, 2, 3, 4, 5])
def test_a_plurality_wins_as_often_as_all_sequences_say(votes: int, kinds: int) -> None:
    """Every sequence of answers, the right one 0 and so many wrong ones, each as likely as the others."""
    right = 0.45
    chances = [right, *[(1 - right) / kinds] * kinds]
    won = 0.0
    for sequence in itertools.product(range(kinds + 1), repeat=votes):
        if Counter(sequence).most_common(1)[0][0] == 0:  # the earliest of equals
            won += math.prod(chances[answer] for answer in sequence)
    assert majority(right, votes, 1 / kinds) == pytest.approx(won)


@given(st.floats(0.05, 0.95), st.integers(1, 9), st.floats(0.01, 1.0))
def test_scattered_wrong_answers_never_win_more_votes(right: float, votes: int, agreement: float) -> None:
    assert majority(right, votes, agreement) >= majority(right, votes) - 1e-9


@pytest.mark.parametrize(("right", "lead", "kinds"), [(0.5, 2, 4), (0.6, 3, 5), (0.8, 2, 2), (0.3, 2, 1)])
def test_a_lead_over_scattered_wrong_answers_is_about_what_draws_show(right: float, lead: int, kinds: int) -> None:
    generator = random.Random(f"{right}/{lead}/{kinds}")
    won = asked = 0
    for _ in range(4000):
        seen: Counter[int] = Counter()
        while (top := sorted([*seen.values(), 0, 0]))[-1] - top[-2] < lead:
            seen[0 if generator.random() < right else generator.randint(1, kinds)] += 1
            asked += 1
        won += seen.most_common(1)[0][0] == 0
    assert ahead(right, lead, 1 / kinds) == pytest.approx(won / 4000, abs=0.08)
    assert ahead_votes(right, lead, 1 / kinds) == pytest.approx(asked / 4000, rel=0.05 if right > 0.5 else 0.3)
