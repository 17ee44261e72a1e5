"""Measure the embedded model: accuracy by operation and size on held-out prompts, speed, and time to start.

    python experiments/embedded/measure.py    # writes results.json beside this file, and the model card's tables

Every cell is the greedy exact match over 200 prompts, the three prompt variants in turn, on values that training
left out by their checksum (inputs of under 8 characters are too few for that, and are only drawn anew).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads: CPU-seconds of one thread are what counts
sys.path.insert(0, str(Path(__file__).parent))

from data import OPERATIONS, REFUSAL, Values, draw, held_out, unknown_prompt

from undercut.evaluators.models.base import Request
from undercut.evaluators.models.embedded import EmbeddedModel
from undercut.evaluators.models.embedded.network import Job, Network
from undercut.evaluators.models.embedded.tokenizer import encode_prompt
from undercut.evaluators.tasks.primitives import PRIMITIVES
from undercut.spaces.errors import InvalidAnswer

HERE = Path(__file__).parent
CARD = HERE.parents[1] / "evaluators/models/embedded/MODEL_CARD.md"
BEGIN, FINISH = "<!-- measured: begin -->", "<!-- measured: end -->"
SIZES: dict[str, tuple[int, ...]] = {
    "sort": (1, 4, 8, 12, 16, 20, 24, 32, 40),
    "merge": (4, 8, 12, 16, 20, 24, 32, 40, 48),
    "add": (1, 2, 3, 4, 5, 6, 8),
    "sum": (1, 2, 3, 4, 5, 6, 8, 12),
    "sum of 0-99": (1, 2, 3, 4, 5, 6, 8, 12),
    "count": (4, 8, 12, 16, 20, 24, 32, 40),
    "max": (1, 4, 8, 12, 16, 24, 32, 40),
    "min": (1, 4, 8, 12, 16, 24, 32, 40),
    "less": (4, 8, 12, 16, 24, 32, 40),
    "at_least": (4, 8, 12, 16, 24, 32, 40),
    "reverse": (4, 8, 12, 16, 24, 32, 40),
    "copy": (4, 8, 12, 16, 24, 32, 40),
    "intersect": (2, 4, 6, 8, 10, 12, 16, 24),
    "check": (4, 8, 12, 16, 24, 32, 40),
    "compare": (1, 2, 3, 4),
    "lookup": (1, 2, 4, 8, 12, 16, 24, 32),
    "pick": (1, 2, 4, 8, 12, 16, 24),
    "hanoi": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
}
SIZE_IS = {
    "merge": "both lists together",
    "add": "digits",
    "sum": "operands",
    "sum of 0-99": "operands",
    "intersect": "first list",
    "compare": "digits",
    "lookup": "facts",
    "hanoi": "disks",
}
TARGETS: tuple[tuple[str, int, str, float], ...] = (
    ("sort", 8, ">=", 0.99), ("merge", 12, ">=", 0.99), ("merge", 24, ">=", 0.97), ("add", 4, ">=", 0.99),
    ("sum of 0-99", 3, ">=", 0.99), ("count", 12, ">=", 0.99), ("lookup", 8, ">=", 0.99),
    *(("hanoi", disks, ">=", 0.99) for disks in range(1, 9)),
    ("sort", 40, "<=", 0.3), ("sum of 0-99", 12, "<=", 0.3), ("count", 40, "<=", 0.3),
)  # fmt: skip


def _small_operands(size: int, rng: random.Random) -> Values:
    for _ in range(200):
        values = ([rng.randrange(100) for _ in range(size)],)
        if held_out("sum", values):
            break
    return values


def measure_cell(model: EmbeddedModel, row: str, size: int, prompts: int, seed: int) -> float:
    """Exact match of one operation at one size, in [0, 1]."""
    op = "sum" if row == "sum of 0-99" else row
    rng = random.Random(f"test {seed} {row} {size}")
    if row == op:
        values = [draw(op, size, rng, test=True) for _ in range(prompts)]
    else:
        values = [_small_operands(size, rng) for _ in range(prompts)]
    primitive = PRIMITIVES[op]
    assert primitive.reference is not None
    requests = [Request(primitive.prompt(value, index % 3), max_tokens=256) for index, value in enumerate(values)]
    right = 0
    for value, completion in zip(values, model.complete(requests), strict=True):
        try:
            answer = primitive.read(completion.text, value)
            right += completion.finish == "stop" and answer == primitive.reference(*value)
        except InvalidAnswer:
            pass
    return right / prompts


def measure_refusal(model: EmbeddedModel, prompts: int, seed: int) -> float:
    """Share of unknown requests that the model declines, in [0, 1]."""
    rng = random.Random(f"test {seed} unknown")
    requests = [Request(unknown_prompt(rng), max_tokens=32) for _ in range(prompts)]
    return sum(completion.text == REFUSAL for completion in model.complete(requests)) / prompts


def measure_speed(network: Network, rows: int) -> float:
    """Decoded tokens per CPU-second, the prefill included: merges of 40 numbers, about 45 tokens in and 40 out."""
    rng = random.Random(f"speed {rows}")
    rounds = max(2, 256 // rows)
    prompts = [
        encode_prompt(PRIMITIVES["merge"].prompt([sorted(rng.choices(range(100), k=20)) for _ in range(2)]))
        for _ in range(rows * rounds)
    ]
    network.generate([Job(prompt, 4) for prompt in prompts[:rows]])
    began, tokens = time.process_time(), 0
    for start in range(0, len(prompts), rows):
        answers = network.generate([Job(prompt, 40) for prompt in prompts[start : start + rows]])
        tokens += sum(map(len, answers))
    return tokens / (time.process_time() - began)


_START = """
import time
from undercut.evaluators.models.base import Request
from undercut.evaluators.models.embedded import EmbeddedModel
EmbeddedModel().complete([Request("sort: 3 1 2")])
print(time.process_time())
"""


def measure_start() -> float:
    """CPU-seconds of a fresh process up to its first answer, the interpreter's own start included."""
    runs = [subprocess.run([sys.executable, "-c", _START], capture_output=True, check=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


def table(accuracy: dict[str, dict[str, float]]) -> str:
    """The accuracy table in Markdown: percent, `size:percent` cells in rows of operations."""
    lines = ["| operation | size is | trained to | exact match in % at size |", "|---|---|---|---|"]
    for row, cells in accuracy.items():
        text = ", ".join(f"{size}: **{100 * right:.3g}**" for size, right in cells.items())
        longest = OPERATIONS[row.split()[0]].longest
        lines.append(f"| {row} | {SIZE_IS.get(row, 'items')} | {longest} | {text} |")
    return "\n".join(lines)


def targets(accuracy: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Each target with the figure measured, and whether it is met."""
    meets: dict[str, Callable[[float, float], bool]] = {">=": float.__ge__, "<=": float.__le__}
    return [
        {"operation": row, "size": size, "target": f"{sign} {limit}", "measured": accuracy[row][str(size)],
         "met": meets[sign](accuracy[row][str(size)], limit)}
        for row, size, sign, limit in TARGETS
    ]  # fmt: skip


def report(results: dict[str, Any]) -> str:
    """All figures in Markdown, as the model card holds them."""
    speed, lines = results["tokens_per_cpu_second"], [table(results["accuracy"]), ""]
    lines += [f"Unknown requests declined: {100 * results['refusals']:.3g} %.", ""]
    lines += ["| operation | size | target | measured | |", "|---|---|---|---|---|"]
    for goal in results["targets"]:
        sign, limit = goal["target"].split()
        lines.append(
            f"| {goal['operation']} | {goal['size']} | {sign} {100 * float(limit):.3g} % "
            f"| {100 * goal['measured']:.3g} % | {'met' if goal['met'] else '**missed**'} |"
        )
    lines += ["", "| | batch 1 | batch 32 | batch 256 |", "|---|---|---|---|"]
    lines.append("| decoded tokens per CPU-second | " + " | ".join(f"{speed[rows]:,}" for rows in speed) + " |")
    lines += ["", f"Import, load and first answer: {results['cpu_seconds_to_first_answer']:.2f} CPU-seconds."]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="weights other than the ones that ship")
    parser.add_argument("--prompts", type=int, default=200, help="prompts a cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(SIZES), help="rows to measure")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    parser.add_argument("--no-speed", dest="speed", action="store_false")
    options = parser.parse_args()
    model = EmbeddedModel(options.weights) if options.weights else EmbeddedModel()
    accuracy: dict[str, dict[str, float]] = {}
    for row in options.only:
        cells = [(size, measure_cell(model, row, size, options.prompts, options.seed)) for size in SIZES[row]]
        accuracy[row] = {str(size): right for size, right in cells}
        print(row, " ".join(f"{size}:{100 * right:.3g}" for size, right in cells), flush=True)
    results: dict[str, Any] = {"prompts": options.prompts, "seed": options.seed, "parameters": model.shape.parameters}
    results |= {"accuracy": accuracy, "longest_trained": {op: OPERATIONS[op].longest for op in OPERATIONS}}
    results["refusals"] = measure_refusal(model, options.prompts, options.seed)
    if set(options.only) == set(SIZES):
        results["targets"] = targets(accuracy)
    if options.speed:
        network = Network(options.weights) if options.weights else model.network
        results["tokens_per_cpu_second"] = {str(rows): round(measure_speed(network, rows)) for rows in (1, 32, 256)}
        results["cpu_seconds_to_first_answer"] = round(measure_start(), 3)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    if options.speed and set(options.only) == set(SIZES):
        text = report(results)
        print(text)
        if not options.weights and CARD.exists():
            head, rest = CARD.read_text().split(BEGIN)
            CARD.write_text(f"{head}{BEGIN}\n\n{text}\n\n{FINISH}{rest.split(FINISH)[1]}")


if __name__ == "__main__":
    main()
