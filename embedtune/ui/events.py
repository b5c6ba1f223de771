"""How all events of the page run."""

from __future__ import annotations

EVENT: dict[str, object] = {
    # One at a time: models and tokenizers cannot be shared, and one call uses all cores anyway.
    "concurrency_id": "embedtune",
    "concurrency_limit": 1,
    "api_visibility": "private",
    "show_progress": "minimal",
}
