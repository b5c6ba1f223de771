from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import embedtune
from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError
from embedtune.executor import in_order, mapped, using, workers
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.text.hashing import hash_files
from tests.thread_workers import ThreadWorkers


def times(factor):
    return lambda number: factor * number


def test_workers_do_what_they_can_load_and_this_process_the_rest():
    done = []
    assert list(mapped(partial(times, 3), times(2), range(20), done.append)) == list(range(0, 40, 2))
    with using(ThreadWorkers()) as _:
        assert list(mapped(partial(times, 3), times(2), range(20), done.append)) == list(range(0, 60, 3))
        assert list(mapped(None, times(2), range(3))) == [0, 2, 4]
    assert done == [*range(20), *range(20)]
    assert workers() is None


def test_few_are_begun_before_they_are_taken():
    begun = []
    results = in_order(((lambda n=number: begun.append(n) or n) for number in range(100)), 4)
    assert next(results) == 0
    given = iter(range(100))
    with using(ThreadWorkers()):
        assert next(mapped(partial(times, 1), times(1), given)) == 0
    assert next(given) == 5


def test_what_a_worker_raises_is_raised_here():
    def refuse():
        raise ConfigError("no such model", hint="look")

    with using(ThreadWorkers()), pytest.raises(ZeroDivisionError):
        list(mapped(partial(partial, divmod, 1), None, [0]))


def test_a_dataset_of_workers_has_the_bytes_of_one_process(document_folder, tiny_base, tmp_path):
    (document_folder / "picture.md").write_bytes(b"\x00\x01 no text \xff")
    found = ThreadWorkers()
    settings = GenerateConfig(source=str(document_folder), model=str(tiny_base), window_tokens=48)
    embedtune.generate(settings, tmp_path / "alone")
    with using(found):
        embedtune.generate(settings, tmp_path / "many")
    (document_folder / "picture.md").unlink()
    assert found.n_items > 26  # each file, and the documents in blocks
    alone, many = (
        hash_files(folder, [each for each in folder.rglob("*") if each.is_file() and each.name != "manifest.json"])
        for folder in (tmp_path / "alone" / "dataset", tmp_path / "many" / "dataset")
    )
    assert alone == many
    assert len(alone) >= 5


def test_workers_encode_as_this_process_and_only_a_model_that_they_can_load(tiny_base):
    encoder = load_encoder(tiny_base, GenerateConfig(source="", query_prompt="find: "), "fp32")
    texts = [f"passage {'word ' * (number % 7)}{number}" for number in range(600)]
    own, queries = encoder.encode_documents(texts), encoder.encode_queries(texts[:5])
    found, told = ThreadWorkers(), []
    with using(found):
        assert np.array_equal(encoder.encode_documents(texts, told.append), own)
        assert np.array_equal(encoder.encode_queries(texts[:5]), queries)
        assert found.n_items == 4
        trained = Encoder(encoder.model)
        assert np.array_equal(trained.encode_documents(texts), own)
    assert found.n_items == 4
    assert sum(told) == 600


def test_a_worker_that_sees_another_file_or_model_is_an_error(tiny_base, tmp_path):
    from embedtune.documents.readers.files import ReadingLimits
    from embedtune.documents.sandboxes import Sandboxes

    (tmp_path / "a.md").write_text("some text")
    with using(ThreadWorkers()), Sandboxes(ReadingLimits()) as sandboxes:
        sandboxes._workers = Elsewhere(tmp_path / "a.md")
        with pytest.raises(ConfigError, match=r"a\.md: expected the same 9 bytes on .*, found no such file"):
            sandboxes.read(tmp_path / "a.md", "a")()
    encoder = load_encoder(tiny_base, GenerateConfig(source=""), "fp32")
    encoder.loader = lambda: encoder_origin(tiny_base)
    with using(ThreadWorkers()), pytest.raises(ConfigError, match=r"expected the same model on .*, found another"):
        encoder.encode_documents(["text"])


class Elsewhere(ThreadWorkers):
    """Workers that do not see a file."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def submit(self, load, item):
        self._path.unlink()
        return super().submit(load, item)


def encoder_origin(folder):
    from embedtune.models.encoder import Origin

    return Origin(folder, "another hash", "fp32", None, None, False)
