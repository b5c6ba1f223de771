"""Collections in languages that have few with people's queries, from free documentation: what its authors call its parts.

    apt-get download gnome-user-docs debian-reference-ja && for each in *.deb; do dpkg -x $each docs; done
    python -m benchmarks.languages help docs/usr/share/help/de OUT
    python -m benchmarks.languages headings FOLDER OUT

``help`` reads the pages of GNOME Help in one language: the description of a page is a query, the page without it a document.
``headings`` reads a folder of documents of any format: the heading of a section is a query, its text a document. Both write a
BEIR folder with test judgements. Authors call a part by its own words, so the figures are higher than with people's queries;
they compare ways of analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.tables import parser
from embedtune.documents.readers.html import parse_xml, text_of
from embedtune.documents.reading import read_source
from embedtune.documents.text_builder import one_line
from embedtune.formats import beir
from embedtune.text.language import language_of
from embedtune.types import Passage, Query

_NUMBER = re.compile(r"\A[\d.]+\s+")  # of a section
_LEAST = 200  # characters of a document


class Part(NamedTuple):
    """A part of a documentation, and what its authors call it."""

    name: str
    query: str
    title: str
    text: str


def help_pages(folder: Path) -> Iterator[Part]:
    """Yield the pages of GNOME Help below a folder; those that are not translated, or only in part, are left out."""
    for path in sorted(folder.glob("*/*.page")):
        page, original = _page(path), _page(folder.parent / "C" / path.relative_to(folder))
        is_translated = original.query != page.query and language_of(page.text) != "english"
        if page.query and (folder.name == "C" or is_translated):
            yield page._replace(name=str(path.relative_to(folder)))


def _page(path: Path) -> Part:
    if not path.is_file():
        return Part("", "", "", "")
    root = parse_xml(path.read_bytes())
    for comment in root.iter("comment"):
        comment.clear()
    query, title = ("".join(map(text_of, root.findall(name))) for name in ("info/desc", "title"))
    blocks = [text_of(element) for element in root if element.tag not in ("info", "title")]
    return Part("", one_line(query), one_line(title), "\n\n".join(map(one_line, blocks)))


def headings(folder: Path) -> Iterator[Part]:
    """Yield the sections of documents whose heading is that of no other section."""
    sections = [(document, section) for document in read_source(str(folder)).documents for section in document.sections]
    names = [_NUMBER.sub("", section.headings[-1]) if section.headings else "" for _, section in sections]
    for number, ((document, section), name) in enumerate(zip(sections, names, strict=True)):
        if name and names.count(name) == 1:
            yield Part(f"{document.document_id}:{number}", name, "", document.text[section.start : section.end])


KINDS = {"help": help_pages, "headings": headings}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("kind", choices=KINDS)
    options.add_argument("folder", type=Path)
    options.add_argument("out", type=Path)
    arguments = options.parse_args()
    parts = [part for part in KINDS[arguments.kind](arguments.folder) if len(part.text) >= _LEAST]
    arguments.out.mkdir(parents=True)
    beir.write_passages(
        arguments.out, (Passage(each.name, each.name, each.title, each.text, 0, len(each.text)) for each in parts)
    )
    beir.write_queries(arguments.out, (Query(f"q:{each.name}", each.query, "heading") for each in parts))
    beir.write_qrels(arguments.out, "test", {f"q:{each.name}": {each.name: 1} for each in parts})
    print(f"{arguments.out}: {len(parts)} documents and queries")


if __name__ == "__main__":
    main()
