"""A folder in the navigation stands for its pages."""

from types import SimpleNamespace

from folders_in_nav import on_files


def test_a_folder_becomes_its_pages_with_its_readme_first():
    pages = ["a/one.md", "a/README.md", "b.md"]
    files = SimpleNamespace(documentation_pages=lambda: [SimpleNamespace(src_uri=page) for page in pages])
    config = SimpleNamespace(nav=[{"A": "a/"}, {"Both": ["a/", {"B": "b.md"}]}])
    on_files(files, config)
    assert config.nav == [{"A": ["a/README.md", "a/one.md"]}, {"Both": ["a/README.md", "a/one.md", {"B": "b.md"}]}]
