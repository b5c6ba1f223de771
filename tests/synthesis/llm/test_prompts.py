"""Templates in a sandbox."""

import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.synthesis.llm.kinds import Request, Wanted
from embedtune.synthesis.llm.prompts import NAMES, PACKAGED, Prompts, choose_examples, copy_templates, delimiter_for
from embedtune.types import Passage

PASSAGE = Passage("p1", "d", "Brava › Tank", "Fill the tank. {{ 7 * 7 }} {% for %} {x.__class__}", 0, 9)
REQUEST = Request((PASSAGE,), (Wanted("question", True), Wanted("keywords", False)))


@pytest.fixture
def write(tmp_path):
    """Return a function that makes a folder with one template."""

    def make(name, text):
        (tmp_path / f"{name}.jinja").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_passages_are_values_and_never_templates():
    text = Prompts().write(REQUEST, delimiter="abc", examples=[], language=None, plain=False)
    assert PASSAGE.text in text
    assert text.count("abc") == 2
    assert "a natural question" in text
    assert "12 to 25 words" in text
    assert text.endswith('{"queries": ["…", "…"]}')


def test_language_and_examples_are_asked_for():
    text = Prompts().write(REQUEST, delimiter="m", examples=["how 2 descale"], language="German", plain=False)
    assert "Write in German." in text
    assert "- how 2 descale" in text


def test_two_passages_are_both_shown():
    other = PASSAGE._replace(passage_id="p2", text="Drain it in winter.")
    text = Prompts().write(
        Request((PASSAGE, other), (Wanted("multi_hop", False),)), delimiter="m", examples=[], language=None, plain=False
    )
    assert "Drain it in winter." in text
    assert "both passages" in text


def test_delimiters_depend_on_every_word_and_on_the_seed():
    delimiters = {
        delimiter_for(0, ["a b"]),
        delimiter_for(0, ["a b "]),
        delimiter_for(1, ["a b"]),
        delimiter_for(0, ["a", "b"]),
    }
    assert len(delimiters) == 4
    assert delimiter_for(0, ["a b"]) == delimiter_for(0, ["a b"])


def test_each_prompt_draws_its_own_examples():
    examples = [f"query {number}" for number in range(50)]
    drawn = [choose_examples(examples, 3, 0, passage) for passage in ("p1", "p2", "p1")]
    assert drawn[0] == drawn[2] != drawn[1]
    assert choose_examples(["one"], 3, 0, "p") == ["one"]


def test_a_copy_can_be_edited_and_the_rest_stays_packaged(tmp_path):
    copied = copy_templates(tmp_path / "mine")
    assert sorted(path.stem for path in copied) == sorted(NAMES)
    assert Prompts(tmp_path / "mine").hash == Prompts().hash
    (tmp_path / "mine" / "write.jinja").write_text("Ask about {{ passage }}, please.", encoding="utf-8")
    (tmp_path / "mine" / "judge.jinja").unlink()
    mine = Prompts(tmp_path / "mine")
    assert mine.hash != Prompts().hash
    assert mine.write(REQUEST, delimiter="m", examples=[], language=None, plain=False).startswith(
        "Ask about Fill the tank."
    )
    with pytest.raises(ConfigError, match="expected no file there"):
        copy_templates(tmp_path / "mine")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{{ passage }}\n{% for %}", 2, "Expected an expression"),
        ("{{ passage }}\n\n{{ nothing }}", 3, "'nothing' is undefined"),
        ("{{ passage.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ passage }}{{ ''.__class__.__base__.__subclasses__() }}", 1, "unsafe"),
        ("{{ passage }}{{ examples.append('x') }}", 1, "unsafe"),
        ("{{ passage }}{{ 1 / 0 }}", 1, "division"),
        ("{{ passage }}{% include '/etc/passwd' %}", 1, "no loader"),
        ("Write something.", None, "found none in what it gave"),
    ],
)
def test_what_a_template_may_not_do_is_refused_with_its_line(write, text, line, words):
    folder = write("write", text)
    with pytest.raises(ConfigError, match=words) as refused:
        Prompts(folder)
    where = str(folder / "write.jinja")
    assert str(refused.value).startswith(f"{where}:{line}: " if line else f"{where}: ")


def test_values_of_a_template_are_named_where_one_is_wrong(write):
    with pytest.raises(ConfigError) as refused:
        Prompts(write("relabel", "{{ passages[0] }} {{ question }}"))
    assert refused.value.hint == "its values are delimiter, passages, query"


def test_folders_without_templates_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="found none of them"):
        Prompts(tmp_path)
    (tmp_path / "write.jinja").write_bytes(b"\xff\xfe{{ passage }}")
    with pytest.raises(DataError, match="a template in UTF-8"):
        Prompts(tmp_path)


def test_all_packaged_templates_are_there():
    assert sorted(path.stem for path in PACKAGED.glob("*.jinja")) == sorted(NAMES)
