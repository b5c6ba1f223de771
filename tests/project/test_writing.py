from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from embedtune.errors import ConfigError, ResourceError
from embedtune.project import writing
from embedtune.project.writing import check_outside, new_folder, replace_file

_DIE = """
import os, sys
from pathlib import Path
from embedtune.project.writing import new_folder
with new_folder(Path(sys.argv[1])) as part:
    (part / "file").write_text("half")
    os._exit(9)
"""


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "new") as part:
        (part / "file").write_text("half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "new") as part:
        (part / "file").write_text("whole")
    assert (tmp_path / "new" / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    with pytest.raises(ConfigError), new_folder(tmp_path / "new"):
        pass


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _DIE, str(tmp_path / "new")], check=False)
    assert done.returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    ours = tmp_path / f"{writing._PREFIX}{os.getpid()}-works"
    ours.mkdir()  # of a process that lives
    (tmp_path / ".embedtune-part-elsewhere-1-x").mkdir()  # of another machine
    (tmp_path / f"{writing._PREFIX}999999999-x").symlink_to("/etc")
    with new_folder(tmp_path / "new") as part:
        (part / "file").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".embedtune-part-elsewhere-1-x", ours.name, "new"]
    )
    assert Path("/etc").is_dir()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"one")
    replace_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(ResourceError, match=re.escape(str(tmp_path / "file" / "new"))),
        new_folder(tmp_path / "file" / "new"),
    ):
        pass


def test_a_run_folder_takes_no_copies(tmp_path: Path) -> None:
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    check_outside(tmp_path / "beside", tmp_path / "run", "FOLDER")
    for place in ("run", "run/new", "run/model/x", "link/model/x", "beside/../run/x"):
        with pytest.raises(ConfigError, match="outside the run folder"):
            check_outside(tmp_path / place, tmp_path / "run", "FOLDER")
