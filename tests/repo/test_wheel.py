"""What `pip install embedtune` brings: the package with its recipes and the demo's queries, and the libraries it needs."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Every module that a plain installation must be able to import, and the formats that it must be able to read.
_PLAIN = """
import pkgutil, sys
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path

hidden = set(sys.argv[1].split(","))

class Plain(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Plain
import embedtune
needs_extra = ("embedtune.integrations.haystack", "embedtune.integrations.langchain", "embedtune.integrations.llama_index",
               "embedtune.server.app", "embedtune.server.metrics", "embedtune.ui.answers", "embedtune.ui.app", "embedtune.ui.routes_", "embedtune.__main__")
for module in pkgutil.walk_packages(embedtune.__path__, "embedtune."):
    if not module.name.startswith(needs_extra):
        import_module(module.name)

from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.readers import read

def write(name, text):
    Path(name).write_text(text, encoding="utf-8")
    return read(Path(name), name, ReadingLimits())

assert write("a.txt", "Fill the tank.").text and write("a.md", "# Tank").text and write("a.html", "<p>Tank").text
print(write("a.rst", "Tank").reason)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("embedtune-*.whl")
    return wheel


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """Return a folder with the unpacked wheel, away from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def _run(code, site, *arguments):
    code = f"import sys; sys.path[:0] = [{str(site)!r}]\n{code}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], cwd=site.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _installed_with(requirements):
    """Return the canonical names of the installed distributions that requirements bring, with all that those need."""
    names, waiting = set(), [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, *sorted(wanted.extras)) in names:
            continue
        names.add((name, *sorted(wanted.extras)))
        try:
            needed = [Requirement(each) for each in requires(name) or ()]
        except PackageNotFoundError:
            continue
        waiting += [
            each
            for each in needed
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*wanted.extras, ""))
        ]
    return {name for name, *_ in names}


def test_the_wheel_carries_recipes_and_demo_queries(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "embedtune/py.typed",
        "embedtune/reports/templates/page.html.jinja",
        "embedtune/reports/templates/page.css",
        "embedtune/_data/python-reference/queries.jsonl",
        "embedtune/_data/python-reference/qrels/test.tsv",
        "embedtune/_data/general/corpus.jsonl",
        "embedtune/_data/general/queries.jsonl",
        "embedtune/_data/general/qrels/test.tsv",
        *(f"embedtune/_pipelines/{path.name}" for path in (ROOT / "pipelines").glob("*.yaml")),
        *(path.relative_to(ROOT).as_posix() for path in (ROOT / "embedtune").rglob("*.jinja")),
    }
    assert wanted <= names
    assert {name.split("/")[0] for name in names} == {"embedtune", wheel.name.split("-py3")[0] + ".dist-info"}


def test_the_installed_wheel_finds_them(site):
    """Unpacked away from the checkout, the package must not look beside itself for folders that are not there."""
    code = (
        "import embedtune; from embedtune.resources import find_recipe, find_query_set\n"
        "print(embedtune.__file__, find_recipe('quickstart'), find_query_set('python-reference'))"
    )
    assert _run(code, site).count(str(site)) == 3


def test_without_extras_every_module_is_imported_and_documents_are_read(site):
    """Libraries that the mandatory dependencies do not bring are hidden, as if they were not installed."""
    plain = _installed_with(PROJECT["project"]["dependencies"])
    hidden = {
        module
        for module, distributions in packages_distributions().items()
        if module != "embedtune" and not plain & {canonicalize_name(name) for name in distributions}
    }
    assert {"starlette", "haystack", "llama_index", "docutils", "pptx", "dirtyjson"} <= hidden
    assert not hidden & {"torch", "datasets", "accelerate", "docx", "lxml"}
    assert _run(_PLAIN, site, ",".join(hidden)).strip() == 'needs the extra rst: pip install "embedtune[rst]"'


def test_few_libraries_are_mandatory_and_all_has_every_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    (every,) = map(Requirement, extras["all"])
    assert len(PROJECT["project"]["dependencies"]) <= 28  # three of them for words and languages of every script
    assert every.extras == extras.keys() - {"all"}


def test_every_extra_has_its_row_in_the_installation_page():
    page = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    rows = "\n".join(line.partition("|")[2].partition("|")[0] for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([\w-]+)`", rows)) == PROJECT["project"]["optional-dependencies"].keys()
