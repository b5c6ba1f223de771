from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.text.sentences import ends_clause, ends_sentence, remove_closest_sentence, sentences_of

TEXT = "Fill the tank with cold water. The pump starts by itself. Rinse the bowl twice."


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (TEXT, ["Fill the tank with cold water.", " The pump starts by itself.", " Rinse the bowl twice."]),
        ("Stop! Why? “It leaks.” Go on…\nDone", ["Stop!", " Why?", " “It leaks.”", " Go on…", "\nDone"]),
        ("Version 3.5 is out.", ["Version 3.5 is out."]),
        ("End.Next (see p. 3.) Last", ["End.Next (see p.", " 3.)", " Last"]),
        ("水を入れる。 電源を押す？\n終わり", ["水を入れる。", " 電源を押す？", "\n終わり"]),
        ("One.\nTwo\nthree.\n\nFour", ["One.", "\nTwo\nthree.", "\n\nFour"]),
        ("First part\n\nsecond part\n \nthird", ["First part", "\n\nsecond part", "\n \nthird"]),
        ("one line\nnext line", ["one line\nnext line"]),
        ("水を入れる。電源を押す！終わり", ["水を入れる。", "電源を押す！", "終わり"]),
        ("", []),
    ],
)
def test_text_is_split_at_ends_of_sentences_and_blank_lines(text, sentences):
    assert sentences_of(text) == sentences


@given(st.text(st.sampled_from('ab .!?…。\n\t"”)'), max_size=30))
def test_sentences_joined_are_the_text_again(text):
    sentences = sentences_of(text)
    assert "".join(sentences) == text
    assert "" not in sentences


def test_sentence_with_most_terms_of_the_query_goes():
    expected = "Fill the tank with cold water. Rinse the bowl twice."
    assert remove_closest_sentence(TEXT, "pump starts", keep=0.5) == expected


def test_first_of_equal_sentences_goes():
    assert remove_closest_sentence(TEXT, "espresso", keep=0.0) == " The pump starts by itself. Rinse the bowl twice."


def test_sentence_is_found_by_words_in_any_case_and_form():
    text = "Ruhetag ist Montag. Das Café öffnet um neun. Sonst gilt der Aushang."
    expected = "Ruhetag ist Montag. Sonst gilt der Aushang."
    assert remove_closest_sentence(text, "CAFE\u0301 offen", keep=0.5) == expected


def test_share_that_stays_is_counted_in_characters():
    text = "a bb. cc dd."
    assert remove_closest_sentence(text, "bb", keep=7 / 12) == " cc dd."
    assert remove_closest_sentence(text, "bb", keep=7.1 / 12) == text


def test_nothing_goes_when_too_little_would_stay():
    text = "Short one. This very long sentence about the pump is most of the text."
    assert remove_closest_sentence(text, "pump", keep=0.5) == text
    assert remove_closest_sentence(text, "pump", keep=0.1) == "Short one."


@pytest.mark.parametrize("text", ["The pump starts by itself", "", "The pump starts.\n\n"])
def test_text_of_one_sentence_stays(text):
    assert remove_closest_sentence(text, "pump", keep=0.0) == text


@pytest.mark.parametrize(
    ("word", "sentence", "clause"),
    [
        ("bowl.", True, False), ("bowl.”", True, False), ("e.g.", False, False), ("Dr.", False, False), ("3.5", False, False),
        ("tank,", False, True), ("tank:)", False, True), ("水。", True, False), ("水、", False, True), ("tank", False, False),
    ],
)  # fmt: skip
def test_words_that_end_a_sentence_or_a_clause(word, sentence, clause):
    assert ends_sentence(word, starts_line=False) is sentence
    assert ends_clause(word) is clause


def test_the_number_of_a_list_item_ends_no_sentence():
    assert ends_sentence("12.", starts_line=False)
    assert not ends_sentence("12.", starts_line=True)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("أين المفتاح؟ هو هنا.", ["أين المفتاح؟", " هو هنا."]),
        ("یہ پمپ ہے۔ وہ ٹینک ہے۔", ["یہ پمپ ہے۔", " وہ ٹینک ہے۔"]),
        ("यह पंप है। वह टंकी है॥ बस", ["यह पंप है।", " वह टंकी है॥", " बस"]),
        ("Սա պոմպ է։ Դա բաք է։", ["Սա պոմպ է։", " Դա բաք է։"]),
        ("ይህ ነው። ያ ነው፧ አዎ", ["ይህ ነው።", " ያ ነው፧", " አዎ"]),
        ("ပန့်ဖြစ်သည်။ကန်ဖြစ်သည်။", ["ပန့်ဖြစ်သည်။", "ကန်ဖြစ်သည်။"]),
        ("នេះជាស្នប់។ នោះជាធុង៕", ["នេះជាស្នប់។", " នោះជាធុង៕"]),
        ("བག་ལེབ།དཔེ་ཆ།", ["བག་ལེབ།", "དཔེ་ཆ།"]),
        ("Πού είναι; Εδώ είναι.", ["Πού είναι;", " Εδώ είναι."]),
        ("「水を入れる。」次に押す。", ["「水を入れる。」", "次に押す。"]),
        ("(ပန့်ဖြစ်သည်။) ကန်ဖြစ်သည်။", ["(ပန့်ဖြစ်သည်။)", " ကန်ဖြစ်သည်။"]),
        ("Tank; pump. Lid", ["Tank; pump.", " Lid"]),  # only in Greek does it ask
    ],
)
def test_every_script_has_its_marks(text, sentences):
    assert sentences_of(text) == sentences


def test_thai_has_no_marks_and_is_parted_at_blanks():
    parts = [
        "ห้องสมุดให้ยืมแผนที่สามสัปดาห์แก่ผู้อ่านทุกคนในเมือง ",
        "ผู้ที่คืนช้าต้องจ่ายค่าปรับเล็กน้อยทุกครั้งที่คืนหนังสือ ",
        "ก่อนพายุคนสวนผูกต้นไม้",
    ]
    assert sentences_of("".join(parts)) == parts


def test_what_has_neither_marks_nor_blanks_is_cut_between_words():
    pieces = sentences_of("図書館は地図を貸し出します" * 20)
    assert len(pieces) > 3
    assert all(piece.startswith(("図書館", "は", "地図", "を", "貸し出し", "ます")) for piece in pieces)


@pytest.mark.parametrize(
    ("word", "sentence", "clause"),
    [("है।", True, False), ("مرحبا؟", True, False), ("نعم،", False, True), ("ဖြစ်သည်။", True, False), ("է։", True, False)],
)
def test_marks_of_other_scripts_end_sentences_and_clauses_of_documents(word, sentence, clause):
    assert ends_sentence(word, starts_line=False) is sentence
    assert ends_clause(word) is clause
