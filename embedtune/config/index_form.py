"""The name of an approximate index, in the words of FAISS's ``index_factory``: ``ivf4096,pq48``, ``hnsw32``."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

POINTS_A_CENTROID = 39
"""Vectors to train on for each centroid, at least: FAISS's own limit, under which it warns."""

_STEPS = re.compile(
    r"(?:opq\d+(?:_\d+)?|pca\d+|ivf(?P<lists>\d+)(?:_hnsw\d+)?|hnsw\d+(?:_sq8)?"
    r"|flat|sq(?:4|6|8|fp16)|pq(?P<parts>\d+)(?:x(?P<bits>\d+))?(?:fs)?)"
)
_PARAMETER = re.compile(r"(nprobe|efsearch)=([1-9]\d*)")
_CANDIDATES = (128, 1024)  # of a graph, the least and the most


class IndexForm(NamedTuple):
    """An index as it was asked for.

    Attributes:
        name: In lower case, as tables show it.
        factory: What ``faiss.index_factory`` takes.
        parameters: Of the search, as far as they were given, by FAISS's names; see ``effort``.
        rescored: Whether the best are scored again with their vectors in fp32, which stay on a disk.
        points: Vectors that it needs to be trained on.
        effort: The parameter that decides how much of the index a search sees, with its least and its highest value:
            ``nprobe``, the lists, or ``efSearch``, the candidates of a graph. None where every search sees all.
    """

    name: str
    factory: str
    parameters: dict[str, int]
    rescored: bool
    points: int
    effort: tuple[str, int, int] | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name; raises ``ValueError`` with what was expected."""
        name = text.strip().lower()
        steps, parameters, centroids, rescored = [], {}, [0], False
        for part in name.split(","):
            if given := _PARAMETER.fullmatch(part):
                parameters["nprobe" if given[1] == "nprobe" else "efSearch"] = int(given[2])
            elif part == "rflat":
                rescored = True
            elif found := _STEPS.fullmatch(part):
                steps.append(_as_faiss_writes(part))
                centroids += [int(found["lists"] or 0), 2 ** int(found["bits"] or 8) if found["parts"] else 0]
            else:
                raise ValueError(
                    f"expected an index of FAISS such as ivf4096,pq48 or hnsw32, with rflat, nprobe=N or efsearch=N after "
                    f"it, found {part!r} in {text!r}"
                )
        if not steps:
            raise ValueError(f"expected an index of FAISS such as ivf4096,pq48 or hnsw32, found {text!r}")
        lists = centroids[1::2]
        effort = None
        if any(lists):
            effort = ("nprobe", 1, max(lists))
        elif any(step.startswith("HNSW") for step in steps):
            effort = ("efSearch", *_CANDIDATES)
        return cls(name, ",".join(steps), parameters, rescored, POINTS_A_CENTROID * max(centroids), effort)


def _as_faiss_writes(part: str) -> str:
    """Return a step in capitals, but for the small letters of ``Flat``, ``SQfp16`` and ``PQ48x4fs``."""
    return part.upper().replace("FLAT", "Flat").replace("FP16", "fp16").replace("X", "x").replace("FS", "fs")
