"""A run's folder: one run each, nothing overwritten, all of it there again."""

from __future__ import annotations

import math
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from undercut.evaluators.cache import ANSWERS, AnswerCache
from undercut.evaluators.tasks import open_task
from undercut.search.settings import Settings
from undercut.search.store import Store
from undercut.search.study import JOURNAL, STUDY, WholeLines
from undercut.spaces.errors import RunFolderError, UsageError
from undercut.spaces.genome import Genome, Input, call

SETTINGS = Settings("sort", ("simulated/noisy",), sizes=(4, 8), target_size=16, max_usd=1)
GENOME = Genome(call("sort", Input(0)))


def test_a_run_is_there_again(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "a" / "b", SETTINGS)
    store.add(GENOME, "search", (0.5, 12.0), {"accuracy": {}})
    store.finish({"front": []})
    store.close()
    again = Store.open(tmp_path / "a" / "b")
    assert again.settings == SETTINGS
    assert again.result == {"front": []}
    assert [trial.values for trial in again.study.trials] == [[0.5, 12.0]]
    again.close()


def test_the_same_is_not_kept_twice(tmp_path: Path) -> None:
    for _ in range(2):
        store = Store.create(tmp_path, SETTINGS)
        for stage in ("search", "search", "test"):
            store.add(GENOME, stage, (0.5, 12.0), {})
        assert [trial.user_attrs["stage"] for trial in store.trials()] == ["search", "test"]
        store.close()
    store = Store.open(tmp_path)
    store.add(GENOME, "test", (0.5, 12.0), {"accuracy": {"8": {"samples": 9}}})  # by now on more problems
    assert [len(trial.user_attrs["evaluation"]) for trial in store.trials()] == [0, 0, 1]
    store.close()


def test_a_cost_that_nobody_knows_is_kept_as_infinite(tmp_path: Path) -> None:
    for url in (None, f"sqlite:///{tmp_path / 'trials.db'}"):
        store = Store.create(tmp_path / f"run{url is None}", SETTINGS, url)
        store.add(GENOME, "search", (0.5, math.nan), {"cost": {"8": {"tokens": None}}})
        (trial,) = store.trials()
        assert trial.values == [0.5, math.inf]
        assert trial.user_attrs["evaluation"] == {"cost": {"8": {"tokens": None}}}
        store.close()


def test_half_a_last_line_is_written_again(tmp_path: Path) -> None:
    """As a process leaves it that was killed meanwhile: what stood before it is there, and what comes after."""
    store = Store.create(tmp_path / "whole", SETTINGS)
    store.add(GENOME, "search", (0.5, 12.0), {})
    store.finish({"front": []})
    store.close()
    journal = (tmp_path / "whole" / JOURNAL).read_bytes()
    ends = [place + 1 for place, byte in enumerate(journal) if byte == ord("\n")]
    for cut in {1, *(end - less for end in ends for less in (1, 2, 20))}:
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(journal[:cut])
        for _ in range(2):
            store = Store.create(folder, SETTINGS)
            store.add(GENOME, "search", (0.5, 12.0), {})
            store.finish({"front": []})
            assert store.result == {"front": []} and len(store.trials()) == 1
            store.close()
        store = Store.open(folder)
        assert store.settings == SETTINGS and store.result == {"front": []}
        store.close()


def test_half_a_line_that_is_no_journals_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("precious")
    with pytest.raises(RunFolderError):
        Store.create(tmp_path, SETTINGS)
    assert (tmp_path / JOURNAL).read_text().startswith("precious")


def test_how_old_a_lock_is_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one that a killed process left would be waited for without end."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs", "sort-1")
    Store.create(folder, SETTINGS).close()
    lock = WholeLines(folder / JOURNAL)
    lock.acquire()
    assert Path(f"{folder / JOURNAL}.lock").stat().st_mtime > 0
    lock.release()


def test_trials_hold_all_that_was_kept_but_the_memory_does_not(tmp_path: Path) -> None:
    """Bytes that a process has on top for each trial that it stores; what it stores is several times as much."""
    evaluation = {"accuracy": {str(size): {"mean": 0.5, "low": 0.1, "high": 0.9} for size in range(40)}}
    store = Store.create(tmp_path, SETTINGS)

    def add(first: int, last: int) -> None:
        for prompt in range(first, last):
            store.add(Genome(call("sort", Input(0), prompt=prompt)), "search", (0.5, 12.0), evaluation)

    add(0, 50)
    tracemalloc.start()
    try:
        add(50, 250)
        each = tracemalloc.get_traced_memory()[0] / 200
    finally:
        tracemalloc.stop()
    assert each < 2000 < (tmp_path / JOURNAL).stat().st_size / 250
    trials = store.trials()
    assert [Genome.from_json(trial.user_attrs["genome"]).output.genes["prompt"] for trial in trials] == list(range(250))
    assert all(trial.user_attrs["evaluation"] == evaluation for trial in trials)
    store.close()
    again = Store.open(tmp_path)
    again.add(GENOME, "search", (0.5, 12.0), evaluation)
    assert len(again.trials()) == 250
    again.close()


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    Store.create(tmp_path, SETTINGS).close()
    with pytest.raises(RunFolderError, match="a run with other settings"):
        Store.create(tmp_path, replace(SETTINGS, seed=1))
    assert Store.open(tmp_path).settings == SETTINGS


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunFolderError, match=r"thesis\.tex"):
        Store.create(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunFolderError, match="--out must be a folder that can be written"):
            Store.create(folder, SETTINGS)


@pytest.mark.parametrize("content", [None, "", "no journal\n", '{"op_code": 77}\n'])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(RunFolderError):
        Store.open(tmp_path)
    with pytest.raises(RunFolderError):
        Store.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists() and not (tmp_path / "other.db").exists()


