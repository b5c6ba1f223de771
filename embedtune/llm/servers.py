"""Providers behind a server: OpenAI's interface, Ollama's, and any other class of llama-index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from embedtune.errors import ConfigError
from embedtune.llm.batch_files import response_format
from embedtune.llm.continuations import END, text_to_continue
from embedtune.llm.cost import estimate_tokens, known_count, prompt_tokens
from embedtune.llm.exchange import PACKINGS, ask_to_stream, check_redirect, read_answer, restrict_headers
from embedtune.llm.failures import CallError, RateLimiter
from embedtune.llm.providers import MANY, OLLAMA_URL, OPENAI_URL, import_extra
from embedtune.llm.slots import told_slots
from embedtune.llm.store import Answer, Call
from embedtune.llm.waiting import heard

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from embedtune.config.settings import LlmConfig

_OLLAMA_CONTEXT = 8192  # tokens; left to itself, llama-index asks the server for the model's longest, and memory for it
_NO_KEY = "none"  # an empty one would make llama-index send OPENAI_API_KEY
_ROOM = 512  # tokens of an answer, where the call cannot say
_NO_SUCH_ROUTE = {400, 403, 404, 405, 415, 422, 501}
_CUT_OFF = {"length", "max_tokens", "MAX_TOKENS"}
_FILTERED = {"content_filter", "safety", "SAFETY", "refusal"}


class ChatServer:
    """A llama-index LLM that chats over the network; see ``Provider``."""

    max_concurrency = MANY
    is_local = False
    chats = True

    def __init__(
        self,
        name: str,
        model: str,
        llm: Any,
        *,
        forms: Sequence[Form] = (),
        param_of: Callable[[Call], Mapping[str, Any]] = lambda call: call.params,
        renew: Callable[[Any, Mapping[str, Any]], None] | None = None,
        holds: str = "choices",
        key: str | None = None,
        slots_url: str | None = None,
        server: object = None,
        completer: Any = None,
        remake: Callable[[], Any] | None = None,
    ) -> None:
        """Wrap an LLM with the coroutine ``achat``.

        Args:
            name: For messages.
            model: For the key of a call.
            llm: The LLM.
            forms: Ways to ask for an answer by a schema, the strictest first; the first that the server takes is kept.
            param_of: Returns the sampling parameters for ``achat``, or sets those of the LLM and returns none.
            renew: Gives the LLM a new client, with hooks for httpx; None keeps its own.
            holds: The field of an answer that holds its text; see ``exchange.read_answer``.
            key: Of this server; with it no header goes there that a library took from the environment for others. None sends
                all.
            slots_url: Where llama.cpp tells how many calls it works on at once; None asks nobody.
            server: One in this process, which ends when nothing holds it any more.
            completer: An LLM of the same server with the coroutine ``acomplete``, which goes on with a text; None gives the
                turns of that text to the chat.
            remake: Builds the LLM anew after its connections were closed, where ``renew`` cannot.
        """
        self.name = name
        self.model = model
        self._llm = llm
        self._forms = [*forms, _no_form]
        self._params = param_of
        self._renew = renew
        self._holds = holds
        self._key = key
        self._slots_url = slots_url
        self._server = server
        self._completer = completer
        self._remake = remake
        self._streams = True
        self._gate: RateLimiter | None = None
        self._connected = False

    def attach(self, gate: RateLimiter) -> None:
        """Check a rate limiter before each request is written, and pass it the headers of each response."""
        self._gate = gate

    async def ask(self, call: Call) -> Answer:
        """Send a call once; where the server rejects the form or the stream, once more in the next form that it may know."""
        if self._renew and not self._connected:
            await self._connect(self._renew)
        if self._remake and self._llm is None:
            self._llm = self._remake()
        if call.continues and self._completer:
            try:
                return await self._continue(call)
            except Exception as error:
                if getattr(error, "status_code", None) not in _NO_SUCH_ROUTE:
                    raise
                self._completer = None  # a server that only chats
        return await self._ask_in_forms(call)

    async def _connect(self, renew: Callable[[Any, Mapping[str, Any]], None]) -> None:
        for llm in filter(None, (self._llm, self._completer)):
            renew(llm, {"request": [self._before], "response": [self._after]})
        self._connected = True
        if self._slots_url and self._gate and (slots := await told_slots(self._slots_url, self._key)):
            self._gate.take_slots(slots)

    async def _ask_in_forms(self, call: Call) -> Answer:
        for number, form in enumerate(forms := self._forms):
            try:
                answer = await self._chat(call, form(call.schema) if call.schema else {})
            except Exception as error:
                last = number + 1 == len(forms)
                if getattr(error, "status_code", None) not in (400, 422) or (last and not self._streams):
                    raise
                if last or "stream" in str(error):
                    self._streams = False
                    return await self._ask_in_forms(call)
            else:
                if call.schema and number:
                    self._forms = forms[number:]
                return answer
        raise AssertionError("a form is left")

    async def _chat(self, call: Call, form: Mapping[str, Any]) -> Answer:
        from llama_index.core.base.llms.types import ChatMessage

        messages = [ChatMessage(role=message.role, content=message.content) for message in call.messages]
        if self._renew is None and self._streams:
            return read_response(call, await self._listen(messages, {**self._params(call), **form}))
        return read_response(call, await self._llm.achat(messages, **self._params(call), **form))

    async def _listen(self, messages: list[ChatMessage], params: Mapping[str, Any]) -> ChatResponse:
        """Return the last part of a stream of the library's own, which holds all words; there are no hooks to stream by."""
        last: ChatResponse | None = None
        with suppress(NotImplementedError):  # of a class without streams
            async for part in await self._llm.astream_chat(messages, **params):
                heard()
                last = part
        if last is None:  # or a server without
            self._streams = False
            whole: ChatResponse = await self._llm.achat(messages, **params)
            return whole
        return last

    async def _continue(self, call: Call) -> Answer:
        text = text_to_continue(call.messages)
        response = await self._completer.acomplete(text, formatted=True, stop=[END], **self._params(call))
        return _answer(call, response.raw, response.text)

    async def close(self) -> None:
        """Close the connections; they belong to one event loop."""
        for llm, name in product(filter(None, (self._llm, self._completer)), ("_aclient", "_async_client")):
            client = getattr(llm, name, None)
            if client is not None:
                with suppress(Exception):
                    await (client.close() if hasattr(client, "close") else client._client.aclose())
        self._connected = False
        if self._remake:
            self._llm = None

    async def _before(self, request: Any) -> None:
        if self._key is not None:
            restrict_headers(request.headers, self._key)
        request.headers["accept-encoding"] = PACKINGS
        if self._streams:
            ask_to_stream(request)
        if self._gate:
            self._gate.check_open()

    async def _after(self, response: Any) -> None:
        if self._gate:
            self._gate.hear(response.status_code, response.headers)
        check_redirect(response)
        await read_answer(response, self._holds)


