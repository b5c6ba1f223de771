"""Write the Python language reference as a folder of PDFs, one for each topic.

Also write the hand-written queries over these topics, as a BEIR folder that judges the PDFs.

    pip install embedtune reportlab
    python handbook_pdfs.py handbook my-queries
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, Paragraph, Preformatted, SimpleDocTemplate

from embedtune.documents.reading import read_python_reference
from embedtune.resources import find_query_set

STYLES = getSampleStyleSheet()
LEVELS = {"*": "Heading1", "=": "Heading2", "-": "Heading3"}


def blocks(text: str) -> Iterator[Flowable]:
    """Yield underlined lines as headings, indented text as code, and the rest as paragraphs."""
    for block in text.split("\n\n"):
        lines = block.strip("\n").splitlines()
        if len(lines) >= 2 and lines[1] and set(lines[1]) <= set(LEVELS):
            yield Paragraph(escape(lines[0]), STYLES[LEVELS[lines[1][0]]])
        elif block.startswith("   "):
            yield Preformatted("\n".join(lines), STYLES["Code"])
        elif lines:
            yield Paragraph(escape(" ".join(lines)), STYLES["BodyText"])


def write_pdfs(folder: Path) -> None:
    """Write a PDF for each topic."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in read_python_reference():
        path = folder / f"{document.document_id}.pdf"
        SimpleDocTemplate(str(path), title=document.document_id).build(list(blocks(document.text)))


def write_queries(folder: Path) -> None:
    """Copy the packaged queries, and change their judgements to file names, which are the document ids of a folder."""
    packaged = find_query_set("python-reference")
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(packaged / "queries.jsonl", folder / "queries.jsonl")
    head, *rows = (packaged / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    named = [f"{query}\t{document}.pdf\t{grade}" for query, document, grade in (row.split("\t") for row in rows)]
    (folder / "qrels" / "test.tsv").write_text("\n".join([head, *named]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_pdfs(Path(sys.argv[1]))
    write_queries(Path(sys.argv[2]))
