"""The genome: a typed DAG of operator nodes, as an expression whose equal parts are one part.

There is no node order to forget: a node holds its inputs themselves, and two nodes with the same operator, genes,
inputs and bodies are equal, so a result that is used twice is computed once. The canonical key is the digest of
that content. A genome file is data; reading one never runs code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from undercut.spaces.errors import GenomeError

if TYPE_CHECKING:
    import networkx as nx

INPUT = re.compile(r"x(0|[1-9][0-9]{0,3})")
"""How the JSON form names an input."""

LARGEST = 1 << 20
"""The largest value of a gene that counts items."""
DEEPEST = 100
"""Most bodies within bodies that a file may have: more than any search makes, and no more than all who read, price, run
and export genomes can follow, which do so by recursion."""
SCHEMA = 1
"""Version of the JSON form; a reader refuses what it does not know."""

GeneValue: TypeAlias = int | float | str | bool


class Input:
    """The i-th input of the genome or body that this stands in."""

    __slots__ = ("index", "key")
    size = 0

    def __init__(self, index: int) -> None:
        self.index = index
        self.key = f"x{index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Input) and other.index == self.index

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


class Node:
    """One operator at work: its genes, where its inputs come from, and the genomes it applies.

    Immutable; equal when the canonical `key` is. Its `size` is the number of nodes of the expression that ends in it.
    """

    __slots__ = ("bodies", "genes", "inputs", "key", "op", "size")

    def __init__(
        self,
        op: str,
        inputs: Sequence[Expression] = (),
        genes: Mapping[str, GeneValue] | None = None,
        bodies: Sequence[Genome] = (),
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.genes = {name: _plain(value) for name, value in sorted((genes or {}).items())}
        self.bodies = tuple(bodies)
        self.size: int = 1 + sum([each.size for each in (*self.inputs, *self.bodies)])
        content = (op, [i.key for i in self.inputs], self.genes, [body.key for body in self.bodies])
        self.key: str = hashlib.blake2b(json.dumps(content).encode(), digest_size=10).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return str(Genome(self))


Expression: TypeAlias = Input | Node


def _plain(value: GeneValue) -> GeneValue:
    """Whole floats as integers: 0.0 and 0 are one value, whichever of them a JSON writer chose."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Genome:
    """A decomposition, or the body of a higher-order operator: what its output is, in terms of its inputs.

    Immutable, hashable, equal when the canonical `key` is.

    Example:
        >>> chunks = Node("split", [Input(0)], {"size": 8})
        >>> len(Genome(chunks).nodes)
        1
    """

    __slots__ = ("__dict__", "key", "output")

    def __init__(self, output: Expression) -> None:
        self.output = output
        self.key = output.key
        """Canonical digest: equal exactly for genomes with the same content."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Genome) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return str(self)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The distinct nodes, inputs before the nodes that use them; nodes of bodies are not among them."""
        seen: dict[str, Node] = {}

        def visit(expression: Expression) -> None:
            if isinstance(expression, Node) and expression.key not in seen:
                for source in expression.inputs:
                    visit(source)
                seen[expression.key] = expression

        visit(self.output)
        return tuple(seen.values())

    @cached_property
    def waves(self) -> tuple[tuple[Node, ...], ...]:
        """The nodes in waves: those of one wave need nothing of each other, and something of the wave before."""
        wave: dict[str, int] = {}
        found: list[list[Node]] = []
        for node in self.nodes:
            place = 1 + max((wave[s.key] for s in node.inputs if not isinstance(s, Input)), default=-1)
            wave[node.key] = place
            if place == len(found):
                found.append([])
            found[place].append(node)
        return tuple(map(tuple, found))

    def walk(self) -> Iterator[Node]:
        """All nodes, those of bodies included, each body's after the node that applies it."""
        for node in self.nodes:
            yield node
            for body in node.bodies:
                yield from body.walk()

    @property
    def size(self) -> int:
        """Number of nodes, those of bodies included, each counted as often as it is used; 0 for a bare input."""
        return self.output.size

    def __str__(self) -> str:
        """One line that reads from the input to the output."""
        return _describe(self.output)

    def spelled(self) -> str:
        """The same line with what each operator reads: `x0` is the first input, `it` what stands before an arrow."""
        return _describe(self.output, inputs=True)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as plain data."""
        return {"undercut": SCHEMA, **_body_to_dict(self)}

    def to_json(self) -> str:
        """The JSON form, as text; equal genomes give equal text."""
        return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Genome:
        """Read a genome from its JSON form.

        Raises:
            GenomeError: the text is not JSON, or not a genome, or nested deeper than `DEEPEST`.
        """
        try:
            data = json.loads(text)
        except RecursionError:
            raise GenomeError(TOO_DEEP) from None
        except ValueError as error:
            raise GenomeError(f"a genome file must hold JSON, and this is not: {error}") from error
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Any) -> Genome:
        """Read a genome from plain data.

        Raises:
            GenomeError: the data is not a genome of this schema, or nested deeper than `DEEPEST`.
        """
        if not isinstance(data, dict) or data.get("undercut") != SCHEMA:
            found = data.get("undercut") if isinstance(data, dict) else type(data).__name__
            raise GenomeError(f'a genome is an object with "undercut": {SCHEMA}, "nodes" and "output"; found {found!r}')
        try:
            return _body_from_dict({name: value for name, value in data.items() if name != "undercut"})
        except RecursionError:  # by inputs of inputs
            raise GenomeError("a genome must not be nested so deep that it cannot be read; this one is") from None

    def to_networkx(self) -> nx.DiGraph[str]:
        """A networkx view: nodes carry `op`, `genes` and `body` (path of the body they stand in, "" outside)."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        _add_to_graph(graph, self, "")
        return graph


