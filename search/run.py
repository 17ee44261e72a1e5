"""The one blocking door of a search: open what it needs, search, conclude, close."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from undercut.evaluators.blas import one_thread
from undercut.evaluators.cache import ANSWERS
from undercut.evaluators.earlier import Measured, learned
from undercut.evaluators.evaluate import open_judges
from undercut.evaluators.identity import digest
from undercut.evaluators.models.base import Model, identity_of
from undercut.evaluators.models.registry import open_models
from undercut.evaluators.task import SPLITS, Task
from undercut.evaluators.tasks import open_task
from undercut.search.conclude import conclude
from undercut.search.explore import Search
from undercut.search.progress import Progress, silent
from undercut.search.proposers import open_proposer
from undercut.search.rounds import held_beyond, held_out
from undercut.search.settings import Settings
from undercut.search.stopping import run_to_end
from undercut.search.store import Store
from undercut.search.units import can_be_billed, known_unit
from undercut.spaces.errors import RunFolderError, UsageError
from undercut.spaces.space import Space

RECORDS = 100_000
"""Objects made between two runs of the garbage collector: a search makes millions of them, and hardly a cycle."""


def run_search(
    settings: Settings,
    folder: Path | str,
    *,
    storage: str | None = None,
    reuse: Sequence[Path | str] = (),
    concurrency: int = 64,
    progress: Progress = silent,
    resume: bool = False,
    task: Task | None = None,
    models: Sequence[Model] | None = None,
) -> dict[str, Any]:
    """Run a search to its end in a folder, or go on with the one that is there; the one blocking door.

    `task` and `models` stand in for those that the settings name; answers of the runs in the folders `reuse` are taken
    over, and a run that begins takes over what they measured of single calls.

    Raises:
        UsageError: something in the settings or the folder cannot be used.
        ModelError: a model could not answer; the run can be resumed.
        BudgetError: a limit was reached; the run can be resumed.
    """
    for earlier in reuse:
        if not (Path(earlier) / ANSWERS).is_file():
            raise RunFolderError(f"--reuse must be the folder of a run, and {str(earlier)!r} holds none")
    if type(concurrency) is not int or concurrency < 1:
        raise UsageError(f"--concurrency must be a whole number of 1 or more, not {concurrency!r}")
    found = task or open_task(settings.task, settings.data, settings.home)
    opened = models or open_models(settings.models, settings.access, found.primitives)
    judges = open_judges(found, settings.access)
    can_be_billed(settings.max_usd, [*opened, *judges])
    _check(settings, found, opened)
    store = Store.open(Path(folder), storage) if resume else Store.create(Path(folder), settings, storage, reuse)

    def timed(phase: str, done: int, total: int, words: str) -> None:
        search.ledger.check_time()  # here as well as before each call: some phases make none
        progress(phase, done, total, words)

    async def whole() -> dict[str, Any]:
        result = await conclude(search, await search.explore())
        store.finish(result)
        if not found.blind:  # a run of such a task would not begin with it
            store.measured(Measured.of(search.bench.calibration, inputs, identities, search.space.toolbox.primitives))
        return result

    usual = gc.get_threshold()
    gc.set_threshold(RECORDS)
    try:
        store.hold_to(found)
        for earlier in reuse if resume else ():
            store.reuse(Path(earlier))
        search = Search(settings, found, opened, store, timed, concurrency, judges)
        identities = [identity_of(model) for model in opened]
        asks = (found.digests, identities, settings.seed, search.checks.sizes, settings.max_size, settings.allow_code)
        inputs = digest(repr(asks))
        # Where the very same calls would be asked first, their answers are there: the same run has the same result.
        others = [each for each in store.earlier() if each.inputs != inputs]
        search.bench.calibration = learned(others, identities, search.space.toolbox.primitives)
        with one_thread():
            return run_to_end(whole(), search.engine, [*opened, *judges])
    finally:
        gc.set_threshold(*usual)
        store.close()


def _check(settings: Settings, task: Task, models: Sequence[Model]) -> None:
    """Refuse what no search could begin with, before a folder is made for it that would be left behind.

    Raises:
        UsageError: the unit of cost is not known for a model, or the task lacks problems of a size.
        MissingExtraError: the strategy needs a package that is not installed.
    """
    known_unit(settings.cost, models)
    toolbox = task.toolbox([model.name for model in models], settings.allow_code)
    open_proposer(settings.strategy, Space(task.signature, toolbox, max_size=settings.max_size), settings.seed)
    for size in settings.sizes:
        for split in SPLITS:
            task.instances(size, 1, split, settings.seed)
    for size, count in (held_out(settings) | held_beyond(settings, task)).items():
        task.check_count(size, count)
