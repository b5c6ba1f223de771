"""What all settings have in common: frozen models whose faults are worded as those of a recipe, and types of their fields."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from embedtune.config.loader import Gathered
from embedtune.errors import ConfigError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelMeta
else:
    _ModelMeta = type(BaseModel)

Precision = Literal["auto", "fp32", "bf16"]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
PathText = Annotated[str, BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)]
"""A name or a path: text or ``pathlib.Path``."""
Names = Annotated[
    tuple[PathText, ...],
    BeforeValidator(lambda value: () if value is None else (value,) if isinstance(value, str | os.PathLike) else value),
]
"""None, one name or path, or several."""
Numbers = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(lambda value: tuple(value.split(",")) if isinstance(value, str) else value),
]
"""Several whole numbers from 1 up; in text between commas."""

MAX_SEED = 2**63 - 1  # torch takes no more
TRUST = "Run the Python code that comes with the model."
Trust = Annotated[bool, Field(exclude=True, description=TRUST)]
"""No part of an identity, and never read from a run folder, which may be somebody else's."""


class _SettingsMeta(_ModelMeta):
    """Words what is wrong in a call of a settings class as ``load_config`` does; pydantic's own errors stay inside."""

    def __call__(cls, /, **values: Any) -> Any:
        try:
            return super().__call__(**values)
        except ValidationError as error:
            raise ConfigError.collect(cls.__name__, Gathered().explain(cls, error)) from None  # type: ignore[arg-type]


class Settings(BaseModel, metaclass=_SettingsMeta):
    """What all settings have in common: they are frozen, and know no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
