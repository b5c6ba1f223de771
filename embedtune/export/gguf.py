"""GGUF: encoders of BERT's kind as llama.cpp loads them, written by the package ``gguf`` and run by the wheel ``xllamacpp``.

Layout and names are those of the GGUF specification and of llama.cpp's architecture ``bert``: matrices in half precision,
vectors and position embeddings in single precision. llama.cpp takes texts apart itself, so the vocabulary goes into the file:
WordPiece (``bert``), or SentencePiece's unigrams (``t5``), which multilingual models have.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedtune.errors import ConfigError, IntegrityError
from embedtune.export.charsmap import character_map, pack
from embedtune.export.engines import Compute, load_tokenizer
from embedtune.export.towers import Tower, save_tokenizer
from embedtune.extras import requires
from embedtune.machine import threads
from embedtune.types import Vectors

if TYPE_CHECKING:
    from gguf import GGUFWriter

FILE = "model-f16.gguf"
_ARCHITECTURES = ("bert", "xlm-roberta")  # model types of transformers whose weights are those of BERT
_POOLINGS = {"mean": "MEAN", "cls": "CLS"}
_SINGLE = ("position_embd.weight", "token_types.weight")  # as llama.cpp adds them
_WORD_START = "\u2581"
_GELU = ("gelu", "gelu_new", "gelu_pytorch_tanh")
_BATCH = 16  # texts of one request


def write_gguf(tower: Tower, folder: Path) -> None:
    """Write ``model-f16.gguf``; ``tokenizer.json`` beside it cuts texts that are too long.

    Raises:
        ConfigError: If llama.cpp has no such encoder, or cannot take its texts apart.
    """
    with requires("embedtune[export]", where="--format gguf"):
        from gguf import GGUFWriter, PoolingType

    config = _check(tower)
    writer = GGUFWriter(str(folder / FILE), "bert")
    offset = (
        tower.model.tokenizer.pad_token_id + 1 if config.model_type == "xlm-roberta" else 0
    )  # where positions start
    writer.add_name("embedtune")
    writer.add_context_length(config.max_position_embeddings - offset)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType[_POOLINGS[tower.pooling.pooling_mode]])
    writer.add_file_type(1)  # mostly half precision
    _add_vocabulary(writer, tower)
    _add_weights(writer, tower, config.num_hidden_layers, offset)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_tokenizer(tower, folder)


def _check(tower: Tower) -> Any:
    config = tower.model[0].model.config
    found = ""
    if config.model_type not in _ARCHITECTURES:
        found = f"one of type {config.model_type}"
    elif any(type(module).__name__ == "Dense" for module in tower.model):
        found = "one with a Dense layer"
    elif tower.dimension != config.hidden_size:
        found = f"one whose vectors are cut to {tower.dimension} dimensions"
    elif tower.pooling.pooling_mode not in _POOLINGS:
        found = f"one that pools by {tower.pooling.pooling_mode}"
    elif config.hidden_act not in _GELU:
        found = f"one with the activation {config.hidden_act}"
    if found:
        raise ConfigError(
            f"--format gguf: expected an encoder of BERT's kind with whole vectors, mean or cls pooled, found {found}",
            hint="take --format onnx; llama.cpp's own convert_hf_to_gguf.py knows more architectures",
        )
    return config


def _add_weights(writer: GGUFWriter, tower: Tower, layers: int, offset: int) -> None:
    from gguf import MODEL_ARCH, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH.BERT, layers)
    for name, weight in tower.model[0].model.state_dict().items():
        if name.startswith("pooler.") or name.endswith("position_ids") or name.endswith("token_type_ids"):
            continue
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise ConfigError(f"--format gguf: expected weights of BERT, found {name}", hint="take --format onnx")
        values = weight.detach().float().cpu().numpy()
        if known == "position_embd.weight":
            values = values[offset:]
        half = values.ndim > 1 and known not in _SINGLE
        writer.add_tensor(known, np.ascontiguousarray(values.astype(np.float16 if half else np.float32)))


def _add_vocabulary(writer: GGUFWriter, tower: Tower) -> None:
    tokenizer = tower.model.tokenizer
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    size = tower.model[0].model.config.vocab_size
    kind = described["model"]["type"]
    if kind == "WordPiece":
        _add_word_pieces(writer, described, size)
    elif kind == "Unigram":
        _add_unigrams(writer, tower, described, size)
    else:
        raise ConfigError(
            f"--format gguf: expected a vocabulary of word pieces or unigrams, found {kind}", hint="take --format onnx"
        )
    writer.add_token_type_count(tower.model[0].model.config.type_vocab_size)
    for add, token in (
        (writer.add_bos_token_id, tokenizer.cls_token_id),
        (writer.add_eos_token_id, tokenizer.sep_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_sep_token_id, tokenizer.sep_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
        (writer.add_mask_token_id, tokenizer.mask_token_id),
    ):
        if token is not None:
            add(token)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)


def _add_word_pieces(writer: GGUFWriter, described: Mapping[str, Any], size: int) -> None:
    """Add word pieces: llama.cpp marks what starts a word, BERT what continues one."""
    normalizer = described.get("normalizer") or {}
    if normalizer.get("type") == "BertNormalizer" and not normalizer.get("lowercase"):
        raise ConfigError(
            "--format gguf: expected word pieces in lower case, as llama.cpp cuts them, found a cased vocabulary",
            hint="take --format onnx",
        )
    special = {token["content"] for token in described["added_tokens"] if token["special"]}
    pieces = dict.fromkeys(range(size), "")
    pieces |= {number: piece for piece, number in described["model"]["vocab"].items()}
    marked = [
        piece if piece in special else piece[2:] if piece.startswith("##") else _WORD_START + piece
        for piece in (pieces[number] or f"[PAD{number}]" for number in range(size))
    ]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(marked)
    writer.add_token_types([_CONTROL if pieces[number] in special else _NORMAL for number in range(size)])


_NORMAL, _UNKNOWN, _CONTROL, _UNUSED = 1, 2, 3, 5  # gguf.TokenType


def _add_unigrams(writer: GGUFWriter, tower: Tower, described: Mapping[str, Any], size: int) -> None:
    """Add SentencePiece's unigrams with their scores, and its table that normalises characters."""
    model = described["model"]
    special = {token["content"] for token in described["added_tokens"] if token["special"]}
    tokens, scores = (list(column) for column in zip(*model["vocab"], strict=True))
    added = {token["id"]: token["content"] for token in described["added_tokens"]}
    for number in range(len(tokens), size):
        tokens.append(added.get(number, f"[PAD{number}]"))
        scores.append(-1000.0)
    kinds = [
        _UNKNOWN if number == model["unk_id"] else _CONTROL if token in special else _NORMAL
        for number, token in enumerate(tokens)
    ]
    kinds = [_UNUSED if token.startswith("[PAD") else kind for token, kind in zip(tokens, kinds, strict=True)]
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_precompiled_charsmap(_charsmap(tower))


