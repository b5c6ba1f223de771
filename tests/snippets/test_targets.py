import pytest

from embedtune.errors import ConfigError
from embedtune.snippets.targets import TARGETS, Target, demand_packages, find_target, install_line


def test_every_package_is_there_where_the_tests_run():
    for target in TARGETS.values():
        demand_packages(target)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="llama-index, langchain"):
        find_target("pinecone")


@pytest.mark.parametrize(
    ("install", "line"),
    [("embedtune[langchain]", 'pip install "embedtune[langchain]"'), ("openai numpy", "pip install openai numpy")],
)
def test_the_line_can_be_pasted_into_a_shell(install, line):
    assert install_line(Target("X", "run", (), install)) == line


def test_a_package_whose_parent_is_missing_is_missing():
    with pytest.raises(ConfigError, match=r"not_there\.part"):
        demand_packages(Target("X", "run", ("not_there.part",), "not-there"))
