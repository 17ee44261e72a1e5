"""The space: all legal genomes of a task."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple, TypeAlias

from undercut.spaces.errors import GenomeError
from undercut.spaces.genome import Expression, GeneValue, Genome, Input, Node
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.base import Form, Gene, Scope, Signature
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import Type

Types: TypeAlias = tuple[Type, ...]

REST = 0.6
"""How often growth stops at an input that fits."""
REUSE = 0.5
"""How often growth takes a part from the library that fits."""
BARRED = {"vote": ("vote", "retry"), "retry": ("retry",)}
"""By operator, those that do not stand right under it: a vote, say, drops flagged answers by itself."""
IDLE = ("split", "join")
"""Operators that move items about without any work on them."""


class Want(NamedTuple):
    """What is wanted somewhere: a type, from inputs of these types.

    `work` is set where a genome or a body begins: it must come to a call, a function or an operator with bodies, so
    that no body only hands its input on, and no genome does nothing. `under` is the operator that takes samples of
    this: a sample of samples is one operator with larger numbers, so some do not stand under others.
    """

    target: Type
    inputs: Types
    work: bool = False
    under: str = ""

    def plain(self) -> Want:
        """Without what makes no difference to the least size: order and number of the inputs, and `under`."""
        return Want(self.target, _distinct(self.inputs), self.work)

    def takes(self, expression: Expression, other: Want) -> bool:
        """Whether an expression that was made for another want will do for this one."""
        if (self.target, self.inputs) != (other.target, other.inputs):
            return False
        if isinstance(expression, Input):
            return not self.work
        return expression.op not in BARRED.get(self.under, ()) and (
            not self.work or other.work or expression.op not in IDLE
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sub-genome stands. `path` leads there: at each node the position among its inputs and then its bodies."""

    expression: Expression
    want: Want
    path: tuple[int, ...] = ()


Library: TypeAlias = Mapping[tuple[Type, Types], Sequence[tuple[Expression, Want]]]
"""Parts that have proved useful with what each was wanted for, by target and inputs."""

Fault: TypeAlias = tuple[int, str]
"""How well a node fits a form (more is better), and why it does not: of several forms, the best fit is told of."""


