"""Ready-made primitives for text: what a model can be asked about documents and questions, without code.

A document is a list of passages, so that it can be split and folded; all else is a text. None of these primitives has
a reference: only a model can tell what a text says.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from undercut.evaluators.scorers import number_in
from undercut.spaces.errors import TaskError
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import Function
from undercut.spaces.types import NEED, NOTHING, Atom, ListOf, Type

ROOM = 512
"""Tokens that a model may think in before it answers."""
NOTE_WORDS = 40
"""Words that notes are taken to have. (A filter is taken to keep the share `KEPT` of a document.)"""
KEPT = 0.25


def words(text: Any) -> int:
    """Size of a text in words."""
    return len(str(text).split())


def read_text(text: str) -> str:
    """What stands after the last `Answer:`, or the whole text where that is nowhere.

    Raises:
        ValueError: nothing does.
    """
    said = re.split(r"(?i)answer\s*:", text)[-1].strip().strip("*").strip()
    if not said:
        raise ValueError(text)
    return said


def read_number(text: str) -> float | None:
    """The last number of an answer; None where the answer is none.

    Raises:
        ValueError: there is no number.
    """
    said = read_text(text)
    number = number_in(said)
    if number is None and said.strip(" .").lower() != NOTHING:
        raise ValueError(text)
    return number


def write_number(number: float | None) -> str:
    """A number, or none."""
    return NOTHING if number is None else str(number)


def read_grade(text: str) -> float:
    """A grade from 0 to 10 as a share in [0, 1].

    Raises:
        ValueError: there is none.
    """
    number = read_number(text)
    if number is None or not 0 <= number <= 10:
        raise ValueError(text)
    return number / 10


def read_truth(text: str) -> bool:
    """A yes or a no.

    Raises:
        ValueError: the answer begins with neither.
    """
    word = read_text(text).strip(" .*").lower()
    if not word.startswith(("yes", "no")):
        raise ValueError(text)
    return word.startswith("yes")


def read_choice(text: str, choices: tuple[str, ...] = ()) -> str:
    """The one of some choices that an answer names.

    Raises:
        ValueError: it names none of them, or several.
    """
    said = read_text(text).strip(" .")
    named = [choice for choice in choices if choice.lower() == said.lower()] or [
        choice for choice in choices if re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", said, re.IGNORECASE)
    ]
    if len(named) != 1:
        raise ValueError(text)
    return named[0]


def read_record(text: str) -> dict[str, Any]:
    """The JSON object in an answer.

    Raises:
        ValueError: there is none.
    """
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    if not isinstance(found, dict):
        raise ValueError(text)
    return found


def from_document(kept: list[str], document: list[str], *_: Any) -> bool:
    """Whether all passages that were kept are passages of the document."""
    return {" ".join(each.split()) for each in kept} <= {" ".join(each.split()) for each in document}


PASSAGE = Atom("passage", separator="\n", size=words, typical=20)
DOCUMENT = ListOf(PASSAGE)
QUESTION = Atom("question", separator="\n", size=words)
NOTES = Atom("notes", separator="\n", empty=NOTHING, size=words)
ANSWER = Atom("answer", parse=read_text, separator="\n", size=words)
AMOUNT = Atom("number", parse=read_number, render=write_number, empty=0)
RECORD = Atom("record", parse=read_record, render=json.dumps, separator="\n")
ITEMS = ListOf(Atom("item", separator=", "))
REFERENCE = Atom("reference", size=words)
GRADE = Atom("grade", parse=read_grade, render=lambda share: str(round(10 * share)))
VERDICT = Atom("truth", parse=read_truth, render=lambda value: "yes" if value else "no")


DOUBT = Atom(NEED.name, parse=read_truth, render=VERDICT.render, options=2)
"""Whether an answer has to be worked out again: what a cascade asks."""
LENGTH = Atom("length", parse=int, options=2)
"""Whether a problem is a long one: what a route by size goes by."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The form of a task's output.

    Attributes:
        kind: its type.
        instruction: what the model is told about it.
        size: items that an answer is taken to have; words, for texts.
    """

    kind: Type
    instruction: str
    size: float = 1


def answering(form: str, choices: Sequence[str] = ()) -> Answering:
    """The form of a name: answer, number, label, items, numbers or record.

    Raises:
        TaskError: there is none of that name, or a label has no choices.
    """
    if form == "label":
        if len(choices) < 2:
            raise TaskError('a label needs choices, as in choices = ["yes", "no"], and there are none')
        labels = tuple(choices)
        kind = Atom("label", parse=partial(read_choice, choices=labels), separator="\n", labels=labels)
        return Answering(kind, f"Answer with one of: {', '.join(choices)}.")
    if form not in FORMS:
        raise TaskError(f"the output's form must be one of {', '.join([*FORMS, 'label'])}, and {form!r} is not")
    return FORMS[form]


FORMS: Mapping[str, Answering] = {
    "answer": Answering(ANSWER, "Write the answer only, in as few words as possible, or none if it cannot be told.", 3),
    "number": Answering(AMOUNT, "Write the number only, or none if it cannot be told."),
    "items": Answering(ITEMS, "Write the items only, with commas between them, or none.", 8),
    "numbers": Answering(ListOf(AMOUNT), "Write the numbers only, with spaces between them, or none.", 8),
    "record": Answering(RECORD, "Write one JSON object only."),
}
"""Forms of an output by name; a label is one more."""

KINDS: Mapping[str, Type] = {
    "document": DOCUMENT,
    "question": QUESTION,
    "notes": NOTES,
    **{name: form.kind for name, form in FORMS.items()},
}
"""Types by the names that a task file uses."""


OWN_LABELS = ("notes", "answer", "answers", "first", "second")
"""Labels of what primitives make themselves; inputs of a task are called otherwise."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a primitive asks.

    Attributes:
        instructions: one for each prompt.
        inputs: types of its inputs by label; the label stands above the input in a prompt.
        output: the type of its answer.
        law: the answer's size by those of the inputs.
        valid: its red flag.
    """

    instructions: tuple[str, ...]
    inputs: Mapping[str, Type]
    output: Type
    law: Callable[..., float]
    valid: Callable[..., bool] | None = None

    def primitive(self, name: str, about: str = "", templates: Sequence[str] = ()) -> Primitive:
        """The primitive: each prompt is an instruction, what the task is about, and the inputs under their labels.

        `templates` are a user's own prompts instead, in which `{label}` stands for the input of that label.

        Raises:
            TaskError: a template names something else, or leaves an input out.
        """
        blocks = "".join(f"\n\n{label.capitalize()}:\n{{{place}}}" for place, label in enumerate(self.inputs))
        told = f"\n\nTask:\n{about}" if about else ""
        prompts = [_escaped(text + told) + blocks for text in self.instructions]
        if templates:
            prompts = [_filled(template, name, list(self.inputs)) for template in templates]
        room = ROOM if templates or len(prompts) > 1 else 0
        kinds = tuple(self.inputs.values())
        return Primitive(name, kinds, self.output, tuple(prompts), law=self.law, valid=self.valid, room=room)


def text_primitives(inputs: Mapping[str, Type], form: Answering, about: str = "") -> dict[str, Wording]:
    """The wordings of all ready-made primitives that make sense for these inputs, by label, and this output.

    `about` is what is asked of every problem alike, where no input says it.
    """
    labels = list(inputs)
    document = next((label for label in labels if inputs[label] == DOCUMENT), None)
    others = {label: kind for label, kind in inputs.items() if label != document}
    within = f"the {document or labels[0]}"
    task = "the task" if about or not others else f"the {' and the '.join(others)}"
    asked = f"Read {within} below and {'do' if task == 'the task' else 'answer'} {task}." if document else (
        f"Do the task on {within} below." if about else f"Answer {task} below."
    )  # fmt: skip
    noting = f"{within} below says that helps with {task}, or none if nothing does"
    if document is None:
        noting = f"{within} below gives and what it asks for"
    said, out, size = form.instruction, form.kind, form.size
    atomic = not isinstance(out, ListOf)

    def answered(start: str) -> tuple[str, ...]:
        """An instruction with the output's form, and where that can be told apart, one that lets the model think."""
        then = said[:1].lower() + said[1:]
        thinking = f"{start} Think step by step. Then, on a last line that begins with Answer:, {then}"
        return (f"{start} {said}", thinking) if atomic and out != RECORD else (f"{start} {said}",)

    def fixed(*_: float) -> float:
        return size

    def noted(*sizes: float) -> float:
        return min(sum(sizes), NOTE_WORDS)

    wordings = {
        "classify" if str(out) == "label" else "answer": Wording(answered(asked), inputs, out, fixed),
        "extract": Wording(
            (f"Note down in a few words what {noting}.",),
            inputs, NOTES, noted,
        ),
        "conclude": Wording(
            answered(f"Use the notes below to {'do' if task == 'the task' else 'answer'} {task}."),
            {"notes": NOTES, **others}, out, fixed,
        ),
        "compare": Wording(
            (f"Two answers are given to what is below. Write the better one of them. {said}",),
            {"first": out, "second": out, **inputs}, out, fixed,
        ),
        "verify": Wording(
            ("An answer is given to what is below. Is it right? Write yes or no only.",),
            {"answer": out, **inputs}, VERDICT, lambda *_: 1,
        ),
        "doubt": Wording(
            (
                "An answer is given to what is below. Does it have to be worked out again with more care? "
                "Write yes or no only.",
            ),
            {"answer": out, **inputs}, DOUBT, lambda *_: 1,
        ),
        "combine": Wording(
            (f"Each of the answers below comes from one part of the whole. Combine them into one. {said}",),
            {"answers": ListOf(out), **others}, out, fixed,
        ),
    }  # fmt: skip
    if document is not None:
        wordings |= {
            "filter": Wording(
                (f"Copy those lines of {within} below that help with {task}, unchanged, or write none.",),
                inputs, DOCUMENT, partial(_kept, labels.index(document)), partial(_from_place, labels.index(document)),
            ),
            "summarise": Wording(
                (f"Write one short summary of all the notes below that keeps what helps with {task}.",),
                {"notes": ListOf(NOTES), **others}, NOTES, noted,
            ),
            "update": Wording(
                (f"Add to the notes what {within} below says that helps with {task}. Write the new notes only.",),
                {"notes": NOTES, **inputs}, NOTES, noted,
            ),
        }  # fmt: skip
    elif QUESTION in others.values():
        label = next(label for label, kind in others.items() if kind == QUESTION)
        wordings["rewrite"] = Wording(
            (f"Write the {label} below more clearly. Keep every fact and number.",), {label: QUESTION}, QUESTION,
            lambda n: n,
        )  # fmt: skip
    return wordings


