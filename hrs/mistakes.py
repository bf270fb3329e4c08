"""What is wrong with settings, in words, and with which of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hrs.errors import HRSError
from hrs.system.documents import shortened

_TOLD = 5  # mistakes that the one line names


class SettingsError(HRSError):
    """One line with all that is wrong; ``fields`` has it by dotted key, such as train.steps. What several settings do
    not agree on stands under the key of their section, "" for the whole config."""

    def __init__(self, message: str, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.fields = dict(fields)


def settings_error(error: ValidationError, model: type[BaseModel]) -> SettingsError:
    """What pydantic found wrong with values for ``model``, with the nearest known key for a typo."""
    found = [dict(item) for item in error.errors()]
    more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    message = "config: " + "; ".join([*(_line(item, model) for item in found[:_TOLD]), *more])
    return SettingsError(message, {_place(item): _what(item, model) for item in reversed(found)})


def _line(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    place, what = _place(item), _what(item, model)
    named = place and item["type"] not in ("value_error", "extra_forbidden")
    return f"{place}: {what}" if named else what


def _what(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key {_place(item)}{_suggest(_path(item), model)}"
    message: str = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return message
    meant = _meant(item, model) if item["type"] == "literal_error" else ""
    return f"{message} (got {shortened(item['input'])}){meant}"


def _place(item: Mapping[str, Any]) -> str:
    return ".".join(_path(item))


def _path(item: Mapping[str, Any]) -> list[str]:
    return [shortened(str(part))[1:-1] for part in item["loc"]]


def _meant(item: Mapping[str, Any], model: Any) -> str:
    """The nearest of a setting's choices, where one is near."""
    for part in item["loc"]:  # into a section, or a place in a list
        field = getattr(model, "model_fields", {}).get(part)
        model = next(iter(get_args(model)), None) if isinstance(part, int) else field and field.annotation
    choices = [each for each in get_args(model) if isinstance(each, str)] if get_origin(model) is Literal else []
    near = difflib.get_close_matches(str(item["input"]), choices, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _suggest(path: list[str], model: Any) -> str:
    for part in path[:-1]:
        model = model.model_fields[part].annotation
    known = list(model.model_fields)
    near = difflib.get_close_matches(path[-1], known, n=1)
    return f"; did you mean {'.'.join([*path[:-1], near[0]])}?" if near else f"; known keys: {', '.join(known)}"
