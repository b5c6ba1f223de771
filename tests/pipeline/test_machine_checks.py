from __future__ import annotations

import os
import tempfile

import pytest

from embedtune.errors import ConfigError, DataError, IntegrityError, ResourceError
from embedtune.models.inspect import inspect_model
from embedtune.pipeline.machine_checks import Problems, check_writable, memory_of_training

GIB = 1 << 30


@pytest.mark.parametrize(
    ("batch", "window", "measured"),
    # GiB, largest sum over the process tree: int8, bf16 autocast, eight steps and one check on dev, two cores without a GPU.
    # The formula was fitted to the first two; the third was measured afterwards.
    [(32, 128, 3.46), (96, 128, 7.67), (48, 64, 2.56)],
)
def test_estimate_of_memory_is_near_what_was_measured(model_folder, batch, window, measured):
    estimate = memory_of_training(inspect_model(model_folder), batch, window) / GIB
    assert measured * 0.95 < estimate < measured * 1.25


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").touch()
    for folder in (tmp_path / "run", tmp_path / "run" / "dataset", tmp_path / "run" / "a" / "b"):
        with pytest.raises(ResourceError, match=r"expected a folder that can be written, found: .*run is a file"):
            check_writable(folder)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_names_that_no_folder_can_have_are_refused(tmp_path, name):
    with pytest.raises(ResourceError, match="expected a folder that can be written"):
        check_writable(tmp_path / name / "dataset")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="Permission denied"):
        check_writable(tmp_path / "dataset")


def test_refusal_of_the_disk_itself_is_passed_on(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ResourceError, match="Read-only file system"):
        check_writable(tmp_path / "dataset")


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([DataError("a"), ConfigError("b")], ConfigError),
        ([ConfigError("a"), ResourceError("b")], ResourceError),
        ([ResourceError("a"), IntegrityError("b")], IntegrityError),
    ],
)
def test_the_kind_of_several_problems(errors, kind):
    with pytest.raises(kind, match="x: 2 problems before any work\n  a\n  b"):
        Problems(*errors).raise_any("x")


def test_a_single_problem_is_raised_as_it_is():
    error = ConfigError("a", hint="b")
    with pytest.raises(ConfigError) as caught:
        Problems(error).raise_any("x")
    assert caught.value is error
