"""A run's folder: one run each, nothing overwritten, all of it there again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from undercut.search.settings import Settings
from undercut.search.store import JOURNAL, Store
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
        assert [trial.user_attrs["stage"] for trial in store.study.trials] == ["search", "test"]
        store.close()


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
    assert not (tmp_path / "nowhere").exists()


def test_a_storage_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for url in ("nonsense", "sqlite:////nowhere/at/all.db"):
        with pytest.raises(RunFolderError, match="--storage"):
            Store.create(tmp_path, SETTINGS, url)


def test_trials_may_lie_in_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    store = Store.create(tmp_path / "run", SETTINGS, url)
    store.add(GENOME, "search", (0.5, 12.0), {})
    store.close()
    again = Store.open(tmp_path / "run", url)
    assert again.settings == SETTINGS and len(again.study.trials) == 1
    again.close()


def test_settings_keep_their_json_form() -> None:
    assert Settings.from_dict(SETTINGS.to_dict()) == SETTINGS
    with pytest.raises(UsageError, match="settings must be those of a run"):
        Settings.from_dict({"task": 3})
