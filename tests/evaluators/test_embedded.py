"""The embedded model: its tokenizer, its independence of the batch, its usage counts, and what it can and cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercut.evaluators.models.base import Completion, Model, Request, Shape
from undercut.evaluators.models.embedded import EmbeddedModel
from undercut.evaluators.models.embedded.network import CONTEXT
from undercut.evaluators.models.embedded.tokenizer import (
    NAMES,
    OUTPUTS,
    VOCABULARY,
    decode,
    encode,
    encode_digits,
    encode_prompt,
)
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.errors import InvalidAnswer, ModelError

NUMBERS = st.lists(st.integers(0, 99), max_size=12)


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


def some_requests(temperature: float = 0.0) -> list[Request]:
    """Requests of many operations and lengths, each with a seed of its own."""
    rng = random.Random(7)
    requests = []
    for index in range(24):
        numbers = [rng.randrange(100) for _ in range(rng.randint(0, 30))]
        values, op = [
            ((numbers,), "sort"),
            ((sorted(numbers[:9]), sorted(numbers[9:])), "merge"),
            ((numbers[:5],), "sum"),
            (([["ada", 3], ["bob", 4]], "bob"), "lookup"),
        ][index % 4]
        prompt = PRIMITIVES[op].prompt(values, index % 3)
        requests.append(Request(prompt, temperature=temperature, max_tokens=40, seed=index))
    return requests


def accuracy(model: EmbeddedModel, op: str, size: int, prompts: int) -> float:
    """Exact match on random lists of one size."""
    rng = random.Random(f"{op} {size}")
    primitive = PRIMITIVES[op]
    inputs = [([rng.randrange(100) for _ in range(size)],) for _ in range(prompts)]
    requests = [Request(primitive.prompt(values, index % 3), max_tokens=64) for index, values in enumerate(inputs)]
    right = 0
    for values, completion in zip(inputs, model.complete(requests), strict=True):
        with contextlib.suppress(InvalidAnswer):
            right += primitive.read(completion.text, values) == primitive.reference(*values)  # type: ignore[misc]
    return right / prompts


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_string_survives_the_tokenizer(text: str) -> None:
    assert decode(encode(text)) == text


@given(st.sampled_from([":", " ", "+", "12", "7", "100", "007", "ada", "sort", "none", ".", "|", "é", "\n"]).flatmap(
    lambda piece: st.lists(st.just(piece) | st.sampled_from([" ", "+", "3", "250", "bob", "x"]), max_size=9)
))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_neighbours_of_known_tokens_survive(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert decode(encode(text)) == text


@given(NUMBERS, NUMBERS, st.integers(0, 99))
@settings(deadline=None)
def test_prompts_survive(left: list[int], right: list[int], number: int) -> None:
    for primitive in PRIMITIVES.values():
        by_type = {"[number]": left, "number": number, "[fact]": [[n, 5] for n in NAMES[:3]], "key": "ada"}
        by_type |= {"[found]": [None, number], "[peg]": [1, 2, 3]}
        values = [by_type[str(kind)] for kind in primitive.inputs]
        for variant in range(len(primitive.prompts)):
            text = primitive.prompt(values, variant)
            assert decode(encode(text)) == text


def test_numbers_and_words_are_one_token_each() -> None:
    assert len(encode("sort: 3 1 2")) == 5
    assert len(encode("ada has 12. bob has 7. ada?")) == 10
    assert len(encode("add: 123+45")) == 2 + 3 + 1 + 2
    for primitive in PRIMITIVES.values():  # no prompt falls back to bytes
        for variant in range(len(primitive.prompts)):
            values = [[["ada", 1]] if str(kind) == "[fact]" else "bob" if str(kind) == "key" else [1, 2]
                      if str(kind).startswith("[") else 3 for kind in primitive.inputs]  # fmt: skip
            assert max(encode(primitive.prompt(values, variant))) < len(VOCABULARY) - 256


@given(st.integers(0, 10**12))
def test_digits_come_units_first_and_read_back(number: int) -> None:
    tokens = encode_digits(str(number))
    assert VOCABULARY[tokens[0]] == f"{number % 10}@0"
    assert decode(tokens) == str(number)


def test_what_the_model_can_write_has_the_lowest_numbers() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    for text in ("yes", "no", "none", "0 42 99"):
        assert max(encode(text)) < OUTPUTS


def test_it_is_a_model(model: EmbeddedModel) -> None:
    assert isinstance(model, Model)
    assert model.name == "embedded"
    assert isinstance(model.shape, Shape)
    assert model.shape.parameters == sum(
        [len(VOCABULARY) * 128, 128 * OUTPUTS, model.shape.layers * (4 * 128 * 128 + 2 * 128 * 512)]
    )


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_answer_does_not_depend_on_the_batch(model: EmbeddedModel, temperature: float) -> None:
    requests = some_requests(temperature)
    together = model.complete(requests)
    assert [model.complete([request])[0] for request in requests] == together
    assert model.complete(requests[::-1])[::-1] == together


def test_the_seed_decides_the_sample(model: EmbeddedModel) -> None:
    hard = PRIMITIVES["sort"].prompt(([random.Random(1).randrange(100) for _ in range(28)],))
    sampled = model.complete([Request(hard, temperature=1.5, max_tokens=40, seed=seed % 8) for seed in range(16)])
    assert sampled[:8] == sampled[8:]
    assert len({completion.text for completion in sampled}) > 1
    greedy = model.complete([Request(hard, max_tokens=40, seed=seed) for seed in range(4)])
    assert len({completion.text for completion in greedy}) == 1


def test_concurrent_requests_get_the_answers_of_single_ones(model: EmbeddedModel) -> None:
    requests = some_requests()

    async def ask() -> list[Completion]:
        return list(await asyncio.gather(*(model.generate(request) for request in [*requests, *requests])))

    expected = model.complete(requests)
    assert asyncio.run(ask()) == expected * 2
    assert asyncio.run(ask()) == expected * 2  # a second event loop is as good as the first


def test_a_cancelled_asker_leaves_the_others_alone(model: EmbeddedModel) -> None:
    request = Request("sort: 3 1 2")

    async def ask() -> Completion:
        first, second = asyncio.create_task(model.generate(request)), asyncio.create_task(model.generate(request))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()).text == "1 2 3"


def test_usage_counts_every_token(model: EmbeddedModel) -> None:
    prompt = "sort: 3 1 2"
    (completion,) = model.complete([Request(prompt)])
    assert completion.text == "1 2 3"
    assert completion.usage.prompt == len(encode_prompt(prompt)) == model.count(prompt)
    assert completion.usage.completion == model.count(completion.text) - 1  # two frame a prompt, one ends an answer
    assert completion.finish == "stop"


@pytest.mark.parametrize("limit", [1, 3, 4])
def test_max_tokens_cuts_the_answer(model: EmbeddedModel, limit: int) -> None:
    (completion,) = model.complete([Request("sort: 3 1 2 9 8 7", max_tokens=limit)])
    assert completion.finish == "length"
    assert completion.usage.completion == limit
    assert completion.text == "1 2 3 7 8 9"[: 2 * limit - 1]


def test_a_prompt_that_is_too_long_is_refused(model: EmbeddedModel) -> None:
    prompt = "sort: " + "7 " * CONTEXT
    with pytest.raises(ModelError, match="fewer than 1024 tokens"):
        model.complete([Request(prompt)])

    async def ask() -> list[Completion | BaseException]:
        return await asyncio.gather(
            model.generate(Request(prompt)), model.generate(Request("max: 4 9")), return_exceptions=True
        )

    refused, answered = asyncio.run(ask())
    assert isinstance(refused, ModelError)
    assert isinstance(answered, Completion) and answered.text == "9"


def test_a_long_prompt_is_answered(model: EmbeddedModel) -> None:
    (completion,) = model.complete([Request("max: " + "7 " * 600, max_tokens=256)])
    assert completion.usage.prompt == 605  # 600 numbers, two words, the last space, and the frame
    assert 1 <= (completion.usage.completion or 0) <= 256


@pytest.mark.parametrize(("op", "size"), [("sort", 8), ("sum", 3), ("max", 8), ("reverse", 8), ("copy", 8)])
def test_small_sizes_are_easy(model: EmbeddedModel, op: str, size: int) -> None:
    assert accuracy(model, op, size, 60) >= 0.95


def test_large_sizes_are_hopeless(model: EmbeddedModel) -> None:
    assert accuracy(model, "sort", 40, 40) <= 0.3


def test_every_operation_knows_its_smallest_inputs(model: EmbeddedModel) -> None:
    asked = {
        "sort: none": "none", "merge: none | 4": "4", "add: 0+7": "7", "sum: 12+9": "21", "count 4: 4 4 9": "2",
        "max: 8": "8", "min: 5 2": "2", "less 5: 3 9": "3", "at least 5: 3 9": "9", "reverse: 1 2": "2 1",
        "copy: 6 5": "6 5", "intersect: 1 2 | 2 3": "2", "sorted? 1 2 3": "yes", "less? 9 4": "no",
        "ada has 12. bob has 7. bob?": "7", "ada has 12. cyd?": "none", "pick: none 6": "6", "hanoi: 1 1": "1 2",
    }  # fmt: skip
    answers = model.complete([Request(prompt) for prompt in asked])
    wrong = {prompt: answer.text for prompt, answer in zip(asked, answers, strict=True) if answer.text != asked[prompt]}
    assert len(wrong) <= 1, wrong


def test_it_declines_what_it_does_not_know(model: EmbeddedModel) -> None:
    prompts = ["translate hello", "what is the weather?", "multiply: 3 4", "tell me a story please"]
    answers = model.complete([Request(prompt) for prompt in prompts])
    assert [answer.text for answer in answers] == ["unknown"] * len(prompts)
