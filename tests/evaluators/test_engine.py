"""The engine asks each thing once, bills what is sent, charges what it would cost, and judges what comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from undercut.evaluators.cache import AnswerCache
from undercut.evaluators.engine import Engine, default_cap
from undercut.evaluators.identity import seed_of
from undercut.evaluators.ledger import Ledger
from undercut.evaluators.models.base import (
    Completion,
    Model,
    PromptTooLongError,
    Request,
    Usage,
    most_prompt_tokens,
)
from undercut.evaluators.models.registry import open_model
from undercut.evaluators.models.retrying import TELLING, TransientError
from undercut.evaluators.models.scripted import ScriptedModel
from undercut.evaluators.models.simulated import Capability, SimulatedModel
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.trace import Trace
from undercut.spaces.cost import UNKNOWN
from undercut.spaces.errors import BudgetError, ModelError, RunFolderError
from undercut.spaces.execution import run_now
from undercut.spaces.genome import Genome, Input, Node, call
from undercut.spaces.pricing import Price, Shape, call_cost
from undercut.spaces.question import Answer, Question
from undercut.spaces.toolbox import Toolbox

SORT, MERGE = PRIMITIVES["sort"], PRIMITIVES["merge"]
TOOLBOX = Toolbox(list(PRIMITIVES.values()))
SHAPE = Shape(parameters=1_000_000, layers=4, width=64)
PRICE = Price(prompt=1e-6, completion=4e-6)
NUMBERS = [31, 4, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43]


def truth(request: Request) -> str:
    """The true answer."""
    question = request.question
    assert question is not None and question.primitive.reference is not None
    return " ".join(map(str, question.primitive.reference(*question.values)))


def engine_of(model: Model, **options: Any) -> Engine:
    options = {"cache": AnswerCache(), "ledger": Ledger(), **options}
    return Engine([model], **options)


def ask(engine: Engine, questions: Sequence[Question], trace: Trace | None = None) -> list[Answer]:
    """All at once."""
    asker = engine.asker(Trace() if trace is None else trace)

    async def ask_all() -> list[Answer]:
        return list(await asyncio.gather(*(asker(question) for question in questions)))

    return asyncio.run(ask_all())


SORT_BODY = Genome(call("sort", Input(0)))


def tree(votes: int = 1) -> Genome:
    """Split by 3, sort each chunk by vote, merge in pairs."""
    sort = Genome(call("sort", Input(0), temperature=0.7))
    body = Genome(Node("vote", [Input(0)], {"rule": "majority", "votes": votes}, [sort])) if votes > 1 else sort
    chunks = Node("split", [Input(0)], {"size": 3, "overlap": 0})
    merge = Genome(call("merge", Input(0), Input(1)))
    return Genome(Node("reduce", [Node("map", [chunks], {}, [body])], {"arity": 2, "shape": "tree"}, [merge]))


# ---- asking once


def test_the_same_question_is_sent_once() -> None:
    model = ScriptedModel(truth)
    engine, trace = engine_of(model), Trace()
    question = Question(SORT, ([3, 1, 2],))
    answers = ask(engine, [question] * 5, trace)
    assert [answer.value for answer in answers] == [[1, 2, 3]] * 5
    assert len(model.requests) == 1 and engine.ledger.spent.calls == 1
    assert sorted(record.cached for record in trace.records) == [False, True, True, True, True]


def test_a_second_engine_finds_the_answer() -> None:
    cache, model = AnswerCache(), ScriptedModel(truth)
    ask(engine_of(model, cache=cache), [Question(SORT, ([2, 1],))])
    ask(engine_of(model, cache=cache), [Question(SORT, ([2, 1],))])
    assert len(model.requests) == 1


def test_the_most_that_a_call_could_take_is_known_whether_it_is_sent_or_not() -> None:
    """So that a run which is resumed plans as it did: what was answered before is not sent again."""
    cache, short, long = AnswerCache(), Question(SORT, ([2, 1],)), Question(SORT, (NUMBERS,))
    ask(engine_of(ScriptedModel(truth), cache=cache), [long])
    again = Engine([model := ScriptedModel(truth)], cache=cache, ledger=Ledger(max_tokens=10_000))
    ask(again, [long, short])
    prompt = SORT.prompt((NUMBERS,), 0)
    assert len(model.requests) == 1
    assert again.dearest["tokens"] == most_prompt_tokens(model, prompt) + default_cap(SORT, [len(NUMBERS)])
    assert engine_of(ScriptedModel(truth), cache=cache).dearest["tokens"] == 0, "without a limit nobody asks"


@pytest.mark.parametrize(
    "change", [{"sample": (1,)}, {"temperature": 0.7}, {"cap": 9}, {"prompt": 1}, {"values": ([1, 2],)}, {"model": 1}]
)
def test_what_differs_is_asked_anew(change: dict[str, Any]) -> None:
    one, two = ScriptedModel(truth, "one"), ScriptedModel(truth, "two")
    engine = Engine([one, two], cache=AnswerCache(), ledger=Ledger())
    question = Question(SORT, ([2, 1],))
    ask(engine, [question, structs.replace(question, **change)])
    assert len(one.requests) + len(two.requests) == 2


def test_two_servers_of_one_name_do_not_share_answers() -> None:
    cache = AnswerCache()
    one, two = ScriptedModel(truth), ScriptedModel(truth)
    two.identity = "elsewhere"  # type: ignore[attr-defined]
    for model in (one, two):
        ask(engine_of(model, cache=cache), [Question(SORT, ([2, 1],))])
    assert len(one.requests) == len(two.requests) == 1


def test_one_asker_who_leaves_takes_nobody_elses_answer() -> None:
    gate = asyncio.Event()

    class Slow(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            await gate.wait()
            return await super().generate(request)

    model = Slow(truth)
    engine = engine_of(model)

    async def use() -> Answer:
        asker = engine.asker(Trace())
        leaving = asyncio.ensure_future(asker(Question(SORT, ([2, 1],))))
        staying = asyncio.ensure_future(asker(Question(SORT, ([2, 1],))))
        await asyncio.sleep(0)
        leaving.cancel()
        gate.set()
        return await staying

    assert asyncio.run(use()).value == [1, 2]
    assert len(model.requests) == 1


def test_no_more_calls_are_under_way_than_there_are_slots() -> None:
    most = under_way = 0

    class Counting(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            for _ in range(3):
                await asyncio.sleep(0)
            under_way -= 1
            return await super().generate(request)

    ask(engine_of(Counting(truth), concurrency=4), [Question(SORT, ([index, 1],)) for index in range(20)])
    assert most == 4


def test_an_engine_serves_one_loop_after_another() -> None:
    engine = engine_of(ScriptedModel(truth), concurrency=1)
    for start in (0, 10):
        ask(engine, [Question(SORT, ([start + index, 1],)) for index in range(5)])
    assert engine.ledger.spent.calls == 10


def test_what_another_process_has_kept_meanwhile_is_not_asked(tmp_path: Path) -> None:
    """The second question waits for its turn while somebody else, on the same file, is answered the very same."""
    path = tmp_path / "answers.sqlite"
    mine, theirs = AnswerCache(path), AnswerCache(path)
    first, second = (Question(SORT, ([number, 1],)) for number in (5, 7))

    class Racing(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            if request.question == first:
                await engine_of(ScriptedModel(truth), cache=theirs, ledger=Ledger()).asker(Trace())(second)
            return await super().generate(request)

    model = Racing(truth)
    ledger = Ledger(max_calls=2, journal=mine.journal)
    answers = ask(engine_of(model, cache=mine, ledger=ledger, concurrency=1), [first, second])
    assert [answer.value for answer in answers] == [[1, 5], [1, 7]]
    assert len(model.requests) == 1 and ledger.spent.calls == 1
    for cache in (mine, theirs):
        cache.close()


def test_a_model_that_used_more_than_it_may_is_reserved_more() -> None:
    """Its server puts a thousand tokens before each prompt, which nobody could foretell before the first answer."""

    class Prefaced(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            found = await super().generate(request)
            return structs.replace(found, usage=Usage((found.usage.prompt or 0) + 1000, found.usage.completion))

    engine = engine_of(Prefaced(truth), ledger=Ledger(max_tokens=5000), concurrency=1)
    with pytest.raises(BudgetError, match="raise --max-tokens"):
        ask(engine, [Question(SORT, ([index, 1],)) for index in range(20)])
    assert 3000 < engine.ledger.spent.tokens <= 5000


def test_when_the_store_fails_nothing_more_is_sent() -> None:
    class Full(AnswerCache):
        async def put_all(self, answers: Sequence[tuple[str, Completion]], *, now: bool = False) -> list[Completion]:
            raise RunFolderError("the disk is full")

    model = ScriptedModel(truth)
    engine = engine_of(model, cache=Full(), concurrency=2)
    with pytest.raises(RunFolderError, match="full"):
        ask(engine, [Question(SORT, ([index, 1],)) for index in range(20)])
    assert len(model.requests) <= 4


def test_no_wait_between_attempts_is_longer_than_the_time_that_is_left() -> None:
    now, waits = [0.0], list[float]()

    class Busy(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            raise TransientError("busy", wait=100.0)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    ledger = Ledger(max_minutes=0.5, clock=lambda: now[0])
    with pytest.raises(BudgetError, match=r"0.5 minutes"):
        ask(engine_of(Busy(truth), ledger=ledger, sleep=sleep), [Question(SORT, ([2, 1],))])
    assert waits == [30.0] and ledger.spent.calls == 1


def test_what_keeps_calls_is_told_once_when_they_have_failed_several_times(caplog: pytest.LogCaptureFixture) -> None:
    failures = Counter[str]()

    class Shaky(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            failures[request.prompt] += 1
            if failures[request.prompt] <= TELLING:
                raise TransientError("the model 'shaky' failed with HTTP 503")
            return await super().generate(request)

    async def sleep(seconds: float) -> None:
        pass

    questions = [Question(SORT, ([number, 1],)) for number in range(5)]
    assert len(ask(engine_of(Shaky(truth), sleep=sleep), questions)) == 5
    assert caplog.messages == ["the model 'shaky' failed with HTTP 503: trying again"]
    assert set(failures.values()) == {TELLING + 1}


# ---- billing and charging


def test_a_cached_answer_is_charged_and_not_billed() -> None:
    model = ScriptedModel(truth, shape=SHAPE, price=PRICE)
    engine = engine_of(model)
    first, second = Trace(), Trace()
    ask(engine, [Question(SORT, ([3, 1, 2],))], first)
    billed = engine.ledger.spent
    ask(engine, [Question(SORT, ([3, 1, 2],))], second)
    assert engine.ledger.spent == billed
    assert [record.cached for record in second.records] == [True]
    assert first == second and first.cost([model]) == second.cost([model])
    cost = second.cost([model])
    assert (cost.calls, cost.prefill, cost.decode, cost.passes) == (1, 4, 3, 3)
    assert billed.usd == cost.usd == pytest.approx(4e-6 + 3 * 4e-6)


def test_unknown_usage_is_an_unknown_cost() -> None:
    class Silent(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            return Completion(truth(request), Usage(None, None))

    model = Silent(truth, shape=SHAPE, price=PRICE)
    engine = engine_of(model)
    trace = asyncio.run(engine.run(Genome(call("sort", Input(0))), [[3, 1, 2]], TOOLBOX))
    cost = trace.cost([model])
    assert trace.output == [1, 2, 3] and cost.calls == 1
    assert all(
        math.isnan(value) for value in (cost.prefill, cost.decode, cost.passes, cost.flops, cost.usd, cost.depth)
    )
    assert engine.ledger.spent.unmetered == 1


def test_one_unknown_branch_makes_the_depth_unknown() -> None:
    class Moody(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            completion = await super().generate(request)
            return Completion(completion.text, Usage(1, None)) if "9" in request.prompt else completion

    model = Moody(truth)
    for numbers in ([9, 1, 2, 3, 4, 5], [3, 4, 5, 9, 1, 2]):
        genome = Genome(Node("map", [Node("split", [Input(0)], {"size": 3, "overlap": 0})], {}, [SORT_BODY]))
        trace = asyncio.run(engine_of(model).run(genome, [numbers], TOOLBOX))
        assert math.isnan(trace.depth) and math.isnan(trace.cost([model]).depth)


def test_without_shape_and_price_only_these_are_unknown() -> None:
    model, trace = ScriptedModel(truth), Trace()
    ask(engine_of(model), [Question(SORT, ([3, 1, 2],))], trace)
    cost = trace.cost([model])
    assert math.isnan(cost.flops) and math.isnan(cost.aalp) and math.isnan(cost.usd)
    assert cost.tokens == 7


def test_a_budget_stops_the_run_before_the_call() -> None:
    model = ScriptedModel(truth)
    engine = engine_of(model, ledger=Ledger(max_calls=2), concurrency=1)
    with pytest.raises(BudgetError, match="--max-calls"):
        ask(engine, [Question(SORT, ([index, 1],)) for index in range(4)])
    assert len(model.requests) == 2 == engine.ledger.spent.calls


@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_token_limit_holds_and_is_used(concurrency: int) -> None:
    model = ScriptedModel(truth)
    engine = engine_of(model, ledger=Ledger(max_tokens=200), concurrency=concurrency)
    with pytest.raises(BudgetError):
        ask(engine, [Question(SORT, ([index, 1],)) for index in range(99)])
    assert 140 < engine.ledger.spent.tokens <= 200


def test_a_model_error_goes_up_and_leaves_no_reservation() -> None:
    model = ScriptedModel({})
    engine = engine_of(model, ledger=Ledger(max_calls=1))
    with pytest.raises(ModelError):
        ask(engine, [Question(SORT, ([2, 1],))])
    assert engine.ledger.spent.calls == 1 and engine.ledger.spent.tokens == 0
    assert len(engine.cache) == 0


def test_a_prompt_that_is_too_long_is_a_failed_answer() -> None:
    class Small(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            raise PromptTooLongError("too long")

    model = Small(truth)
    trace = asyncio.run(engine_of(model).run(Genome(call("sort", Input(0))), [[2, 1]], TOOLBOX))
    assert trace.failure == "invalid" and trace.cost([model]).tokens == 0
    assert [record.flagged for record in trace.records] == [True]


def test_what_is_cancelled_is_billed_at_its_most() -> None:
    class Endless(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            await asyncio.Event().wait()
            raise AssertionError

    engine = engine_of(Endless(truth))

    async def use() -> None:
        asking = asyncio.ensure_future(engine.asker(Trace())(Question(SORT, ([2, 1],), cap=50)))
        for _ in range(3):
            await asyncio.sleep(0)
        await engine.close(wait=False)
        await engine.close(wait=False)
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(use())
    assert engine.ledger.spent.completion_tokens == 50 and engine.ledger.spent.unmetered == 1


def test_a_closed_engine_keeps_what_was_sent_and_sends_nothing_more() -> None:
    gate = asyncio.Event()

    class Slow(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            completion = await super().generate(request)
            await gate.wait()
            return completion

    model = Slow(truth)
    engine = engine_of(model, concurrency=2)

    async def use() -> list[Any]:
        asker = engine.asker(Trace())
        asking = [asyncio.ensure_future(asker(Question(SORT, ([index, 1],)))) for index in range(5)]
        for _ in range(3):
            await asyncio.sleep(0)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        gate.set()
        await closing
        with pytest.raises(ModelError, match="closed"):
            await asker(Question(SORT, ([77, 1],)))
        return await asyncio.gather(*asking, return_exceptions=True)

    results = asyncio.run(use())
    assert [isinstance(result, Answer) for result in results] == [True, True, False, False, False]
    assert len(engine.cache) == len(model.requests) == engine.ledger.spent.calls == 2
    assert engine.ledger.spent.unmetered == 0


# ---- judging


@pytest.mark.parametrize(
    ("text", "flagged", "right"),
    [
        ("1 2 3", False, True),
        ("1 3 2", False, False),
        ("1 2", True, False),
        ("no idea", True, False),
        ("", True, False),
    ],
)
def test_answers_are_judged_by_the_reference(text: str, flagged: bool, right: bool) -> None:
    trace = Trace()
    (answer,) = ask(engine_of(ScriptedModel(lambda request: text)), [Question(SORT, ([3, 1, 2],))], trace)
    (record,) = trace.records
    assert (record.flagged, record.right, answer.flag is not None) == (flagged, right, flagged)
    assert record.input_sizes == (3,) and record.output_size == (None if flagged else 3)
    assert answer.passes == max(1, len(text.split()))


def test_without_a_reference_nobody_knows() -> None:
    trace = Trace()
    unknown = replace(SORT, reference=None)
    ask(engine_of(ScriptedModel(lambda request: "1 2")), [Question(unknown, ([2, 1],))], trace)
    assert trace.records[0].right is None


def test_a_reference_that_raises_does_not_know() -> None:
    def broken(numbers: list[int]) -> list[int]:
        raise ZeroDivisionError

    trace = Trace()
    question = Question(replace(SORT, reference=broken), ([2, 1],))
    ask(engine_of(ScriptedModel(lambda request: "1 2")), [question], trace)
    assert trace.records[0].right is None and not trace.records[0].flagged


def test_a_reference_is_asked_once_for_each_question() -> None:
    seen: list[list[int]] = []

    def counting(numbers: list[int]) -> list[int]:
        seen.append(numbers)
        return sorted(numbers)

    engine = engine_of(ScriptedModel(lambda request: "1 2"))
    question = Question(replace(SORT, reference=counting), ([2, 1],))
    ask(engine, [structs.replace(question, sample=(index,)) for index in range(1, 6)])
    assert len(seen) == 1


def test_an_answer_that_was_cut_off_is_a_red_flag_even_where_it_parses() -> None:
    trace = Trace()
    (answer,) = ask(engine_of(ScriptedModel(lambda request: "1 2 3 4")), [Question(SORT, ([2, 1],), cap=2)], trace)
    assert answer.flag is not None and "cut off" in str(answer.flag)
    assert trace.records[0].flagged and trace.records[0].right is False


def test_a_flag_that_nobody_mends_is_a_failure_in_the_trace() -> None:
    engine = engine_of(ScriptedModel(lambda request: "?"))
    trace = asyncio.run(engine.run(Genome(call("sort", Input(0))), [[2, 1]], TOOLBOX))
    assert (trace.output, trace.failure) == (None, "invalid")
    assert trace.reason is not None and trace.depth == 1


def test_the_default_limit_follows_the_expected_output() -> None:
    assert default_cap(SORT, (13,)) == 16 + 8 * 13
    assert default_cap(PRIMITIVES["sum"], (13,)) == 24
    assert default_cap(SORT, (500,)) == 1024
    model = ScriptedModel(truth)
    ask(engine_of(model), [Question(SORT, ([2, 1],)), Question(SORT, ([2, 1],), cap=7)])
    assert [request.max_tokens for request in model.requests] == [32, 7]


# ---- the same answers at any concurrency

FLAWED = Capability({}, {1: 0.9, 64: 0.5}, dependence=0.3, malformed=0.3)


class Uneven(SimulatedModel):
    """Takes longer for some requests than for others, so that answers come back out of order."""

    async def generate(self, request: Request) -> Completion:
        for _ in range(request.seed % 7):
            await asyncio.sleep(0)
        return await super().generate(request)


def runs(model: Model, concurrency: int) -> list[Trace]:
    """Many instances through two genomes at once."""
    engine = engine_of(model, concurrency=concurrency)
    instances = [[(index * 31 + step * 17) % 100 for step in range(7 + index)] for index in range(8)]

    async def run_all() -> list[Trace]:
        jobs = [engine.run(genome, [numbers], TOOLBOX) for genome in (tree(), tree(5)) for numbers in instances]
        return list(await asyncio.gather(*jobs))

    return asyncio.run(run_all())


def test_a_run_is_the_same_at_concurrency_1_and_64() -> None:
    model = Uneven("flawed", FLAWED, shape=SHAPE, price=PRICE)
    alone, together = runs(model, 1), runs(model, 64)
    assert alone == together
    assert [trace.cost([model]) for trace in alone] == [trace.cost([model]) for trace in together]
    failures = [trace.failure for trace in alone]
    assert "invalid" in failures and None in failures


def test_answers_that_are_there_need_no_event_loop() -> None:
    engine = engine_of(open_model("simulated/perfect"))
    first = asyncio.run(engine.run(tree(3), [NUMBERS], TOOLBOX))
    again = run_now(engine.run(tree(3), [NUMBERS], TOOLBOX, concurrent=False))
    assert first == again and first.output == sorted(NUMBERS)
    assert all(record.cached for record in again.records)


def test_depth_is_the_longest_branch() -> None:
    model = ScriptedModel(truth)
    trace = asyncio.run(engine_of(model).run(tree(), [[4, 3, 2, 1]], TOOLBOX))
    assert trace.cost([model]).passes == 3 + 1 + 4
    assert trace.cost([model]).depth == trace.depth == 3 + 4


def test_a_seed_is_of_31_bits_and_of_prompt_and_sample() -> None:
    seeds = [seed_of("p", ()), seed_of("p", (1,)), seed_of("p", (0, 1)), seed_of("q", ())]
    assert len(set(seeds)) == 4 and all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of("p", ()) == seed_of("p", [])


@given(st.text(), st.lists(st.integers(0, 99), min_size=1, max_size=3))
def test_a_seed_is_the_digest_of_the_json_of_prompt_and_sample(prompt: str, sample: list[int]) -> None:
    digest = hashlib.sha256(json.dumps([prompt, sample[:-1]]).encode()).digest()
    assert seed_of(prompt, sample) == (int.from_bytes(digest[:4], "big") + sample[-1]) % 2**31


def test_a_prompt_is_never_longer_than_was_reserved() -> None:
    perfect, scripted = open_model("simulated/perfect"), ScriptedModel(truth)

    class Uncounted:
        name, shape = "uncounted", None

    assert most_prompt_tokens(perfect, "sum: 1+2") >= 5
    assert most_prompt_tokens(scripted, "a b") >= 2
    assert most_prompt_tokens(Uncounted(), "é") >= 2  # type: ignore[arg-type]


# ---- the price of one call


def test_the_seed_papers_unit_is_its_sum() -> None:
    cost = call_cost(10, 4, shape=Shape(2_000_000_000, 1, 1))
    assert cost.aalp == 2 * sum(10 + j for j in range(4))


@given(st.integers(1, 4000), st.integers(0, 500), st.integers(0, 4000))
def test_flops_are_those_of_the_tokens_one_by_one(prompt: int, completion: int, cached: int) -> None:
    cached = min(cached, prompt)
    cost = call_cost(prompt, completion, cached, SHAPE)
    one_by_one = sum(
        2 * SHAPE.parameters + 4 * SHAPE.layers * SHAPE.width * place for place in range(cached, prompt + completion)
    )
    # The closed form takes the middle of each token's stretch, half a token more than its start.
    half = 2 * SHAPE.layers * SHAPE.width * (prompt - cached + completion)
    assert cost.flops == pytest.approx(one_by_one + half)


def test_a_prefix_cache_saves_what_it_holds() -> None:
    price = Price(1e-6, 4e-6, cached=1e-7)
    whole, part = call_cost(100, 5, 0, SHAPE, price), call_cost(100, 5, 60, SHAPE, price)
    assert (part.prefill, part.cached, part.tokens) == (40, 60, whole.tokens)
    assert part.usd == pytest.approx(40e-6 + 6e-6 + 20e-6)
    assert part.flops < whole.flops and part.aalp == whole.aalp and part.passes == whole.passes == 5


@pytest.mark.parametrize("completion", [0, 0.25, 1])
def test_even_an_empty_answer_takes_one_pass(completion: float) -> None:
    assert call_cost(3, completion).passes == call_cost(3, completion).depth == 1


def test_what_is_unknown_stays_unknown() -> None:
    cost = call_cost(UNKNOWN, UNKNOWN, 0, SHAPE, PRICE)
    assert cost.calls == cost.samples == 1
    assert all(math.isnan(value) for value in (cost.prefill, cost.decode, cost.passes, cost.flops, cost.aalp, cost.usd))
