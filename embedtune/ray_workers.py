"""Workers that Ray runs, on this machine or on a cluster: ``--ray``.

They are actors of Ray Core, and not ``map_batches`` of Ray Data. They keep a model over the many short calls of a stage, which
come one after another; documents are a stream that no memory holds; and an LLM's answers are awaited one by one. Data starts
its actors anew for every call, and takes a data set as a whole.
"""

from __future__ import annotations

import inspect
import logging
import os
import secrets
import signal
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import SimpleQueue
from string import ascii_letters, digits
from typing import Any, NamedTuple, TypeVar

from embedtune import machine
from embedtune.errors import ConfigError, EmbedtuneError, ResourceError
from embedtune.executor import Load, using
from embedtune.extras import requires
from embedtune.processes import launched
from embedtune.redaction import redact

S = TypeVar("S")
T = TypeVar("T")

LOCAL = "local"
TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_DEFAULT_TOKEN = ".ray/auth_token"  # in the home folder, as Ray has it  # noqa: S105 (a file name)
_OF_HOSTS = frozenset(ascii_letters + digits + ".-_[]:")
_WORKER_MEMORY = 2 << 30  # bytes that a local worker may need
_STORE = 256 << 20  # bytes of a local cluster's object store: few blocks are under way
_TRIES = 3  # of an item whose workers die
_HELD = 3  # functions that a worker holds
_PATIENCE_S = 60.0  # until somebody who waits for a worker is told
_log = logging.getLogger("embedtune")
_SAME = ("embedtune", "sentence-transformers", "tokenizers", "torch", "transformers")  # what makes the bytes
_SWITCHES = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # of the C++ parts, on this terminal
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a change to come
    "RAY_worker_niceness": "0",  # workers do what this process would do
    "RAY_AUTH_MODE": "token",
}


@contextmanager
def ray_workers(address: str | None) -> Iterator[None]:
    """Let Ray's workers read, cut, encode and answer within the block; None leaves all to this process.

    Args:
        address: ``local`` for a cluster of this machine, which ends with the block and which nobody else can use; or that of a
            cluster, as HOST:PORT from a machine of it, or ray://HOST:PORT from outside. Each needs its token, see
            ``check_token``.

    Raises:
        ConfigError: If the address or its token is missing or wrong, Ray is not installed, torchrun shares the work already,
            or the workers have other versions of the libraries.
        ResourceError: If the cluster cannot be reached or started, or workers die again and again.
    """
    if address is None:
        yield
        return
    if launched().size > 1:
        raise ConfigError("--ray: expected one process, found one of torchrun's", hint="give --ray or use torchrun")
    check_address(address)
    ours = {name: value for name, value in _SWITCHES.items() if name not in os.environ or name == "RAY_AUTH_MODE"}
    if address == LOCAL:
        ours[TOKEN] = secrets.token_hex(32)
    else:
        check_token(address)
    with _environment(ours), requires("embedtune[ray]", where="--ray"):
        ray = _import_ray()
        with _connected(ray, address):
            found = RayWorkers(ray)
            try:
                with using(found):
                    yield
            finally:
                found.close()


