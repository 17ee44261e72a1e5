"""The rivals: each names genomes of the same space, and sees what trying them on all problems shows.

None of them has a forecast, a calibration, a race or a fresh set. All are lent what `Bench` lends. What is wrong by
construction, or too dear, is told them as accuracy 0 at the highest cost, at no charge.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import optuna
from bench import Bench, Tried
from deap import base, tools

from undercut.spaces.genome import Expression, Genome, Input
from undercut.spaces.space import Space, Want, assemble, slots
from undercut.spaces.variation import crossover, mutate

Rival: TypeAlias = Callable[[Space, Bench, int], Iterator[Tried | None]]
"""`rival(space, bench, seed)` tries genomes for ever, and gives what each trial showed."""

WORST = (0.0, 20.0)
"""Accuracy and log cost of what was not worth a trial."""
POPULATION = 40


def worth(tried: Tried | None) -> tuple[float, float]:
    """Accuracy and log cost, as optimisers are told."""
    return WORST if tried is None else (tried.accuracy, math.log(tried.cost))


def at_random(space: Space, bench: Bench, seed: int) -> Iterator[Tried | None]:
    """Independent draws."""
    generator = random.Random(f"rival/{seed}")
    while True:
        yield bench.tried(space.sample(generator))


def optuna_tpe(space: Space, bench: Bench, seed: int) -> Iterator[Tried | None]:
    """Optuna's TPE over two objectives, with its defaults."""
    return _optuna(optuna.samplers.TPESampler(seed=seed), space, bench)


def optuna_nsga2(space: Space, bench: Bench, seed: int) -> Iterator[Tried | None]:
    """Optuna's NSGA-II, with its defaults but for the size of the population."""
    return _optuna(optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION), space, bench)


def _optuna(sampler: optuna.samplers.BaseSampler, space: Space, bench: Bench) -> Iterator[Tried | None]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, directions=["maximize", "minimize"])
    while True:
        trial = study.ask()
        tried = bench.tried(Genome(flattened(space, trial, space.want, space.max_size, "g")))
        study.tell(trial, worth(tried))
        yield tried


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


def deap_nsga2(space: Space, bench: Bench, seed: int) -> Iterator[Tried | None]:
    """DEAP's NSGA-II, (μ + λ), on this project's typed mutation and crossover."""
    generator = random.Random(f"rival/{seed}")
    members: list[Any] = []
    while True:
        if members:
            children = [_child(space, members, generator) for _ in range(POPULATION)]
        else:
            children = [space.sample(generator) for _ in range(POPULATION)]
        for genome in children:
            tried = bench.tried(genome)
            members.append(_Individual(genome, worth(tried)))
            yield tried
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
}
