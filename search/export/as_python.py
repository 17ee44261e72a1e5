"""A genome as one Python file that needs nothing but a function from a prompt to a text."""

from __future__ import annotations

import builtins
import inspect
import keyword
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, pairwise
from typing import Any

from undercut.evaluators.tasks.text import DOCUMENT
from undercut.search.export import asking, command, deciding, runtime
from undercut.search.export.lift import Lifter
from undercut.search.export.literals import identifier, one_line, text_literal
from undercut.search.export.questions import Asker
from undercut.spaces.errors import GenomeError
from undercut.spaces.genome import Genome, Node, inputs_read
from undercut.spaces.operators import OPERATORS
from undercut.spaces.operators.route import MODEL, by_branches
from undercut.spaces.toolbox import Toolbox
from undercut.spaces.types import Type, innermost

NOUNS = {
    "split": "pieces",
    "join": "joined",
    "map": "results",
    "reduce": "combined",
    "fold": "state",
    "merge_blocks": "merged",
    "vote": "winner",
    "retry": "answer",
    "select": "best",
    "route": "picked",
    "guard": "mended",
    "loop": "state",
    "sort_by": "ordered",
}
"""What a node's result is called in the straight code, by operator; the operator's name where none is given."""


def to_python(
    genome: Genome,
    toolbox: Toolbox,
    *,
    title: str,
    notes: Sequence[str] = (),
    inputs: Sequence[Type] = (),
    cut: Callable[[str], list[str]] | None = None,
) -> str:
    """Write a genome as a standalone Python file (3.9 and later, standard library only).

    The file has `solve(llm, x0, …)`, in which `llm` is any function from a prompt to a text, and is a command that
    reads the inputs as JSON. A call's temperature, model and token cap reach `llm` where it takes an argument
    `temperature`, `model` or `max_tokens`. Code that the primitives and functions need is copied.

    Args:
        genome: what to write.
        toolbox: the primitives, functions and models that the genome names.
        title: first line of the file.
        notes: further lines, for instance what was measured.
        inputs: types of the inputs, which the command checks; if not given, there are as many as the genome reads, of
            any type.
        cut: cuts a text into the passages of a document; an input that is a document may then be given whole.

    Raises:
        GenomeError: the genome is not one of this toolbox.
        UsageError: code of a primitive or function cannot be copied.
    """
    return _Writer(toolbox).write(genome, title, notes, inputs, cut)


