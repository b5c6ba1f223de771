from __future__ import annotations

import json

import pytest

from embedtune.errors import ConfigError, IntegrityError
from embedtune.export.export import export_formats
from embedtune.export.formats import FORMATS


def test_formats_are_written_after_each_was_run_by_its_engine(measured, tmp_path):
    folder = tmp_path / "place" / "out"
    parities = export_formats(measured, folder, ["safetensors-bf16", "safetensors-fp32"], max_loss=100)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "parity.json",
        "safetensors-bf16",
        "safetensors-fp32",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    written = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    assert list(written["formats"]) == ["safetensors-bf16", "safetensors-fp32"]
    for parity in parities:
        row = written["formats"][parity.format]
        assert row["passed"] and row["bytes"] == sum(
            path.stat().st_size for path in (folder / parity.format).rglob("*") if path.is_file()
        )
        assert parity.least_cosine > 0.999 and parity.passages_per_second > 0 and parity.dimension == 64


def test_a_format_that_loses_too_much_is_refused_and_nothing_is_written(invoke, measured, tmp_path):
    """A model without its last components loses; so much is not allowed."""
    arguments = ("--format", "safetensors-fp32", "--dimension", "2", "--max-loss", "-50")
    code, stdout, stderr = invoke("export-model", measured, tmp_path / "out", *arguments)
    assert (code, stdout) == (7, "")
    assert "expected at most -50 points of nDCG@10" in stderr and "nothing was written" in stderr
    assert list(tmp_path.iterdir()) == []


def test_the_table_and_its_json(invoke, measured, tmp_path):
    arguments = ("--format", "safetensors-fp32", "--passages", "5")
    code, stdout, _ = invoke("export-model", measured, tmp_path / "out", *arguments)
    assert code == 0 and "passages/s" in stdout and stdout.splitlines()[1].startswith("safetensors-fp32")
    code, stdout, _ = invoke("export-model", measured, tmp_path / "json", *arguments, "--json")
    row = json.loads(stdout)["formats"]["safetensors-fp32"]
    assert code == 0 and row["same_top_ten"] == 1 and row["ndcg_loss"] == 0 and row["cosine"] == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["query-lora", "linear"])
def test_two_encoders_stay_two(served_run, tmp_path, method):
    (parity,) = export_formats(served_run(method, prompts=True), tmp_path / "out", ["openvino-int8"], max_loss=100)
    folder = tmp_path / "out" / "openvino-int8"
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["document", "query"]
    assert parity.cosine > 0.99
    facts = json.loads((folder / "embedding.json").read_text(encoding="utf-8"))
    assert (facts["query_prompt"], facts["document_prompt"], facts["dimension"]) == ("query: ", "passage: ", 64)


def test_what_cannot_be_is_told_before_a_model_is_loaded(measured, outdated, tmp_path):
    with pytest.raises(ConfigError, match=r"found 'onx'; did you mean 'onnx'\?"):
        export_formats(measured, tmp_path / "out", ["onx"])
    with pytest.raises(ConfigError, match="outside the run folder"):
        export_formats(measured, measured / "out", ["onnx"])
    with pytest.raises(IntegrityError, match=r"modules\.json"):
        export_formats(outdated, tmp_path / "out", ["onnx"])
    with pytest.raises(ConfigError, match="expected a folder to be made"):
        export_formats(measured, tmp_path, ["onnx"])


@pytest.mark.slow
def test_every_format_keeps_the_ranking_of_the_default_model(base_folder, document_folder, tmp_path):
    import embedtune
    from tests.small_runs import train_nothing

    run = tmp_path / "run"
    config = embedtune.GenerateConfig(source=str(document_folder), model=str(base_folder), window_tokens=48)
    embedtune.generate(config, run)
    train_nothing(run, base_folder, shipped="base")
    parities = {each.format: each for each in export_formats(run, tmp_path / "out", list(FORMATS), max_loss=5)}
    exact = ("safetensors-fp32", "onnx")
    assert all(parities[name].same_top_ten == 1 and parities[name].least_cosine > 1 - 1e-5 for name in exact)
    assert parities["gguf"].least_cosine > 0.9999 and parities["gguf"].ndcg_loss <= 0.2
    assert parities["onnx-int8"].bytes < parities["onnx"].bytes / 3
