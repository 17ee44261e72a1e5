"""Known designs: what people build by intuition, as genomes, to be measured beside the front."""

from __future__ import annotations

from collections.abc import Iterator

from undercut.evaluators.task import Task
from undercut.spaces.genome import LARGEST, Expression, GeneValue, Genome, Input, Node, call
from undercut.spaces.operators.route import BRANCH
from undercut.spaces.primitive import Primitive
from undercut.spaces.toolbox import WARM
from undercut.spaces.types import NEED, TRUTH, Atom, ListOf, Type, empty_of

VOTES, TRIES = 5, 3
"""How often the designs that ask again do so."""


def known_designs(task: Task, chunk: int, models: int = 1) -> Iterator[tuple[str, Genome]]:
    """Named designs that the task's primitives allow, with chunks of about size `chunk`; some may be wrong for it.

    Of several models the first is taken to be the cheapest, and the last the dearest.
    """
    direct = [tool for tool in task.primitives if tool.output == task.output and set(tool.inputs) <= set(task.inputs)]
    everything = [Input(index) for index in range(len(task.inputs))]
    for tool in direct:
        yield "one call", Genome(_ask(tool, task.inputs))
        if tool.room and len(tool.prompts) > 1:
            yield "step by step", Genome(_ask(tool, task.inputs, prompt=1))
        again = Genome(_ask(tool, task.inputs, temperature=WARM))
        yield "self-consistency", Genome(Node("vote", everything, {"rule": "majority", "votes": VOTES}, [again]))
        for check in task.primitives:
            if check.output == TRUTH and check.inputs == (task.output, *task.inputs):
                tested = Genome(_ask(check, (task.output, *task.inputs)))
                yield "verify and retry", Genome(Node("retry", everything, {"tries": TRIES}, [again, tested]))
        yield from _cascades(task, tool, models)
        yield from _by_size(task, tool, chunk, models)
        for first in task.primitives:
            before = first.output in task.inputs and first.output != task.output
            if before and first.output == tool.inputs[0] and set(first.inputs) <= set(task.inputs):
                yield f"{first.name} then answer", Genome(_with(tool, _ask(first, task.inputs), task.inputs))
        if isinstance(task.inputs[0], ListOf) and tool.inputs[0] == task.inputs[0]:
            yield from _chunked(task, tool, _items(task, chunk))
    for last in task.primitives:
        if (
            last.output == task.output
            and last.inputs[0] not in task.inputs
            and set(last.inputs[1:]) <= set(task.inputs)
        ):
            yield from _by_way_of(task, last, _items(task, chunk))


def _cascades(task: Task, tool: Primitive, models: int) -> Iterator[tuple[str, Genome]]:
    """An answer had cheaply, and worked out again where it is doubted: by another model, or with another prompt."""
    dear: dict[str, float] = {"model": models - 1} if models > 1 else {"prompt": 1}
    if models == 1 and len(tool.prompts) == 1:
        return
    given = (task.output, *task.inputs)
    for doubt in task.primitives:
        if doubt.output == NEED and doubt.inputs == given:
            sources = [_ask(tool, task.inputs), *(Input(index) for index in range(len(task.inputs)))]
            again = Genome(_ask(tool, given, first=1, **dear))
            yield "cascade", Genome(Node("guard", sources, {}, [Genome(_ask(doubt, given)), again]))


def _by_size(task: Task, tool: Primitive, chunk: int, models: int) -> Iterator[tuple[str, Genome]]:
    """One call for a short problem, and for a long one what is done in chunks, or by the dearest model."""
    everything = [Input(index) for index in range(len(task.inputs))]
    listed = isinstance(task.inputs[0], ListOf)
    cut = list(_chunked(task, tool, _items(task, chunk))) if listed and tool.inputs[0] == task.inputs[0] else []
    if models > 1:
        cut.append(("", Genome(_ask(tool, task.inputs, model=models - 1))))
    for selector in task.selectors[:1] if cut else ():
        seen = [Input(index) for index in range(len(selector.inputs))]
        bodies = [Genome(Node("code", seen, {"function": selector.name})), Genome(_ask(tool, task.inputs)), cut[0][1]]
        genes: dict[str, GeneValue] = {"pick": BRANCH, **({"read": LARGEST} if listed else {})}
        yield "route by size", Genome(Node("route", everything, genes, bodies))


