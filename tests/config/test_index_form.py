from __future__ import annotations

import pytest

from embedtune.config.index_form import IndexForm
from embedtune.config.settings import EvaluateConfig
from embedtune.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "factory", "parameters", "rescored", "points", "effort"),
    [
        ("ivf4096,pq48", "IVF4096,PQ48", {}, False, 39 * 4096, ("nprobe", 1, 4096)),
        ("IVF64,SQ8,RFlat", "IVF64,SQ8", {}, True, 39 * 64, ("nprobe", 1, 64)),
        ("ivf8,flat", "IVF8,Flat", {}, False, 39 * 8, ("nprobe", 1, 8)),
        ("hnsw32", "HNSW32", {}, False, 0, ("efSearch", 128, 1024)),
        ("hnsw16_sq8,efsearch=50", "HNSW16_SQ8", {"efSearch": 50}, False, 0, ("efSearch", 128, 1024)),
        (
            "opq48_192,ivf1024_hnsw32,pq48x4fs",
            "OPQ48_192,IVF1024_HNSW32,PQ48x4fs",
            {},
            False,
            39 * 1024,
            ("nprobe", 1, 1024),
        ),
        ("pca64,ivf16,sqfp16,nprobe=3", "PCA64,IVF16,SQfp16", {"nprobe": 3}, False, 39 * 16, ("nprobe", 1, 16)),
        ("pq48", "PQ48", {}, False, 39 * 256, None),
    ],
)
def test_a_name_is_what_faiss_takes(name, factory, parameters, rescored, points, effort):
    assert IndexForm.parse(name) == (name.lower(), factory, parameters, rescored, points, effort)


@pytest.mark.parametrize("name", ["", "rflat", "ivf", "annoy10", "ivf64;sq8", "ivf64,nprobe=0", "hnsw32,ef=3"])
def test_other_names_are_refused_with_an_example(name):
    with pytest.raises(ConfigError, match=r"expected an index of FAISS such as ivf4096,pq48 or hnsw32"):
        EvaluateConfig(index=name)


def test_settings_keep_the_name_in_one_form():
    assert EvaluateConfig(index=["IVF64,SQ8", "hnsw32"]).index == ("ivf64,sq8", "hnsw32")
