"""The rivals: each names genomes of the same space, and sees what trying them on all problems shows.

None of them has a forecast, a calibration, a race or a fresh set. Each is there plainly, paying for whatever it tries,
and lent what `LentBench` lends: what is wrong by construction, or too dear, is then told it as accuracy 0 at the
highest cost, at no charge.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import optuna
from bench import worth
from contest import Contest
from deap import base, tools
from islands import openevolve
from reflective import gepa_as_shipped, gepa_in_full

from undercut.spaces.genome import Expression, Genome, Input
from undercut.spaces.space import Space, Want, assemble, slots
from undercut.spaces.variation import crossover, mutate

Rival: TypeAlias = Callable[[Space, Contest, int], None]
"""`rival(space, contest, seed)` tries genomes in the contest until that raises that it is over."""

POPULATION = 40


def at_random(space: Space, contest: Contest, seed: int) -> None:
    """Independent draws."""
    generator = random.Random(f"rival/{seed}")
    while True:
        contest.tried(space.sample(generator))


def optuna_tpe(space: Space, contest: Contest, seed: int) -> None:
    """Optuna's TPE over two objectives, with its defaults."""
    _optuna(optuna.samplers.TPESampler(seed=seed), space, contest)


def optuna_nsga2(space: Space, contest: Contest, seed: int) -> None:
    """Optuna's NSGA-II, with its defaults but for the size of the population."""
    _optuna(optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION), space, contest)


def _optuna(sampler: optuna.samplers.BaseSampler, space: Space, contest: Contest) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, directions=["maximize", "minimize"])
    while True:
        trial = study.ask()
        study.tell(trial, worth(contest.tried(Genome(flattened(space, trial, space.want, space.max_size, "g")))))


def flattened(space: Space, trial: optuna.Trial, want: Want, room: int, path: str) -> Expression:
    """A genome of the trial's choices, define-by-run: at every place what stands there, then its genes and parts."""
    ready = [] if want.work else [Input(i) for i, kind in enumerate(want.inputs) if kind == want.target]
    forms = [form for form in space.forms(want) if space.need(form, want) <= room]
    here = f"{path}:{want.target}<{','.join(map(str, want.inputs))}{want.work}{want.under}:{len(forms)}"
    choice = int(trial.suggest_categorical(here, list(range(len(ready) + len(forms)))))
    if choice < len(ready):
        return ready[choice]
    form = forms[choice - len(ready)]
    genes = {
        gene.name: trial.suggest_categorical(f"{here}/{choice}.{gene.name}", list(gene.values))
        if len(gene.values) > 1
        else gene.values[0]
        for gene in form.genes
    }
    spare, parts = room - int(space.need(form, want)), list[Expression]()
    for slot, part in enumerate(slots(form, want)):
        least = space.least(part) or 0
        parts.append(flattened(space, trial, part, least + spare, f"{path}.{slot}"))
        spare -= Genome(parts[-1]).size - least
    return assemble(form, parts, genes)


class _Worth(base.Fitness):  # type: ignore[misc]
    """Accuracy up, cost down."""

    weights = (1.0, -1.0)


class _Individual:
    """A genome with what trying it showed, in the form that DEAP's selection reads."""

    def __init__(self, genome: Genome, values: tuple[float, float]) -> None:
        self.genome = genome
        self.fitness = _Worth()
        self.fitness.values = values


def deap_nsga2(space: Space, contest: Contest, seed: int) -> None:
    """DEAP's NSGA-II, (μ + λ), on this project's typed mutation and crossover."""
    generator = random.Random(f"rival/{seed}")
    members: list[Any] = []
    while True:
        if members:
            children = [_child(space, members, generator) for _ in range(POPULATION)]
        else:
            children = [space.sample(generator) for _ in range(POPULATION)]
        members += [_Individual(genome, worth(contest.tried(genome))) for genome in children]
        members = tools.selNSGA2(members, POPULATION, nd="log")


def _child(space: Space, members: list[Any], generator: random.Random) -> Genome:
    one, other = (_better(*generator.choices(members, k=2)).genome for _ in range(2))
    return crossover(space, one, other, generator) if generator.random() < 0.5 else mutate(space, one, generator)


def _better(one: Any, other: Any) -> Any:
    return other if other.fitness.dominates(one.fitness) else one


RIVALS: Mapping[str, Rival] = {
    "random": at_random,
    "optuna tpe": optuna_tpe,
    "optuna nsga-ii": optuna_nsga2,
    "deap nsga-ii": deap_nsga2,
    "gepa": gepa_in_full,
    "gepa as shipped": gepa_as_shipped,
    "openevolve": openevolve,
}
"""All try every proposal in full, as it comes, but for GEPA as it ships."""
FRUGAL = ("gepa as shipped",)
LENDABLE = ("random", "optuna tpe", "optuna nsga-ii", "deap nsga-ii")
"""Rivals that are run on what we lend, too."""
PACKAGES = {"gepa": "gepa", "gepa as shipped": "gepa", "openevolve": "openevolve"}
"""What a rival needs that the project does not, and the command that installs it:"""
INSTALL = "pip install -e '.[experiments]'"
