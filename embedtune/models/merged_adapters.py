"""One adapter that is the weighted sum of several over one base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.formats.adapter_files import put_adapter
from embedtune.models.quantisation import load_quantised
from embedtune.models.weights import ADAPTER

if TYPE_CHECKING:
    from peft import PeftModel
    from sentence_transformers import SentenceTransformer


def load_weighted(
    base_folder: Path, scheme: str, adapters: Mapping[Path, float], *, trust_remote_code: bool = False
) -> tuple[SentenceTransformer, PeftModel]:
    """Load a base with the adapter Σ weight · ΔW of saved LoRA adapters; its rank is the sum of theirs, and nothing is lost.

    Args:
        base_folder: The base of all adapters.
        scheme: How its weights are quantised.
        adapters: Folder → weight, any number; at least one.
        trust_remote_code: As for loading.

    Raises:
        ConfigError: If a folder is no LoRA adapter of this base.
    """
    model = load_quantised(base_folder, scheme, trust_remote_code=trust_remote_code)
    names = {str(number): (folder, weight) for number, (folder, weight) in enumerate(adapters.items())}
    peft: Any = None
    for name, (folder, _) in names.items():
        peft = put_adapter(model[0].model, folder, name, peft)
    peft.add_weighted_adapter(
        list(names), [weight for _, weight in names.values()], adapter_name=ADAPTER, combination_type="cat"
    )
    peft.set_adapter(ADAPTER)
    for name in names:
        peft.delete_adapter(name)
    return model.eval(), peft
