"""Real files outside the repository: a folder named by EMBEDTUNE_DOCUMENTS."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from embedtune.documents.readers import no_reader, read
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.sandbox import Sandbox
from embedtune.types import Document

FOLDER = os.environ.get("EMBEDTUNE_DOCUMENTS")
FILES = sorted(path for path in Path(FOLDER).rglob("*") if path.is_file() and not no_reader(path)) if FOLDER else []
MARKUP = re.compile(r"</?(?:p|b|i|div|span|a|td|tr|br)\b[^>]*>|&(?:amp|lt|gt|nbsp|quot|#\d+);|\]\(http|\\rtf1|\\par\b")
KEPT_AS_THEY_ARE = (".txt", ".ipynb", ".json")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="EMBEDTUNE_DOCUMENTS names no folder of documents"),
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(ReadingLimits()) as sandbox:
        yield sandbox


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_file_is_read_clean_or_skipped_with_a_reason(path, sandbox):
    found = sandbox.read(path, path.name)
    assert found == read(path, path.name, ReadingLimits())
    if not isinstance(found, Document):
        assert found.reason
        assert not found.reason.startswith(("broken", "the parser died"))
    elif path.suffix.lower() not in KEPT_AS_THEY_ARE:
        assert MARKUP.findall(found.text) == []
