"""What runs an exported model: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.export.towers import TOKENIZER
from embedtune.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BATCH = 8  # texts at once on a CPU: more pad more, and save nothing

Compute = Callable[[Sequence[str]], Vectors]
"""Texts with their prompts in front → unit vectors ``(n, dim)`` in fp32."""

OpenTower = Callable[[Path], AbstractContextManager[Compute]]
"""Loads what was written of a tower, and lets it go at the end."""

Session = Callable[[NDArray[np.int64], NDArray[np.int64]], Vectors]
"""Token ids and mask, ``(n, length)`` → vectors ``(n, dim)``."""


class Engine(Protocol):
    """Encodes the two sides of retrieval."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return the same of documents."""
        ...


class Prompted:
    """An engine over towers: it puts the prompts in front of texts, and sends each side to its tower."""

    def __init__(self, towers: Mapping[str, Compute], prompts: Mapping[str, str]) -> None:
        """Use one tower, ``model``, or two, ``query`` and ``document``."""
        self._towers = towers
        self._prompts = prompts

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Engine``."""
        return self._encode("query", texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """See ``Engine``."""
        return self._encode("document", texts)

    def _encode(self, side: str, texts: Sequence[str]) -> Vectors:
        prompt = self._prompts.get(side) or ""
        compute = self._towers.get(side) or self._towers["model"]
        return compute([prompt + text for text in texts])


class Tokenized:
    """Tokenizes texts for a session that takes token ids."""

    def __init__(self, folder: Path, session: Session) -> None:
        """Use the tokenizer of a folder."""
        self._tokenizer = load_tokenizer(folder)
        self._session = session

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """See ``Compute``."""
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))  # padding costs as much as text
        vectors: Vectors | None = None
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([texts[row] for row in rows])
            ids = np.array([each.ids for each in encoded], dtype=np.int64)
            mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
            found = self._session(ids, mask)
            vectors = np.empty((len(texts), found.shape[1]), dtype=np.float32) if vectors is None else vectors
            vectors[rows] = found
        return np.zeros((0, 0), dtype=np.float32) if vectors is None else vectors


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer that ``save_tokenizer`` wrote."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / TOKENIZER))


@contextmanager
def prompted(folder: Path, prompts: Mapping[str, str], open_tower: OpenTower) -> Iterator[Engine]:
    """Open the towers below a folder, and close them at the end."""
    with ExitStack() as stack:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
        yield Prompted({name: stack.enter_context(open_tower(folder / name)) for name in names}, prompts)
