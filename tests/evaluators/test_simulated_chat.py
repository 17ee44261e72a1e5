"""The simulated chat model reads prompts as they are sent, and errs as often as it says."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from undercut.evaluators.models.base import Completion, Request
from undercut.evaluators.models.simulated import MALFORMED, Capability
from undercut.evaluators.models.simulated_chat import ChatModel, by_heart
from undercut.evaluators.tasks import facts
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.evaluators.tasks.text import AMOUNT, DOCUMENT, QUESTION, answering, text_primitives
from undercut.spaces.errors import UsageError

PERFECT = Capability({}, {1: 1.0})


def ask(model: ChatModel, prompt: str, **options: Any) -> Completion:
    return asyncio.run(model.generate(Request(prompt, **options)))


@pytest.mark.parametrize("name", ["sort", "merge", "sum", "count", "intersect", "check", "compare"])
def test_it_reads_every_wording(name: str) -> None:
    primitive = PRIMITIVES[name]
    values: dict[str, tuple[Any, ...]] = {
        "merge": ([1, 4], [2]), "intersect": ([1, 4], [4, 2]), "count": ([3, 1, 3], 3), "compare": (3, 4),
    }  # fmt: skip
    given = values.get(name, ([5, 2, 9],))
    assert primitive.reference is not None
    for variant in range(len(primitive.prompts)):
        model = ChatModel("chat", [primitive], {}, PERFECT)
        text = ask(model, primitive.prompt(given, variant)).text
        assert primitive.read(text, given) == primitive.reference(*given)


@pytest.mark.parametrize("kind", facts.KINDS)
def test_it_reads_long_texts_whole_and_in_parts(kind: facts.Kind) -> None:
    form = answering("numbers" if kind == "several" else "number")
    wordings = text_primitives({"document": DOCUMENT, "question": QUESTION}, form)
    primitives = {name: wording.primitive(name) for name, wording in wordings.items()}
    model = ChatModel("chat", primitives.values(), facts.knowledge(kind), PERFECT)

    def told(name: str, *values: Any, variant: int = 0) -> Any:
        primitive = primitives[name]
        return primitive.read(ask(model, primitive.prompt(values, variant)).text, values)

    for seed in range(5):
        (text, question), target = facts.make(kind, 400, random.Random(seed))
        document = text.split("\n\n")
        assert 300 <= len(text.split()) <= 500
        for variant in range(len(primitives["answer"].prompts)):
            assert told("answer", document, question, variant=variant) == target
        assert told("verify", target, document, question) is True
        parts = [document[:2], document[2:]]
        notes = [told("extract", part, question) for part in parts]
        assert sorted(_items(told("conclude", told("summarise", notes, question), question))) == sorted(_items(target))
        answers = [told("answer", part, question) for part in parts]
        assert sorted(_items(told("combine", answers, question))) == sorted(_items(target))
        assert told("answer", told("filter", document, question), question) == target
        state = "none"
        for part in parts:
            state = told("update", state, part, question)
        assert sorted(_items(told("conclude", state, question))) == sorted(_items(target))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_it_errs_at_the_declared_rate_by_words_and_better_when_it_thinks() -> None:
    wording = text_primitives({"question": QUESTION}, answering("number"))["answer"]
    answer = wording.primitive("answer")
    problems = [((f"{'word ' * words}{number}",), number) for number in range(200) for words in (9, 99)]
    reads = Capability({"answer": {10: 0.9, 100: 0.3}, "answer thinking": {10: 1.0}}, None)
    model = ChatModel("chat", [answer], by_heart(problems), reads, thoughts=30)
    for words, chance in ((10, 0.9), (100, 0.3)):
        asked = [(inputs, target) for inputs, target in problems if len(inputs[0].split()) == words]
        right = sum(answer.read(ask(model, answer.prompt(i)).text, i) == target for i, target in asked)
        spread = (len(asked) * chance * (1 - chance)) ** 0.5
        assert abs(right - len(asked) * chance) < 4 * spread
    thought = ask(model, answer.prompt(problems[0][0], 1))
    assert answer.read(thought.text, problems[0][0]) == problems[0][1]
    assert (thought.usage.completion or 0) > 30


def test_greedy_answers_do_not_depend_on_the_seed_and_warm_ones_do() -> None:
    answer = text_primitives({"question": QUESTION}, answering("number"))["answer"].primitive("answer")
    model = ChatModel("chat", [answer], by_heart([(("q",), 5)]), Capability({"answer": {1: 0.5}}))
    prompt = answer.prompt(("q",))
    assert len({ask(model, prompt, seed=seed).text for seed in range(20)}) == 1
    assert len({ask(model, prompt, seed=seed, temperature=0.7).text for seed in range(20)}) > 1


def test_wrong_labels_are_other_labels() -> None:
    form = answering("label", ["(A)", "(B)", "(C)"])
    classify = text_primitives({"question": QUESTION}, form)["classify"].primitive("classify")
    problems = [((f"question {number}",), "(B)") for number in range(50)]
    model = ChatModel("chat", [classify], by_heart(problems), Capability({"classify": {1: 0.0}}))
    said = [ask(model, classify.prompt(inputs)).text for inputs, _ in problems]
    assert set(said) == {"(A)", "(C)"}


def test_what_it_cannot_read_or_does_not_know() -> None:
    answer = text_primitives({"question": QUESTION}, answering("number"))["answer"].primitive("answer")
    assert answer.output == AMOUNT
    model = ChatModel("chat", [answer], by_heart([]), PERFECT)
    assert ask(model, "Hello!").text == MALFORMED
    assert ask(model, answer.prompt(("never heard of",))).text == MALFORMED
    with pytest.raises(UsageError, match="no knowledge of 'answer'"):
        ChatModel("chat", [answer], {}, PERFECT)
    cut = ask(model, answer.prompt(("never heard of",)), max_tokens=2)
    assert cut.finish == "length" and cut.usage.completion == 2