class _Writer:
    """One file in the making."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        atoms = map(innermost, toolbox.types)
        empty = {atom.name: atom.empty for atom in atoms if atom.empty is not None}
        self.lifter = Lifter({"EMPTY": f"EMPTY = {empty!r}"})
        self.lifter.reserve("solve")
        self.asker = Asker(self.lifter)
        self.reserved: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.asked: dict[tuple[str, int, bool], str] = {}
        self.questions: dict[str, str] = {}
        self.bodies: dict[str, str] = {}
        self.code: list[str] = []

    def write(
        self,
        genome: Genome,
        title: str,
        notes: Sequence[str],
        inputs: Sequence[Type],
        cut: Callable[[str], list[str]] | None,
    ) -> str:
        """The whole file."""
        self.lifter.lift(command.main, "main")
        for needed in (asking.use, asking.ask):
            self.lifter.lift(needed, needed.__name__)
        documents = [index for index, kind in enumerate(inputs) if cut is not None and kind == DOCUMENT]
        cutter = self.lifter.lift(cut, "cut_document") if documents else ""
        # Once to learn which names are needed, and once to choose others for what is free to be called anything.
        self._lines(genome)
        self.reserved |= {*self.questions, *self.bodies.values()}
        self._begin()
        arity = 1 + max(inputs_read(genome.output), default=0)
        names = [f"x{index}" for index in range(arity)]
        solve = [
            f"def solve(llm, {', '.join(names)}, *_):",
            f'    """{one_line(str(genome))}"""',
            *(f"    {x} = {cutter}({x}) if isinstance({x}, str) else {x}" for x in names if int(x[1:]) in documents),
            "    use(llm)",
            *self._lines(genome),
        ]
        pieces = dict(self.lifter.pieces)
        settings = [pieces.pop("WORKERS") + "  # most requests to the model at once"] if "WORKERS" in pieces else []
        # What the reader may have to change stands before what nobody has to read.
        kinds = ["document" if index in documents else str(kind) for index, kind in enumerate(inputs)]
        kinds = [text_literal(kind) for kind in kinds] or [text_literal("anything")] * arity
        last = ["\n".join(solve), f'if __name__ == "__main__":\n    main(solve, {", ".join(kinds)})']
        model = [pieces.pop("llm")]
        sections = [
            ("", ["\n".join(["from __future__ import annotations", "", *_imports(self.lifter.imports)]), *settings]),
            ("The model", model),
            ("How the parts work", list(pieces.values())),
            ("What the model is asked", list(self.questions.values())),
            ("The decomposition", [*self.code, *last]),
        ]
        lines = "".join(f"{one_line(note)}\n" for note in notes)
        parts = [f'"""{one_line(title)}\n' + (f"\n{lines}" if lines else "") + _HOW + '"""']
        for heading, blocks in sections:
            if heading and blocks:
                parts.append(f"# -- {heading} ".ljust(100, "-"))
            parts += blocks
        # Two empty lines around what has lines of its own, one between what has not.
        gaps = ["\n\n\n" if "\n" in a + b else "\n\n" for a, b in pairwise(parts)]
        return "".join(part + gap for part, gap in zip(parts, [*gaps, "\n"], strict=True))

    def _lines(self, genome: Genome) -> list[str]:
        """A body's straight code: a line for each node, the last one returned."""
        values: dict[str, str] = {}
        lines: list[str] = []
        # In the order in which the engine gets to them: a file asks nothing that the engine would not.
        for node in chain.from_iterable(genome.waves):
            made = self._expression(node, [values.get(source.key, source.key) for source in node.inputs])
            if node == genome.output:
                return [*lines, f"    return {made}"]
            noun = identifier(str(node.genes.get("primitive") or NOUNS.get(node.op, node.op)))
            values[node.key] = self._free(noun, {*values.values(), *self.reserved})
            lines.append(f"    {values[node.key]} = {made}")
        return [*lines, f"    return {genome.output.key}"]

    def _free(self, noun: str, used: set[str]) -> str:
        taken = {*used, *self.lifter.names, *self.questions, *self.bodies.values()}
        names = (noun if number == 1 else f"{noun}_{number}" for number in range(1, len(taken) + 3))
        return next(name for name in names if name not in taken and not hasattr(builtins, name))

    def _expression(self, node: Node, inputs: list[str]) -> str:
        """The call that does a node's work."""
        if node.op == "call":
            return self._question(node, inputs)
        if node.op == "code":
            name = str(node.genes.get("function"))
            if name not in self.toolbox.functions:
                raise GenomeError(f"a code node must name a function of the task, and {name!r} is none")
            code = self.lifter.lift(self.toolbox.functions[name].run, f"code_{identifier(name)}")
            return f"{code}({', '.join(inputs)})"
        if node.op == "route" and node.genes.get("pick") == MODEL:
            node = by_branches(node, len(self.toolbox.models))
        function = operator_function(node.op)
        options = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
        names = [option.name for option in options]
        # A parameter called so takes all bodies that are left.
        cut = names.index("branches") if "branches" in names else len(node.bodies)
        bodies = {name: [body] for name, body in zip(names, node.bodies[:cut], strict=False)}
        if node.bodies[cut:]:
            bodies["branches"] = list(node.bodies[cut:])
        unknown = node.genes.keys() - {name for name in names if name not in bodies}
        if unknown or sum(map(len, bodies.values())) < len(node.bodies):
            raise GenomeError(f"{node.op!r} takes {', '.join(o.name for o in options) or 'no genes'}, not {node!r}")
        missing = [o.name for o in options if o.default is o.empty and o.name not in (*bodies, *node.genes)]
        if missing:
            raise GenomeError(f"{node.op!r} needs {missing[0]!r}, and {node!r} has none")
        arguments = []
        for name, those in bodies.items():
            made = [self._body(node.op, name, body) for body in those]
            arguments.append(f"{name}=[{', '.join(made)}]" if name == "branches" else f"{name}={made[0]}")
        usual = {option.name: option.default for option in options}
        genes = {name: value for name, value in node.genes.items() if value != usual[name]}
        arguments += [f"{name}={text_literal(v) if isinstance(v, str) else repr(v)}" for name, v in genes.items()]
        return f"{self.lifter.lift(function, node.op)}({', '.join([*inputs, *arguments])})"

    def _body(self, op: str, name: str, body: Genome) -> str:
        """The name of the function that is a body; equal bodies are one function."""
        if body.key not in self.bodies:
            lines = self._lines(body)
            count = 1 + max(inputs_read(body.output), default=0)
            own = self.bodies[body.key] = self._free(f"{op}_{name}", set())
            head = f"def {own}({', '.join(f'x{index}' for index in range(count))}, *_):"
            self.code.append("\n".join([head, f'    """{one_line(str(body))}"""', *lines]))
        return self.bodies[body.key]

    def _question(self, node: Node, inputs: list[str]) -> str:
        """The call of a primitive's function, which is written on first use."""
        genes = node.genes
        primitive = self.toolbox.primitives.get(str(genes.get("primitive")))
        variant, model, models = genes.get("prompt", 0), genes.get("model", 0), self.toolbox.models
        if primitive is None or variant not in range(len(primitive.prompts)) or model not in range(len(models)):
            raise GenomeError(f"a call must name a primitive, a prompt and a model of the task, and {node!r} does not")
        shuffle = bool(genes.get("shuffle")) and primitive.permutable()
        key = (primitive.name, int(variant), shuffle)
        if key not in self.asked:
            name = f"ask_{identifier(primitive.name)}" + (f"_{variant}" if variant else "")
            self.asked[key] = name = self._free(name + ("_shuffled" if shuffle else ""), set())
            self.questions[name] = self.asker.function(name, primitive, int(variant), shuffle)
        options = []
        if genes.get("temperature"):
            options.append(f"temperature={float(genes['temperature'])!r}")
        if len(models) > 1:
            options.append(f"model={text_literal(models[int(model)])}")
        if genes.get("cap"):
            options.append(f"max_tokens={int(genes['cap'])!r}")
        return f"{self.asked[key]}({', '.join([*inputs, *options])})"


