import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.formats.beir import read_passages
from embedtune.models.encoder import Encoder
from embedtune.pipeline.chunk_corpus import chunk_corpus
from embedtune.types import Document, Source


@pytest.fixture(scope="module")
def encoder(tiny_base):
    from sentence_transformers import SentenceTransformer

    return Encoder(SentenceTransformer(str(tiny_base)))


def chunk(documents, encoder, folder, *, ready_made=False, **settings):
    folder.mkdir()
    config = GenerateConfig(source="docs", window_tokens=16, **settings)
    source = Source("docs", documents, ready_made)
    return chunk_corpus(source, encoder, config, folder, n_chars=sum(len(each.text) for each in documents))


def test_what_is_written_is_what_is_counted(documents, encoder, tmp_path):
    corpus = chunk(documents, encoder, tmp_path / "a")
    passages = read_passages(tmp_path / "a")
    assert corpus.n_passages == len(passages) == corpus.window.windows
    assert corpus.first_document == min(document.document_id for document in documents)
    assert max(encoder.token_counts([passage.full_text for passage in passages])) <= 16
    assert (corpus.n_identical, corpus.window.share_lost) == (0, 0)


def test_ready_made_passages_stay_whole_and_have_windows(encoder, tmp_path):
    text = "Fill the tank with cold water. " * 20
    corpus = chunk([Document("a", "", text), Document("b", "", text)], encoder, tmp_path / "a", ready_made=True)
    assert [passage.text for passage in read_passages(tmp_path / "a")] == [text, text]
    assert corpus.n_identical == 1
    assert corpus.window.windows > 2
    assert corpus.window.share_lost_by_truncation > 0 == corpus.window.share_lost
