"""What is in the folders is what gets installed, under the names it is imported by."""

from __future__ import annotations
import __future__

import ast
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import undercut

ROOT = Path(__file__).parents[2]
FACE = "search/_root"
TREES = ("search", "spaces", "evaluators")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
LEFTOVERS = {".pyc", ".pyo"}


def files_of(*trees: str) -> list[Path]:
    """Files below the trees, as paths from the root; what Python and tools leave behind is not among them."""
    found = (path for tree in trees for path in (ROOT / tree).rglob("*") if path.is_file())
    parts = (path.relative_to(ROOT) for path in found if path.suffix not in LEFTOVERS)
    return sorted(path for path in parts if not any(part.startswith(".") for part in path.parts))


def package_of(folder: Path) -> str:
    """The package that a folder is installed as."""
    return "undercut" if folder.as_posix() == FACE else f"undercut.{'.'.join(folder.parts)}"


def test_every_folder_with_code_is_a_listed_package() -> None:
    folders = {path.parent for path in files_of(*TREES) if path.suffix == ".py"}
    assert sorted(map(package_of, folders)) == sorted(SETTINGS["packages"])


def test_every_package_has_an_init() -> None:
    folders = {path.parent for path in files_of(*TREES) if path.suffix == ".py"}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()] == []


def test_roots_are_mapped() -> None:
    assert SETTINGS["package-dir"] == {"undercut": FACE, **{f"undercut.{tree}": tree for tree in TREES}}


def test_every_file_that_is_not_code_is_package_data() -> None:
    listed = {(package, pattern) for package, patterns in SETTINGS["package-data"].items() for pattern in patterns}
    data = [path for path in files_of(*TREES) if path.suffix != ".py"]
    covered = {
        (package, pattern)
        for path in data
        for package, pattern in listed
        if package_of(path.parent) == package and path.match(pattern)
    }
    missing = [
        str(path)
        for path in data
        if not any(package_of(path.parent) == package and path.match(pattern) for package, pattern in listed)
    ]
    assert missing == []
    assert listed - covered == set(), "package data that does not exist"


def test_type_checkers_find_every_file_of_the_face() -> None:
    links = ROOT / "tests/.typing/undercut"
    assert {path.name for path in links.iterdir()} == {*TREES, *(path.name for path in files_of(FACE))}
    assert [path.name for path in links.iterdir() if not path.exists()] == []


@pytest.mark.parametrize(
    "path", [path for path in files_of(*TREES, "tests", "experiments") if path.suffix == ".py"], ids=str
)
def test_imports_are_absolute_and_by_the_installed_name(path: Path) -> None:
    for statement in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"line {statement.lineno}: a relative import"
            names = [statement.module or ""]
        elif isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            continue
        bare = [name for name in names if name.split(".")[0] in TREES]
        assert bare == [], f"line {statement.lineno}: import undercut.{bare[0]}"


def test_face_is_what_it_says() -> None:
    names = getattr(undercut, "__all__", [])
    if not names:
        pytest.skip("the package has no face yet")
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(undercut, name)] == []
    exposed = {
        name
        for name in dir(undercut)
        if not name.startswith("_") and not isinstance(getattr(undercut, name), ModuleType | __future__._Feature)
    }
    assert exposed == {name for name in names if not name.startswith("_")}
