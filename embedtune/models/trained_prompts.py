"""Trained tokens in the attention of a frozen decoder: prefix tuning, and LLaMA-Adapter's gated prompts; both are peft's."""

from __future__ import annotations

from typing import Any

from torch import nn

from embedtune.errors import ConfigError

_PREFIX_KINDS = ("llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2")
_GATED_KINDS = ("llama", "mistral")


def attach_prefix(module: Any, *, tokens: int) -> nn.Module:
    """Put trained keys and values in front of every layer's own (Li and Liang 2021), and return their module.

    Raises ``ConfigError`` if the transformer is no decoder that takes keys and values.
    """
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    _demand(module.model, _PREFIX_KINDS, "prefix")
    config = PrefixTuningConfig(task_type=TaskType.FEATURE_EXTRACTION, num_virtual_tokens=tokens)
    module.model = get_peft_model(module.model, config)
    prompts: nn.Module = module.model.prompt_encoder
    return prompts


def attach_gated(module: Any, *, tokens: int) -> nn.Module:
    """Add what attention to trained tokens gives, by a gate that starts at zero, in every layer (Zhang et al. 2023).

    Returns the tokens and gates. Raises ``ConfigError`` if peft cannot do it for the transformer.
    """
    from peft import AdaptionPromptConfig, TaskType, get_peft_model

    _demand(module.model, _GATED_KINDS, "adaption-prompt")
    n_layers = module.model.config.num_hidden_layers
    config = AdaptionPromptConfig(
        task_type=TaskType.FEATURE_EXTRACTION, adapter_len=tokens, adapter_layers=n_layers, target_modules="self_attn"
    )
    module.model = get_peft_model(module.model, config)
    trained = {
        name.replace(".", "-"): weight for name, weight in module.model.named_parameters() if "adaption_" in name
    }
    return nn.ParameterDict(trained)


def _demand(transformer: nn.Module, kinds: tuple[str, ...], method: str) -> None:
    found = getattr(getattr(transformer, "config", None), "model_type", type(transformer).__name__)
    if found not in kinds:
        raise ConfigError(
            f"--method {method}: expected a decoder ({', '.join(kinds)}), found {found}",
            hint="take --method lora, or another base",
        )