def test_a_run_is_read_without_its_answers_and_nothing_is_written(tmp_path: Path) -> None:
    Store.create(tmp_path, SETTINGS).close()
    (tmp_path / ANSWERS).write_text("no database, and so not to be opened")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    store = Store.open(tmp_path, reading=True)
    assert store.settings == SETTINGS and store.result is None
    store.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_storage_that_cannot_be_opened_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    for url in ("nonsense", "foo://x", "sqlite:////nowhere/at/all.db"):
        with pytest.raises(RunFolderError, match="--storage"):
            Store.create(tmp_path / "run", SETTINGS, url)
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_refused_makes_no_database(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").touch()
    with pytest.raises(RunFolderError, match=r"holds 'holiday\.txt'"):
        Store.create(tmp_path, SETTINGS, f"sqlite:///{tmp_path / 'trials.db'}")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


def test_trials_may_lie_in_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    store = Store.create(tmp_path / "run", SETTINGS, url)
    store.add(GENOME, "search", (0.5, 12.0), {})
    store.close()
    again = Store.open(tmp_path / "run", url)
    assert again.settings == SETTINGS
    assert [trial.user_attrs["stage"] for trial in again.trials()] == ["search"]
    again.close()


def test_runs_in_one_database_are_told_apart_wherever_their_folders_are(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path / 'trials.db'}", replace(SETTINGS, seed=1)
    folders = [tmp_path / name / "runs" / "sort-1" for name in ("a", "b")]
    for folder, settings in zip(folders, (SETTINGS, other), strict=True):
        store = Store.create(folder, settings, url)
        store.add(GENOME, "search", (0.5, settings.seed), {})
        store.finish({"seed": settings.seed})
        store.close()
    moved = folders[0].rename(tmp_path / "moved")
    for folder, settings in ((moved, SETTINGS), (folders[1], other)):
        store = Store.open(folder, url)
        assert store.settings == settings and store.result == {"seed": settings.seed}
        assert [trial.values for trial in store.trials()] == [[0.5, settings.seed]]
        store.close()
    store = Store.create(folders[0], SETTINGS, url)  # nothing is left of the one that was there
    assert store.result is None and store.trials() == []
    store.close()


def test_several_that_begin_a_run_at_once_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one finds no name, and when it has one there is the first one's."""
    url, link = f"sqlite:///{tmp_path / 'trials.db'}", os.link
    first: list[Store] = []

    def late(draft: Path, path: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        first.append(Store.create(tmp_path / "run", SETTINGS, url))
        link(draft, path)

    monkeypatch.setattr(os, "link", late)
    second = Store.create(tmp_path / "run", SETTINGS, url)
    assert second.study.study_name == first[0].study.study_name
    assert sorted(path.name for path in (tmp_path / "run").glob("study*")) == [STUDY]
    for store in (*first, second):
        store.close()


def test_a_name_needs_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(draft: Path, path: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", none)
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    Store.create(tmp_path / "run", SETTINGS, url).close()
    store = Store.open(tmp_path / "run", url)
    assert store.study.study_name == (tmp_path / "run" / STUDY).read_text() != "run"
    store.close()


def test_a_folder_without_a_name_goes_by_its_own(tmp_path: Path) -> None:
    """As runs were told apart before they had names."""
    url, folder = f"sqlite:///{tmp_path / 'trials.db'}", tmp_path / "sort-1"
    study = optuna.create_study(study_name="sort-1", storage=url, directions=["maximize", "minimize"])
    study.set_user_attr("settings", SETTINGS.to_dict())
    folder.mkdir()
    AnswerCache(folder / ANSWERS).close()
    for store in (Store.open(folder, url), Store.create(folder, SETTINGS, url)):
        assert store.study.study_name == "sort-1" and store.settings == SETTINGS
        store.close()
    assert not (folder / STUDY).exists()


def test_what_lies_elsewhere_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    for folder, storage in (("in-database", url), ("in-journal", None)):
        Store.create(tmp_path / folder, SETTINGS, storage).close()
    with pytest.raises(RunFolderError, match="lie in a database; --storage URL names it"):
        Store.open(tmp_path / "in-database")
    for folder, said in (
        ("in-journal", "lie in its folder; leave out --storage"),
        ("nowhere", "DIR must be the folder"),
    ):
        with pytest.raises(RunFolderError, match=said):
            Store.open(tmp_path / folder, url)
    with pytest.raises(RunFolderError, match="--storage must be the URL of the database with the trials"):
        Store.open(tmp_path / "in-database", f"sqlite:///{tmp_path / 'other.db'}")
    assert not (tmp_path / "nowhere").exists()


def test_settings_keep_their_json_form() -> None:
    assert Settings.from_dict(SETTINGS.to_dict()) == SETTINGS
    with pytest.raises(UsageError, match="settings must be those of a run"):
        Settings.from_dict({"task": 3})


def test_a_run_goes_on_with_the_task_that_it_began_with(tmp_path: Path) -> None:
    task = open_task("sort")
    first, *others = task.primitives
    store = Store.create(tmp_path, SETTINGS)
    store.hold_to(task)
    store.hold_to(replace(task, summary="in other words"))
    reworded = replace(task, primitives=(replace(first, prompts=("Sort them: {0}",)), *others))
    given = replace(task, problems=tuple(task.instances(4, 3)))
    for changed in (reworded, given):
        with pytest.raises(RunFolderError, match="the task that it began with"):
            store.hold_to(changed)
    assert store.digests == [*task.digests] and given.digests[0] == task.digests[0] != reworded.digests[0]
    store.close()
