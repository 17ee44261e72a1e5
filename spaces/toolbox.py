"""What a genome may use: the primitives of a task, its functions in code, and the models of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from undercut.spaces.errors import TaskError
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import ListOf, Type


@dataclass(frozen=True, slots=True)
class Function:
    """A pure function in code, for spaces in which the user allows code.

    Attributes:
        name: unique within a task.
        inputs: the types of its inputs.
        output: the type of its result.
        run: the function itself; it must not change its arguments.
        law: the result's size in items as a function of the inputs' sizes.
        shares: how often each option of a result that is a choice comes, as a function of the inputs' sizes; all alike,
            if not given.
    """

    name: str
    inputs: tuple[Type, ...]
    output: Type
    run: Callable[..., Any] = field(compare=False)
    law: Callable[..., float] = field(compare=False)
    shares: Callable[..., tuple[float, ...]] | None = field(default=None, compare=False)


WARM = 0.7
"""Temperature at which samples of one prompt differ, and calls are asked again."""


class Toolbox:
    """The primitives, functions and models that the nodes of a genome may name.

    Args:
        primitives: what can be asked of a model.
        functions: what can be run as code; empty where code is not allowed.
        models: names of the models; a call's gene `model` is a position in it.
        temperatures: what the gene `temperature` of a call may be.
        overlaps: how many items two neighbouring windows of a split may share.

    Raises:
        TaskError: two primitives or two functions have the same name.
    """

    def __init__(
        self,
        primitives: Sequence[Primitive],
        functions: Sequence[Function] = (),
        models: Sequence[str] = ("embedded",),
        temperatures: Sequence[float] = (0.0, WARM),
        overlaps: Sequence[int] = (0,),
    ) -> None:
        self.primitives: Mapping[str, Primitive] = _by_name(primitives)
        self.functions: Mapping[str, Function] = _by_name(functions)
        self.models = tuple(models)
        self.temperatures = tuple(temperatures)
        self.overlaps = tuple(overlaps)

    @property
    def tools(self) -> tuple[Primitive | Function, ...]:
        """The primitives and the functions."""
        return (*self.primitives.values(), *self.functions.values())

    @cached_property
    def types(self) -> tuple[Type, ...]:
        """Every type that can flow: what primitives and functions take and give, and lists of what they take."""
        found = dict.fromkeys(kind for tool in self.tools for kind in (*tool.inputs, tool.output))
        taken = dict.fromkeys(kind for tool in self.tools for kind in tool.inputs)
        return tuple(dict.fromkeys([*found, *(ListOf(kind) for kind in taken)]))


def _by_name(tools: Sequence[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for tool in tools:
        if tool.name in named:
            raise TaskError(
                f"the names of a task's primitives and functions must differ, and {tool.name!r} stands twice"
            )
        named[tool.name] = tool
    return named
