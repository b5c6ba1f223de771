"""Names of others in everything that is printed: no line of them is code, no character of them commands a terminal."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from embedtune.snippets.routes import TARGETS

Invoke = Callable[..., tuple[int, str, str]]

COMMANDS = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202b\u202d\u202e\u2066\u2069"} - {
    "\n",
    "\t",
}
NAMES = (
    "a\nopen('canary', 'w')\n#",
    "b\ropen('canary', 'w')\r#",
    "c\x1b]52;c;aGk=\x07\u202e\x9b",
    "d'\"$(touch canary)`touch canary`;",
)


def raw(text: str) -> list[str]:
    return sorted({f"U+{ord(character):04X}" for character in text if character in COMMANDS})


@pytest.mark.parametrize(
    "name", [*NAMES[:2], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[2:])], ids=ascii
)
def test_the_name_of_a_run_folder_is_text_for_every_target_and_command(
    name: str, served_run: Callable[..., Path], invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(served_run("linear", evaluated=True), tmp_path / name / "run"))
    monkeypatch.chdir(tmp_path)
    invoke("--version")  # takes what the making of the run printed
    for target in TARGETS:
        code, out, err = invoke("plug", run, "--for", target)
        assert (code, raw(out + err)) == (0, []), target
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(out))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert "open" not in calls, target
        assert all(line.isprintable() for line in out.splitlines()), target
    for words in (
        ("compare", run, name), ("compare", run, name, "--json"), ("status", run), ("verify", run), ("verify", run / "none"),
        ("eval", run, "--dry-run"), ("train", run, "--dry-run"), ("train", run, "--set", f"{name}=1"), ("ui", run, "--port", name),
        ("plug", run, "--json"), ("plug", run, "--for", name), ("export-model", run, run / "model" / "copy"),
        ("generate", tmp_path / name / "none", "--out", tmp_path / "new"), (name,),
    ):  # fmt: skip
        _, out, err = invoke(*words)
        assert raw(out + err) == [], words
    assert not (tmp_path / "canary").exists()


def test_a_sample_of_odd_file_names_is_shown_as_text(tiny_base: Path, invoke: Invoke, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number, name in enumerate(NAMES):
        (docs / f"{name.replace('/', '')}{number}.pdf").write_bytes(b"no pdf")
    (docs / "=HYPERLINK(1).xyz").write_text("x")
    text = "The zeppelin \x1b]52;c;aGk=\x07 keeper paints \u202ethe hangar red. "
    for number in range(12):
        words = " ".join(f"{word}{number}" for word in ("lantern", "harbour", "kettle", "orchard", "ferry", "attic"))
        (docs / f"note{number}.md").write_text(
            f"# The {words}\n\n{text * 3}The brass lantern{number} of the harbour{number} hangs over an old kettle{number} of the "
            f"orchard{number}. The ferry{number} leaves the lantern{number} of the harbour{number} behind.\n",
            encoding="utf-8",
        )
    run = tmp_path / "run"
    code, out, err = invoke("generate", docs, "--out", run, "--model", tiny_base, "--set", "window_tokens=48")
    assert raw(out + err) == []
    assert code in (0, 3)
    for words in (("status", run), ("compare", run, "zeppelin hangar"), ("generate", docs, "--out", run, "--strict")):
        _, out, err = invoke(*words)
        assert raw(out + err) == [], words
    cells = [line.split("\t")[0] for line in (run / "dataset" / "skipped.tsv").read_text(encoding="utf-8").splitlines()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
