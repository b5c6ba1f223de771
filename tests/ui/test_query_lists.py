from __future__ import annotations

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.query_lists import MAX_QUERIES, Listed, personal_in, read_queries


def test_a_text_has_a_query_a_line_and_what_stands_there_twice_is_told():
    found = read_queries("\ufeffhow do I descale it\n\nHow  do i descale IT\nrefund, please\n")
    assert found == [Listed("how do I descale it", 2, ()), Listed("refund, please", 1, ())]


@pytest.mark.parametrize(
    "table",
    [
        "query,clicks\ndescale it,3\n\"a, b\",1\n",
        "date;Search Term;hits\n2026;descale it;3\n2026;a, b;1\n",
        "id\tquery\n1\tdescale it\n2\ta, b\n",
    ],
)  # fmt: skip
def test_of_a_search_log_the_column_of_queries_is_taken(table):
    assert [each.text for each in read_queries(table)] == ["descale it", "a, b"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("invoice of ada.l@example.org", "an e-mail address"),
        ("call +49 (0)30 1234567", "a telephone or account number"),
        ("IBAN DE89 3704 0044 0532 0130 00", "an IBAN"),
        ("login from 192.168.10.4", "an IP address"),
        ("https://example.org/reset?u=7", "an address of a page"),
        ("why is api_key=abcd1234efgh5678 refused", "a key or password"),
    ],
)
def test_what_may_be_about_a_person_is_pointed_at(text, what):
    assert what in personal_in(text)


@pytest.mark.parametrize("text", ["how do I get a refund", "python 3.11.7", "part 4711", "iso 9001 since 2015", "a@b"])
def test_ordinary_queries_are_not(text):
    assert personal_in(text) == ()


def test_none_and_too_many_are_refused():
    with pytest.raises(ConfigError, match="found none"):
        read_queries(" \n\t\n")
    with pytest.raises(ConfigError, match="at most"):
        read_queries("\n".join(map(str, range(MAX_QUERIES + 1))))
    with pytest.raises(ConfigError, match="expected a table"):
        read_queries('query,n\n"' + "x" * 200_000)
