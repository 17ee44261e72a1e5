"""One contract for every strategy."""

from __future__ import annotations

import importlib.util
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from undercut.evaluators.tasks import TASKS
from undercut.search.proposers import STRATEGIES, open_proposer
from undercut.search.proposers.base import Proposer
from undercut.spaces.errors import MissingExtraError, UsageError
from undercut.spaces.genome import Genome
from undercut.spaces.normal import normal
from undercut.spaces.space import Space

COUNT = {"gp": 50}
"""Genomes asked for; more than what `bayes` and `gp` draw at random before they learn."""
HAS_GP = all(importlib.util.find_spec(package) for package in ("torch", "scipy"))
EVERY = [
    pytest.param(name, marks=pytest.mark.skipif(name == "gp" and not HAS_GP, reason="needs torch: the extra `gp`"))
    for name in STRATEGIES
]


def space_of(task: str = "sum", max_size: int = 5) -> Space:
    found = TASKS[task]
    return Space(found.signature, found.toolbox(["small", "large"]), max_size=max_size)


def worth(genome: Genome) -> tuple[float, float]:
    """Some accuracy and cost, the extremes among them."""
    draw = random.Random(genome.key)
    accuracy = draw.choice([0.0, 0.0, 1.0, draw.random()])
    return (accuracy, 10.0 + genome.size * draw.random()) if accuracy else (0.0, draw.choice([math.inf, 0.0]))


def asked(proposer: Proposer, count: int = 90) -> Iterator[Genome]:
    """Genomes as a search asks for them: told in their normal form, with later news now and then."""
    seen: list[Genome] = []
    for number in range(count):
        genome = proposer.ask()
        if genome is None:
            return
        yield genome
        seen.append(normal(genome))
        proposer.tell(seen[-1], *worth(seen[-1]))
        if number % 20 == 19:
            for old in seen:
                accuracy, cost = worth(old)
                proposer.tell(old, accuracy * 0.9, cost)


@pytest.mark.parametrize("strategy", EVERY)
def test_same_seed_same_genomes(strategy: str) -> None:
    count = COUNT.get(strategy, 90)
    runs = [[genome.key for genome in asked(open_proposer(strategy, space_of(), seed), count)] for seed in (3, 3, 4)]
    assert len(runs[0]) == count
    assert runs[0] == runs[1]
    assert strategy == "exhaustive" or runs[0] != runs[2]


@pytest.mark.parametrize("strategy", [each for each in EVERY if each.values[0] in ("bayes", "gp")])
def test_what_is_known_is_hardly_ever_proposed_again(strategy: str) -> None:
    proposer = open_proposer(strategy, space_of("sort", 4), 0)
    many = 100 if strategy == "gp" else 300
    seen = set()
    for _ in range(many):
        genome = normal(proposer.ask() or pytest.fail("none left"))
        seen.add(genome)
        proposer.tell(genome, 1.0 if genome.size == 1 else 0.0, 100.0)  # few are worth anything, all of them alike
    assert len(seen) > 0.9 * many


@pytest.mark.parametrize("strategy", EVERY)
def test_same_genomes_in_another_process(strategy: str) -> None:
    code = (
        "import sys, json, importlib.util as u; s = u.spec_from_file_location('contract', sys.argv[1]); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); "
        "print(json.dumps([g.key for g in m.asked(m.open_proposer(sys.argv[2], m.space_of(), 3), int(sys.argv[3]))]))"
    )
    count = COUNT.get(strategy, 90)
    command = [sys.executable, "-c", code, __file__, strategy, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [genome.key for genome in asked(open_proposer(strategy, space_of(), 3), count)]


@pytest.mark.parametrize("strategy", EVERY)
@pytest.mark.parametrize("task", ["sort", "count"])
def test_every_genome_is_of_its_space(strategy: str, task: str) -> None:
    space = space_of(task, 8)
    for genome in asked(open_proposer(strategy, space, 0), {"bayes": 60, "gp": 44}.get(strategy, 300)):
        space.validate(genome)


@pytest.mark.parametrize("strategy", EVERY)
def test_a_batch_is_worth_asking_for(strategy: str) -> None:
    assert open_proposer(strategy, space_of(), 0).batch >= 1


@pytest.mark.parametrize("strategy", EVERY)
def test_what_was_never_asked_for_can_be_told(strategy: str) -> None:
    space = space_of()
    proposer = open_proposer(strategy, space, 0)
    for genome in space.enumerate(5):
        for accuracy, cost in ((0.0, math.inf), (1.0, 0.0), (0.5, math.inf), (0.5, 1e12)):
            proposer.tell(genome, accuracy, cost)
    assert proposer.ask() is not None


def test_exhaustive_names_the_whole_space_once() -> None:
    space = space_of("maximum", 2)
    proposer = open_proposer("exhaustive", space, 0)
    found = list(asked(proposer, 10**6))
    assert found == list(space.enumerate())
    assert len(found) == len(set(found)) == space.count()
    assert proposer.ask() is None


@pytest.mark.parametrize("strategy", [each for each in EVERY if each.values[0] in ("evolution", "bayes", "gp")])
def test_what_pays_is_proposed_more_often(strategy: str) -> None:
    space = space_of("sort", 4)

    def share(learnt: bool) -> float:
        proposer = open_proposer(strategy, space, 1)
        for _ in getattr(proposer, "_first", ()):  # past what evolution tries before it begins
            pass
        good = []
        many = 120 if strategy == "gp" else 200
        for _ in range(many):
            genome = normal(proposer.ask() or pytest.fail("none left"))
            good.append(any(node.op == "vote" for node in genome.walk()))
            accuracy = 0.9 if good[-1] or not learnt else 0.1
            proposer.tell(genome, accuracy, 100.0)
        return sum(good[many // 2 :]) / len(good[many // 2 :])

    assert share(learnt=True) > share(learnt=False) + 0.1


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"--strategy gp needs .*torch.*pip install 'undercut\[gp\]'"):
        open_proposer("gp", space_of(), 0)


def test_unknown_strategy_is_refused() -> None:
    with pytest.raises(UsageError, match="evolution, bayes, gp, random, exhaustive"):
        open_proposer("annealing", space_of(), 0)
