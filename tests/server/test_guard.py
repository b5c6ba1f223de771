from __future__ import annotations

import asyncio
import json

from embedtune.server.guard import Guard, whole_body


def ask(guard, path="/v1/models", headers=(), parts=(b"",)):
    sent = []

    async def go():
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False
        left = iter(messages)

        async def receive():
            return next(left)

        async def send(message):
            sent.append(message)

        await guard({"type": "http", "path": path, "headers": list(headers)}, receive, send)

    asyncio.run(go())
    return sent[0]["status"], sent[1]["body"]


async def echo(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_half_a_body_is_not_answered_as_a_whole_one():
    messages = iter([{"type": "http.request", "body": b"run=mi", "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    assert asyncio.run(whole_body(receive, 100)) is None


def test_a_body_in_parts_is_whole_and_one_that_is_too_long_is_not_read_on():
    answers = []
    guard = Guard(echo, key=None, max_bytes=10, on_answer=lambda *answer: answers.append(answer[:2]))
    assert ask(guard, parts=[b"12345", b"67890"]) == (200, b"1234567890")
    status, body = ask(guard, parts=[b"12345", b"678901", b"never read"])
    assert (status, json.loads(body)["error"]["message"]) == (
        413, "expected a body of at most 10 bytes; send fewer texts at once",
    )  # fmt: skip
    assert ask(guard, headers=[(b"Content-Length", b"11")])[0] == 413
    assert ask(guard, headers=[(b"Content-Length", b"many")])[0] == 413
    assert answers == [("other", 200), ("other", 413), ("other", 413), ("other", 413)]


def test_the_key_opens_everything_and_health_needs_none():
    guard = Guard(echo, key="secret", max_bytes=10, on_answer=lambda *answer: None)
    assert ask(guard, headers=[(b"Authorization", b"Bearer secret")])[0] == 200
    assert ask(guard, path="/health")[0] == 200
    for wrong in ((), [(b"authorization", b"Bearer secre")], [(b"authorization", b"secret")]):
        assert ask(guard, headers=wrong)[0] == 401
