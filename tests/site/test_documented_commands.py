"""Blocks of the pages that are marked ``bash`` run, with the Python between them, in the order of the page.

The tutorial runs twice: as it stands (slow), and on two dozen of its PDFs with a model of two layers. Such settings come from
the environment, so that each command is the very one that the page shows. All other commands are held against the command
line, here for their settings, in tests/repo/test_docs.py for their options.
"""

import re
import runpy
import shlex
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import click
import command_pages
import pytest
from setting_rows import sections_of

from embedtune import cli
from tests.repo.test_docs import PAGES, ROOT, named_commands, unknown_parts

DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(bash|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SMALL = {
    "EMBEDTUNE_GENERATE_SETTINGS": "window_tokens=48 held_out_per_passage=1",
    "EMBEDTUNE_TRAIN_SETTINGS": "query_side.max_queries=64 quantize=none n_evals=1",
}
_KEPT = 24
_ANSWERING = {"calls.pdf", "function.pdf", "specialnames.pdf"}  # of the queries that the page shows


class Reader:
    """Somebody who does what a page says.

    Attributes:
        printed: What each command printed, and what the page says that it prints, which is None where it says nothing.
    """

    def __init__(self, invoke, capsys):
        self.invoke, self.capsys, self.printed, self.names = invoke, capsys, [], {"__name__": "page"}

    def read(self, page, after=lambda line: None):
        for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind == "text":
                self.printed[-1][1] = text
            elif kind == "python":
                exec(compile(text, page.name, "exec"), self.names)
                self.printed.append([self.capsys.readouterr().out, None])
            else:
                for line in text.replace("\\\n", " ").splitlines():
                    self.run(shlex.split(line, comments=True))
                    after(line)

    def run(self, words):
        if words[0] == "embedtune":
            code, out, err = self.invoke(*words[1:])
            assert code == 0, (words, err)
        else:
            assert words[0] == "python", words
            out, argv = "", sys.argv
            sys.argv = words[1:]
            try:
                runpy.run_path(str(DOCS / "examples" / words[1]), run_name="__main__")
            finally:
                sys.argv = argv
        self.printed.append([out, None])


@pytest.fixture
def reader(invoke, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return Reader(invoke, capsys)


def keep_few(line):
    """Take most of the PDFs away as soon as they are written."""
    if "handbook_pdfs.py" in line:
        pdfs = sorted(Path("handbook").glob("*.pdf"))
        assert len(pdfs) > 70
        for path in [each for each in pdfs if each.name not in _ANSWERING][_KEPT - len(_ANSWERING) :]:
            path.unlink()


def test_pages_run_on_a_small_corpus(reader, tiny_base, monkeypatch):
    monkeypatch.setenv("EMBEDTUNE_GENERATE_MODEL", str(tiny_base))
    for name, value in _SMALL.items():
        monkeypatch.setenv(name, value)
    reader.read(DOCS / "tutorial.md", keep_few)
    assert f"{_KEPT} documents, 0 not read" in reader.printed[1][0]
    assert Path("my-embedder/README.md").is_file() and Path("runs/handbook/eval/report.html").is_file()
    shutil.rmtree("my-embedder")
    Path("runs/handbook").rename("runs/mine")
    for page in sorted({page for page in DOCS.rglob("*.md") if "```bash\n" in page.read_text(encoding="utf-8")}):
        if page.name != "tutorial.md":
            reader.read(page)
    assert Path("my-embedder/README.md").is_file()


def shape(text):
    """Return the lines of an output without figures, marks and spaces."""
    return [shaped for line in text.splitlines() if (shaped := re.sub(r"[\W\d_]+", "", line))]


@pytest.mark.slow
def test_the_tutorial_prints_what_it_says(reader):
    reader.read(DOCS / "tutorial.md")
    pairs = [(real, said) for real, said in reader.printed if said]
    assert len(pairs) == 4
    for real, said in pairs:
        lines = shape(said)
        assert sum(line in shape(real) for line in lines) >= 0.8 * len(lines), real


def settings_named(line):
    """Return the settings that a command line gives with ``--set``."""
    words = shlex.split(line, comments=True)
    return [after.partition("=")[0] for word, after in pairwise(words) if word == "--set"]


def known_settings(line):
    command = cli.group.get_command(click.Context(cli.group), shlex.split(line)[1])
    model = command_pages.settings_of(command)
    names = {f"{section.name}.{each.name}".lstrip(".") for section in sections_of(model) for each in section.settings}
    return names | {f"{command.name}.{name}" for name in names}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_settings_that_pages_name_exist(page):
    lines = [line for line in named_commands(page.read_text(encoding="utf-8")) if re.match(r"embedtune [a-z]", line)]
    unknown = {line: set(named) - known_settings(line) for line in lines if (named := settings_named(line))}
    assert {line: names for line, names in unknown.items() if names} == {}


def test_the_examples_of_every_help_text_can_be_typed():
    context = click.Context(cli.group)
    helps = [cli.group.get_command(context, name).help for name in cli.group.list_commands(context)]
    lines = [line for text in helps for line in re.findall(r"^ *(?:Example:)? *(embedtune .+)$", text, re.MULTILINE)]
    assert len(lines) > 15
    assert {line: unknown for line in lines if (unknown := unknown_parts(line))} == {}
