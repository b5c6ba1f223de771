"""Export prompts for a batch API or a cluster, and import the answers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError, DataError, ResourceError
from embedtune.formats.lines import numbered_lines
from embedtune.llm.batch_files import Response, read_batch, write_batch
from embedtune.llm.store import ANSWER, Answer, AnswerStore, Attempt
from embedtune.pipeline.generate import prepare_dry_run
from embedtune.project.layout import STAGES
from embedtune.project.lock import lock_run
from embedtune.synthesis.llm.session import STORE, asks_llm

_ELSEWHERE = "failed_elsewhere"


def export_prompts(config: GenerateConfig, out: Path, file: Path) -> dict[str, object]:
    """Write the calls that ``generate`` would send next, as JSON lines in the form of OpenAI's batch API.

    Grading and relabelling need the answers that come before them: with ``llm.judge`` or ``llm.relabel`` there is a second and
    third round of export and import.

    Args:
        config: As for ``generate``.
        out: The run folder; the calls are stored there, so that their answers can be imported.
        file: Where to write.

    Returns:
        ``prompts``: how many; ``purpose``: what for; ``file``.

    Raises:
        ConfigError: If no language model is to write queries.
        ResourceError: If the file cannot be written.
        EmbedtuneError: As ``generate`` does.
    """
    if not asks_llm(config):
        raise ConfigError(
            "--generator: expected llm, found extractive; there are no prompts", hint="give --llm PROVIDER:MODEL"
        )
    if any(file.resolve().is_relative_to((out / stage).resolve()) for stage in STAGES):
        raise ConfigError(
            f"--to: expected a place outside the stages of {out}, found {file}", hint="choose another file"
        )
    with lock_run(out):
        calls = prepare_dry_run(config, out, lambda llm, *prepared: llm.pending(*prepared))
        try:
            write_batch(file, calls)
        except OSError as error:
            raise ResourceError(
                f"{file}: expected to write there, found: {error}", hint="choose another file"
            ) from error
    return {"prompts": len(calls), "purpose": calls[0].purpose if calls else None, "file": str(file)}


def import_responses(run: Path, files: Iterable[Path]) -> dict[str, object]:
    """Import answers into a run folder, where ``generate`` uses them. Nothing is imported unless all lines are valid.

    Args:
        run: The run folder of the prompts.
        files: JSON lines: the output of a batch API, or ``{"custom_id": …, "text": …}``.

    Returns:
        ``taken``, ``already_there``, ``failed_elsewhere`` and ``unknown`` (answers to calls that were never exported here).

    Raises:
        DataError: If a line cannot be read, or no answer belongs to this run.
        InUseError: If another process works in the run folder.
    """
    responses = [response for file in files for response in read_batch(file, numbered_lines(file))]
    with lock_run(run):
        store = AnswerStore(run / STORE)
        try:
            return _take(store, responses, run)
        finally:
            store.close()


def _take(store: AnswerStore, responses: list[Response], run: Path) -> dict[str, object]:
    known = store.known()
    mine = [response for response in responses if response.key in known]
    if responses and not mine:
        raise DataError(
            f"{run}: expected answers to prompts of this run, found {len(responses)} with other ids, such as "
            f"{responses[0].key[:40]!r} in line {responses[0].line}",
            hint="answers carry the custom_id of export-prompts, and go into the run folder of the export",
        )
    there = {
        (key, attempt.answer.text)
        for key, history in store.histories([response.key for response in mine]).items()
        for attempt in history
    }
    fresh = [response for response in mine if response.answer and (response.key, response.answer.text) not in there]
    failed = [response for response in mine if response.answer is None]
    rows = [(response.key, Attempt(ANSWER, response.answer)) for response in fresh if response.answer]
    store.add([*rows, *((response.key, Attempt(_ELSEWHERE, Answer(""))) for response in failed)])
    return {
        "taken": len(fresh),
        "already_there": len(mine) - len(fresh) - len(failed),
        "failed_elsewhere": len(failed),
        "unknown": len(responses) - len(mine),
    }