def _charsmap(tower: Tower) -> bytes:
    """Return the table of SentencePiece's normalisation: the tokenizer's own, or one that does what its normaliser does."""
    normalizer = tower.model.tokenizer.backend_tokenizer.normalizer
    described = json.loads(tower.model.tokenizer.backend_tokenizer.to_str()).get("normalizer") or {}
    for step in (described, *described.get("normalizers", ())):
        if step.get("type") == "Precompiled":
            return base64.b64decode(step["precompiled_charsmap"])
    return pack(character_map(normalizer.normalize_str) if normalizer else {})


@contextmanager
def open_gguf(folder: Path) -> Iterator[Compute]:
    """Load an exported tower with llama.cpp, in this process.

    Raises:
        IntegrityError: If llama.cpp does not load or run the file.
    """
    with requires("embedtune[gguf]", where="--format gguf"):
        import xllamacpp

    tokenizer = load_tokenizer(folder)
    length = int((tokenizer.truncation or {}).get("max_length", 0))
    tokenizer.no_padding()
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / FILE)
    params.embedding, params.embd_normalize = True, 2  # the Euclidean norm
    params.hostnames, params.port, params.n_parallel = ["127.0.0.1"], 0, 1
    params.n_ctx = params.n_batch = params.n_ubatch = max(512, length)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.ui, params.verbosity, params.cache_ram_mib, params.warmup = False, -1, 0, False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise IntegrityError(f"{folder / FILE}: expected a file that llama.cpp loads, found: {error}") from error

    def compute(texts: Sequence[str]) -> Vectors:
        rows: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            part = [_cut(tokenizer, text) for text in texts[start : start + _BATCH]]
            answer = server.handle_embeddings({"input": part})
            if "data" not in answer:
                raise IntegrityError(f"{folder / FILE}: expected vectors of llama.cpp, found: {str(answer)[:300]}")
            rows += [each["embedding"] for each in sorted(answer["data"], key=lambda each: each["index"])]
        return np.array(rows, dtype=np.float32)

    yield compute


def _cut(tokenizer: Any, text: str) -> str:
    """Return the part of a text that the model sees."""
    ends = [end for _, end in tokenizer.encode(text).offsets]
    return text[: max(ends, default=0)] or " "
