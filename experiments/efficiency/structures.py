"""Structures found against those that people designed, at n = 32, 64 and 128: true accuracy and tokens side by side.

    python experiments/efficiency/structures.py             sorting and set intersection, ten searches each
    python experiments/efficiency/structures.py --small     sorting at 32, two searches

The designs of Graph of Thoughts are written as genomes with its chunks of 16 and its numbers of samples. Where it keeps
the best sample by a scorer that knows the answer, the commonest sample is kept here, since nobody has such a scorer
when it counts; it has no refinement, since there is no primitive for it, and a second level of a tree of thoughts asks
the same again of what came out. All structures, found or designed, use the same primitives, prompts and model. What
each is worth is measured on fresh runs that no search has seen.

Source: Besta et al. 2024, Graph of Thoughts (arXiv 2308.09687), sections 5.1 and 5.2; Yao et al. 2023, Tree of Thoughts
(arXiv 2305.10601); Wang et al. 2022, self-consistency (arXiv 2203.11171).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from typing import Any

from metered import Metered, simulated
from results import keep, say, table
from summary import median_of
from world import World

from undercut.evaluators.tasks import open_task
from undercut.search.run import run_search
from undercut.search.settings import Settings
from undercut.spaces.genome import Expression, Genome, Input, Node, call

MODEL = "simulated/gpt-3.5"
SIZES = (32, 64, 128)
CHUNK = 16
RUNS = 400
"""Fresh runs that accuracies and tokens rest on."""
SLACK = 0.02
"""Two accuracies so far apart count as equal: about one standard error of the runs."""


def vote(samples: int, body: Expression, *inputs: Expression) -> Node:
    """The commonest of so many samples."""
    return Node("vote", inputs, {"rule": "majority", "votes": samples}, [Genome(body)])


def sorting() -> Mapping[str, Genome]:
    """Designs for sorting."""
    ask, pair = call("sort", Input(0)), call("merge", Input(0), Input(1))
    warm = call("sort", Input(0), temperature=0.7)
    chunks = Node("split", [Input(0)], {"size": CHUNK, "overlap": 0})

    def merged(each: Expression, both: Expression) -> Genome:
        lists = Node("map", [chunks], {}, [Genome(each)])
        return Genome(Node("reduce", [lists], {"arity": 2, "shape": "tree"}, [Genome(both)]))

    warm_pair = call("merge", Input(0), Input(1), temperature=0.7)
    return {
        "one call": Genome(ask),
        "self-consistency, 5": Genome(vote(5, warm, Input(0))),
        "tree of thoughts, 20 samples, two levels": Genome(vote(20, warm, vote(20, warm, Input(0)))),
        "chunk and merge": merged(ask, pair),
        "graph of thoughts, 5 and 10 samples": merged(vote(5, warm, Input(0)), vote(10, warm_pair, Input(0), Input(1))),
    }


def intersecting() -> Mapping[str, Genome]:
    """Designs for set intersection; as in Graph of Thoughts, it is the second set that is split."""
    warm = call("intersect", Input(0), Input(1), temperature=0.7)
    swapped = {"temperature": 0.7}
    chunks = Node("split", [Input(1)], {"size": CHUNK, "overlap": 0})

    def joined(each: Expression) -> Genome:
        return Genome(Node("join", [Node("map", [chunks, Input(0)], {}, [Genome(each)])]))

    once = Genome(call("intersect", Input(0), Input(1)))
    sampled = vote(20, warm, Input(0), Input(1))
    return {
        "one call": once,
        "self-consistency, 5": Genome(vote(5, warm, Input(0), Input(1))),
        "tree of thoughts, 20 samples, two levels": Genome(vote(20, warm, sampled, Input(1))),
        "chunk and join": joined(call("intersect", Input(1), Input(0))),
        "graph of thoughts, 5 samples": joined(
            vote(5, call("intersect", Input(1), Input(0), **swapped), Input(0), Input(1))
        ),
    }


DESIGNS = {"sort": sorting, "intersection": intersecting}


def found_at(name: str, n: int, seed: int, evaluations: int) -> list[Genome]:
    """The front of one search whose largest size is n."""
    task = open_task(name)
    settings = Settings(name, (MODEL,), sizes=(n // 4, n // 2, n), target_size=n, seed=seed, evaluations=evaluations)
    with tempfile.TemporaryDirectory() as folder:
        found = run_search(settings, f"{folder}/run", task=task, models=[Metered(simulated(MODEL, seed))])
    return [Genome.from_dict(item["genome"]) for item in found["front"]]


def compared(name: str, n: int, seeds: int, evaluations: int) -> dict[str, Any]:
    """All structures at one size; and of each search the cheapest one that equals the most accurate design."""
    world = World(open_task(name), MODEL)

    def row(kind: str, genome: Genome) -> dict[str, Any]:
        accuracy, tokens = world.truth(genome, n, RUNS)
        return {"kind": kind, "structure": str(genome), "accuracy": accuracy, "tokens": tokens}

    rows = [row(kind, genome) for kind, genome in DESIGNS[name]().items()]
    most = max(each["accuracy"] for each in rows)
    best = min((each for each in rows if each["accuracy"] >= most - SLACK), key=lambda each: each["tokens"])
    shares: list[float | None] = []
    for seed in range(seeds):
        found = [row("found", genome) for genome in found_at(name, n, seed, evaluations)]
        equals = [each["tokens"] for each in found if each["accuracy"] >= best["accuracy"] - SLACK]
        shares.append(min(equals) / best["tokens"] if equals else None)
        rows += found if seed == 0 else []
        say(f"{name}, n = {n}, seed {seed}: {told(shares[-1])}")
    return {
        "task": name,
        "n": n,
        "rows": rows,
        "best_design": best["kind"],
        "tokens_at_equal_accuracy": median_of(shares),
        "tokens_at_equal_accuracy_by_seed": shares,
    }


def told(share: float | None) -> str:
    """A share of the best design's tokens."""
    return "none is as accurate" if share is None else f"{share:.2f}"


def main() -> None:
    """Search, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="searches of each task and size")
    parser.add_argument("--evaluations", type=int, default=16, help="genomes that a search runs")
    parser.add_argument("--small", action="store_true", help="sorting at 32, two searches")
    asked = parser.parse_args()
    for name, n in [("sort", 32)] if asked.small else [(name, n) for n in SIZES for name in DESIGNS]:
        part = compared(name, n, 2 if asked.small else asked.seeds, asked.evaluations)
        keep("structures", {f"{name} {n}": part})
        low, middle, high = map(told, part["tokens_at_equal_accuracy"])
        share = f"share of its tokens at equal accuracy {middle} (quartiles {low}, {high})"
        rows = [(r["kind"], f"{r['accuracy']:.2f}", f"{r['tokens']:,.0f}", r["structure"]) for r in part["rows"]]
        print(f"\n{name}, n = {n}: against {part['best_design']}, {share}\n")
        print(table(("", "accuracy", "tokens", "structure"), rows), flush=True)


if __name__ == "__main__":
    main()
