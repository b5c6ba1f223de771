"""Training that goes on from the LoRA adapter of another run over the same base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.formats.adapter_files import WEIGHTS, read_adapter, read_weights
from embedtune.project.layout import MODEL
from embedtune.project.manifest import Manifest, verify
from embedtune.project.records import ModelRecord

if TYPE_CHECKING:
    from embedtune.training.tuned_models import TunedModel

METHODS = ("lora", "rslora", "lora-plus")
"""Methods whose adapters are plain LoRA, and can be trained further."""


class Start(NamedTuple):
    """What a training goes on from.

    Attributes:
        name: Of the run.
        folder: Its model stage.
        manifest: Of that.
    """

    name: str
    folder: Path
    manifest: Manifest[ModelRecord]

    @property
    def hash(self) -> str:
        """Identifies the weights."""
        return self.manifest.outputs_hash

    def settings(self, config: TrainConfig) -> TrainConfig:
        """Return settings of training with rank, scale and quantisation of the adapter.

        Raises ``ConfigError`` if others were asked for.
        """
        saved = read_adapter(self.folder / "adapter")
        own = {"lora_rank": saved["r"], "lora_alpha": saved["lora_alpha"]}
        for name, value in own.items():
            if name in config.model_fields_set and getattr(config, name) != value:
                raise ConfigError(
                    f"train.{name}: expected {value}, that of the adapter of {self.name}, found {getattr(config, name)}"
                )
        if config.quantize == "auto":
            own["quantize"] = self.manifest.record.quantize
        return config.model_copy(update=own)

    def put_into(self, tuned: TunedModel) -> None:
        """Give a model that is about to be trained the weights of the adapter.

        Raises ``ConfigError`` as ``read_weights``, or if they are of other layers.
        """
        saved = read_weights(self.folder / "adapter")
        try:
            tuned.load_adapter(saved)
        except ValueError as error:
            raise ConfigError(
                f"train.start: expected an adapter of the layers that are trained, found {error}",
                hint="give --method and train.layers as the run had them",
            ) from error


def read_start(run: Path, base_hash: object, config: TrainConfig) -> Start:
    """Return what a training with these settings goes on from.

    Args:
        run: Run folder with a model; its dataset is not looked at.
        base_hash: Of the base of the training.
        config: Settings of the training.

    Raises:
        ConfigError: If the method is not LoRA or its kin, or the run has another base or no adapter.
        DataError: If the run has no model.
        IntegrityError: If the model was changed since it was written.
    """
    if config.method not in METHODS:
        raise ConfigError(f"train.start: expected one of the methods {', '.join(METHODS)}, found {config.method}")
    manifest = verify(run / MODEL, ModelRecord)
    start = Start(run.resolve().name, run / MODEL, manifest)
    if manifest.identity.model != base_hash:
        raise ConfigError(
            f"{run}: expected a run over the same base, found one over {manifest.record.base_model}",
            hint="generate --model chooses the base",
        )
    if not (run / MODEL / "adapter" / WEIGHTS).is_file() or manifest.record.method not in METHODS:
        raise ConfigError(
            f"{run}: expected a model with a LoRA adapter to go on from, found {_what(manifest.record)}",
            hint="train that run with --method lora --set query_epochs=0, or leave --from out",
        )
    saved = read_adapter(run / MODEL / "adapter")
    if bool(saved.get("use_rslora")) != (config.method == "rslora"):
        raise ConfigError(f"train.method: expected {manifest.record.method}, that of {run}, found {config.method}")
    return start


def _what(record: ModelRecord) -> str:
    return f"one of the method {record.method} without such" if record.is_tuned else "that it kept the base model"
