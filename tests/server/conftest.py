from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from embedtune.server.app import Limits, make_app
from embedtune.server.service import Service


@contextmanager
def listening(service: Service, key: str | None = None, limits: Limits | None = None) -> Iterator[str]:
    """Serve in a thread, on a real socket; yield the address."""
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(service, key=key, limits=limits or Limits()), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        place.close()


@pytest.fixture(scope="session")
def service(served_run) -> Service:
    """Return a run with prompts, so that a text has two vectors."""
    return Service(served_run("lora", prompts=True, evaluated=True), "tuned", "hybrid_tuned")


@pytest.fixture(scope="session")
def plain_service(served_run) -> Service:
    return Service(served_run("lora"), "tuned", "tuned")


@pytest.fixture(scope="session")
def address(service) -> Iterator[str]:
    with listening(service, key="secret") as address:
        yield address


@pytest.fixture(scope="session")
def plain_address(plain_service) -> Iterator[str]:
    with listening(plain_service) as address:
        yield address