def judging(inputs: Mapping[str, Type], form: Answering, rubric: str) -> Primitive:
    """What a judge is asked: how well an output keeps to a rubric, from 0 to 10."""
    start = (
        "Judge the answer below by the rubric. End with a line Answer: and a whole number from 0 (bad) to 10 (right)."
    )
    seen = {**inputs, "answer to be judged": form.kind, "right answer": REFERENCE}
    wording = Wording((f"{start}\n\nRubric:\n{rubric}",), seen, GRADE, lambda *_: 1)
    return replace(wording.primitive("judge"), room=ROOM)


def by_length(kinds: Sequence[Type], bound: float) -> Function:
    """A function that tells whether the last of these inputs has more than so many words or items.

    These are the first inputs of a problem, since those are what a route's selector sees.
    """
    return Function(
        f"longer than {bound:g}",
        tuple(kinds),
        LENGTH,
        partial(is_longer, bound),
        law=lambda *_: 1,
        shares=lambda *sizes: (0.0, 1.0) if sizes[-1] > bound else (1.0, 0.0),
    )


def is_longer(bound: float, *inputs: Any) -> int:
    """Whether the last of some inputs has more than so many words or items, as a choice."""
    last = inputs[-1]
    return int((sum(map(words, last)) if isinstance(last, list) else words(last)) > bound)


def _filled(template: str, name: str, labels: Sequence[str]) -> str:
    """A user's template with positions in place of labels."""
    pieces, used = [], set()
    try:
        for text, slot, spec, _ in string.Formatter().parse(template):
            pieces.append(_escaped(text))
            if slot is not None:
                place = labels.index(slot)
                used.add(slot)
                pieces.append(f"{{{place}:{spec}}}" if spec else f"{{{place}}}")
    except ValueError as error:
        raise TaskError(
            f"a prompt of {name!r} may name {', '.join(f'{{{label}}}' for label in labels)}, with all other braces "
            f"doubled, and {template[:60]!r} does not keep to that"
        ) from error
    missing = [label for label in labels if label not in used]
    if missing:
        raise TaskError(
            f"a prompt of {name!r} must hold each of its inputs, and {{{missing[0]}}} is missing in {template[:60]!r}"
        )
    return "".join(pieces)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _kept(place: int, *sizes: float) -> float:
    return KEPT * sizes[place]


def _from_place(place: int, kept: list[str], *inputs: Any) -> bool:
    return from_document(kept, inputs[place])
