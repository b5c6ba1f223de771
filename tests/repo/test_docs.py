"""What the documentation names is there: linked files and headings, commands and their options, make targets and scripts."""

import re
import shlex

import click
import pytest

from embedtune import cli
from tests.repo.test_repository import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *(path for name in ("docs", "data", "benchmarks") for path in (ROOT / name).rglob("*.md"))]
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _text(page):
    return page.read_text(encoding="utf-8")


def _anchors(page):
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", _text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    """Return the links of a page that lead nowhere in the repository."""
    broken = []
    for link in LINK.findall(FENCE.sub("", _text(page))):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in _anchors(target))):
            broken.append(link)
    return broken


def named_commands(text):
    """Return the command lines that a page or a help text shows, in blocks or in backquotes."""
    lines = "\n".join(FENCE.findall(text)).replace("\\\n", " ").splitlines()
    quoted = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    return [line.strip().removeprefix("$ ") for line in (*lines, *quoted)]


def unknown_parts(line):
    """Return what a line of embedtune names that its command line does not have."""
    words = shlex.split(line, comments=True)[1:]
    if not words or words[0].startswith("-") or not words[0].islower():
        return []
    name = words[0]
    command = cli.group.get_command(click.Context(cli.group), name)
    if command is None:
        return [name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0].rstrip("]") for word in words if re.match(r"\[?-{1,2}[a-z]", word)}
    return sorted({word.lstrip("[") for word in given} - known - {"--help", "-h"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_their_options_exist(page):
    lines = [line for line in named_commands(_text(page)) if re.match(r"embedtune [a-z]", line)]
    assert {line: unknown for line in lines if (unknown := unknown_parts(line))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_and_scripts_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = named_commands(_text(page))
    made = {target for line in lines for target in re.findall(r"^make ([a-z-]+)", line)}
    scripts = {script for line in lines for script in re.findall(r"python3? ((?:benchmarks|tests)/\S+\.py)", line)}
    assert sorted(made - targets) == []
    assert sorted(script for script in scripts if not (ROOT / script).is_file()) == []


def test_every_command_is_in_the_help_and_in_the_documentation():
    shown = cli.group.get_help(click.Context(cli.group))
    pages = "\n".join(map(_text, PAGES))
    for name in cli.group.list_commands(click.Context(cli.group)):
        assert name in shown
        assert re.search(rf"embedtune {name}\b", pages)


def test_what_is_not_there_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One page\n\n[a](#one-page) [b](#two) [c](gone.md) [d](https://example.org/x)\n")
    assert broken_links(page) == ["#two", "gone.md"]
    assert unknown_parts("embedtune train runs/x --colour red --seed 1") == ["--colour"]
    assert unknown_parts("embedtune trian runs/x") == ["trian"]
