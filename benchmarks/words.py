"""What BM25 finds, in one language and in several, and what its analysis costs.

    python -m benchmarks.words FOLDER [FOLDER …] [--megabytes 100] [--mixed]

Each FOLDER is a BEIR folder with test judgements; its documents are searched whole: with our words, with bm25s's own
tokenizer, and with words as Lucene's EnglishAnalyzer and FrenchAnalyzer make them, all of them with the same k1 and b. The
last column has Lucene's words with k1 = 0.9 and b = 0.4: Anserini publishes figures for these, such as 0.6789 on SciFact and
0.3218 on NFCorpus (flat), which tell how near the imitation is. ``--mixed`` puts the documents of all folders into one corpus
besides. The cost is the processor time for the English texts, repeated up to MEGABYTES. Prints tables and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import mean

import numpy as np
import regex
from numpy.typing import NDArray

from benchmarks.tables import header, parser, row
from embedtune.documents.near_duplicates import shingle_keys
from embedtune.documents.reading import read_query_set, read_source
from embedtune.evaluation.measures import per_query
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.searcher import Searcher, units_of
from embedtune.systems import find_kind
from embedtune.text.analyzer import Analyzer, lexical_terms
from embedtune.text.language import stop_words_of
from embedtune.text.sentences import sentences_of
from embedtune.types import Passage

Analyse = Callable[[Sequence[str]], list[list[str]]]
"""Texts → terms of each."""

_DEPTH = 100
_MEASURE = "ndcg@10"


def passages_of(folder: Path) -> list[Passage]:
    """Return the documents of a BEIR folder, each as one passage."""
    documents = read_source(str(folder)).documents
    return [Passage(each.document_id, each.document_id, each.title, each.text, 0, len(each.text)) for each in documents]


def measure(folder: Path, passages: Sequence[Passage], index: Callable[[Sequence[str]], BM25] = BM25) -> float:
    """Return the mean nDCG@10 of a lexical index on the test queries of a folder."""
    labelled = read_query_set(folder)
    ids, texts = zip(*[(query.query_id, query.text) for query in labelled.queries], strict=True)
    searcher = Searcher(units_of(passages, "document"), lexical=index([passage.full_text for passage in passages]))
    run = searcher.runs(ids, texts, None, [find_kind("bm25")], _DEPTH)["bm25"]
    values = per_query(labelled.qrels, run, [_MEASURE])[_MEASURE]
    return mean(values.values())


class OtherBM25(BM25):
    """The same index over the terms that another analysis makes."""

    def __init__(self, texts: Sequence[str], analyse: Analyse, k1: float = 1.2, b: float = 0.75) -> None:
        import bm25s

        self._analyse = analyse
        terms = analyse(texts)
        self._vocabulary = {term for text in terms for term in text}
        self._n_texts = len(texts)
        self._index = bm25s.BM25(method="lucene", k1=k1, b=b)
        self._index.index(terms, show_progress=False)

    def rows(self, queries: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Yield the scores of each query."""
        for terms in self._analyse(list(queries)):
            known = [term for term in terms if term in self._vocabulary]
            yield self._index.get_scores(known) if known else np.zeros(self._n_texts, dtype=np.float32)


def by_bm25s(texts: Sequence[str]) -> list[list[str]]:
    """Return the terms that bm25s's own tokenizer makes, with its English stop words and stemmer."""
    import bm25s
    import Stemmer

    options = {"stopwords": "en_plus", "stemmer": Stemmer.Stemmer("english"), "return_ids": False}
    terms: list[list[str]] = bm25s.tokenize(list(texts), show_progress=False, **options)
    return terms


_LUCENE_STOPS = frozenset(
    str.split(
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to "
        "was will with"
    )
)
_WORD = regex.compile(
    r"[\p{L}\p{N}\p{M}_]+(?:(?<=\p{L})['’.:·](?=\p{L})[\p{L}\p{N}\p{M}_]+|(?<=\p{N})[.,;'](?=\p{N})[\p{L}\p{N}\p{M}_]+)*"
)
_ELISION = regex.compile(r"^(?:l|m|t|qu|n|s|j|d|c|jusqu|quoiqu|lorsqu|puisqu)['’]")


