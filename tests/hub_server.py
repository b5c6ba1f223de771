"""A hub on a real socket that speaks what huggingface_hub asks of it: make a repository, upload by LFS, commit."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "t" * 32


class Hub:
    """Repositories by name: ``private``, and ``files`` by path. ``broken`` paths are answered with this status."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Any]] = {}
        self.broken: dict[str, int] = {}
        self.stored: dict[str, bytes] = {}

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = request.path.split("?")[0]
        status, answer = self._answer(path, request, body)
        content = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _answer(self, path: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
        if (part := next((part for part in self.broken if part in path), None)) is not None:
            return self.broken[part], {"error": "as the test asks"}
        if path.startswith("/stored/"):
            self.stored[path.removeprefix("/stored/")] = body
            return 200, {}
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid user token."}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {"objects": [self._lfs(each) for each in json.loads(body)["objects"]]}
        name = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        if name not in self.repositories:
            return 404, {"error": "Repository not found"}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = ["lfs" if file["path"].endswith(".safetensors") else "regular" for file in files]
            answers = zip(files, modes, strict=True)
            return 200, {"files": [{"path": f["path"], "uploadMode": m, "shouldIgnore": False} for f, m in answers]}
        if "/commit/" in path:
            return 200, self._commit(name, body)
        return 200, {"id": name, "private": self.repositories[name]["private"], "siblings": []}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if name.startswith("others/"):
            return 403, {"error": "You don't have the rights to create a model under this namespace"}
        url = {"url": f"{self.url}/{name}", "name": name}
        if name in self.repositories:
            return 409, {"error": "You already created this model repo", **url}
        private = asked.get("private") or asked.get("visibility") == "private"
        self.repositories[name] = {"private": bool(private), "files": {}}
        return 200, url

    def _lfs(self, asked: dict[str, Any]) -> dict[str, Any]:
        upload = {"href": f"{self.url}/stored/{asked['oid']}", "header": {}}
        return {**asked, "actions": {"upload": upload}}

    def _commit(self, name: str, body: bytes) -> dict[str, Any]:
        files = self.repositories[name]["files"]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.stored[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                files[value["path"]] = content
        return {"commitUrl": f"{self.url}/{name}/commit/c0ffee", "commitOid": "c0ffee", "success": True}
