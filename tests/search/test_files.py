"""Files are there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from undercut.search.files import write_whole

LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
"""
"""Begins a process whose disk has no room for a file of more than 4,000 bytes."""


@pytest.mark.parametrize("before", [None, "as it was"])
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_where_there_is_no_room_what_was_there_stays(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "out.py"
    if before is not None:
        path.write_text(before)
    script = f"{LIMITED}\nfrom undercut.search.files import write_whole\nwrite_whole(Path(sys.argv[1]), 'x' * 5000)"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode and "OSError" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ([] if before is None else ["out.py"])
    assert before is None or path.read_text() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_an_example_without_room_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    script = f"{LIMITED}\nfrom undercut.search.cli import main\nsys.exit(main(['init', sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode and "DIR must be a folder that can be written" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_link_goes_on_leading_where_it_led(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_whole(tmp_path / "link", "é")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_bytes() == "é".encode()
    write_whole(tmp_path / "link", b"again")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"link": "again", "there": "again"}


def test_what_is_no_plain_file_is_written_as_it_comes(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "text")