class Space:
    """All genomes of a signature over a toolbox, up to a size.

    Args:
        signature: the task's inputs and output.
        toolbox: what genomes may use.
        operators: names of the operators allowed; all, if not given.
        max_size: the most nodes, those of bodies included.
    """

    def __init__(
        self,
        signature: Signature,
        toolbox: Toolbox,
        operators: Sequence[str] | None = None,
        max_size: int = 10,
    ) -> None:
        unknown = set(operators or ()) - set(OPERATORS)
        if unknown:
            raise GenomeError(f"operators must be among {', '.join(OPERATORS)}, and {min(unknown)!r} is not")
        self.signature = signature
        self.toolbox = toolbox
        self.operators = tuple(OPERATORS) if operators is None else tuple(operators)
        self.max_size = max_size
        self.want = Want(signature.output, signature.inputs, work=True)
        self._types = frozenset((*toolbox.types, *signature.inputs, signature.output))
        self._forms: dict[Want, tuple[Form, ...]] = {}
        self._counts: dict[Want, list[int]] = {}
        self._least: dict[Want, int] = {}
        self._needs: dict[Want, tuple[tuple[Form, float], ...]] = {}
        self._looked_at: tuple[Genome, tuple[Place, ...]] | None = None  # all steps from a genome ask for its places

    def forms(self, want: Want) -> tuple[Form, ...]:
        """Every form of every allowed operator that makes what is wanted, from types that occur in the space."""
        known = self._forms.get(want)
        if known is None:
            scope = Scope(want.inputs, self.signature.inputs, self.toolbox)
            known = self._forms[want] = tuple(
                form
                for name in self.operators
                if name not in BARRED.get(want.under, ())
                for form in OPERATORS[name].forms(want.target, scope)
                if not (want.work and name == "split") and self._types.issuperset(_kinds(form))
            )
        return known

    # -- counting and enumerating ---------------------------------------------------------------------------------

    def count(self, max_size: int | None = None) -> int:
        """How many genomes there are of at most a size (the space's own, if not given)."""
        most = self.max_size if max_size is None else max_size
        return sum(self._count(self.want, size) for size in range(most + 1))

    def _count(self, want: Want, size: int) -> int:
        """How many expressions of exactly this size there are; filled in from below, so that recursion is shallow."""
        counts = self._counts.setdefault(want, [])
        while len(counts) <= size:
            if not counts:
                counts.append(0 if want.work else sum(kind == want.target for kind in want.inputs))
            else:
                counts.append(sum(self._ways(form, want, len(counts)) for form in self.forms(want)))
        return counts[size]

    def _ways(self, form: Form, want: Want, size: int) -> int:
        """How many nodes of this form and exactly this size there are."""
        ways = [1]
        for part in slots(form, want):
            if self._count(part, 0) == 0 and self.least(part) is None:
                return 0
            counts = [self._count(part, below) for below in range(size)]
            ways = [
                sum(ways[i] * counts[total - i] for i in range(min(total, len(ways) - 1) + 1)) for total in range(size)
            ]
        return (ways[size - 1] if size <= len(ways) else 0) * math.prod(len(gene.values) for gene in form.genes)

    def least(self, want: Want) -> int | None:
        """Size of the smallest expressions of what is wanted; None where the space has none."""
        if want not in self._least:
            plain = want.plain()
            if plain not in self._least:
                self._settle(plain)
            self._least[want] = self._least[plain]
        known = self._least[want]
        return None if known > self.max_size else known

    def _settle(self, want: Want) -> None:
        """Find the least sizes of all that can be wanted below `want`: a want is looked at again when a part shrinks.

        Wants are plain and numbered, since there are many thousands in a space of many types.
        """
        numbers = {want: 0}
        forms: list[list[list[int]]] = []
        users: list[set[int]] = [set()]
        waiting = [want]
        for now in waiting:
            mine = []
            if now not in self._least:
                for form in self.forms(now):
                    parts = [part.plain() for part in slots(form, now)]
                    for part in parts:
                        if part not in numbers:
                            numbers[part] = len(numbers)
                            users.append(set())
                            waiting.append(part)
                    mine.append([numbers[part] for part in parts])
            for part_number in {number for parts_of in mine for number in parts_of}:
                users[part_number].add(len(forms))
            forms.append(mine)
        beyond = self.max_size + 1
        least = [self._least.get(now, 0 if not now.work and now.target in now.inputs else beyond) for now in waiting]
        todo = dict.fromkeys(range(len(waiting)))
        while todo:
            number = next(iter(todo))
            del todo[number]
            best = min((1 + sum([least[part] for part in form]) for form in forms[number]), default=beyond)
            if best < least[number]:
                least[number] = best
                todo.update(dict.fromkeys(users[number]))
        self._least.update(zip(waiting, least, strict=True))

    def enumerate(self, limit: int | None = None, max_size: int | None = None) -> Iterator[Genome]:
        """All genomes up to a size, or the first `limit` of them; small ones first, each of them once."""
        most = self.max_size if max_size is None else max_size
        found = (expression for size in range(most + 1) for expression in self._enumerate(self.want, size))
        return map(Genome, islice(found, limit))

    def skeletons(self, generator: random.Random, max_size: int) -> Iterator[Genome]:
        """Every structure up to a size, small ones first: the first value of a choice, a random one of a number."""
        for size in range(max_size + 1):
            yield from map(Genome, self._enumerate(self.want, size, generator))

    def _enumerate(self, want: Want, size: int, generator: random.Random | None = None) -> Iterator[Expression]:
        """Expressions of exactly a size, with all genes; with a generator, each structure with one set of genes."""
        if size == 0 and not want.work:
            yield from (Input(index) for index, kind in enumerate(want.inputs) if kind == want.target)
        elif size and self._count(want, size):
            for form in self.forms(want):
                for parts in self._fillings(slots(form, want), size - 1, generator):
                    choices = (
                        gene.values if generator is None else (_typical(gene, generator),) for gene in form.genes
                    )
                    for values in product(*choices):
                        yield assemble(form, parts, dict(zip((gene.name for gene in form.genes), values, strict=True)))

    def _fillings(self, wanted: list[Want], size: int, generator: random.Random | None) -> Iterator[list[Expression]]:
        """Expressions for all slots, whose sizes add up to `size`."""
        if not wanted:
            if size == 0:
                yield []
            return
        first, rest = wanted[0], wanted[1:]
        for below in range(size + 1) if rest else (size,):
            if self._count(first, below):
                for others in self._fillings(rest, size - below, generator):
                    for expression in self._enumerate(first, below, generator):
                        yield [expression, *others]

    # -- validating -----------------------------------------------------------------------------------------------

    def validate(self, genome: Genome) -> None:
        """Hold a genome against the space.

        Raises:
            GenomeError: it is not legal, with the reason.
        """
        if genome.size > self.max_size:
            raise GenomeError(f"a genome here has at most {self.max_size} nodes, and this one has {genome.size}")
        self.places(genome)

    def places(self, genome: Genome) -> Sequence[Place]:
        """Every sub-genome with what it must give and can use, the whole genome first.

        Raises:
            GenomeError: the genome is not legal, with the reason.
        """
        if self._looked_at is None or self._looked_at[0] != genome:
            found: list[Place] = []
            fault = self._place(Place(genome.output, self.want), found)
            if fault is not None:
                raise GenomeError(fault[1])
            self._looked_at = genome, tuple(found)
        return self._looked_at[1]

    def _place(self, here: Place, found: list[Place]) -> Fault | None:
        """Type-check from the top down; on success add the places, else say what is wrong and how deep it is."""
        expression, (target, inputs, work, _) = here.expression, here.want
        if isinstance(expression, Input):
            if expression.index >= len(inputs):
                return 0, f"input x{expression.index} does not exist here; there are {len(inputs)}"
            if inputs[expression.index] != target:
                return 0, f"type clash: x{expression.index} is {inputs[expression.index]}, and {target} is needed here"
            if work:
                return (
                    0,
                    f"a genome and each of its bodies must do work, and this one only hands on x{expression.index}",
                )
            found.append(here)
            return None
        if expression.op in BARRED.get(here.want.under, ()):
            return 0, f"{expression.op!r} cannot stand right under {here.want.under!r}: one of them is enough"
        if expression.op not in self.operators:
            return 0, f"unknown operator {expression.op!r}; known here: {', '.join(self.operators)}"
        worst: Fault = (0, f"type clash: {expression.op!r} cannot give {target} here")
        for form in self.forms(here.want):
            if form.op != expression.op:
                continue
            below: list[Place] = []
            fault = self.misfit(expression, form) or self._parts(here, expression, form, below)
            if fault is None:
                found.append(here)
                found.extend(below)
                return None
            worst = max(worst, fault, key=lambda each: each[0])
        return worst

    def _parts(self, here: Place, node: Node, form: Form, found: list[Place]) -> Fault | None:
        expressions = [*node.inputs, *(body.output for body in node.bodies)]
        for slot, (expression, want) in enumerate(zip(expressions, slots(form, here.want), strict=True)):
            fault = self._place(Place(expression, want, (*here.path, slot)), found)
            if fault is not None:
                return 10 + slot + fault[0], fault[1]
        return None

    def misfit(self, node: Node, form: Form) -> Fault | None:
        """Why a node's genes or the number of its parts do not fit a form, with how far the fit went; None: they do."""
        wanted = {gene.name: gene for gene in form.genes}
        missing, extra = wanted.keys() - node.genes.keys(), node.genes.keys() - wanted.keys()
        if missing or extra:
            return (
                1,
                f"the genes of {_named(node)!r} must be {', '.join(wanted) or 'none'}, "
                f"and are {', '.join(node.genes) or 'none'}",
            )
        for name, gene in wanted.items():
            reason = gene.fault(node.genes[name])
            if reason is not None and name in ("primitive", "function"):
                return 1, self._clash(name, node.genes[name])
            if reason is not None:
                return 3, f"{_named(node)}: {reason}"
        if len(node.inputs) != len(form.inputs):
            return 4, f"{_named(node)!r} takes {len(form.inputs)} inputs here, and has {len(node.inputs)}"
        if len(node.bodies) != len(form.bodies):
            return 5, f"{_named(node)!r} takes {len(form.bodies)} bodies here, and has {len(node.bodies)}"
        return None

    def _clash(self, kind: str, name: GeneValue) -> str:
        """Why a primitive or a function cannot stand where another is needed."""
        known = self.toolbox.primitives if kind == "primitive" else self.toolbox.functions
        if name in known:
            return f"type clash: {kind} {name!r} does not give what is needed here"
        return f"unknown {kind} {name!r}; known here: {', '.join(known) or 'none'}"

    # -- sampling -------------------------------------------------------------------------------------------------

    def sample(self, generator: random.Random) -> Genome:
        """A random genome; every genome of the space has a chance, small ones a better one.

        Raises:
            GenomeError: the space is empty.
        """
        least = self.least(self.want)
        if least is None:
            raise GenomeError(f"no genome of at most {self.max_size} nodes makes {self.want.target} here")
        return Genome(self.grow(self.want, generator.randint(least, self.max_size), generator))

    def grow(self, want: Want, room: int, generator: random.Random, library: Library | None = None) -> Expression:
        """A random expression of at most `room` nodes; some of its parts come from the library, where there is one.

        Raises:
            GenomeError: there is none.
        """
        ready = [] if want.work else [Input(index) for index, kind in enumerate(want.inputs) if kind == want.target]
        if ready and generator.random() < REST:
            return generator.choice(ready)
        if library and generator.random() < REUSE:
            known = [
                part
                for part, other in library.get((want.target, want.inputs), ())
                if part.size <= room and want.takes(part, other)
            ]
            if known:
                return generator.choice(known)
        forms = [form for form, need in self.priced(want) if need <= room]
        if not forms:
            if ready:
                return generator.choice(ready)
            raise GenomeError(
                f"nothing of type {want.target} can be made from {', '.join(map(str, want.inputs))} in {room} nodes"
            )
        operator = generator.choice(list(dict.fromkeys(form.op for form in forms)))
        form = generator.choice([form for form in forms if form.op == operator])
        return self.fill(form, want, room, generator, library=library)

    def priced(self, want: Want) -> tuple[tuple[Form, float], ...]:
        """The forms of what is wanted, each with the fewest nodes it needs."""
        known = self._needs.get(want)
        if known is None:
            known = self._needs[want] = tuple((form, self.need(form, want)) for form in self.forms(want))
        return known

    def need(self, form: Form, want: Want, given: Mapping[int, Expression] | None = None) -> float:
        """The fewest nodes of a node of this form; infinite where a part cannot be made."""
        need = 1.0
        for slot, part in enumerate(slots(form, want)):
            there = (given or {}).get(slot)
            least = self.least(part) if there is None else there.size
            need += math.inf if least is None else least
        return need

    def fill(
        self,
        form: Form,
        want: Want,
        room: int,
        generator: random.Random,
        given: Mapping[int, Expression] | None = None,
        library: Library | None = None,
    ) -> Node:
        """A node of this form of at most `room` nodes, with random genes; `given` holds parts that are there already.

        Raises:
            GenomeError: there is no room for it.
        """
        parts = dict(given or {})
        spare = room - self.need(form, want, parts)
        if spare < 0:
            raise GenomeError(f"{form.op!r} has no room here within {room} nodes")
        wanted = [(slot, part) for slot, part in enumerate(slots(form, want)) if slot not in parts]
        for slot, part in generator.sample(wanted, len(wanted)):
            least = self.least(part) or 0
            parts[slot] = self.grow(part, least + int(spare), generator, library)
            spare -= parts[slot].size - least
        genes = {gene.name: generator.choice(gene.values) for gene in form.genes}
        return assemble(form, [parts[slot] for slot in range(len(parts))], genes)


