"""``embedtune templates`` as a user types it."""

from pathlib import Path


def test_the_prompts_are_copied_and_their_names_printed(invoke, tmp_path):
    code, out, _ = invoke("templates", tmp_path / "prompts")
    assert code == 0
    names = {Path(line).name for line in out.splitlines()}
    assert names == {path.name for path in (tmp_path / "prompts").iterdir()}
    assert {"write.jinja", "judge.jinja"} <= names