def call(primitive: str, *inputs: Expression, **genes: GeneValue) -> Node:
    """A call node with the default genes, for genomes that are written by hand."""
    return Node("call", inputs, {**CALL_DEFAULTS, "primitive": primitive, **genes})


def inputs_read(expression: Expression) -> set[int]:
    """Which inputs an expression reads."""
    read = [expression, *(source for node in Genome(expression).nodes for source in node.inputs)]
    return {each.index for each in read if isinstance(each, Input)}


def substituted(expression: Expression, given: Mapping[int, Expression] | Sequence[Expression]) -> Expression:
    """The same, with something else for each of the inputs that it reads."""
    if isinstance(expression, Input):
        return given[expression.index]
    inputs = [substituted(source, given) for source in expression.inputs]
    return Node(expression.op, inputs, expression.genes, expression.bodies)


def with_calls(expression: Expression, name: str, value: GeneValue) -> Expression:
    """The same, with a gene of all its calls at a value, those of bodies included."""
    if isinstance(expression, Input):
        return expression
    inputs = [with_calls(source, name, value) for source in expression.inputs]
    bodies = [Genome(with_calls(body.output, name, value)) for body in expression.bodies]
    genes = {**expression.genes, name: value} if expression.op == "call" else expression.genes
    return Node(expression.op, inputs, genes, bodies)


CALL_DEFAULTS: dict[str, GeneValue] = {"model": 0, "prompt": 0, "temperature": 0.0, "cap": 0, "shuffle": False}


def _body_to_dict(genome: Genome) -> dict[str, Any]:
    place: dict[str, int | str] = {}
    nodes: list[dict[str, Any]] = []
    for node in genome.nodes:
        place[node.key] = len(nodes)
        entry: dict[str, Any] = {"op": node.op, "inputs": [place.get(source.key, source.key) for source in node.inputs]}
        if node.genes:
            entry["genes"] = node.genes
        if node.bodies:
            entry["bodies"] = [_body_to_dict(body) for body in node.bodies]
        nodes.append(entry)
    return {"nodes": nodes, "output": place.get(genome.output.key, genome.output.key)}


TOO_DEEP = f"a genome must not have more than {DEEPEST} bodies within bodies, and this one is nested deeper"


