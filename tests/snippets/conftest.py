"""Runs of each shape, their facts, and servers of their exported folders; everything is made once and only read."""

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["POSTHOG_DISABLED"] = "1"

from contextlib import ExitStack
from functools import cache

import pytest

from embedtune.snippets.checking import make_job
from embedtune.snippets.rendering import Served, render
from embedtune.snippets.routes import TARGETS, read_facts
from embedtune.snippets.served_folders import export
from tests.embedding_server import EmbeddingServer
from tests.postgres import running


@pytest.fixture(scope="session")
def facts_of(served_run):
    """Return a function that gives the facts of a run by its method and whether it has prompts."""
    return cache(lambda method, prompts: read_facts(served_run(method, prompts=prompts), "tuned"))


@pytest.fixture(scope="session")
def job_of():
    """Return a function that gives what to ask and what is expected, once for each run."""
    return cache(make_job)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Return a function that gives the folder of what is exported of a run."""

    @cache
    def call(facts):
        folder = tmp_path_factory.mktemp("exported") / "served"
        export(facts, folder)
        return folder

    return call


@pytest.fixture(scope="session")
def servers(exported):
    """Return a function that starts the servers of a run: of queries and of documents, which are one unless it has two towers."""
    with ExitStack() as open_servers:

        @cache
        def call(facts):
            folder = exported(facts)
            if facts.shape != "two":
                both = open_servers.enter_context(EmbeddingServer({facts.name: folder / "model"}))
                return both, both
            return tuple(
                open_servers.enter_context(EmbeddingServer({f"{facts.name}-{side}": folder / side}))
                for side in ("query", "document")
            )

        yield call


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Start PostgreSQL with pgvector; tables are temporary, as those of a check."""
    with running(tmp_path_factory.mktemp("pg")):
        yield


@pytest.fixture(scope="session")
def plug_of(servers, request):
    """Return a function that renders a run for a target; the code asks running servers, if it asks any."""

    def call(facts, target):
        if TARGETS[target].kind == "database":
            request.getfixturevalue("postgres")
        if TARGETS[target].kind != "server":
            return render(facts, target)
        queries, documents = servers(facts)
        return render(facts, target, Served(query_url=queries.url, document_url=documents.url))

    return call