Form = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns a server's own parameters for an answer by a JSON schema."""


def _no_form(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def without_lengths(schema: Any) -> Any:
    """Return a schema without lengths of strings, which some servers (OpenAI's own) reject; counts stay."""
    if not isinstance(schema, dict):
        return schema
    return {name: without_lengths(value) for name, value in schema.items() if name not in ("minLength", "maxLength")}


_OPENAI_FORMS: tuple[Form, ...] = (
    lambda schema: {"response_format": response_format(schema)},
    lambda schema: {"response_format": response_format(without_lengths(schema))},
)


def openai_like(model: str, config: LlmConfig, key: str | None, *, server: object = None) -> ChatServer:
    """Return any server with OpenAI's interface: OpenAI, vLLM, llama.cpp, LM Studio, transformers serve, most clouds.

    ``server`` is the object of one that runs in this process.
    """
    module = import_extra("llama_index.llms.openai_like", "embedtune[llm]")
    url = config.base_url or OPENAI_URL
    settings = {
        "api_key": key or _NO_KEY,
        "max_retries": 0,
        "timeout": config.timeout_s,
        "is_function_calling_model": False,
    }
    chat, completer = (
        module.OpenAILike(model=model, api_base=url, is_chat_model=chats, **settings) for chats in (True, False)
    )

    def renew(llm: Any, hooks: Mapping[str, Any]) -> None:
        from openai import DefaultAsyncHttpxClient

        llm._async_http_client = DefaultAsyncHttpxClient(event_hooks=dict(hooks), timeout=llm.timeout)
        llm._aclient = None

    own_key = (key or _NO_KEY) if config.base_url else None  # OpenAI gets what the environment has for it
    return ChatServer(
        f"openai:{model} at {url}",
        f"openai:{model}",
        chat,
        forms=_OPENAI_FORMS,
        renew=renew,
        key=own_key,
        slots_url=config.base_url and urljoin(f"{config.base_url.rstrip('/').removesuffix('/v1')}/", "props"),
        server=server,
        completer=completer,
    )


def ollama(model: str, config: LlmConfig, key: str | None) -> ChatServer:
    """Return a model of an Ollama server."""
    module = import_extra("llama_index.llms.ollama", "embedtune[ollama]")
    url = config.base_url or OLLAMA_URL
    llm = module.Ollama(
        model=model,
        base_url=url,
        request_timeout=config.timeout_s,
        temperature=config.temperature,
        context_window=_OLLAMA_CONTEXT,
        headers={"Authorization": f"Bearer {key}"} if key else None,
    )

    def set_params(call: Call) -> Mapping[str, Any]:
        # ``achat`` reads them before it first waits, so that no other call comes between.
        llm.additional_kwargs = {"num_predict": int(call.params.get("max_tokens", config.max_tokens or _ROOM))}
        return {}

    def renew(llm: Any, hooks: Mapping[str, Any]) -> None:
        from ollama import AsyncClient

        llm._async_client = AsyncClient(
            host=llm.base_url, timeout=llm.request_timeout, headers=llm.headers or {}, event_hooks=dict(hooks)
        )

    return ChatServer(
        f"ollama:{model} at {url}",
        f"ollama:{model}",
        llm,
        forms=(lambda schema: {"format": schema}, lambda schema: {"format": without_lengths(schema)}),
        param_of=set_params,
        renew=renew,
        holds="message",
        key=key or "",
    )


def by_class(path: str, model: str, config: LlmConfig, key: str | None) -> ChatServer:
    """Return another class of llama-index, such as ``llama_index.llms.anthropic.Anthropic``; its package must be installed."""
    module_name, _, class_name = path.rpartition(".")
    package = module_name.replace("llama_index.llms.", "llama-index-llms-").replace("_", "-")
    kind = getattr(import_extra(module_name, package), class_name, None)
    if kind is None:
        raise ConfigError(f"--llm: expected a class of {module_name}, found no {class_name!r} there")
    wanted = {
        "model": model,
        "max_retries": 0,
        "timeout": config.timeout_s,
        "api_key": key or (_NO_KEY if config.base_url else None),
        "api_base": config.base_url,
        "temperature": config.temperature,
        "max_tokens": config.max_tokens or _ROOM,
    }
    known = getattr(kind, "model_fields", {})

    def make() -> Any:
        return kind(**{name: value for name, value in wanted.items() if value is not None and name in known})

    try:
        llm = make()
    except Exception as error:
        raise ConfigError(
            f"--llm: expected {path} to start, found: {type(error).__name__}: {error}",
            hint="its key is read from the environment variable that llama-index names for it",
        ) from None
    forms = _OPENAI_FORMS if any(base.__name__ == "OpenAI" for base in kind.__mro__) else ()
    return ChatServer(f"{class_name}:{model}", f"{path}:{model}", llm, forms=forms, param_of=lambda _: {}, remake=make)


def read_response(call: Call, response: ChatResponse) -> Answer:
    """Return text, finish reason and tokens of a response. Raises ``CallError`` if there is no text in it."""
    return _answer(call, response.raw, response.message.content or "")


def _answer(call: Call, response: Any, text: object) -> Answer:
    raw = response.model_dump() if hasattr(response, "model_dump") else response
    if not isinstance(raw, Mapping):
        raw = {}
    choices = raw.get("choices") or [{}]
    choice = choices[0] if isinstance(choices, list) and isinstance(choices[0], Mapping) else {}
    finish = str(choice.get("finish_reason") or raw.get("done_reason") or raw.get("stop_reason") or "stop")
    if refusal := (choice.get("message") or {}).get("refusal"):
        text, ending = str(refusal), "refusal"
    elif isinstance(text, str):
        ending = "length" if finish in _CUT_OFF else "refusal" if finish in _FILTERED else "stop"
    else:
        raise CallError("bad_response", "a message that is no text")
    usage = raw.get("usage") if isinstance(raw.get("usage"), Mapping) else {}
    prompt = usage.get("prompt_tokens") or usage.get("input_tokens") or raw.get("prompt_eval_count")
    completion = usage.get("completion_tokens") or usage.get("output_tokens") or raw.get("eval_count")
    counts = (prompt_tokens(call), estimate_tokens(text))
    known = zip(map(known_count, (prompt, completion)), counts, strict=True)
    return Answer(text, ending, *(guess if own is None else own for own, guess in known))
