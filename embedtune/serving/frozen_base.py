"""One set of base weights in memory, with any number of adapters on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.config import GenerateConfig
from embedtune.retrieval.encoder import Encoder
from embedtune.stages.lineup import load_encoder, load_rounded

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class FrozenBase:
    """A base as adapters were trained over it: its linear layers rounded by a scheme, or as they are.

    Weights are kept in fp32 once they are rounded, as in ``merged/``: that is what makes an adapter over them compute what its
    merged model does. Over the unrounded base the same adapter is another function.

    Attributes:
        model: Shared by all adapters.
        own_prompts: Those that the base was saved with.
    """

    def __init__(self, folder: Path, scheme: str, *, trust_remote_code: bool, device: str | None) -> None:
        """Load the base; ``scheme`` is ``none``, ``int8``, ``nf4`` or ``fp4``."""
        as_saved = GenerateConfig(source="", trust_remote_code=trust_remote_code)
        if scheme == "none":
            encoder = load_encoder(folder, as_saved, "fp32", device)
        else:
            encoder = load_rounded(folder, as_saved, "fp32", scheme)
        self.model: SentenceTransformer = encoder.model
        if device:
            self.model.to(device)
        self.own_prompts: dict[str, str] = dict(self.model.prompts)
        self._peft: Any = None
        self._active: str | None = None
        self._count = 0

    def add(self, adapter: Path) -> str:
        """Load a PEFT folder beside those that are there, and return its name for ``encoder``."""
        from peft import PeftModel

        name = f"adapter{self._count}"
        if self._peft is None:
            # Layers are put into the model itself; the wrapper switches them.
            self._peft = PeftModel.from_pretrained(self.model[0].model, str(adapter), adapter_name=name)
        else:
            self._peft.load_adapter(str(adapter), adapter_name=name)
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(name)
        self._active = name
        self._count += 1
        self.model.eval()
        return name

    def switch(self, adapter: str | None) -> None:
        """Make the model compute with one adapter, or with none: a matter of a millisecond, no weight is moved."""
        if adapter == self._active:
            return
        if adapter is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            if self._active is None:
                self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(adapter)
        self._active = adapter

    def encoder(self, precision: str, prompts: dict[str, str]) -> Encoder:
        """Return the model as it is switched, with prompts; the next call changes what it computes."""
        self.model.prompts = prompts
        return Encoder(self.model, precision=precision)
