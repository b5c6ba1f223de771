import asyncio

from embedtune.ui.security import POLICY, WithPolicy


def test_every_answer_carries_the_policy_and_names_no_other_host():
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message):
        sent.append(message)

    asyncio.run(WithPolicy(app)({"type": "http"}, None, send))
    assert sent[0]["headers"] == [(b"a", b"b"), (b"content-security-policy", POLICY.encode())]
    assert sent[1] == {"type": "http.response.body", "body": b"x"}
    assert "http" not in POLICY and "*" not in POLICY
