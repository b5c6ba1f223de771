"""Is the base for the language of the corpus: by its card, else by its vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest

import embedtune
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.language_fit import language_warning, stated_languages, vocabulary_fit
from embedtune.project.manifest import read_manifest
from embedtune.project.records import DatasetRecord


@pytest.mark.parametrize(
    ("card", "stated"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Model", {"en"}),
        ("---\nlanguage:\n- en\n- FR\n---\n", {"en", "fr"}),
        ("---\nlanguage:\n- multilingual\n---\n", {"multilingual"}),
        ("---\nlanguage:\n- no\n---\n", {"no"}),
        ("---\nlicense: mit\n---\n", None),
        ("---\nlanguage: [\n---\n", None),
        ("---\nnever closed\nlanguage: en\n", None),
        ("# A model\nlanguage: en\n", None),
        ("---\n- en\n---\n", None),
        ("", None),
    ],
)
def test_languages_of_a_card(tmp_path: Path, card: str, stated: set[str] | None):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert stated_languages(tmp_path) == stated


def test_no_card_states_nothing(tmp_path: Path):
    assert stated_languages(tmp_path) is None


def test_the_default_model_is_for_english(model_folder: Path):
    assert stated_languages(model_folder) == {"en"}


GERMAN = [
    "Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.",
    "Die Versicherungsbedingungen gelten für alle Verträge, die mit der Gesellschaft geschlossen wurden.",
]
ENGLISH = ["Fill the tank with cold water and wait for the signal. The terms are the same for all the contracts."]
GREEK = ["Η ασφάλεια ισχύει για όλους τους πελάτες της εταιρείας."]


@pytest.fixture(scope="module")
def encoder(tiny_base):
    return Encoder(load_model(tiny_base))


def warn(encoder, folder, language, texts):
    return language_warning("some/model", folder, encoder, language, texts)


def test_a_card_that_names_english_alone_warns_of_german(encoder, model_folder):
    warning = warn(encoder, model_folder, "german", GERMAN)
    assert "in German" in warning and "names en" in warning and "multilingual" in warning


@pytest.mark.parametrize("stated", ["de", "multilingual", "German", "[en, de]"])
def test_a_card_that_names_the_language_is_believed(encoder, tmp_path, stated):
    (tmp_path / "README.md").write_text(f"---\nlanguage: {stated}\n---\n", encoding="utf-8")
    assert warn(encoder, tmp_path, "german", GERMAN) is None


def test_without_a_card_the_vocabulary_tells(encoder, tmp_path):
    warning = warn(encoder, tmp_path, "german", GERMAN)
    assert "cuts a word into" in warning
    assert vocabulary_fit(encoder, GERMAN)[0] > 1.6 > vocabulary_fit(encoder, ENGLISH)[0]


def test_a_script_tells_where_stop_words_do_not(encoder, model_folder):
    assert "in Greek" in warn(encoder, model_folder, "", GREEK)


@pytest.mark.parametrize(("language", "texts"), [("english", ENGLISH), ("", ["x = 1"]), ("", [])])
def test_english_and_what_nobody_recognises_give_no_warning(encoder, model_folder, language, texts):
    assert warn(encoder, model_folder, language, texts) is None


def test_generate_warns_and_records_it(tmp_path, tiny_base, caplog):
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(30):
        text = " ".join(
            f"Die Pumpe{number} des Kessels{step}x{number} wird mit der Zange{step}x{number} geöffnet, wenn das "
            f"Ventil{number} nicht schließt und die Lampe{step}x{number} blinkt."
            for step in range(6)
        )
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    config = embedtune.GenerateConfig(source=str(folder), model=str(tiny_base), window_tokens=48)
    with caplog.at_level("WARNING", logger="embedtune"):
        record = embedtune.generate(config, tmp_path / "run").record
    (warning,) = record.warnings
    assert "in German" in warning and warning in caplog.text
    assert record.language == "german"
    assert read_manifest(tmp_path / "run" / "dataset", DatasetRecord).record.warnings == [warning]
