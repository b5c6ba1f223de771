"""The file of the advice: whole or not there."""

from __future__ import annotations

import pytest

from embedtune.advice.saving import check_file
from embedtune.errors import ResourceError


@pytest.mark.parametrize("name", ["missing/advice.json", "."])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(ResourceError, match="expected a file that can be written"):
        check_file(tmp_path / name)


def test_a_check_leaves_nothing(tmp_path):
    check_file(tmp_path / "advice.json")
    assert list(tmp_path.iterdir()) == []
