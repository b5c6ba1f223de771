import numpy as np
import pytest
from safetensors.numpy import save_file

from embedtune.errors import DataError, IntegrityError
from embedtune.project.manifest import stage_folder, write_json
from embedtune.serving.query_adapter import QueryAdapter

SWAP = np.array([[0, 1], [2, 0]], dtype=np.float32)


def make(folder, shipped):
    with stage_folder(folder, {"stage": "query_adapter"}) as temporary:
        write_json(temporary.path / "config.json", {"embedding": "openai:x", "dimension": 2, "shipped": shipped})
        if shipped == "tuned":
            save_file({"map": SWAP}, temporary.path / "map.safetensors")
    return folder


def test_a_map_is_applied_and_the_result_has_unit_length(tmp_path):
    saved = QueryAdapter(make(tmp_path / "map", "tuned"))
    assert saved.apply([3, 8]) == pytest.approx([0.8, 0.6])
    assert saved.embedding == "openai:x"


def test_where_nothing_was_gained_queries_stay(tmp_path):
    assert QueryAdapter(make(tmp_path / "map", "base")).apply([0, 2]).tolist() == [0, 1]


def test_vectors_of_another_embedder_are_refused(tmp_path):
    with pytest.raises(DataError, match="2 dimensions, found"):
        QueryAdapter(make(tmp_path / "map", "tuned")).apply([1, 2, 3])


def test_a_changed_map_is_refused(tmp_path):
    folder = make(tmp_path / "map", "tuned")
    save_file({"map": SWAP * 2}, folder / "map.safetensors")
    with pytest.raises(IntegrityError):
        QueryAdapter(folder)
