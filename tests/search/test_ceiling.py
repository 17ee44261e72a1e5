"""What is too dear follows from what a right answer costs with the best that is known."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from undercut.search.ceiling import Ceiling
from undercut.spaces.genome import Genome, Input, call

GENOMES = [Genome(call("sum", Input(0), prompt=index)) for index in range(6)]
WORTHS = st.tuples(st.sampled_from([0.0, 0.05, 0.5, 1.0]), st.floats(1, 1e4), st.floats(1, 1e4))


def test_what_is_next_to_never_right_is_no_measure() -> None:
    ceiling = Ceiling(32)
    rarely, mostly, absurd = GENOMES[:3]
    ceiling.add(rarely, 0.05, 1.0, 1.0)
    ceiling.add(mostly, 0.9, 40.0, 40.0)
    ceiling.add(absurd, 1.0, 1000.0, 1000.0)
    assert ceiling.allows(mostly)
    assert not ceiling.allows(absurd)


def test_work_has_a_ceiling_of_its_own() -> None:
    ceiling = Ceiling(10)
    ceiling.add(GENOMES[0], 1.0, 5.0, 10.0)
    ceiling.add(GENOMES[1], 1.0, 5.0, 101.0)
    assert not ceiling.allows(GENOMES[1])


def test_what_sets_the_ceiling_may_turn_out_to_be_worse() -> None:
    ceiling = Ceiling(2)
    cheap, dear = GENOMES[:2]
    ceiling.add(cheap, 1.0, 1.0, 1.0)
    ceiling.add(dear, 1.0, 10.0, 10.0)
    assert not ceiling.allows(dear)
    ceiling.add(cheap, 0.01, 1.0, 1.0)
    assert ceiling.allows(dear)


@given(st.lists(st.tuples(st.sampled_from(GENOMES), WORTHS), min_size=1, max_size=20))
def test_the_ceiling_is_that_of_what_is_known_now(news: list[tuple[Genome, tuple[float, float, float]]]) -> None:
    ceiling, known = Ceiling(3), dict[Genome, tuple[float, float, float]]()
    for genome, (accuracy, cost, work) in news:
        ceiling.add(genome, accuracy, cost, work)
        known[genome] = accuracy, cost, work
    least, least_work = (
        min((each[place] / each[0] for each in known.values() if each[0] > 0), default=math.inf) for place in (1, 2)
    )
    for genome, (_, cost, work) in known.items():
        assert ceiling.allows(genome) == (cost <= 3 * least and work <= 3 * least_work)
    assert not ceiling.would_fall(0.0, 0.0, 0.0)
    assert ceiling.would_fall(1.0, least / 2, math.inf) == math.isfinite(least)
