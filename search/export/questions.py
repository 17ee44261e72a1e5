"""A primitive as a small function: its prompt, how the answer is read, and what makes it invalid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from undercut.search.export import asking
from undercut.search.export.lift import Lifter
from undercut.search.export.literals import identifier, one_line, text_literal
from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.primitive import Primitive, pieces
from undercut.spaces.types import Atom, ListOf, Type


class Asker:
    """Writes the functions that ask for primitives, and has the lifter copy what they need."""

    def __init__(self, lifter: Lifter) -> None:
        self.lifter = lifter

    def function(self, name: str, primitive: Primitive, variant: int, shuffle: bool) -> str:
        """The function that asks for a primitive: its prompt, how the answer is read, and what makes it invalid."""
        inputs = [f"x{index}" for index in range(len(primitive.inputs))]
        what = f"{primitive.name}: {', '.join(map(str, primitive.inputs))} -> {primitive.output}"
        lines = [f"def {name}({', '.join(inputs)}, **options):", f'    """{one_line(what)}"""']
        if shuffle:
            lift = self.lifter.lift(asking.shuffled, "shuffled")
            lines.append(f"    [{', '.join(inputs)}] = {lift}([{', '.join(inputs)}], {list(primitive.symmetric)!r})")
        template, values = self._prompt(primitive, variant)
        lines.append(f"    prompt = {template}.format({', '.join(values)})")
        reader = self._reader(primitive.output, primitive.name)
        answer = f"ask(prompt, {reader}, **options)"
        if primitive.valid is None:
            return "\n".join([*lines, f"    return {answer}"])
        valid = self.lifter.lift(primitive.valid, f"valid_{identifier(primitive.name)}")
        self.lifter.lift(InvalidAnswer, "InvalidAnswer")
        return "\n".join(
            [
                *lines,
                f"    answer = {answer}",
                f"    if not {valid}({', '.join(['answer', *inputs])}):",
                f"        raise InvalidAnswer({text_literal(f'an answer breaks the contract of {primitive.name}')})",
                "    return answer",
            ]
        )

    def _prompt(self, primitive: Primitive, variant: int) -> tuple[str, list[str]]:
        """A prompt as a template literal, and the expressions that fill it."""
        values: dict[str, int] = {}
        template = ""
        for text, place, separator in pieces(primitive.prompts[variant]):
            template += text.replace("{", "{{").replace("}", "}}")
            if place is not None:
                written = self._written(f"x{place}", primitive.inputs[place], primitive.name, separator)
                template += f"{{{values.setdefault(written, len(values))}}}"
        return text_literal(template), list(values)

    def _written(self, value: str, kind: Type, label: str, separator: str | None = None) -> str:
        """The expression that writes a value into a prompt."""
        if isinstance(kind, Atom):
            return f"{self._atom(kind.render, 'write', kind)}({value})"
        self.lifter.lift(asking.write_list, "write_list")
        if isinstance(kind.item, Atom):
            between = separator or kind.item.separator
            write = self._atom(kind.item.render, "write", kind.item)
            return f"write_list({value}, {write}" + ("" if between == " " else f", {text_literal(between)}") + ")"
        return f'write_list({value}, lambda item: {self._written("item", kind.item, label)}, " | ")'

    def _reader(self, kind: Type, label: str) -> str:
        """The expression of a function that reads an answer."""
        if isinstance(kind, Atom) and kind.options:
            self.lifter.lift(asking.read_option, "read_option")
            return f"lambda text: read_option(text, {self._atom(kind.parse, 'read', kind)}, {kind.options})"
        if isinstance(kind, Atom):
            return self._atom(kind.parse, "read", kind)
        if isinstance(kind.item, ListOf):
            self.lifter.lift(asking.read_lists, "read_lists")
            return f"lambda text: read_lists(text, {self._reader(kind.item, label)})"
        self.lifter.lift(asking.read_list, "read_list")
        separator = kind.item.separator.strip(" ")
        read = self._atom(kind.item.parse, "read", kind.item)
        return f"lambda text: read_list(text, {read}" + (f", {text_literal(separator)}" if separator else "") + ")"

    def _atom(self, function: Callable[..., Any], verb: str, kind: Atom) -> str:
        return self.lifter.lift(function, f"{verb}_{identifier(kind.name)}")