def by_lucene(texts: Sequence[str], language: str = "english") -> list[list[str]]:
    """Return the terms of Lucene's analyser of a language: UAX #29 words, its stop words, Porter's or Snowball's stemmer.

    FrenchAnalyzer has a light stemmer of its own, for which Snowball's stands here.
    """
    import Stemmer

    stops = _LUCENE_STOPS if language == "english" else stop_words_of(language)
    stem = Stemmer.Stemmer("porter" if language == "english" else language).stemWords
    taken = "'s" if language == "english" else ""
    rows = []
    for text in texts:
        words = [_ELISION.sub("", word) for word in _WORD.findall(text.lower().replace("’", "'"))]
        rows.append(stem([word.removesuffix(taken) for word in words if word.removesuffix(taken) not in stops]))
    return rows


def repeated(texts: Sequence[str], n_bytes: int) -> Iterator[str]:
    """Yield texts, over and over, until they have so many bytes."""
    for text in cycle(texts):
        if n_bytes <= 0:
            return
        n_bytes -= len(text.encode())
        yield text


def costs(texts: Sequence[str], megabytes: int) -> dict[str, float]:
    """Return the seconds of processor time that each kind of analysis takes for so many megabytes."""
    analyzer = Analyzer.of(texts)
    kinds: dict[str, Callable[[str], object]] = {
        "index terms": analyzer.document,
        "terms": lexical_terms,
        "sentences": sentences_of,
        "shingles": lambda text: shingle_keys([text]),
    }
    seconds = {}
    for name, analyse in kinds.items():
        started = time.process_time()
        for text in repeated(texts, megabytes * 1_000_000):
            analyse(text)
        seconds[name] = time.process_time() - started
    return seconds


def measure_mixed(corpora: Mapping[Path, Sequence[Passage]]) -> dict[Path, float]:
    """Return the nDCG@10 of each folder's queries against one corpus of all folders."""
    together = [
        each._replace(passage_id=f"{folder}:{each.passage_id}", document_id=f"{folder}:{each.document_id}")
        for folder, passages in corpora.items()
        for each in passages
    ]
    searcher = Searcher(units_of(together, "document"), lexical=BM25([passage.full_text for passage in together]))
    found = {}
    for folder in corpora:
        labelled = read_query_set(folder)
        qrels = {
            query: {f"{folder}:{name}": grade for name, grade in judged.items()}
            for query, judged in labelled.qrels.items()
        }
        ids, texts = zip(*[(query.query_id, query.text) for query in labelled.queries], strict=True)
        run = searcher.runs(ids, texts, None, [find_kind("bm25")], _DEPTH)["bm25"]
        found[folder] = mean(per_query(qrels, run, [_MEASURE])[_MEASURE].values())
    return found


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--megabytes", type=int, default=100)
    options.add_argument("--mixed", action="store_true")
    arguments = options.parse_args()
    corpora = {folder: passages_of(folder) for folder in arguments.folders}
    english: list[str] = []
    cells: list[list[float]] = []
    columns = ("ours", "bm25s's", "Lucene's", "Lucene's, k1 = 0.9, b = 0.4")
    print("\n".join(header("collection", "passages", "languages", *columns)))
    for folder, passages in corpora.items():
        texts = [passage.full_text for passage in passages]
        languages = Analyzer.of(texts).languages
        english += texts if languages == ("english",) else []
        lucene = partial(by_lucene, language="french" if languages[0] == "french" else "english")
        others = [partial(OtherBM25, analyse=by_bm25s), partial(OtherBM25, analyse=lucene)]
        others.append(partial(OtherBM25, analyse=lucene, k1=0.9, b=0.4))
        cells.append([measure(folder, passages), *(measure(folder, passages, other) for other in others)])
        print(
            row(folder.name, f"{len(passages):,}", ", ".join(languages), *map("{:.4f}".format, cells[-1])), flush=True
        )
    print(row("mean", "", "", *(f"{mean(column):.4f}" for column in zip(*cells, strict=True))))
    if arguments.mixed:
        print("\n" + "\n".join(header("one corpus of all", "by itself", "among all", "difference")))
        for (folder, mixed), (alone, *_) in zip(measure_mixed(corpora).items(), cells, strict=True):
            print(row(folder.name, f"{alone:.4f}", f"{mixed:.4f}", f"{mixed - alone:+.4f}"))
    if english and arguments.megabytes:
        print("\n" + "\n".join(header(f"{arguments.megabytes} MB of English", "seconds of processor time")))
        print("\n".join(row(name, f"{seconds:.1f}") for name, seconds in costs(english, arguments.megabytes).items()))


if __name__ == "__main__":
    main()
