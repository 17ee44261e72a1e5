"""Lifting code out of its module: the source of a function, and of everything that it needs to run elsewhere."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Mapping
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from undercut.search.export.source import (
    assignment,
    import_lines,
    is_builtin,
    is_installed,
    is_literal,
    lambda_source,
    names_in,
    source_of,
)
from undercut.spaces.errors import InvalidAnswer, UsageError

INVALID_ANSWER = '''class InvalidAnswer(Exception):
    """An answer of the model is not what was asked for."""'''


class Lifter:
    """Collects pieces of source with unique names, each after what it needs, and the imports they share.

    Standard-library and installed modules are imported; all else is copied.

    Attributes:
        pieces: source by name, in an order in which they can stand in one module.
        imports: import lines.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        """Args: given: names whose definition is replaced by this source."""
        self.pieces: dict[str, str] = {}
        self.imports: dict[str, None] = {}
        self._given = dict(given or {})
        self._owners: dict[str, object] = {}

    @property
    def names(self) -> set[str]:
        """Every name that is in use."""
        return set(self._owners)

    def reserve(self, name: str) -> None:
        """Keep a name for something that is not lifted."""
        self._owners[name] = name

    def lift(self, value: Any, name: str) -> str:
        """Make a value available, and return the expression that stands for it; `name` is used if it has none.

        Raises:
            UsageError: its source cannot be had or cannot stand alone.
        """
        if value is InvalidAnswer:
            return self._piece("InvalidAnswer", value, INVALID_ANSWER)
        if is_builtin(value):
            return str(value.__name__)
        owner: Any = getattr(value, "__objclass__", None)
        if is_builtin(owner):
            return f"{owner.__name__}.{value.__name__}"
        if isinstance(value, ModuleType):
            return self._module(value, name)
        if isinstance(value, partial):
            return self._partial(value, name)
        if isinstance(value, FunctionType) and value.__name__ == "<lambda>":
            return self._function(value, name, f"{name} = {lambda_source(value)}")
        if isinstance(value, FunctionType | type) or getattr(value, "__module__", None) in sys.stdlib_module_names:
            return self._named(value)
        raise UsageError(f"an export can copy functions and classes, and {name!r} is neither: {value!r}")

    def _partial(self, value: partial[Any], name: str) -> str:
        """A function with some of its arguments given, where these are plain data."""
        if not is_literal([value.args, value.keywords]):
            raise UsageError(f"an export can copy a partial of plain data, and {name!r} is not: {value!r}")
        function = self.lift(value.func, name)
        self._import("from functools import partial", "partial", partial)
        given = [repr(each) for each in value.args] + [f"{key}={each!r}" for key, each in value.keywords.items()]
        return self._piece(name, value, f"{name} = partial({', '.join([function, *given])})")

    def _piece(self, name: str, owner: object, source: str) -> str:
        if self._owners.setdefault(name, owner) is not owner:
            raise UsageError(f"an export needs every name once, and {name!r} stands for two things; rename one")
        self.pieces.setdefault(name, source)
        return name

    def _module(self, module: ModuleType, name: str) -> str:
        if module.__name__.split(".")[0] == "undercut":
            raise UsageError(f"an export cannot use {module.__name__} as a module; import the names that are needed")
        self._import(f"import {module.__name__}" + ("" if name == module.__name__ else f" as {name}"), name, module)
        return name

    def _import(self, line: str, name: str, owner: object) -> None:
        if self._owners.setdefault(name, owner) is not owner:
            raise UsageError(f"an export needs every name once, and {name!r} stands for two things; rename one")
        self.imports[line] = None

    def _named(self, value: Any) -> str:
        """A function or class that has a name in its module."""
        name = str(value.__name__)
        if is_installed(value.__module__):
            self._import(f"from {value.__module__} import {name}", name, value)
            return name
        if self._owners.get(name) is value:
            return name
        if value.__qualname__ != name:
            raise UsageError(f"an export can copy what stands in a module itself, and {value.__qualname__} does not")
        source = textwrap.dedent(source_of(value)).rstrip()
        if [getattr(statement, "name", None) for statement in ast.parse(source).body] != [name]:
            raise UsageError(
                f"an export copies source as it was imported, and that of {name!r} has changed; start again"
            )
        return self._function(value, name, source)

    def _function(self, value: Any, name: str, source: str) -> str:
        if getattr(value, "__closure__", None):
            raise UsageError(f"an export cannot copy {name!r}, because it uses names of the function around it")
        if self._owners.get(name) is value:
            return name
        # Claimed before what it needs is lifted, because functions may need each other.
        self._owners.setdefault(name, value)
        space = getattr(value, "__globals__", None) or vars(sys.modules[value.__module__])
        self._needs(source, space)
        return self._piece(name, value, source)

    def _needs(self, source: str, space: dict[str, Any]) -> None:
        """Lift what a source uses of its module."""
        tree = ast.parse(source)
        for needed in dict.fromkeys(names_in(tree, annotations=False)):
            if needed in space and not is_builtin(space[needed]):
                self._global(needed, space)
        for hint in dict.fromkeys(names_in(tree, annotations=True)):
            for line in import_lines(hint, space):
                self._import(line, hint, space[hint])

    def _global(self, name: str, space: dict[str, Any]) -> None:
        value = space[name]
        lines = import_lines(name, space)
        if name in self._given:
            self._piece(name, value, self._given[name])
        elif lines:
            for line in lines:
                self._import(line, name, value)
        elif isinstance(value, ModuleType):
            self._module(value, name)
        elif isinstance(value, FunctionType | type):
            own = self.lift(value, name)
            if own != name:
                self._piece(name, value, f"{name} = {own}")
        elif name not in self._owners:
            self._constant(name, value, space)

    def _constant(self, name: str, value: Any, space: dict[str, Any]) -> None:
        statement = assignment(name, space)
        if statement is None:
            if not is_literal(value):
                raise UsageError(f"an export cannot copy {name!r}: {value!r} is neither code nor plain data")
            statement = f"{name} = {value!r}"
        else:
            self._needs(statement, space)
        self._piece(name, value, statement)
