import numpy as np
import pytest

from embedtune.errors import IntegrityError
from embedtune.models.encoder import load_model
from embedtune.training.reloading import encode_plainly
from embedtune.training.saving import ParityTexts, check_change, check_reload

QUERIES = ["frost damage", "how long does a refund take"]
PASSAGES = ["Drain the boiler before the first frost.", "A refund takes five working days."]
TEXTS = ParityTexts(QUERIES, PASSAGES)


def test_a_saved_model_passes_and_other_vectors_do_not(base_folder, tmp_path):
    model = load_model(base_folder, query_prompt="query: ")
    expected = encode_plainly(model, QUERIES, PASSAGES)
    model.save_pretrained(str(tmp_path / "merged"), create_model_card=False)
    assert check_reload(tmp_path, expected, TEXTS, scheme="none") <= 1e-5
    with pytest.raises(IntegrityError, match="expected the vectors that were trained"):
        check_reload(tmp_path, expected + 2e-5, TEXTS, scheme="none")


def test_a_model_that_does_not_load_elsewhere_is_an_integrity_error(tmp_path):
    with pytest.raises(IntegrityError, match="loads in a process of its own, found exit code 1"):
        check_reload(tmp_path, np.zeros((1, 4), dtype=np.float32), ParityTexts(["a"], []), scheme="none")


def test_an_unchanged_model_is_refused():
    vectors = np.eye(3, dtype=np.float32)
    turned = np.roll(vectors, 1, axis=0)
    check_change(vectors, turned)
    with pytest.raises(IntegrityError, match="differ from the base"):
        check_change(vectors, vectors)


def test_a_small_change_that_dev_chose_is_a_change():
    vectors = np.eye(8, dtype=np.float32)
    moved = vectors + np.float32(0.004) * np.roll(vectors, 1, axis=1)
    check_change(vectors, moved / np.linalg.norm(moved, axis=1, keepdims=True))