_HOW = """
Made by undercut, and in no need of it. As a library: solve(llm, x0, ...), where
llm is a function from a prompt to a text that may be called from several threads at once; it is also given
temperature, model and max_tokens where it has arguments of these names. As a command: python FILE INPUTS.json, or
the inputs on standard input, as a JSON list.
"""


def operator_function(op: str) -> Callable[..., Any]:
    """The function of `runtime` or `deciding` that stands for an operator.

    Raises:
        GenomeError: there is no such operator, or it has no such function.
    """
    name = f"{op}_" if hasattr(builtins, op) or keyword.iskeyword(op) else op
    function = getattr(runtime, name, getattr(deciding, name, None)) if op in OPERATORS else None
    if not inspect.isfunction(function):
        raise GenomeError(f"an export knows the operators of undercut, and {op!r} is not among them")
    return function


def _imports(lines: Iterable[str]) -> list[str]:
    """Import lines in order, one for each module."""
    whole = sorted(line for line in lines if line.startswith("import"))
    names: dict[str, list[str]] = {}
    for line in sorted(line for line in lines if line.startswith("from")):
        home, name = line.removeprefix("from ").split(" import ")
        names.setdefault(home, []).append(name)
    return [*whole, *(f"from {home} import {', '.join(each)}" for home, each in names.items())]
