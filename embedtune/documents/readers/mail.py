"""Mail: eml by the standard library, Outlook's msg by python-oxmsg. Attachments are named, not read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path

from embedtune.documents.readers.files import OLE, ReadingLimits, Unreadable, require_signature
from embedtune.documents.readers.html import add_html, parse_html
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

_HEADERS = ("From", "To", "Cc", "Date")
_HEADER_LINE = re.compile(rb"\A(?:\s*|From .*\n)[A-Za-z][A-Za-z0-9-]*:")
_LINK = re.compile(r"<(?:https?://|mailto:)[^<>\s]*>")


def read_mail(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a mail; its subject is the title."""
    from email import message_from_bytes
    from email.policy import default

    data = path.read_bytes()
    if not _HEADER_LINE.match(data[:1000]):
        raise Unreadable("not a mail: it does not begin with headers")
    message = message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    builder = TextBuilder(limits.max_chars)
    builder.title = str(message["Subject"] or "")
    headers = ((header, str(message[header])) for header in _HEADERS if message[header])
    _add_headers(builder, headers)
    body = message.get_body(("plain", "html"))
    if body is not None:
        content = body.get_content()
        if isinstance(content, str) and body.get_content_type() == "text/html":
            add_html(builder, parse_html(content.encode("utf-8", "replace")))
        else:
            _add_plain(builder, str(content))
    _add_attachments(builder, (part.get_filename() for part in message.iter_attachments()))
    return builder.build(name)


def read_outlook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a mail that Outlook saved; its subject is the title."""
    from oxmsg import Message

    require_signature(path, OLE, "an Outlook message")
    message = Message.load(str(path))
    builder = TextBuilder(limits.max_chars)
    builder.title = message.subject or ""
    receivers = ", ".join(receiver.name or receiver.email_address for receiver in message.recipients)
    sent = message.sent_date.isoformat(" ") if message.sent_date else ""
    _add_headers(builder, (("From", message.sender or ""), ("To", receivers), ("Date", sent)))
    if message.body and message.body.strip():
        _add_plain(builder, message.body)
    elif message.html_body:
        add_html(builder, parse_html(message.html_body.encode("utf-8", "replace")))
    _add_attachments(builder, (attached.file_name for attached in message.attachments))
    return builder.build(name)


def _add_headers(builder: TextBuilder, headers: Iterable[tuple[str, str]]) -> None:
    builder.block("\n".join(f"{header}: {value}" for header, value in headers if value))


def _add_plain(builder: TextBuilder, text: str) -> None:
    """Add a plain body, paragraph by paragraph; link targets that mail programs add behind a text are dropped."""
    for paragraph in re.split(r"\n[^\S\n]*\n", _LINK.sub("", text.replace("\r\n", "\n"))):
        builder.block(paragraph)


def _add_attachments(builder: TextBuilder, names: Iterable[str | None]) -> None:
    listed = ", ".join(filter(None, names))
    if listed:
        builder.block(f"Attachments: {listed}")
