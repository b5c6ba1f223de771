"""Folders that model servers can read: a run's towers in the form that sentence-transformers saved before 5.4.

The newer form names modules by other paths, and the way of pooling by one word: some servers refuse it, some miss the pooling
and take the first token's vector instead of the mean. All of them, and sentence-transformers, read the older form.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import ConfigError
from embedtune.models.encoder import load_model
from embedtune.project.manifest import write_json
from embedtune.project.writing import check_new, check_outside, new_folder
from embedtune.regular import read_json
from embedtune.shown import on_one_line
from embedtune.snippets.routes import Facts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_OLD_NAME = "sentence_transformers.models."
_KNOWN = ("Transformer", "Pooling", "Normalize")
_POOLINGS = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
_OLD_POOLING = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "weightedmean": "weightedmean_tokens"}


def folder_names(facts: Facts) -> tuple[str, ...]:
    """Return the folders that ``export`` writes: ``query`` and ``document`` of two towers, else ``model``."""
    return ("query", "document") if facts.shape == "two" else ("model",)


def export(facts: Facts, folder: Path) -> list[Path]:
    """Write the folders of a run for servers, each with a ``Modelfile`` for Ollama, into a new folder; return them.

    With a linear query adapter, ``model`` is the base: the client applies the adapter.

    Raises:
        ConfigError: If the folder is there, or the model has modules that servers do not know.
        ResourceError: If it cannot be written.
    """
    check_outside(folder, facts.run, "--export")
    if on_one_line(str(folder)) != str(folder):
        raise ConfigError(
            f"--export: expected a folder whose name can stand on a line, found {on_one_line(str(folder))}",
            hint="Ollama's Modelfile names it; choose another",
        )
    check_new(folder)  # before the model is loaded
    prompts = {"query_prompt": facts.query_prompt, "document_prompt": facts.document_prompt}
    model = load_model(facts.merged, **prompts, trust_remote_code=facts.trust_remote_code, device="cpu")
    towers = _towers(model, facts)
    with new_folder(folder) as part:
        for name, tower in towers.items():
            pooling = _pooling(tower)
            tower.save_pretrained(str(part / name), create_model_card=False, safe_serialization=True)
            _in_older_form(part / name, tower, pooling)
            (part / name / "Modelfile").write_text(f"FROM {(folder / name).absolute()}\n", encoding="utf-8")
    return [folder / name for name in towers]


def _towers(model: SentenceTransformer, facts: Facts) -> dict[str, SentenceTransformer]:
    from sentence_transformers import SentenceTransformer

    if facts.shape == "one":
        return {"model": model}
    router: Any = model[0]
    sides = {"model": "document"} if facts.shape == "map" else {name: name for name in folder_names(facts)}
    return {
        name: SentenceTransformer(modules=list(router.sub_modules[side]), prompts=model.prompts, device="cpu")
        for name, side in sides.items()
    }


def _pooling(model: SentenceTransformer) -> Any:
    """Return the pooling of a model, after checking that servers know all of its modules."""
    unknown = [type(module).__name__ for module in model if type(module).__name__ not in _KNOWN]
    pooling: Any = next((module for module in model if type(module).__name__ == "Pooling"), None)
    if unknown or not pooling.include_prompt:
        found = ", ".join(unknown) or "a pooling that leaves out the prompt"
        raise ConfigError(
            f"servers: expected a transformer, a pooling and a normalisation, found {found}",
            hint="serve it with sentence-transformers; see --for sentence-transformers",
        )
    return pooling


def _in_older_form(folder: Path, model: SentenceTransformer, pooling: Any) -> None:
    mode = _OLD_POOLING.get(str(pooling.pooling_mode), str(pooling.pooling_mode))
    if mode not in _POOLINGS:
        raise ConfigError(f"servers: expected a pooling by one of {', '.join(_POOLINGS)}, found {pooling.pooling_mode}")
    modules = read_json(folder / "modules.json")
    for module in modules:
        module["type"] = _OLD_NAME + module["type"].rpartition(".")[2]
        if module["type"] == f"{_OLD_NAME}Pooling":
            config = {
                "word_embedding_dimension": pooling.embedding_dimension,
                **{f"pooling_mode_{name}": name == mode for name in _POOLINGS},
                "include_prompt": True,
            }
            write_json(folder / module["path"] / "config.json", config)
    write_json(folder / "modules.json", modules)
    lower: bool = getattr(model[0], "do_lower_case", False)
    config = {"max_seq_length": model.get_max_seq_length(), "do_lower_case": lower}
    write_json(folder / "sentence_bert_config.json", config)
