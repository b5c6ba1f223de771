from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

from embedtune.documents.limits import ReadingLimits


def test_child_answers_line_by_line_and_ends_with_its_input(tmp_path):
    (tmp_path / "a.md").write_text("# Care\n\nFill it.")
    request = {"function": "embedtune.documents.readers.markdown:read_markdown", "name": "a.md"}
    request["path"] = bytes(tmp_path / "a.md").hex()
    missing = {**request, "path": bytes(tmp_path / "b.md").hex()}
    done = subprocess.run(
        [sys.executable, "-m", "embedtune.documents.sandbox_child", json.dumps(asdict(ReadingLimits()))],
        input="".join(json.dumps(asked) + "\n" for asked in (request, missing)),
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["text"], first["sections"], first["pages"]) == ("Care\n\nFill it.", [[["Care"], 6, 14]], [])
    assert second == {"document_id": "a.md", "reason": "No such file or directory"}
    assert done.stderr == ""
