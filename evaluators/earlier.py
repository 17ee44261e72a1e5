"""What a run has measured of single calls, for runs to come: told apart by model and wording, not by their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from undercut.evaluators.calibrate import Calibration, Failed
from undercut.evaluators.fitting import Cell, Key
from undercut.evaluators.identity import wording_key
from undercut.evaluators.success import Asked
from undercut.spaces.errors import RunFolderError
from undercut.spaces.primitive import Primitive

FEW = 0.1
"""Share of a run's calls that may count twice: that much two runs may have in common by chance."""


class Way(msgspec.Struct, frozen=True):
    """How calls were asked: the model's identity, a digest of primitive and wording, and the temperature."""

    model: str
    wording: str
    temperature: float


class Counts(msgspec.Struct, frozen=True):
    """Sums over the calls that were asked in one way on inputs of these sizes, in items."""

    way: Way
    sizes: tuple[float, ...]
    cell: Cell


class Repeated(msgspec.Struct, frozen=True):
    """A question whose first answer was wrong, and what its further samples were; see `Failed`.

    In `again` and `pairs` each entry says whether items were shuffled, and the two counts.
    """

    way: Way
    sizes: tuple[float, ...]
    first: str
    again: tuple[tuple[bool, int, int], ...]
    pairs: tuple[tuple[bool, int, int], ...]


class Measured(msgspec.Struct, frozen=True):
    """A run's calibration as its folder keeps it.

    Attributes:
        inputs: digest of all that decides which calls the run's first calibration asked; "" where it began with what
            other runs had measured.
        keys: of the answers that were counted.
    """

    inputs: str
    cells: tuple[Counts, ...]
    repeated: tuple[Repeated, ...]
    keys: tuple[str, ...]
    version: Literal[1] = 1

    @classmethod
    def of(
        cls, calibration: Calibration, inputs: str, models: Sequence[str], primitives: Mapping[str, Primitive]
    ) -> Measured:
        """What a calibration has counted, with the identities of the run's models in their order."""

        def way(key: Key) -> Way:
            wording = wording_key(primitives[key.primitive], key.asked.prompt)
            return Way(models[key.asked.model], wording, key.asked.temperature)

        cells = (
            Counts(way(key), sizes, cell)
            for key, by_size in calibration.cells.items()
            for sizes, cell in by_size.items()
        )
        repeated = (
            Repeated(way(each.key), each.sizes, each.first, _flat(each.again), _flat(each.pairs))
            for each in calibration.failed.values()
            if each.again
        )
        cold = "" if calibration.earlier else inputs
        return cls(cold, tuple(cells), tuple(repeated), tuple(sorted(calibration.keys)))


def to_json(runs: Sequence[Measured]) -> bytes:
    """What runs have measured, in the form that `read_all` reads."""
    return msgspec.json.encode(runs)


def read_all(path: Path) -> tuple[Measured, ...]:
    """Read what runs have measured from a file.

    Raises:
        RunFolderError: it cannot be read, or is not what a run of this version writes.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Measured, ...], dec_hook=_counter)
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{path} must be as a run of this version wrote it, and is not: {error}; without it single calls are "
            "measured anew"
        ) from error


def learned(earlier: Sequence[Measured], models: Sequence[str], primitives: Mapping[str, Primitive]) -> Calibration:
    """A calibration that begins with what earlier runs measured of these models and primitives.

    Where more than a few of a run's calls were counted by another one too, which has counted more, it is left out.
    """
    wordings = {
        wording_key(primitive, prompt): (name, prompt)
        for name, primitive in primitives.items()
        for prompt in range(len(primitive.prompts))
    }
    cells: dict[Key, dict[tuple[float, ...], Cell]] = {}
    failed: dict[str, Failed] = {}
    keys: set[str] = set()

    def key_of(way: Way) -> Key | None:
        if way.model not in models or way.wording not in wordings:
            return None
        name, prompt = wordings[way.wording]
        return Key(name, Asked(models.index(way.model), prompt, way.temperature))

    for run in sorted(earlier, key=lambda run: -len(run.keys)):
        if len(keys.intersection(run.keys)) > FEW * len(run.keys):
            continue
        keys.update(run.keys)
        for counts in run.cells:
            if (key := key_of(counts.way)) is not None:
                by_size = cells.setdefault(key, {})
                by_size[counts.sizes] = by_size.get(counts.sizes, Cell()).plus(counts.cell)
        for each in run.repeated:
            if (key := key_of(each.way)) is not None:
                # Under no question of this run: these hold the numbers of its models.
                found = Failed(key, each.sizes, each.first, _nested(each.again), _nested(each.pairs))
                failed[f"earlier/{len(failed)}"] = found
    judged = {_asked(key) for key, by_size in cells.items() if any(cell.judged for cell in by_size.values())}
    hoped = judged - {_asked(each.key) for each in failed.values()}  # nobody has asked these again yet
    return Calibration(cells, failed, unrepeated={name: [] for name, _ in sorted(hoped)}, earlier=frozenset(keys))


def _asked(key: Key) -> tuple[str, int]:
    """By what calls are told apart where they are asked again: the primitive and the model."""
    return key.primitive, key.asked.model


def _flat(counts: Mapping[bool, tuple[int, int]]) -> tuple[tuple[bool, int, int], ...]:
    return tuple((shuffled, *pair) for shuffled, pair in counts.items())


def _nested(counts: Sequence[tuple[bool, int, int]]) -> dict[bool, tuple[int, int]]:
    return {shuffled: (one, other) for shuffled, one, other in counts}


def _counter(_: type, value: Any) -> Counter[int]:
    """A cell's count of options, whose numbers are texts in JSON: all there is that msgspec cannot read by itself."""
    return Counter({int(option): int(count) for option, count in dict(value).items()})
