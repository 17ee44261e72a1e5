"""What an operator is. One class, one file, four declarations: types, genes, `run`, `cost`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from undercut.spaces.errors import GenomeError
from undercut.spaces.estimate import CostWalk, Estimate
from undercut.spaces.extent import Extent
from undercut.spaces.genome import GeneValue, Node
from undercut.spaces.question import ModelWalk
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import Type


@dataclass(frozen=True, slots=True)
class Gene:
    """A number or a choice that search may turn.

    Attributes:
        name: the gene's name in the node.
        values: what search proposes, in order where `ordered`.
        low, high: for whole numbers, the bounds within which any value is legal; None: only `values` are.
        ordered: whether neighbours in `values` are alike, so that a small step means a small change.
    """

    name: str
    values: tuple[GeneValue, ...]
    low: int | None = None
    high: int | None = None
    ordered: bool = False

    def fault(self, value: GeneValue) -> str | None:
        """Why a value is not legal, or None where it is."""
        if self.low is not None and self.high is not None:
            if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
                return None
            return f"gene {self.name!r} must be a whole number from {self.low} to {self.high}, not {value!r}"
        if any(value == known and isinstance(value, bool) == isinstance(known, bool) for known in self.values):
            return None
        return f"gene {self.name!r} must be one of {', '.join(map(repr, self.values))}, not {value!r}"


def numbers(name: str, values: Sequence[int], low: int, high: int) -> Gene:
    """An ordered gene of whole numbers: `values` are proposed, anything from `low` to `high` is legal."""
    return Gene(name, tuple(values), low, high, ordered=True)


SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
"""Sizes that search proposes for chunks, blocks and fold widths."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a genome or body takes and gives."""

    inputs: tuple[Type, ...]
    output: Type


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which an operator makes a value of the wanted type.

    Attributes:
        op: the operator's name.
        inputs: the types of the node's inputs.
        bodies: the signatures of the genomes it applies.
        genes: its genes; one with a single value is fixed by the form.
    """

    op: str
    inputs: tuple[Type, ...]
    bodies: tuple[Signature, ...] = ()
    genes: tuple[Gene, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a value is wanted: the types of the inputs in reach, those of the whole genome, and the toolbox."""

    inputs: tuple[Type, ...]
    task: tuple[Type, ...]
    toolbox: Toolbox

    def shared(self) -> tuple[tuple[Type, ...], ...]:
        """What a higher-order operator can hand to its body beside the items: nothing, one input in reach, or all but
        the first of a task that has three or more.

        More combinations would let bodies within bodies see ever more inputs, and make the space endless.
        """
        options = [(), *((kind,) for kind in self.inputs)]
        if len(self.task) > 2 and set(self.task[1:]) <= set(self.inputs):
            options.append(self.task[1:])
        return tuple(dict.fromkeys(options))

    def contexts(self, target: Type) -> tuple[tuple[Type, ...], ...]:
        """Inputs that a body giving `target` can work on: those of the primitives that give it, and those in reach."""
        known = [tool.inputs for tool in self.toolbox.primitives.values() if tool.output == target]
        here = [self.inputs] if len(self.inputs) <= max(2, len(self.task)) else []
        return tuple(dict.fromkeys([*known, *here]))

    def asking(self, answer: Type, given: tuple[Type, ...]) -> tuple[Signature, ...]:
        """Bodies that decide something: `answer` from the first of what is given, as some tool takes them."""
        tools = [tool for tool in self.toolbox.tools if tool.output == answer and tool.inputs]
        fit = [Signature(tool.inputs, answer) for tool in tools if tool.inputs == given[: len(tool.inputs)]]
        return tuple(dict.fromkeys(fit))


class Operator(ABC):
    """A kind of node. Subclasses are final: an operator is never derived from another.

    `forms` is the only statement of an operator's types and genes; sampling, counting, validating and mutating
    all read it. `run` and `cost` are the two walks: what the node does, and what that costs.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Every way in which this operator makes a value of type `target` in `scope`."""

    def handed(self, node: Node) -> Sequence[int]:
        """Positions of a body's inputs that differ each time it is applied: a body that ignores one is idle."""
        return ()

    @abstractmethod
    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Do the node's work on values, asking the model only through `execution`.

        Raises:
            InvalidAnswer: an answer raised a red flag, and the operator has no way to mend it.
        """

    @abstractmethod
    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """What `run` costs on inputs of these extents, how large its result is, and how likely it is right."""


def whole_gene(node: Node, name: str) -> int:
    """A gene that is a whole number.

    Raises:
        GenomeError: it is missing, or something else.
    """
    value = node.genes.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise GenomeError(f"gene {name!r} of {node.op!r} must be a whole number, not {value!r}")
    return value
