"""bayes: Optuna's tree-structured Parzen estimator over the choices that make a genome."""

from __future__ import annotations

import math
from typing import Any

import optuna

from undercut.spaces.genome import Expression, Genome, Input
from undercut.spaces.operators.base import Form
from undercut.spaces.space import Space, Want, assemble, slots

WINDOW = 300
"""Trials that the sampler sees: its cost grows with every one."""


class Bayes:
    """Builds a genome choice by choice, define-by-run, and lets TPE learn which choices pay.

    The study lives in memory and holds the latest trials alone. `group=True` is what makes the multivariate sampler
    see branches: parameters that occur together are modelled together.

    Source: Bergstra et al. 2011 (NeurIPS 24); Falkner et al. 2018 (arXiv 1807.01774) for the multivariate form.
    """

    batch = 60

    def __init__(self, space: Space, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._seed = seed
        self._asked = 0
        self._open: dict[Genome, optuna.Trial] = {}
        self._study = self._fresh()

    def _fresh(self) -> optuna.Study:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                multivariate=True, group=True, n_startup_trials=60, seed=self._seed + self._asked
            )
        return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)

    def ask(self) -> Genome | None:
        """A genome of the sampler's choices."""
        if len(self._study.trials) >= 2 * WINDOW:
            done = [trial for trial in self._study.trials if trial.state.is_finished()][-WINDOW:]
            self._study = self._fresh()
            self._study.add_trials(done)
            self._open.clear()
        self._asked += 1
        trial = self._study.ask()
        genome = Genome(self._build(trial, self._space.want, self._space.max_size, ""))
        if genome in self._open:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._open[genome] = trial
        return genome

    def tell(self, genome: Genome, accuracy: float, cost: float) -> None:
        """Finish the genome's trial; news of a finished one is not told again."""
        trial = self._open.pop(genome, None)
        if trial is not None:
            worth = math.log(cost) if 0 < cost < math.inf else 50.0
            self._study.tell(trial, (accuracy, worth))

    def _build(self, trial: optuna.Trial, want: Want, room: int, path: str) -> Expression:
        """Choose what stands at a place: an input or an operator, then its form, its genes and its parts."""
        space = self._space
        ready = [] if want.work else [index for index, kind in enumerate(want.inputs) if kind == want.target]
        forms = [form for form in space.forms(want) if space.need(form, want) <= space.max_size]
        names = list(dict.fromkeys(form.op for form in forms))
        here = f"{path}{want.target}<{','.join(map(str, want.inputs))}"
        choice = trial.suggest_categorical(here, [*(f"x{index}" for index in ready), *names])
        if choice.startswith("x") and choice[1:].isdigit():
            return Input(int(choice[1:]))
        mine = [form for form in forms if form.op == choice]
        form = mine[trial.suggest_categorical(f"{here}/{choice}", list(range(len(mine))))]
        if space.need(form, want) > room:
            if ready:
                return Input(ready[0])
            form = min(forms, key=lambda each: space.need(each, want))
        return self._fill(trial, form, want, room, f"{here}/{form.op}{forms.index(form)}")

    def _fill(self, trial: optuna.Trial, form: Form, want: Want, room: int, path: str) -> Expression:
        space = self._space
        genes: dict[str, Any] = {}
        for gene in form.genes:
            values = list(gene.values)
            genes[gene.name] = trial.suggest_categorical(f"{path}.{gene.name}", values) if len(values) > 1 else values[0]
        spare = room - int(space.need(form, want))
        parts: list[Expression] = []
        for slot, part in enumerate(slots(form, want)):
            least = space.least(part) or 0
            parts.append(self._build(trial, part, least + spare, f"{path}.{slot}:"))
            spare -= Genome(parts[-1]).size - least
        return assemble(form, parts, genes)
