"""The picture of a front: what is drawn where, and what is said where nothing can be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from undercut.search.plot import draw
from undercut.spaces.errors import MissingExtraError, UsageError

Shares = dict[int, float]


def item(name: str, measured: Shares, tokens: dict[int, float | None], ahead: float | None = 0.5) -> dict[str, Any]:
    accuracy = {str(size): {"mean": mean, "low": mean / 2, "high": mean} for size, mean in measured.items()}
    cost = {str(size): {"tokens": many} for size, many in tokens.items() if size in measured}
    expected = None if ahead is None else {"mean": ahead, "low": ahead / 2, "high": ahead}
    predicted = {str(size): {"accuracy": expected, "cost": {"tokens": many}} for size, many in tokens.items()}
    return {
        "id": name, "name": f"{name} → sort", "law": "n", "accuracy": accuracy, "cost": cost,
        "predicted": {"32": predicted["32"]},
    }  # fmt: skip


def result(front: list[dict[str, Any]], known: list[dict[str, Any]], target: int = 32) -> dict[str, Any]:
    return {
        "task": "sort", "models": ["embedded"], "sizes": [8, 16], "target_size": target, "cost": "tokens",
        "front": front, "baselines": known,
    }  # fmt: skip


BEST = item("a", {8: 1.0, 16: 0.9, 32: 0.7}, {8: 20.0, 16: 40.0, 32: 80.0}, 0.8)
CHEAP = item("b", {8: 1.0, 16: 0.2}, {8: 10.0, 16: 20.0, 32: 40.0}, None)
FOLD = item("fold", {8: 1.0, 16: 0.8}, {8: 30.0, 16: 60.0, 32: 120.0}, 0.6)
UNTOLD = item("tree", {8: 1.0, 16: 0.8}, {8: None, 16: None, 32: None})


def drawn(monkeypatch: pytest.MonkeyPatch, of: dict[str, Any], path: Path) -> Figure:
    figures: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, *args: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Figure, "savefig", kept)
        draw(of, path)
    return figures[0]


def points(axis: Any, marker: str) -> set[tuple[float, float]]:
    lines = [line for line in axis.get_lines() if line.get_marker() == marker]
    return {(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}


def test_each_panel_holds_what_is_known_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure = drawn(monkeypatch, result([BEST, CHEAP], [FOLD, UNTOLD, {**CHEAP, "id": "one call"}]), tmp_path / "f.png")
    measured, forecast, growth = figure.axes
    assert points(measured, "o") == {(40, 0.9), (20, 0.2)} and points(measured, "x") == {(60, 0.8)}
    assert points(forecast, "o") == {(80, 0.8)} and points(forecast, "x") == {(120, 0.6)}
    assert points(forecast, "s") == {(80, 0.7)}  # what was measured there
    assert {(8, 20), (16, 40), (32, 80), (8, 10), (16, 20), (8, 30), (16, 60)} == points(growth, ".")
    assert [axis.get_title() for axis in figure.axes] == ["n = 16, measured", "n = 32, forecast", "how it grows"]
    words = [text.get_text() for text in figure.texts]
    assert "b: b → sort (Θ(n), one call)" in words and "fold: fold → sort (Θ(n))" in words
    assert not any(text.startswith("one call:") for text in words)


def test_a_target_that_was_run_has_no_panel_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    front = [{**BEST, "predicted": {"16": BEST["predicted"]["32"]}}]
    assert len(drawn(monkeypatch, result(front, [], target=16), tmp_path / "front.png").axes) == 2


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_the_same_run_gives_the_same_file(ending: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw(result([BEST], [FOLD]), tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two and len(one) > 1000


def test_costs_that_nobody_told_leave_the_panels_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure = drawn(monkeypatch, result([UNTOLD], []), tmp_path / "front.svg")
    assert not points(figure.axes[0], "o") and not points(figure.axes[2], ".")


@pytest.mark.parametrize(
    ("name", "words"),
    [("front.doc", "must be a file that ends in one of"), ("front", "must be a file"), ("no/f.png", "can be written")],
)
def test_a_file_that_cannot_be_drawn_into_is_told_of(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        draw(result([BEST], []), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_run_without_anything_measured_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an empty front and no known design"):
        draw(result([], []), tmp_path / "front.png")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'undercut\[plot\]'"):
        draw(result([BEST], []), tmp_path / "front.png")
