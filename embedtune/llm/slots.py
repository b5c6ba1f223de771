"""How many calls a server works on at once, where it tells: llama.cpp does."""

from __future__ import annotations

import json

_MOST_BYTES, _TIMEOUT_S = 2**20, 5.0
_MOST_SLOTS = 512


async def told_slots(url: str, key: str | None) -> int | None:
    """Return ``total_slots`` of llama.cpp's ``/props``; None from a server that has no such page, or is slow or odd."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _MOST_BYTES or response.status_code != 200:
                    return None
        slots = json.loads(body)["total_slots"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return slots if type(slots) is int and 0 < slots <= _MOST_SLOTS else None
