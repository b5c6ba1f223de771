from __future__ import annotations

from email.message import EmailMessage


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Ada <ada@example.org>", "alan@example.org"
    message["Subject"] = "Descaling – when?"
    return message


def test_plain_mail_has_its_subject_as_title(read_bytes):
    message = mail()
    message.set_content("Dear Alan,\n\nsee the site<https://example.org/x>.\nToday.\n")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="manual.pdf")
    document = read_bytes("a.eml", message.as_bytes())
    assert document.title == "Descaling – when?"
    assert document.text == (
        "From: Ada <ada@example.org>\nTo: alan@example.org\n\nDear Alan,\n\nsee the site.\nToday.\n\nAttachments: manual.pdf"
    )


def test_html_mail_is_read_as_a_page(read_bytes):
    message = mail()
    message.set_content("<h1>Care</h1><p>Fill <b>it</b>.", subtype="html")
    assert read_bytes("a.eml", message.as_bytes()).text.endswith("Care\n\nFill it.")


def test_old_charset_is_decoded(read_bytes):
    data = "Subject: x\nContent-Type: text/plain; charset=windows-1250\nContent-Transfer-Encoding: 8bit\n\npłyn".encode(
        "cp1250"
    )
    assert read_bytes("a.eml", data).text == "płyn"


def test_what_is_no_mail_is_refused(read_bytes):
    assert read_bytes("a.eml", b"<html>").reason == "not a mail: it does not begin with headers"
    assert read_bytes("a.msg", b"hello").reason == "not an Outlook message: it looks like text"
    assert read_bytes("a.msg", b"\xd0\xcf\x11\xe0" + bytes(600)).reason.startswith("broken msg file")