def _body_from_dict(data: Any, depth: int = 0) -> Genome:
    """A genome, or a body that stands within so many others."""
    if depth > DEEPEST:
        raise GenomeError(TOO_DEEP)
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list) or "output" not in data:
        raise GenomeError('a genome and each of its bodies need "nodes" (a list) and "output"')
    if len(data) > 2:
        unknown = min(set(data) - {"nodes", "output"}, key=str)
        raise GenomeError(f"a genome or body has the unknown field {unknown!r}; known: nodes, output")
    entries: list[Any] = data["nodes"]
    made: dict[int, Node] = {}
    open_nodes: set[int] = set()

    def resolve(reference: Any) -> Expression:
        if isinstance(reference, str) and INPUT.fullmatch(reference):
            return Input(int(reference[1:]))
        if isinstance(reference, bool) or not isinstance(reference, int) or not 0 <= reference < len(entries):
            nodes = (
                f"the position of a node (0 to {len(entries) - 1})" if entries else "a node's position (there are none)"
            )
            raise GenomeError(f'an input or output must be "x0", "x1", … or {nodes}, not {reference!r:.80}')
        if reference in open_nodes:
            raise GenomeError(f"a genome must not have a cycle, and node {reference} depends on itself")
        if reference not in made:
            open_nodes.add(reference)
            made[reference] = build(entries[reference], reference)
            open_nodes.remove(reference)
        return made[reference]

    def build(entry: Any, position: int) -> Node:
        if not isinstance(entry, dict) or not isinstance(entry.get("op"), str):
            raise GenomeError(f'node {position} must be an object with "op", and is {entry!r:.80}')
        unknown = set(entry) - {"op", "inputs", "genes", "bodies"}
        genes = entry.get("genes", {})
        if unknown:
            field = min(unknown, key=str)
            raise GenomeError(f"node {position} has the unknown field {field!r}; known: op, inputs, genes, bodies")
        if not isinstance(genes, dict) or not all(isinstance(value, int | float | str) for value in genes.values()):
            raise GenomeError(
                f"the genes of node {position} must be an object of numbers and strings, not {genes!r:.80}"
            )
        if not isinstance(entry.get("inputs", []), list) or not isinstance(entry.get("bodies", []), list):
            raise GenomeError(f"the inputs and bodies of node {position} must be lists")
        bodies = [_body_from_dict(body, depth + 1) for body in entry.get("bodies", [])]
        return Node(entry["op"], [resolve(source) for source in entry.get("inputs", [])], genes, bodies)

    genome = Genome(resolve(data["output"]))
    unused = sorted(set(range(len(entries))) - set(made))
    if unused:
        raise GenomeError(f"every node must lead to the output, and node {unused[0]} does not")
    return genome


def _add_to_graph(graph: nx.DiGraph[str], genome: Genome, body: str) -> None:
    def name(expression: Expression) -> str:
        return f"{body}{expression.key}"

    for node in genome.nodes:
        graph.add_node(name(node), op=node.op, genes=dict(node.genes), body=body)
        for position, source in enumerate(node.inputs):
            if isinstance(source, Input):
                graph.add_node(name(source), op="input", genes={}, body=body)
            graph.add_edge(name(source), name(node), position=position)
        for position, inner in enumerate(node.bodies):
            path = f"{body}{node.key}.{position}/"
            _add_to_graph(graph, inner, path)
            if isinstance(inner.output, Input):
                graph.add_node(f"{path}{inner.output.key}", op="input", genes={}, body=path)
            graph.add_edge(f"{path}{inner.output.key}", name(node), position=-1 - position)


def _describe(expression: Expression, inputs: bool = False) -> str:
    if isinstance(expression, Input):
        return expression.key
    if expression.op == "call":
        genes = expression.genes
        label = str(genes.get("primitive"))
        notes = [f"prompt {genes['prompt']}"] if genes.get("prompt") else []
        notes += [f"T {genes['temperature']:g}"] if genes.get("temperature") else []
        notes += [f"model {genes['model']}"] if genes.get("model") else []
        notes += [f"cap {genes['cap']}"] if genes.get("cap") else []
        notes += ["shuffled"] if genes.get("shuffle") else []
        label += f" ({', '.join(notes)})" if notes else ""
    else:
        label = f"{expression.op} {_describe_genes(expression)}".strip()
    if inputs and any(isinstance(source, Input) for source in expression.inputs):
        read = [source.key if isinstance(source, Input) else "it" for source in expression.inputs]
        label += f" of {', '.join(read)}"
    if expression.bodies:
        label += "(" + "; ".join(_describe(body.output, inputs) for body in expression.bodies) + ")"
    sources = [source for source in expression.inputs if isinstance(source, Node)]
    if not sources:
        return label
    if len(sources) == 1:
        return f"{_describe(sources[0], inputs)} → {label}"
    return f"[{', '.join(_describe(source, inputs) for source in sources)}] → {label}"


def _describe_genes(node: Node) -> str:
    genes = dict(node.genes)
    if node.op == "split":
        overlap = f" overlap {genes['overlap']}" if genes.get("overlap") else ""
        return f"into {genes['parts']}" if "parts" in genes else f"{genes.get('size')}{overlap}"
    if node.op == "fold" and genes.get("start") != "input":
        genes.pop("start", None)
    if node.op == "select":
        return f"{genes.get('rule')} of {genes.get('candidates')}" + (
            f" by {genes['comparisons']}" if "comparisons" in genes else ""
        )
    if node.op == "route":
        named = [f"{name} {genes[name]}" for name in ("read", "first") if 0 < int(genes.get(name, 0)) < LARGEST]
        return " ".join([f"by {genes['pick']}"] * (genes.get("pick") != "branch") + named)
    return " ".join(str(value) for value in genes.values())