@lru_cache(maxsize=1 << 16)
def _distinct(kinds: Types) -> Types:
    return tuple(sorted(set(kinds), key=str))


def slots(form: Form, want: Want) -> list[Want]:
    """What the inputs and then the bodies of a node of this form must give.

    Moving items about is no work: where work is due, the items that are moved must come from some.
    """
    idle = want.work and form.op in IDLE
    inputs = [Want(kind, want.inputs, idle) for kind in form.inputs]
    under = form.op if form.op in BARRED else ""
    return inputs + [
        Want(body.output, body.inputs, True, under if place == 0 else "") for place, body in enumerate(form.bodies)
    ]


def _typical(gene: Gene, generator: random.Random) -> GeneValue:
    return generator.choice(gene.values) if gene.low is not None else gene.values[0]


def _kinds(form: Form) -> Iterator[Type]:
    yield from form.inputs
    for body in form.bodies:
        yield from (*body.inputs, body.output)


def assemble(form: Form, parts: Sequence[Expression], genes: Mapping[str, GeneValue]) -> Node:
    """A node of this form; `parts` are its inputs and then its bodies."""
    cut = len(form.inputs)
    return Node(form.op, parts[:cut], genes, [Genome(part) for part in parts[cut:]])


def _named(node: Node) -> str:
    """What a node is called where something is wrong with it."""
    return f"{node.op} {node.genes.get('primitive', node.genes.get('function', ''))}".strip()
