"""Results as a person reads them: aligned, plain where they are piped."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from undercut.search.payback import SLACK
from undercut.search.picking import picked
from undercut.search.units import field_of

WIDEST = 1000
"""Characters that no table is as wide as."""
NAMED = 30
"""Characters that a name has room for beside its row, or else it stands below."""
MEAN = len(".95")
"""Characters of a share, so that shares stand below each other."""
DOUBT, BENT = "†", "‡"
"""Mark a forecast, and a law, that a note below the table explains."""


def headline(settings: dict[str, Any]) -> str:
    """What a run is about, in one line."""
    sizes = " ".join(map(str, settings["sizes"]))
    models = " ".join(settings["models"])
    return (
        f"{settings['task']} · {models} · sizes {sizes}, target {settings['target_size']} · "
        f"cost in {settings['cost']} · {settings['strategy']} · seed {settings['seed']}"
    )


def show(result: dict[str, Any]) -> None:
    """Print a front with its baselines."""
    items = [*result["front"], *result["baselines"]]
    if not items:
        print(
            "no decomposition was found that is right often enough to measure; try more --evaluations or a larger "
            "--max-size"
        )
        return
    sizes = list(items[0]["accuracy"])
    unit, target = result["cost"], str(result["target_size"])
    largest = str(result["sizes"][-1])
    forecast = any(item["predicted"] for item in items)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("", no_wrap=True)
    for size in sizes:
        table.add_column(f"accuracy\nn = {size}", no_wrap=True)
    if forecast:
        table.add_column(f"\n{target}*", no_wrap=True)
    table.add_column(f"{unit}\nn = {largest}", justify="right", no_wrap=True)
    if forecast:
        table.add_column(f"\n{target}*", justify="right", no_wrap=True)
    table.add_column("\ngrows as", no_wrap=True)
    names: list[str] = []
    for item in items:
        known = item in result["front"]
        row = [item["id"] if known else "·", *(_share(item["accuracy"][size], MEAN) for size in sizes)]
        predicted = (item["predicted"] or {}).get(target)
        if forecast:
            share = _share(predicted["accuracy"] if predicted else None, MEAN)
            row.append(share + (DOUBT if _note(item, target) else ""))
        row.append(_number(item["cost"][largest][field_of(unit)]))
        if forecast:
            row.append(_number(predicted["cost"][field_of(unit)] if predicted else None))
        name = item["name"] if known else f"{item['name']}  ({item['id']})"
        table.add_row(*row, (item["law"] or "?") + (BENT if _bent(item) else ""))
        names.append(name)
    console = _console()
    _print_named(console, table, names)
    if not result["front"]:
        console.print(
            "no decomposition was right often enough to stand on the front: a stronger model, smaller --sizes, more "
            "--evaluations or a larger --max-size may bring one"
        )
    if forecast:
        console.print("brackets: ends of intervals, 95 % for all accuracies at once, 90 % for a forecast")
        console.print("* forecast, cost of a run that no red flag ends; · known designs, on the same problems")
        if all(item["cost"][largest]["tokens"] is None for item in items):
            console.print("nobody told what calls took: forecasts of cost take each word and item for a token")
        for note in dict.fromkeys(note for item in items if (note := _note(item, target))):
            console.print(f"{DOUBT} {note}")
    else:
        console.print("brackets: ends of 95 % intervals")
    for item in items:
        if _bent(item):
            console.print(f"{BENT} {item['id']}: {_bent(item)}")
    if unit == "usd" and result.get("prices"):
        console.print(f"in US dollars at the prices of {result['prices']}")
    for line in _words(result, largest, unit):
        console.print(line)


def _print_named(console: Console, table: Table, names: list[str]) -> None:
    """Print a table of one line a row with the rows' names beside it, or below each where there is no room for that."""
    wide = Console(width=WIDEST).measure(table).maximum
    flat = Console(highlight=False, width=wide)
    with flat.capture() as captured:
        flat.print(table)
    lines = [line.ljust(wide) for line in captured.get().splitlines()]
    head, rows = lines[: -len(names)], lines[-len(names) :]
    if beside := console.width >= wide + NAMED:
        head[-1] += "decomposition"
    for line in head:
        console.print(escape(line.rstrip()), soft_wrap=True)
    for line, name in zip(rows, names, strict=True):
        gap = " " * (wide if beside else 3)
        if not beside:
            console.print(escape(line.rstrip()), soft_wrap=True)
        parts = wrap(name, max(console.width - len(gap), NAMED), break_on_hyphens=False) or [""]
        for number, part in enumerate(parts):
            console.print(escape((line if beside and number == 0 else gap) + part), soft_wrap=True)


