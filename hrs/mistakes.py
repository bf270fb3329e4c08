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
_TOLD_WHOLE = ("value_error", "extra_forbidden")  # kinds of mistake whose own text says where they are
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "too_short": ("a length of at least", "min_length"),
}
_KINDS = {
    **dict.fromkeys(("int", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float", "finite_number"), "a number"),
    **dict.fromkeys(("tuple", "list"), "a list"),
    **dict.fromkeys(("dict", "model", "model_attributes"), "settings, such as {key: value}"),
    "bool": "true or false",
    "string": "text",
}
"""What is expected, by how pydantic calls a mistake."""


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


def in_words(item: Mapping[str, Any]) -> str:
    """What pydantic found wrong with one value, after the value's name: "is 'abc'; expected a whole number"."""
    wanted, value = _wanted(item), item["input"]
    if not wanted:
        return f"is {shortened(value)}; {item['msg'][:1].lower()}{item['msg'][1:]}"
    return f"is {'empty' if value in ('', None) else shortened(value)}; expected {wanted}"


def _wanted(item: Mapping[str, Any]) -> str:
    kind, bounds = str(item["type"]), item.get("ctx", {})
    if kind == "literal_error":
        return str(bounds["expected"]).replace("'", "")
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {bounds[name]:,.12g}"
    return _KINDS.get(kind.removesuffix("_size").removesuffix("_parsing").removesuffix("_type"), "")


def _line(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    if item["type"] in _TOLD_WHOLE or not (place := _place(item)):
        return _what(item, model)
    return f"{place} {in_words(item)}{_meant(item, model)}"


def _what(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key {_place(item)}{_suggest(_path(item), model)}"
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    return f"{(_path(item) or ['config'])[-1]} {in_words(item)}{_meant(item, model)}"


def _place(item: Mapping[str, Any]) -> str:
    return ".".join(_path(item))


def _path(item: Mapping[str, Any]) -> list[str]:
    return [shortened(str(part))[1:-1] for part in item["loc"]]


def _meant(item: Mapping[str, Any], model: Any) -> str:
    """The nearest of a setting's choices, where one is near and none was taken."""
    if item["type"] != "literal_error":
        return ""
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
