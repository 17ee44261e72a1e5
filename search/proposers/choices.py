"""Genomes made choice by choice, for proposers that learn which choices pay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, TypeAlias

from undercut.spaces.genome import Expression, GeneValue, Genome, Input
from undercut.spaces.normal import normal
from undercut.spaces.operators.base import Form
from undercut.spaces.space import Space, Want, assemble, slots

KEPT = 0.5
"""Share of the choices that are kept where others are let go."""

Made: TypeAlias = dict[str, int]
"""The choices of a genome, by what they are called: places among the values there are."""


class Builder:
    """Builds genomes of a space from choices, and lets go of some choices where the genome is known already.

    Args:
        space: what the genomes are to be of.
        generator: makes the choices that nobody else makes.
        together: sets of genes of a node up to which they are one choice.

    Attributes:
        among: the values of every choice that was ever made, by what it is called.
    """

    def __init__(self, space: Space, generator: random.Random, together: int) -> None:
        self.among: dict[str, list[Any]] = {}
        self._space = space
        self._generator = generator
        self._together = together

    def built(self, pick: Callable[[str], int]) -> tuple[Genome, Made]:
        """A genome whose choices `pick` makes by their names; and all choices that were made."""
        made: Made = {}

        def choose(name: str, values: list[Any]) -> Any:
            name = f"{name}/{len(values)}"  # the same choice may be among fewer where there is less room
            self.among.setdefault(name, values)
            made[name] = pick(name)
            return values[made[name]]

        return normal(_Choices(self._space, choose, self._together).genome()), made

    def varied(self, wanted: Mapping[str, int]) -> tuple[Genome, Made]:
        """A genome with these choices, where it comes to make them, and random others."""
        draw = self._generator.randrange
        return self.built(lambda name: wanted[name] if name in wanted else draw(len(self.among[name])))

    def unlike(self, genome: Genome, made: Made, known: Callable[[Genome], bool]) -> tuple[Genome, Made]:
        """The genome if it is not known; else one that keeps some of its choices, ever fewer until it is not."""
        wanted = made
        while wanted and known(genome):
            wanted = self.some(wanted)
            genome, made = self.varied(wanted)
        return genome, made

    def some(self, made: Made) -> Made:
        """Some of these choices, drawn anew each time."""
        return {name: place for name, place in made.items() if self._generator.random() < KEPT}


class _Choices:
    """Builds one genome; `choose` is given what a choice is called and the values there are, and gives one of these."""

    def __init__(self, space: Space, choose: Callable[[str, list[Any]], Any], together: int) -> None:
        self._space = space
        self._choose = choose
        self._together = together
        self._before: Counter[str] = Counter()

    def genome(self) -> Genome:
        """The whole genome."""
        return Genome(self._build(self._space.want, self._space.max_size))

    def _build(self, want: Want, room: int) -> Expression:
        """Choose what stands at a place: an input or an operator, then its form, its genes and its parts."""
        space = self._space
        ready = [] if want.work else [index for index, kind in enumerate(want.inputs) if kind == want.target]
        needs = {form: need for form, need in space.priced(want) if need <= space.max_size}
        forms = list(needs)
        names = list(dict.fromkeys(form.op for form in forms))
        here = f"{want.target}<{','.join(map(str, want.inputs))}" + "!" * want.work + want.under
        self._before[here] += 1
        here += f"#{self._before[here]}"
        if ready and not any(need <= room for need in needs.values()):
            return Input(int(self._one_of(f"{here}/x", ready)))
        choice = self._one_of(here, [*(f"x{index}" for index in ready), *names])
        if choice not in names:
            return Input(int(str(choice)[1:]))
        mine = [form for form in forms if form.op == choice]
        form = mine[int(self._one_of(f"{here}/{choice}", list(range(len(mine)))))]
        if needs[form] > room:
            form = min(forms, key=lambda each: needs[each])
        return self._fill(form, want, room - int(needs[form]), f"{here}/{form.op}{forms.index(form)}")

    def _fill(self, form: Form, want: Want, spare: int, here: str) -> Expression:
        space = self._space
        sets = list(product(*(gene.values for gene in form.genes)))
        if len(sets) <= self._together:
            chosen = sets[int(self._one_of(f"{here}.genes", list(range(len(sets)))))]
        else:
            chosen = tuple(self._one_of(f"{here}.{gene.name}", list(gene.values)) for gene in form.genes)
        genes = dict(zip((gene.name for gene in form.genes), chosen, strict=True))
        parts: list[Expression] = []
        for part in slots(form, want):
            least = space.least(part) or 0
            parts.append(self._build(part, least + spare))
            spare -= parts[-1].size - least
        return assemble(form, parts, genes)

    def _one_of(self, name: str, values: list[Any]) -> GeneValue:
        chosen: GeneValue = self._choose(name, values) if len(values) > 1 else values[0]
        return chosen