def _note(item: dict[str, Any], target: str) -> str | None:
    """What makes an item's forecast doubtful or unknown."""
    predicted = (item["predicted"] or {}).get(target)
    return predicted["note"] if predicted else None


def _bent(item: dict[str, Any]) -> str | None:
    """Why an item's measured cost does not grow as its law says."""
    slope = item.get("slope")
    return slope["flag"] if slope else None


def show_constants(result: dict[str, Any]) -> None:
    """Print the fitted constants of a run's law."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for words in (
        "primitive",
        "model",
        "prompt",
        "T",
        "calls",
        "header",
        "per item",
        "end",
        "per answer item",
        "valid",
        "alike",
    ):
        table.add_column(words, justify="left" if words == "primitive" else "right")
    for row in result["constants"]:
        alike = [_share(row["alike"][which]) for which in ("plain", "shuffled")]
        table.add_row(
            row["primitive"],
            result["models"][row["model"]],
            str(row["prompt"]),
            f"{row['temperature']:g}",
            f"{row['calls']:,}",
            _term(row["header"]),
            " ".join(map(_term, row["per_item"])),
            _term(row["end"]),
            _term(row["per_answer_item"]),
            _share(row["valid"]),
            " / ".join(alike),
        )
    console = _console()
    console.print(table)
    console.print(
        "tokens of a prompt: header + per item · size; of an answer: end + per answer item · its size by its law"
    )
    console.print(
        "± and brackets: 95 % intervals; valid: share of answers without a red flag; "
        "alike: of two samples of a prompt in the same words / with items shuffled"
    )


def _term(term: dict[str, float | None]) -> str:
    if term["mean"] is None or term["high"] is None or term["low"] is None:
        return "?"
    half = (term["high"] - term["low"]) / 2
    return f"{term['mean']:.2f}" + (f" ±{half:.2f}" if half >= 0.005 else "")


def _share(found: dict[str, float] | None, width: int = 0) -> str:
    """A share with the ends of its interval, the share itself at least so many characters wide."""
    if found is None:
        return "?".rjust(width)
    mean, low, high = (_bare(found[which]) for which in ("mean", "low", "high"))
    return f"{mean:>{width}} ({low}–{high})"


def _bare(share: float) -> str:
    """Two decimals without what goes without saying: .95, 1, 0."""
    return {"0.00": "0", "1.00": "1"}.get(text := f"{share:.2f}", text.removeprefix("0"))


def _words(result: dict[str, Any], largest: str, unit: str) -> list[str]:
    """The sentences below a front."""
    spent, uncached = result["spent"], result.get("uncached")
    doubt = spent.get("uncertain")
    most = (
        f" (at most: {doubt:,} of them are of {spent.get('unmetered', 0):,} calls whose answer never came, "
        "came without a count, or was under way when a process was killed)"
        if doubt
        else ""
    )
    alone = f"{uncached['calls']:,.0f} calls if no answer were shared" if uncached else ""
    shared = f"; the runs alone, without calibration, would have been {alone}" if alone else ""
    lines = [
        *_beside_one_call(result, largest, unit),
        *_outdone(result, largest, unit),
        f"spent {_counted(spent['calls'], 'call')}, {_counted(spent['tokens'], 'token')}{most}{shared}",
        *_payback(result, unit),
        *_unmatched(result, largest),
        *_doubtful(result),
    ]
    if result.get("stopped"):
        lines.append(f"the search ended since {result['stopped']}")
    return lines


def _beside_one_call(result: dict[str, Any], largest: str, unit: str) -> list[str]:
    """What the best find costs and how often it is right, beside a single call."""
    once = next((item for item in result["baselines"] if item["id"] == "one call"), None)
    if once is None or not result["front"] or not result["front"][0]["predicted"]:
        return []
    best = picked(result, "best")
    dear, plain = (item["cost"][largest][field_of(unit)] for item in (best, once))
    often, seldom = (item["accuracy"][largest]["mean"] for item in (best, once))
    if dear is None or not plain or best["name"] == once["name"]:
        return []
    return [
        f"{best['id']} costs {dear / plain:.1f}× one call at n = {largest} and is right {often:.0%} of the time, one "
        f"call {seldom:.0%}"
    ]


def _outdone(result: dict[str, Any], largest: str, unit: str) -> list[str]:
    """Says which members of a front a cheaper one, or a cheaper known design, matched or beat in the measurement."""
    items = [*result["front"], *result["baselines"]]
    priced = [(cost, item) for item in items if (cost := item["cost"][largest][field_of(unit)]) is not None]
    priced.sort(key=lambda each: float(each[0]))
    told = []
    for dear, item in reversed([each for each in priced if each[1] in result["front"]]):
        right = {size: found["mean"] for size, found in item["accuracy"].items()}
        no_worse = (
            other["id"]
            for cost, other in priced
            if cost < dear and all(other["accuracy"][size]["mean"] >= mean for size, mean in right.items())
        )
        if cheapest := next(no_worse, None):
            told.append(f"{item['id']} (than {cheapest})")
    return [f"right no more often than a cheaper one, as it was measured: {', '.join(told)}"] if told else []


def _payback(result: dict[str, Any], unit: str) -> list[str]:
    """What the best find saves against a known design that is as accurate, and from when on that pays."""
    found = result.get("payback")
    if found is None:
        return []
    names = {item["id"]: item["name"] for item in (*result["front"], *result["baselines"])}
    if names[found["id"]] == names[found["against"]]:
        return [f"{found['id']} is the {found['against']} known design"]
    many = f"{_number(abs(found['saving']))} {'sequential passes' if unit == 'latency' else unit}"
    if found["saving"] == 0:
        return [f"{found['id']} and the {found['against']} known design cost the same at n = {found['size']}"]
    if found["saving"] < 0:
        right = {
            item["id"]: item["accuracy"][str(found["size"])]["mean"]
            for item in (*result["front"], *result["baselines"])
        }
        more = right[found["against"]] > right[found["id"]] + SLACK
        words = "is right more often than" if more else "is as accurate as"
        return [f"{found['against']} {words} {found['id']} and costs {many} less at n = {found['size']}"]
    uses = f": the search has paid for itself after {found['uses']:,} uses" if found["uses"] is not None else ""
    return [
        f"{found['id']} saves {many} a use at n = {found['size']} against the {found['against']} known design{uses}"
    ]


def _unmatched(result: dict[str, Any], largest: str) -> list[str]:
    """The sizes from the largest one on at which no known design is as accurate as the best find."""
    front, known = result["front"], result["baselines"]
    if not front or not known or not front[0]["predicted"]:
        return []
    best = picked(result, "best")
    told = []
    for size in best["accuracy"]:
        right = {item["id"]: item["accuracy"][size]["mean"] for item in (best, *known) if size in item["accuracy"]}
        found = right.pop(best["id"])
        if int(size) >= int(largest) and right and max(right.values()) < found - SLACK:
            name = max(right, key=lambda each: float(right[each]))
            told.append(
                f"no known design was right as often as {best['id']} at n = {size}: {best['id']} {found:.0%} of the "
                f"time, {name} {right[name]:.0%}"
            )
    return told


def _doubtful(result: dict[str, Any]) -> list[str]:
    """That nothing on the front is expected to be right at the target more often than not, and what may help."""
    target = str(result["target_size"])
    expected = [predicted for item in result["front"] if (predicted := (item["predicted"] or {}).get(target))]
    known = [predicted["accuracy"]["mean"] for predicted in expected if predicted["accuracy"]]
    if not known or max(known) > 0.5:
        return []
    return [
        f"nothing here is forecast to be right more than {max(known):.0%} of the time at n = {target}: larger --sizes, "
        "more --evaluations, a larger --max-size or a stronger model may bring more"
    ]


def show_costs(result: dict[str, Any]) -> None:
    """Print what genomes cost by size, how that grows, and from where on one is cheaper than another."""
    console = _console()
    for item in result["front"]:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
        table.add_column("")
        for size in item["cost"]:
            table.add_column(f"n = {size}", justify="right")
        table.add_column("grows as")
        for name, law in item["laws"].items():
            table.add_row(name, *(_number(cost[name]) for cost in item["cost"].values()), law or "?")
        console.print(escape(f"{item['id']}  {item['name']}"))
        console.print(table)
    crossed = [pair for pair in result["crossovers"] if pair["from"] is not None]
    for pair in crossed:
        console.print(
            f"{pair['cheaper']} costs less than {pair['than']} from n = {pair['from']:,} on, in {result['cost']}"
        )
    if len(result["front"]) > 1 and not crossed:
        console.print(f"none costs less than another from some n on, in {result['cost']}")
    console.print(f"declared for {', '.join(result['models'])} with answers that are always right; no call was made")


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=240)


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _counted(number: int, what: str) -> str:
    """So many of something, as in 1 call or 1,200 calls."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
