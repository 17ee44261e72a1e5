"""The front of a run as a picture: accuracy against cost, and how costs grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from undercut.search.units import field_of
from undercut.spaces.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

PANEL = 4.5
"""Width and height of a panel, in inches."""
LINE = 0.19
"""Height of a line of text below the panels, in inches."""
WIDE = 50
"""Letters of that text beside each other below one panel."""
KNOWN = "0.6"
"""The grey of known designs."""
DATES = {".svg": "Date", ".pdf": "CreationDate"}
"""Where formats note when a file was made. It is left out: the same run gives the same file."""


class _Point(NamedTuple):
    """A decomposition at one size: what it costs, and its accuracy in [0, 1] with the ends of its interval."""

    item: Mapping[str, Any]
    cost: float
    mean: float
    low: float
    high: float


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw a run's front, with the known designs, into a file whose ending names the format.

    Accuracy against cost, as measured at the largest size searched and as forecast for the target, and cost by size.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: there is nothing to draw, the file cannot be written, or its ending names no format.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "--plot") from error
    names = {item["name"] for item in result["front"]}
    items = [*result["front"], *(item for item in result["baselines"] if item["name"] not in names)]
    if not items:
        raise UsageError("--plot draws what was measured, and this run has an empty front and no known design")
    largest, target, unit = result["sizes"][-1], result["target_size"], result["cost"]
    panels = {f"n = {largest}, measured": [_measured(item, largest, unit) for item in items]}
    if target > largest:
        ahead = [(item, item["predicted"][str(target)]) for item in items]
        panels[f"n = {target}, forecast"] = [_point(item, each["accuracy"], each["cost"], unit) for item, each in ahead]
    colours = {item["id"]: f"C{place % 10}" for place, item in enumerate(result["front"])}
    with rc_context({"svg.hashsalt": "undercut", "axes.spines.top": False, "axes.spines.right": False}):
        words = _words(result, items, colours, WIDE * (len(panels) + 1))
        figure = Figure(figsize=(PANEL * (len(panels) + 1), PANEL + LINE * len(words)))
        formats = figure.canvas.get_supported_filetypes()
        if path.suffix.removeprefix(".") not in formats:
            raise UsageError(f"--plot must be a file that ends in one of .{', .'.join(formats)}, not {str(path)!r}")
        share = LINE * len(words) / figure.get_figheight()
        axes: Sequence[Axes] = figure.subplots(1, len(panels) + 1, squeeze=False)[0]
        for axis, (title, points) in zip(axes, panels.items(), strict=False):
            _draw_accuracies(axis, title, points, unit, colours)
        for point in [_measured(item, target, unit) for item in items] if target > largest else ():
            if point is not None:
                colour = colours.get(point.item["id"], KNOWN)
                axes[1].plot([point.cost], [point.mean], "s", color=colour, fillstyle="none", markersize=9)
        _draw_costs(axes[-1], items, unit, colours)
        figure.suptitle(f"{result['task']} · {' '.join(result['models'])}")
        for place, (text, colour) in enumerate(words):
            figure.text(0.04, share * (1 - (place + 1) / len(words)) + 0.01, text, color=colour, fontsize=9)
        figure.tight_layout(rect=(0, share, 1, 1))
        dates = {DATES[path.suffix]: None} if path.suffix in DATES else {}
        try:
            figure.savefig(path, dpi=150, metadata=dates)
        except OSError as error:
            raise UsageError(
                f"--plot must be a file that can be written, and {str(path)!r} is not: {error.strerror}"
            ) from error


def _measured(item: Mapping[str, Any], size: int, unit: str) -> _Point | None:
    """A decomposition as it was measured at a size; None where it was not."""
    at = str(size)
    return _point(item, item["accuracy"][at], item["cost"][at], unit) if at in item["accuracy"] else None


def _point(
    item: Mapping[str, Any], accuracy: Mapping[str, float] | None, cost: Mapping[str, float | None], unit: str
) -> _Point | None:
    """A decomposition as measured or forecast; None where one of the two is not known."""
    price = cost[field_of(unit)]
    if accuracy is None or price is None:
        return None
    return _Point(item, price, accuracy["mean"], accuracy["low"], accuracy["high"])


def _draw_accuracies(
    axis: Axes, title: str, points: Sequence[_Point | None], unit: str, colours: Mapping[str, str]
) -> None:
    """Accuracy against cost with intervals, and a line along what nothing cheaper comes up to."""
    drawn = sorted((point for point in points if point is not None), key=lambda point: (point.cost, -point.mean))
    best: list[_Point] = []
    for point in drawn:
        if not best or point.mean > best[-1].mean:
            best.append(point)
    if best:
        end = _Point({}, drawn[-1].cost, best[-1].mean, 0.0, 0.0)
        stairs = [(point.cost, point.mean) for point in (*best, end)]
        axis.step(*zip(*stairs, strict=True), where="post", color="0.85", zorder=0)
    for item, cost, mean, low, high in drawn:
        colour = colours.get(item["id"], KNOWN)
        marker = "o" if item["id"] in colours else "x"
        axis.errorbar([cost], [mean], [[mean - low], [high - mean]], fmt=marker, color=colour, capsize=2, linewidth=1)
        axis.annotate(item["id"], (cost, mean), (5, 4), textcoords="offset points", color=colour, fontsize=8)
    axis.set(title=title, xlabel=f"{unit} a run", ylabel="accuracy", xscale="log", ylim=(-0.03, 1.07))
    _label(axis.xaxis)


def _draw_costs(axis: Axes, items: Sequence[Mapping[str, Any]], unit: str, colours: Mapping[str, str]) -> None:
    """Cost by size: lines through what was measured, dashed from there to the forecast for the target."""
    field = field_of(unit)
    for item in items:
        colour = colours.get(item["id"], KNOWN)
        known = {int(size): cost[field] for size, cost in item["cost"].items() if cost[field] is not None}
        ahead = {int(size): each["cost"][field] for size, each in item["predicted"].items() if each["cost"][field]}
        if not known:
            continue
        last = max(known)
        axis.plot(list(known), list(known.values()), "." if len(known) == 1 else ".-", color=colour, linewidth=1)
        beyond = {last: known[last]} | {size: cost for size, cost in ahead.items() if size > last}
        axis.plot(list(beyond), list(beyond.values()), "--", color=colour, linewidth=1)
        size, cost = list(beyond.items())[-1]
        axis.annotate(item["id"], (size, cost), (4, -3), textcoords="offset points", color=colour, fontsize=8)
    axis.set(title="how it grows", xlabel="n", ylabel=f"{unit} a run", xscale="log", yscale="log")
    axis.set_xticks(sorted({int(size) for item in items for size in (*item["cost"], *item["predicted"])}))
    _label(axis.xaxis, ticks=False)
    _label(axis.yaxis)


def _label(axis: Axis, ticks: bool = True) -> None:
    """Write numbers out along a logarithmic axis, at 1, 2 and 5 of every power of ten with `ticks`."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if ticks:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def _words(
    result: Mapping[str, Any], items: Sequence[Mapping[str, Any]], colours: Mapping[str, str], width: int
) -> list[tuple[str, str]]:
    """Lines with their colours: for each decomposition what it is called, what it is, and how its cost grows."""
    designs = {item["name"]: f", {item['id']}" for item in result["baselines"]}
    lines = []
    for item in items:
        known = designs.get(item["name"], "") if item["id"] in colours else ""
        text = wrap(f"{item['id']}: {item['name']} (Θ({item['law'] or '?'}){known})", width, subsequent_indent="    ")
        lines += [(part, colours.get(item["id"], KNOWN)) for part in text]
    bars = "bars: 95 % intervals for all that was measured at once, 90 % for a forecast"
    squares = "; squares: what was measured there afterwards" if result["target_size"] > result["sizes"][-1] else ""
    return [*lines, *((part, "0.4") for part in wrap(bars + squares, width))]
