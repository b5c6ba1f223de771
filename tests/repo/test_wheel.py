"""What `pip install embedtune` brings: the package with its recipes and the demo's queries."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_recipes_and_demo_queries(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("embedtune-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "embedtune/py.typed",
        "embedtune/queries/templates/write.jinja",
        "embedtune/reports/templates/page.html.jinja",
        "embedtune/reports/templates/page.css",
        "embedtune/_pipelines/quickstart.yaml",
        "embedtune/_data/python-reference/queries.jsonl",
        "embedtune/_data/python-reference/qrels/test.tsv",
        "embedtune/_data/general/corpus.jsonl",
        "embedtune/_data/general/queries.jsonl",
        "embedtune/_data/general/qrels/test.tsv",
    }
    assert wanted <= names
    assert {name.split("/")[0] for name in names} == {"embedtune", wheel.name.split("-py3")[0] + ".dist-info"}


def test_the_installed_wheel_finds_them(tmp_path):
    """Unpacked away from the checkout, the package must not look beside itself for folders that are not there."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("embedtune-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import embedtune\n"
        "from embedtune.resources import find_recipe, find_query_set\n"
        "print(embedtune.__file__, find_recipe('quickstart'), find_query_set('python-reference'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.count(str(tmp_path / "site")) == 3
