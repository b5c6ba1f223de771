"""How much of a text a base can read, by script."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from embedtune.models.encoder import Encoder, load_model
from embedtune.models.readable_text import (
    ScriptReading,
    describe,
    reading_warning,
    readings,
    unread_share,
    wider_base,
)

THAI = "ห้องสมุดให้ยืมแผนที่สามสัปดาห์ ผู้ที่คืนช้าต้องจ่ายค่าปรับเล็กน้อย"
ENGLISH = "Fill the tank with cold water and wait for the signal of the lamp."


@pytest.fixture(scope="module")
def encoder(tiny_base):
    return Encoder(load_model(tiny_base))


def test_what_is_one_unknown_token_is_not_read(encoder):
    found = readings(encoder, [ENGLISH, THAI])
    assert [each.script for each in found] == ["Latin", "Thai"]
    latin, thai = found
    assert latin.unknown == latin.bytes == 0
    assert thai.unknown >= 0.9 * thai.letters > 0
    assert 0.3 < unread_share(found) < 0.7
    assert describe(found).startswith("Thai ")


def test_a_text_that_is_read_gives_no_warning(encoder):
    assert reading_warning("some/model", encoder, [ENGLISH] * 3) is None
    assert reading_warning("some/model", encoder, []) is None


def test_the_warning_names_shares_and_a_base_that_reads(encoder):
    warning = reading_warning("some/model", encoder, [ENGLISH, THAI])
    assert "cannot read" in warning and "Thai" in warning and "multilingual" in warning


@pytest.mark.parametrize(("script", "name"), [("Thai", "paraphrase-multilingual"), ("Khmer", "multilingual-e5")])
def test_the_base_that_is_named_reads_the_script(script, name):
    assert name in wider_base([ScriptReading("Latin", 90, 0, 0), ScriptReading(script, 10, 10, 0)])


def test_letters_in_bytes_are_counted():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend = Tokenizer(models.BPE({letter: number for number, letter in enumerate(sorted(alphabet))}, []))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    model = SimpleNamespace(tokenizer=PreTrainedTokenizerFast(tokenizer_object=backend))
    latin, han = readings(SimpleNamespace(model=model), ["the tank", "水"])
    assert (latin.bytes, han.bytes, han.unknown) == (0, 1, 0)
    assert describe([latin, han]) == "Han 100% in single bytes"


def test_nothing_is_read_wrong_where_there_is_nothing(encoder):
    assert readings(encoder, ["", "… !"]) == []
    assert unread_share([]) == 0 and describe([]) == ""
