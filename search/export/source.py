"""Reading source: where a value's text stands, what it imports, and which names it uses."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

from undercut.spaces.errors import UsageError


def is_builtin(value: Any) -> bool:
    """Whether a value is there in every module under its own name."""
    return value is not None and getattr(builtins, getattr(value, "__name__", ""), None) is value


def is_installed(module: str) -> bool:
    """Whether a module comes with Python or from an installed package, and not from undercut."""
    top = module.split(".")[0]
    if top in ("", "undercut", "__main__") or module not in sys.modules:
        return False
    if top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules[module], "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def is_literal(value: Any) -> bool:
    """Whether a value's `repr` is a literal that gives it back."""
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError):
        return False


def source_of(value: Any) -> str:
    """The text of a function or class.

    Raises:
        UsageError: it is not there.
    """
    try:
        return inspect.getsource(value)
    except (OSError, TypeError) as error:
        raise UsageError(f"an export copies the source of what it needs, and that of {value!r} is not there") from error


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _statements(space: dict[str, Any]) -> tuple[str, list[ast.stmt]]:
    """The source of a module, and its statements."""
    file = space.get("__file__")
    text = "".join(linecache.getlines(file)) if file else ""
    return text, _parsed(text).body


def assignment(name: str, space: dict[str, Any]) -> str | None:
    """The statement of a module that gives a name its value."""
    text, statements = _statements(space)
    found = None
    for statement in statements:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            found = ast.get_source_segment(text, statement)
    return found


def import_lines(name: str, space: dict[str, Any]) -> list[str]:
    """The lines that import a name from an installed module; several for a package that is imported by its modules."""
    found = []
    for statement in _statements(space)[1]:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        home = statement.module or "" if isinstance(statement, ast.ImportFrom) else None
        for alias in statement.names:
            bound = alias.asname or (alias.name.split(".")[0] if home is None else alias.name)
            if bound == name and is_installed(alias.name if home is None else home):
                head = "import" if home is None else f"from {home} import"
                found.append(f"{head} {alias.name}" + (f" as {alias.asname}" if alias.asname else ""))
    return found


def lambda_source(function: Callable[..., Any]) -> str:
    """The text of a lambda, found by where its code stands.

    Raises:
        UsageError: it is not there.
    """
    code: CodeType = function.__code__
    text = "".join(linecache.getlines(code.co_filename))
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None]
    # The first positions are those of the lambda as a whole where the compiler sets a frame up; the body's follow.
    first = min((place for place in places if place[1] > 0 or place[0] > code.co_firstlineno), default=None)
    fitting = [
        node
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.Lambda)
        and node.lineno == code.co_firstlineno
        and (first is None or (node.body.lineno, node.body.col_offset) <= first)
        and (first is None or first <= (node.body.end_lineno or 0, node.body.end_col_offset or 0))
    ]
    if not fitting:
        raise UsageError("an export copies the source of what it needs, and that of a lambda is not there; name it")
    # Of lambdas in each other, the innermost that holds the code.
    inner = max(fitting, key=lambda node: (node.lineno, node.col_offset))
    segment = ast.get_source_segment(text, inner) or ""
    return f"({segment})" if "\n" in segment else segment


def names_in(tree: ast.AST, annotations: bool) -> Iterator[str]:
    """The names that a piece of source uses, in its annotations or outside of them."""
    inside = set()
    for node in ast.walk(tree):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(hint, ast.AST):
                inside |= {id(part) for part in ast.walk(hint)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and (id(node) in inside) == annotations:
            yield node.id
