"""Settings: one environment variable each, read once into a frozen dataclass, all faults reported together."""

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, TypeVar

from chassis.core.errors import InvalidInput

__all__ = ["Secret", "load", "setting"]

T = TypeVar("T")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


class Secret(str):
    """A string that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def setting(variable: str, doc: str, *, default: Any = MISSING) -> Any:
    """Declare a field read from `variable`; `doc` is one sentence with the unit. Without a default it is required."""
    metadata = {"variable": variable, "doc": doc}
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def load(cls: type[T], environ: Mapping[str, str] | None = None, *, service: str = "") -> T:
    """Read a settings class from the environment; `{SERVICE}` in a variable stands for the service's short name.

    Raises:
        InvalidInput: with one violation per variable that is missing or malformed.
    """
    source = os.environ if environ is None else environ
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    faults: list[str] = []
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if "variable" not in field.metadata:
            continue
        variable = field.metadata["variable"].replace("{SERVICE}", service.upper())
        _read_field(field, hints[field.name], variable, source.get(variable), values, faults)
    if faults:
        raise InvalidInput("settings are wrong: " + "; ".join(faults), reason="INVALID_SETTINGS")
    return cls(**values)


def _read_field(  # noqa: PLR0917  # one fault list is shared by all fields
    field: Field[Any], hint: Any, variable: str, text: str | None, values: dict[str, Any], faults: list[str]
) -> None:
    if text is None or (text == "" and field.default is not MISSING):
        if field.default is MISSING:
            faults.append(f"{variable} is not set ({field.metadata['doc']})")
        return
    try:
        values[field.name] = _parse(hint, text)
    except ValueError as error:
        faults.append(f"{variable}={'***' if hint is Secret else text!r}: {error} ({field.metadata['doc']})")


def _parse(hint: Any, text: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if hint is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError("must be one of 1, true, yes, on, 0, false, no, off")
    if hint is Path:
        return Path(text).expanduser()
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return hint(text)