def check_address(address: str) -> None:
    """Raise ``ConfigError`` for what is no address of a cluster."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address != LOCAL and not (host and _OF_HOSTS.issuperset(host) and port.isdecimal() and int(port) < 1 << 16):
        raise ConfigError(
            f"--ray: expected local, HOST:PORT or ray://HOST:PORT, found {redact(address)!r}",
            hint="`ray start --head` prints the address of the cluster that it starts",
        )


def check_token(address: str) -> None:
    """Refuse a cluster whose token nobody gave: whoever can reach one without a token runs any code there, and reads ours.

    Raises:
        ConfigError: If there is no token in the environment, in a file that it names, or in Ray's own file.
    """
    file = os.environ.get(TOKEN_PATH) or Path.home() / _DEFAULT_TOKEN
    if os.environ.get(TOKEN, "").strip() or Path(file).is_file():
        return
    raise ConfigError(
        f"--ray {address}: expected the token of this cluster, found none",
        hint=f"start the cluster with RAY_AUTH_MODE=token, and give its token in {TOKEN} or as a file in {TOKEN_PATH}",
    )


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables within the block: for Ray, and for what it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _import_ray() -> Any:
    """Import Ray, and have it read the environment again where it was imported before."""
    import ray

    with suppress(ImportError, AttributeError):
        raylet = import_module("ray._raylet")
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    own: dict[str, Any] = {}
    if address == LOCAL:
        n = max(1, min(machine.cores(), machine.memory().available // _WORKER_MEMORY))
        own = {"num_cpus": n, "include_dashboard": False, "object_store_memory": _STORE}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except Exception as error:  # of several libraries below
        raise _refusal(ray, address, error) from None  # a chain of theirs may hold the token
    if threading.current_thread() is threading.main_thread():
        for each, handler in handlers.items():  # Ray's own would end this process with another exit code
            signal.signal(each, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _refusal(ray: Any, address: str, error: Exception) -> EmbedtuneError:
    said = redact(str(error).strip().partition("\n")[0])
    if isinstance(error, ray.exceptions.AuthenticationError) or "token" in str(error).lower():
        return ConfigError(f"--ray {address}: expected the token of this cluster, found another: {said}")
    if address == LOCAL:
        return ResourceError(
            f"--ray local: expected Ray to start, found: {said}", hint="try again when the machine is less busy"
        )
    return ResourceError(
        f"--ray {address}: expected a cluster, found: {said}",
        hint="HOST:PORT is for a machine of the cluster; from outside give ray://HOST:10001",
    )


class _Worker:
    """What runs in an actor: it keeps the functions that it was given last."""

    def __init__(self) -> None:
        from embedtune.quiet import set_switches

        set_switches()
        self._held: OrderedDict[bytes, Callable[[Any], Any]] = OrderedDict()

    def describe(self) -> tuple[str, dict[str, str]]:
        """Return the name of the machine, and the versions of what makes the bytes."""
        return socket.gethostname(), _versions()

    async def do(self, key: bytes, load: Callable[[], Callable[[Any], Any]], item: Any) -> Any:
        """Return what the function of a key makes of an item."""
        if key not in self._held:
            self._held[key] = load()
            if len(self._held) > _HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        done = self._held[key](item)
        return await done if inspect.isawaitable(done) else done


def _versions() -> dict[str, str]:
    found = {}
    for name in _SAME:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


class _Job(NamedTuple):
    """An item that is to be done."""

    key: bytes
    load: Any  # reference to what is pickled once for all workers
    item: Any
    result: Future[Any]
    tries: int = 0


class RayWorkers:
    """The actors of one cluster; see ``executor.Workers``. One for each GPU where there are any, else one for each core.

    What an actor was at when it died is done again by another, ``_TRIES`` times at most, and a new one is started. Ray itself
    would try for ever, with an item that kills every worker too.
    """

    def __init__(self, ray: Any) -> None:
        """Start the actors; the first call waits until one is ready."""
        self._ray = ray
        resources = ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0))
        self.size = max(1, n_gpus or int(resources.get("CPU", 1)))
        options = {"num_cpus": 1, "num_gpus": 1 if n_gpus else 0, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._actor = ray.remote(**options)(_Worker)
        self._lost = (
            ray.exceptions.RayActorError,
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.ObjectLostError,
            ray.exceptions.OutOfMemoryError,
        )
        self._loads: dict[bytes, Any] = {}
        self._busy: dict[Any, int] = {}  # what each actor that is ready is at
        self._waiting: deque[_Job] = deque()  # for an actor
        self._problem: Exception | None = None
        self._n_failed = 0  # actors that died before they were ready, one after another
        self._lock = threading.RLock()
        self._news: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="ray results", daemon=True)
        self._listener.start()
        for _ in range(self.size):
            self._start()
        self._alarm = threading.Timer(_PATIENCE_S, self._tell)
        self._alarm.daemon = True
        self._alarm.start()

    def submit(self, load: Load[S, T], item: S) -> Future[T]:
        """See ``executor.Workers``."""
        from ray import cloudpickle

        key: bytes = cloudpickle.dumps(load)
        with self._lock:
            if key not in self._loads:
                self._loads[key] = self._ray.put(load)
            job = _Job(key, self._loads[key], item, Future())
            self._give(job)
        return job.result

    def close(self) -> None:
        """Call off what is waiting; the actors end with the connection."""
        self._fail(ResourceError("--ray: expected results, found that the work has ended"))
        self._alarm.cancel()
        self._news.put(None)
        self._listener.join()

    def _tell(self) -> None:
        if not self._busy:
            _log.info("waiting for a worker; %d are asked for, and the cluster may be at other work", self.size)

    def _start(self) -> None:
        actor = self._actor.remote()
        self._watch(actor.describe.remote(), partial(self._ready, actor))

    def _watch(self, reference: Any, act: Callable[[Future[Any]], None]) -> None:
        """Call a function with the outcome, in a thread of ours: Ray's own must not be held up."""
        reference.future().add_done_callback(lambda done: self._news.put(partial(act, done)))

    def _listen(self) -> None:
        while (act := self._news.get()) is not None:
            with self._lock:
                act()

    def _ready(self, actor: Any, told: Future[Any]) -> None:
        if error := told.exception():
            self._n_failed += 1
            if self._n_failed >= _TRIES:
                said = redact(str(error).strip().partition("\n")[0])
                self._fail(ResourceError(f"--ray: expected workers that start, found: {said}"))
            else:
                self._start()
            return
        host, versions = told.result()
        if versions != (own := _versions()):
            names = [name for name in _SAME if versions.get(name) != own.get(name)]
            expected, found = (", ".join(f"{name} {of.get(name)}" for name in names) for of in (own, versions))
            self._fail(ConfigError(f"--ray: expected {expected} on {host} as here, found {found}"))
            return
        self._n_failed = 0
        self._busy[actor] = 0
        while self._waiting:
            self._give(self._waiting.popleft())

    def _give(self, job: _Job) -> None:
        if self._problem:
            job.result.set_exception(self._problem)
            return
        if not self._busy:
            self._waiting.append(job)
            return
        actor = min(self._busy, key=lambda each: self._busy[each])
        self._busy[actor] += 1
        self._watch(actor.do.remote(job.key, job.load, job.item), partial(self._settle, job, actor))

    def _settle(self, job: _Job, actor: Any, done: Future[Any]) -> None:
        if actor in self._busy:
            self._busy[actor] -= 1
        error = done.exception()
        if error is None:
            job.result.set_result(done.result())
        elif not isinstance(error, self._lost):
            job.result.set_exception(getattr(error, "cause", None) or error)
        else:
            if self._busy.pop(actor, None) is not None:
                self._ray.kill(actor)
                self._start()
            self._again(job)

    def _again(self, job: _Job) -> None:
        if job.tries + 1 < _TRIES:
            self._give(job._replace(tries=job.tries + 1))
            return
        job.result.set_exception(
            ResourceError(
                f"--ray: expected a result, found that {_TRIES} workers died at the same piece of work",
                hint="its memory may not suffice: give Ray fewer CPUs of each machine, or do this stage without --ray",
            )
        )

    def _fail(self, problem: Exception) -> None:
        with self._lock:
            self._problem = self._problem or problem
            while self._waiting:
                self._waiting.popleft().result.set_exception(self._problem)
