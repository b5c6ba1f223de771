"""A run's model on the Hugging Face Hub: private unless told, with card and results, without the user's documents."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import ConfigError, EmbedtuneError, ProviderError
from embedtune.pipeline.model_cards import README, export_model
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.layout import EVAL, MODEL
from embedtune.project.manifest import read_manifest
from embedtune.project.records import ModelRecord
from embedtune.quiet import quiet_libraries
from embedtune.regular import read_text

_METRICS = {
    "hit_rate@1": "cosine_accuracy@1",
    "hit_rate@5": "cosine_accuracy@5",
    "hit_rate@10": "cosine_accuracy@10",
    "mrr@10": "cosine_mrr@10",
    "ndcg@10": "cosine_ndcg@10",
    "recall@100": "cosine_recall@100",
}
"""Our measures by the names that sentence-transformers' InformationRetrievalEvaluator gives them on the hub."""

_REFUSED = {
    400: "the name of a repository that can be made",
    401: "a token that it knows",
    403: "a token that may write there",
    404: "an owner and a name that the token may see",
}


class Pushed(NamedTuple):
    """Where a model is now."""

    name: str  # owner/name
    address: str  # of its page
    commit: str
    private: bool


@quiet_libraries()
def push(run: Path, name: str, *, public: bool = False) -> Pushed:
    """Copy the model that training shipped to a repository of the hub, which is made if it is not there, in one commit.

    The token is that of ``HF_TOKEN`` or of ``hf auth login``; ``HF_ENDPOINT`` names another hub.

    Args:
        run: A run folder with a finished model and evaluation.
        name: ``owner/name``, or a name of the token's owner.
        public: Whether anyone may read it; a repository that is public already takes no private model.

    Raises:
        ConfigError: If the name or the token cannot be used, or the model must not be public.
        DataError: If a stage is missing, or the evaluation is of an earlier model.
        IntegrityError: If a stage was changed since it was written.
        ProviderError: If the hub cannot be reached, or does not take it.
        InUseError: If another process works in the run folder.
        ResourceError: If there is no room for a copy.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ConfigError(f"NAME: expected owner/name of the hub, found {name!r}: {error}") from error
    if not (token := get_token()):
        raise ConfigError("push: expected a token of the hub, found none", hint="set HF_TOKEN, or run: hf auth login")
    if public and read_manifest(run / MODEL, ModelRecord).record.sketch:
        raise ConfigError(
            f"{run}: expected a model without words of your documents to be public, found one with their counts",
            hint="push it without --public, or train by another method than hybrid-vector",
        )
    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    with tempfile.TemporaryDirectory(prefix="embedtune-push-") as scratch:
        folder = export_model(run, Path(scratch) / "model")
        _add_results(folder / README, name, read_manifest(run / EVAL, EvaluationRecord).record)
        with _refusals(name, hub.endpoint):
            made = hub.create_repo(name, private=not public, exist_ok=True)
            private = bool(hub.repo_info(made.repo_id).private)
            if not (private or public):
                raise ConfigError(
                    f"{made.repo_id}: expected a private repository, found a public one",
                    hint="name another, make it private in its settings, or add --public",
                )
            commit = hub.upload_folder(
                repo_id=made.repo_id, folder_path=folder, commit_message="Model tuned with embedtune"
            )
    return Pushed(made.repo_id, str(made), commit.oid, private)


def _add_results(card: Path, name: str, evaluation: EvaluationRecord) -> None:
    """Write the shipped model's measures into the header of a card, as the hub's model-index."""
    from huggingface_hub import ModelCard

    written: Any = ModelCard(read_text(card))
    written.data.model_name = name.rsplit("/", maxsplit=1)[-1]
    written.data.eval_results = list(_results(evaluation))
    card.write_text(str(written), encoding="utf-8")


def _results(evaluation: EvaluationRecord) -> Iterator[Any]:
    from huggingface_hub import EvalResult

    for number, found in enumerate(evaluation.sets.values(), start=1):
        for measure, metric in _METRICS.items():
            yield EvalResult(
                task_type="information-retrieval",
                task_name="Information Retrieval",
                dataset_type="unpublished",  # names of query sets are those of the user's folders
                dataset_name=f"query set {number}, {found.n_queries} queries of one collection of documents",
                metric_type=metric,
                metric_name=measure,
                metric_value=found.systems[found.shipped][measure],
            )


@contextmanager
def _refusals(name: str, endpoint: str) -> Iterator[None]:
    """Word what the hub and the network answer."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]  # of the client it has

    try:
        yield
    except EmbedtuneError:
        raise
    except HfHubHTTPError as error:
        status = error.response.status_code
        found = f"{endpoint}: expected {_REFUSED.get(status, 'a hub that takes the model')}, found status {status} for {name}"
        if status in _REFUSED:
            raise ConfigError(
                found, hint="check NAME, and the token in HF_TOKEN: it needs the right to write"
            ) from error
        raise ProviderError(found, hint="try again later: nothing is visible before all is written") from error
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise ProviderError(
            f"{endpoint}: expected an answer of the hub, found none ({type(error).__name__}: {error})",
            hint="check the network and HF_HUB_OFFLINE; nothing is visible before all is written",
        ) from error
