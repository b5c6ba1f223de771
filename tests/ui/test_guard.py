"""Requests of others, sent to a page that is really being served."""

from __future__ import annotations

import http.client
import time

import pytest

from embedtune.ui.guard import POLICY


def ask(served, path="/", method="GET", body=None, headers=None, token=True, cookie=False):
    """Send a request; return status, headers and body."""
    host, port = served.base.removeprefix("http://").split(":")
    sent = {"Host": f"{host}:{port}", **(headers or {})}
    if cookie:
        sent["Cookie"] = f"embedtune-{port}={served.token}"
    elif token:
        path += ("&" if "?" in path else "?") + f"token={served.token}"
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
    connection.close()
    return found


def test_the_token_opens_the_page_and_becomes_a_cookie_that_no_other_site_sends(served):
    status, headers, body = ask(served)
    assert status == 200 and "<h1>" in body
    assert headers["set-cookie"].endswith("; HttpOnly; SameSite=Strict; Path=/")
    assert headers["content-security-policy"] == POLICY
    assert "http" not in POLICY and "*" not in POLICY and "unsafe" not in POLICY
    assert ask(served, cookie=True)[0] == 200


PATHS = ["/", "/new", "/run?run=run", "/search?run=run&q=x", "/static/page.js", "/events?run=run", "/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_answered(served, path):
    for token in (None, "", "x" * 43, "é", "%00"):
        given = (
            path if token is None else path + ("&" if "?" in path else "?") + f"token={token}".replace("é", "%C3%A9")
        )
        status, headers, body = ask(served, given, token=False)
        assert (status, "set-cookie" in headers) == (403, False)
        assert body.startswith("expected the token")


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", "127.0.0.1:1", "localhost:80@x", "", "[::1]:8000"])
def test_another_name_is_not_answered_even_with_the_token(served, host):
    status, headers, body = ask(served, headers={"Host": host})
    assert 400 <= status < 500
    assert "set-cookie" not in headers
    assert "Host" in body or status == 400  # an empty one is refused before we see it


STRANGERS = [
    {"Origin": "http://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},  # a form of an old browser, which says nothing of where it comes from
]


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
@pytest.mark.parametrize(
    "path", ["/start?run=run", "/cancel?run=run", "/new", "/uploads/", "/judge/say?run=run", "/run/check?run=run"]
)
def test_another_page_starts_nothing_with_the_cookie(served, path, headers):
    status, _, body = ask(served, path, "POST", "action=start", headers, cookie=True)
    assert status == 403
    assert "nothing was done" in body
    assert not (served.root / "runs").exists()


@pytest.mark.parametrize("headers", [each for each in STRANGERS if each], ids=str)
def test_another_page_reads_nothing_with_the_cookie(served, headers):
    status, _, body = ask(served, "/search?run=run&q=subject3", headers=headers, cookie=True)
    assert status == 403
    assert "subject3" not in body


def test_a_form_of_the_page_itself_is_answered(served):
    status, _, body = ask(served, "/new/preview", "POST", "generate.source=", {"Origin": served.base}, cookie=True)
    assert status == 200
    assert "problem" in body


OUTSIDE = [
    "../..",
    "/etc",
    "run/../../x",
    "run/dataset/../..",
    "..",
    "~",
    ".",
    "",
    "link",
    "link/run",
    "run\\..\\..",
    "%00",
    "./.hidden",
    "run/.vectors",
    "x" * 5000,
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("path", ["/run", "/watch", "/report", "/search", "/events", "/judge", "/browse", "/side"])
def test_what_is_not_below_the_folder_cannot_be_named(served, path, name, tmp_path):
    link = served.root / "link"
    if not link.is_symlink():
        (tmp_path / "run").mkdir()
        link.symlink_to(tmp_path)
    from urllib.parse import quote

    address = f"{path}?run={name if name == '%00' else quote(name)}" + ("&run=run" if path == "/side" else "")
    status, _, body = ask(served, address)
    if name in (".", "") and path in ("/watch", "/run", "/events"):  # the folder itself, in which no run is
        assert status in (200, 400)
        assert "subject3" not in body
    else:
        assert 400 <= status < 500
        assert "expected" in body
    assert "root:x" not in body


def test_too_much_is_refused_before_it_is_read(served):
    before = time.monotonic()
    for path in ("/new", "/judge/list?run=run"):
        status, _, body = ask(served, path, "POST", None, {"Content-Length": str(2 << 30)})
        assert status == 413 and "nothing was kept" in body
    assert time.monotonic() - before < 5


def test_a_body_that_never_says_its_length_is_read_no_further_than_is_allowed(served):
    body = (b"queries=" + b"x" * 100_000 for _ in range(100))
    try:
        status, _, said = ask(served, "/judge/list?run=run", "POST", body, {"Transfer-Encoding": "chunked"})
    except (BrokenPipeError, ConnectionResetError):
        return  # closed while it was still sending
    assert status == 413 and "nothing was kept" in said


def test_a_file_is_no_run_folder_and_no_request_becomes_a_web_socket(served):
    (served.root / "notes.txt").write_text("Notes.")
    form = "action=start&generate.source=docs&out=notes.txt"
    own = {"Origin": served.base, "Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = ask(served, "/new", "POST", form, own, cookie=True)
    assert status == 400 and "found one with other files" in body
    (served.root / "notes.txt").unlink()
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "x" * 22 + "==",
        "Sec-WebSocket-Version": "13",
    }
    assert ask(served, headers=upgrade)[0] == 200
