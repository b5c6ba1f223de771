"""Tune a query writer on judged queries in memory, and compare what it writes with what people wrote."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.config.writer import WriterConfig
from embedtune.errors import DataError
from embedtune.llm.generation import Prompt, fast_math, generate, prompt_text
from embedtune.llm.local_models import LocalBase
from embedtune.llm.writers import Writer, write_writer
from embedtune.progress import track
from embedtune.project.records import WriterRecord, WrittenRecord
from embedtune.synthesis.llm.examples import compare
from embedtune.synthesis.llm.filters import longest_copied_run
from embedtune.synthesis.llm.replies import clean
from embedtune.synthesis.writer.form import writer_prompt
from embedtune.synthesis.writer.pairs import Pair, hold_out, sample
from embedtune.text.analyzer import lexical_terms
from embedtune.text.hashing import fingerprint

LEAST_QUERIES = 10
_COMPARED, _SHOWN = (24, 60), 5  # queries that are written to compare with people's, at least and at most, and shown
_BATCH = 16
_log = logging.getLogger("embedtune")


class TunedWriter(NamedTuple):
    """A tuned writer."""

    model: Any  # of peft, with the base inside
    base: LocalBase
    record: WriterRecord

    def save(self, folder: Path) -> None:
        """Write adapter, record of the form and nothing of the base; a path of this machine is left out."""
        self.model.peft_config["default"].base_model_name_or_path = Path(self.base.name).name
        self.model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # an empty card of peft
        write_writer(folder, Writer(base=self.base.hash, answer_tokens=self.record.answer_tokens))


def tune_writer(base: LocalBase, pairs: Sequence[Pair], config: WriterConfig) -> TunedWriter:
    """Fine-tune a causal or seq2seq model with LoRA to write the query of a passage.

    Args:
        base: Of ``llm.local_models.open_base``.
        pairs: Judged queries with a passage that answers each; 30 are enough to start.
        config: How to tune; source, labels and llm are not read.

    Raises:
        ConfigError: If the model cannot be loaded.
        DataError: If there are fewer than ten pairs, or all are of one passage.
    """
    from embedtune.synthesis.writer.trainer import fit

    chosen = sample(pairs, config.max_queries, config.seed)
    train, held_out = hold_out(chosen, config.held_out, config.seed)
    if len(chosen) < LEAST_QUERIES or not held_out:
        raise DataError(
            f"tune-generator: expected at least {LEAST_QUERIES} judged train or dev queries, of several passages, "
            f"found {len(chosen)} of {len({pair.unit for pair in chosen})}",
            hint="label more queries; 30 are enough to start",
        )
    fitted = fit(base, train, held_out, config)
    if fitted.loss >= fitted.loss_before:
        _log.warning("the writer is no likelier to write the held-out queries than the base is; label more queries")
    people = [pair.query for pair in held_out]
    base_writes, writes = (
        _written(fitted.model, base, held_out, config, fitted.answer_tokens, tuned=tuned) for tuned in (False, True)
    )
    record = WriterRecord(
        base=base.hash,
        quantize=config.quantize,
        train=len(train),
        held_out=len(held_out),
        steps=fitted.steps,
        loss_before=round(fitted.loss_before, 4),
        loss=round(fitted.loss, 4),
        by_epoch=[round(loss, 4) for loss in fitted.by_epoch],
        answer_tokens=fitted.answer_tokens,
        people_copied=copied_share(people, [pair.passage for pair in held_out]),
        base_writes=base_writes,
        writes=writes,
    )
    return TunedWriter(fitted.model, base, record)


def copied_share(queries: Sequence[str], passages: Sequence[str]) -> float:
    """Return the mean share of a query's words that stand in its passage in one run, 0 to 1."""
    shares = [
        longest_copied_run(query, passage) / len(words)
        for query, passage in zip(queries, passages, strict=True)
        if (words := lexical_terms(query))
    ]
    return round(statistics.mean(shares), 3) if shares else 0.0


def _written(
    model: Any, base: LocalBase, held_out: Sequence[Pair], config: WriterConfig, max_tokens: int, *, tuned: bool
) -> WrittenRecord:
    least, most = _COMPARED
    pairs = [held_out[number % len(held_out)] for number in range(min(most, max(least, len(held_out))))]
    prompts = [
        Prompt(
            prompt_text(base.tokenizer, writer_prompt(pair.passage), chats=base.chats),
            fingerprint(f"{config.seed}:{number}") >> 1,
            config.temperature,
            max_tokens,
        )
        for number, pair in enumerate(pairs)
    ]
    written = list[str]()
    what = f"queries of the {'writer' if tuned else 'base'}"
    with (
        nullcontext() if tuned else model.disable_adapter(),
        fast_math(model),
        track(what, len(prompts)) as on_progress,
    ):
        for start in range(0, len(prompts), _BATCH):
            batch = prompts[start : start + _BATCH]
            written += [clean(one.text) for one in generate(model, base.tokenizer, batch, chats=base.chats)]
            on_progress(len(batch))
    return WrittenRecord(
        likeness=compare([pair.query for pair in held_out], written),
        copied=copied_share(written, [pair.passage for pair in pairs]),
        examples=written[:_SHOWN],
    )
