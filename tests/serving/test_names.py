from __future__ import annotations

import pytest

from embedtune.serving.names import served_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My Run!", "my-run"), ("qs", "run-qs"), ("_x_", "run-x"), ("日本語", "tuned"), ("a" * 99, "a" * 60)],
)
def test_a_folder_has_a_name_that_servers_and_stores_take(folder, name):
    assert served_name(folder) == name
