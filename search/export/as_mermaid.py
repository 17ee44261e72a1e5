"""A genome as a Mermaid flowchart, its bodies as subgraphs."""

from __future__ import annotations

from undercut.spaces.genome import CALL_DEFAULTS, Expression, Genome, Input, Node

QUIET = {**CALL_DEFAULTS, "overlap": 0}
"""Genes that a label leaves out at these values."""


def to_mermaid(genome: Genome) -> str:
    """A flowchart for documents and pull requests; values flow down, dotted lines lead from a body to its operator."""
    chart = _Chart()
    output = chart.draw(genome)
    chart.add(f"{chart.new('out')}([output])", link=f"{output} --> out0")
    return "\n".join(["flowchart TD", *chart.lines]) + "\n"


class _Chart:
    """Lines of a flowchart, and how many names of each kind are in use."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._used: dict[str, int] = {}
        self._depth = 1

    def new(self, kind: str) -> str:
        """A name that is not in use."""
        number = self._used.get(kind, 0)
        self._used[kind] = number + 1
        return f"{kind}{number}"

    def add(self, *lines: str, link: str = "") -> None:
        """Add lines at the present depth."""
        self.lines += ["    " * self._depth + line for line in (*lines, link) if line]

    def draw(self, genome: Genome) -> str:
        """Draw a genome or body; returns the name of its output."""
        names: dict[str, str] = {}

        def named(expression: Expression) -> str:
            if expression.key not in names:
                assert isinstance(expression, Input)
                names[expression.key] = self.new("in")
                self.add(f"{names[expression.key]}([{expression.key}])")
            return names[expression.key]

        for node in genome.nodes:
            sources = [named(source) for source in node.inputs]
            name = names[node.key] = self.new("n")
            self.add(f'{name}["{_label(node)}"]')
            self.add(*(f"{source} --> {name}" for source in sources))
            for position, body in enumerate(node.bodies):
                inner = self.new("body")
                title = f"{node.op} body" + (f" {position + 1}" if len(node.bodies) > 1 else "")
                self.add(f'subgraph {inner} ["{title}"]')
                self._depth += 1
                self.draw(body)
                self._depth -= 1
                self.add("end", f"{inner} -.-> {name}")
        return named(genome.output)


def _label(node: Node) -> str:
    """A node in a few words: what it is, and the genes that are not as usual."""
    what = [str(node.genes[name]) for name in ("primitive", "function") if name in node.genes]
    genes = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in node.genes.items()
        if name not in ("primitive", "function") and QUIET.get(name) != value
    ]
    text = f"{what[0] if what else node.op}" + (f", {', '.join(genes)}" if genes else "")
    return "".join(letter if letter.isalnum() or letter in " ,.-_" else f"#{ord(letter)};" for letter in text)
