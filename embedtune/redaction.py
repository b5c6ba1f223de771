"""Keeping keys out of everything that is written: logs, messages, manifests, the answers of a server that echoes them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence

from embedtune.shown import shown

HIDDEN = "***"

_MIN_LENGTH = 8  # shorter values are switches and names, and would black out ordinary words
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)S?$", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_NAME = r"(?:api[_-]?key|access[_-]?token|auth|token|secret|password|key)"
_PARAMETER = re.compile(rf"({_NAME}=[\"']?)[^&\s\"',;}})\]]{{8,}}", re.IGNORECASE)
# After a colon stands prose too; a key has a digit.
_FIELD = re.compile(rf"({_NAME}[\"']?:\s*[\"']?)(?=[^&\s\"',;}})\]]*\d)[^&\s\"',;}})\]]{{8,}}", re.IGNORECASE)
_BEARER = re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_SHAPED = re.compile(r"\b(?:sk|pk|rk|gsk|hf|ghp|xai|AIza)[-_]?[A-Za-z0-9_-]{16,}")


def known_secrets(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the values of the environment's keys, tokens and passwords, the longest first."""
    environment = os.environ if environment is None else environment
    found = {
        value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value.strip()) >= _MIN_LENGTH
    }
    return sorted((value.strip() for value in found), key=lambda value: (-len(value), value))


def hide_known(text: str) -> str:
    """Replace the environment's own secrets, and nothing else: for text that must otherwise stay as it is."""
    for secret in known_secrets():
        text = text.replace(secret, HIDDEN)
    return text


def redact(text: str) -> str:
    """Replace the environment's secrets and everything that has the form of one: for messages and logs.

    Examples:
        >>> redact("http://ada:lovelace1815@host/v1?key=0123456789")
        'http://***@host/v1?key=***'
    """
    text = _USER_INFO.sub(HIDDEN, hide_known(text))
    for pattern in (_PARAMETER, _FIELD):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return _SHAPED.sub(HIDDEN, _BEARER.sub(rf"\g<1>{HIDDEN}", text))


def redact_all(parts: Sequence[str]) -> list[str]:
    """Redact each part of a command line."""
    return [redact(part) for part in parts]


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, and redacts the result."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line, without commands to a terminal."""
        return shown(redact(super().format(record)))