def _chunked(task: Task, tool: Primitive, chunk: int) -> Iterator[tuple[str, Genome]]:
    """The same question asked of every chunk, and what comes of that put together."""
    shared = [Input(index) for index in range(1, len(task.inputs))]
    mapped = _mapped(task, tool, chunk)
    if isinstance(task.output, ListOf):
        yield "map and join", Genome(Node("join", [mapped]))
    for combine in task.primitives:
        if combine.output != task.output:
            continue
        if _joins(combine, task.output, task):
            yield "map-reduce", Genome(_with(combine, mapped, task.inputs))
        if combine.inputs == (task.output, task.output):
            pair = Genome(call(combine.name, Input(0), Input(1)))
            yield "tree", Genome(Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [pair]))
            if empty_of(task.output) is not None:
                piece = _ask(tool, (task.output, *task.inputs), first=1)
                step = Genome(call(combine.name, Input(0), piece))
                genes: dict[str, GeneValue] = {"size": chunk, "start": str(task.output)}
                yield "fold", Genome(Node("fold", [Input(0), *shared], genes, [step]))


def _by_way_of(task: Task, last: Primitive, chunk: int) -> Iterator[tuple[str, Genome]]:
    """Designs that first make something else of the problem, such as notes, and answer from those."""
    middle = last.inputs[0]
    shared = [Input(index) for index in range(1, len(task.inputs))]
    long = isinstance(task.inputs[0], ListOf)
    for tool in task.primitives:
        if tool.output != middle:
            continue
        if set(tool.inputs) <= set(task.inputs):
            yield "extract then answer", Genome(_with(last, _ask(tool, task.inputs), task.inputs))
            if long and tool.inputs[0] == task.inputs[0]:
                mapped = _mapped(task, tool, chunk)
                for join in task.primitives:
                    if join.output == middle and _joins(join, middle, task):
                        joined = _with(join, mapped, task.inputs)
                        yield "map, summarise, answer", Genome(_with(last, joined, task.inputs))
        if long and tool.inputs == (middle, *task.inputs) and empty_of(middle) is not None:
            step = Genome(_ask(tool, tool.inputs))
            genes: dict[str, GeneValue] = {"size": chunk, "start": str(middle)}
            folded = Node("fold", [Input(0), *shared], genes, [step])
            yield "fold with notes", Genome(_with(last, folded, task.inputs))


def _joins(tool: Primitive, kind: Type, task: Task) -> bool:
    """Whether a primitive makes something of a list of a type, and perhaps of inputs of the task."""
    return tool.inputs[0] == ListOf(kind) and set(tool.inputs[1:]) <= set(task.inputs)


def _items(task: Task, chunk: int) -> int:
    """How many items of the first input have about a size."""
    kind = task.inputs[0]
    typical = kind.item.typical if isinstance(kind, ListOf) and isinstance(kind.item, Atom) else 1
    return max(1, round(chunk / typical))


def _mapped(task: Task, tool: Primitive, chunk: int) -> Expression:
    """A primitive asked of every chunk of the first input."""
    pieces = Node("split", [Input(0)], {"size": chunk, "overlap": 0})
    shared = [Input(index) for index in range(1, len(task.inputs))]
    return Node("map", [pieces, *shared], {}, [Genome(_ask(tool, task.inputs))])


def _with(tool: Primitive, first: Expression, inputs: tuple[Type, ...]) -> Expression:
    """A call on something and on inputs of the task, matched by type."""
    return call(tool.name, first, *(Input(inputs.index(kind)) for kind in tool.inputs[1:]))


def _ask(tool: Primitive, inputs: tuple[Type, ...], first: int = 0, **genes: float) -> Expression:
    """A call on the inputs from `first` on, matched by type, each used once."""
    free = list(range(first, len(inputs)))
    chosen = []
    for kind in tool.inputs:
        index = next((i for i in free if inputs[i] == kind), next(i for i, each in enumerate(inputs) if each == kind))
        chosen.append(Input(index))
        if index in free:
            free.remove(index)
    return call(tool.name, *chosen, **genes)
