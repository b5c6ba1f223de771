"""What a model's card says of it: the metadata in front of its README."""

from __future__ import annotations

from pathlib import Path

import yaml

_FENCE = "---"


def stated_languages(folder: Path) -> frozenset[str] | None:
    """Return the languages that a model's card names, as it writes them in lower case; None where it names none.

    Cards have codes of ISO 639 (``en``, ``fr``), a list of them, or ``multilingual``. A card that cannot be read is none.
    """
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
        metadata = yaml.safe_load(_front_matter(text))
    except (OSError, yaml.YAMLError, RecursionError):
        return None
    stated = metadata.get("language") if isinstance(metadata, dict) else None
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    # YAML reads the code of Norwegian as false.
    codes = frozenset("no" if name is False else str(name).strip().lower() for name in names)
    return codes or None


def _front_matter(text: str) -> str:
    first, *lines = text.splitlines() or [""]
    if first.strip() != _FENCE or _FENCE not in (line.strip() for line in lines):
        return ""
    return "\n".join(lines[: [line.strip() for line in lines].index(_FENCE)])
