"""Known designs: what people build by intuition, as genomes, to be measured beside the front."""

from __future__ import annotations

from collections.abc import Iterator

from undercut.evaluators.task import Task
from undercut.spaces.genome import Expression, GeneValue, Genome, Input, Node, call
from undercut.spaces.primitive import Primitive
from undercut.spaces.types import ListOf, Type, empty_of


def known_designs(task: Task, chunk: int) -> Iterator[tuple[str, Genome]]:
    """Named designs that the task's primitives allow, with chunks of `chunk` items; they may be wrong for the task."""
    direct = [tool for tool in task.primitives if tool.output == task.output and set(tool.inputs) <= set(task.inputs)]
    for tool in direct:
        once = _ask(tool, task.inputs)
        yield "one call", Genome(once)
        again = Genome(_ask(tool, task.inputs, temperature=0.7))
        everything = [Input(index) for index in range(len(task.inputs))]
        yield "self-consistency", Genome(Node("vote", everything, {"rule": "majority", "votes": 5}, [again]))
        if isinstance(task.inputs[0], ListOf) and tool.inputs[0] == task.inputs[0]:
            yield from _chunked(task, tool, chunk)


def _chunked(task: Task, tool: Primitive, chunk: int) -> Iterator[tuple[str, Genome]]:
    shared = [Input(index) for index in range(1, len(task.inputs))]
    pieces = Node("split", [Input(0)], {"size": chunk, "overlap": 0})
    mapped = Node("map", [pieces, *shared], {}, [Genome(_ask(tool, task.inputs))])
    if isinstance(task.output, ListOf):
        yield "map and join", Genome(Node("join", [mapped]))
    for combine in task.primitives:
        if combine.output != task.output:
            continue
        if combine.inputs == (ListOf(task.output),):
            yield "map-reduce", Genome(call(combine.name, mapped))
        if combine.inputs == (task.output, task.output):
            pair = Genome(call(combine.name, Input(0), Input(1)))
            yield "tree", Genome(Node("reduce", [mapped], {"arity": 2, "shape": "tree"}, [pair]))
            if empty_of(task.output) is not None:
                piece = _ask(tool, (task.output, *task.inputs), first=1)
                step = Genome(call(combine.name, Input(0), piece))
                genes: dict[str, GeneValue] = {"size": chunk, "start": str(task.output)}
                yield "fold", Genome(Node("fold", [Input(0), *shared], genes, [step]))


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
