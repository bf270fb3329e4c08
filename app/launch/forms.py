"""A form made from RunConfig: names, defaults, bounds and help texts come from its fields, and from nowhere else.

The widgets' values live in Streamlit's session state under ``data.height`` and the like, so that a preset, a file or
another run can fill them.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log10
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import streamlit as st
import yaml
from pydantic.fields import FieldInfo

from hrs.config import RunConfig, Section, load_config
from hrs.errors import HRSError
from hrs.methods.table import METHODS, in_words
from hrs.system.documents import parse_yaml

KEY = "config."
"""What the form's keys in the session state begin with."""
FIRST = {
    "method": "Method",
    "network.name": "Network",
    "network.pretrained": "Pretrained weights",
    "data.sources": "Synthetic data sets, one a line",
    "data.target": "Real data set",
    "data.n_real": "Real images",
    "seed": "Seed",
    "data.height": "Height",
    "data.width": "Width",
    "train.steps": "Steps",
    "train.batch_source": "Synthetic frames a step",
    "train.batch_target": "Real images a step",
    "train.learning_rate": "Learning rate",
}
"""Fields that are always in sight, with what they are called there; the others are folded away by section."""
_NAMES = {"train": "training", "adversarial": "adversarial alignment", "finetune": "fine-tuning"}  # of sections
_COLUMNS = 3


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One setting. path: its key, such as data.height; kind: its type, apart from the None that ``optional`` allows."""

    path: str
    kind: Any
    optional: bool
    info: FieldInfo

    @property
    def label(self) -> str:
        return FIRST.get(self.path) or self.path.rpartition(".")[2].replace("_", " ").capitalize()

    @property
    def key(self) -> str:
        return KEY + self.path

    @property
    def choices(self) -> tuple[Any, ...]:
        """What a Literal, or a tuple of one, can be; else nothing."""
        inner = get_args(self.kind)[0] if self.several else self.kind
        return get_args(inner) if get_origin(inner) is Literal else ()

    @property
    def several(self) -> bool:
        return get_origin(self.kind) is tuple

    @property
    def table(self) -> bool:
        """Whether it is a mapping, which is shown as YAML."""
        return get_origin(self.kind) is dict

    @property
    def help(self) -> str:
        return f"{self.info.description or ''} `{self.path}`".strip()


def leaves(model: type[Section] = RunConfig, prefix: str = "") -> Iterator[Leaf]:
    """Every setting of a config, in its own order."""
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield _leaf(prefix + name, info)


def _leaf(path: str, info: FieldInfo) -> Leaf:
    kind: Any = info.annotation
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    kinds = [member for member in members if member is not type(None)]
    return Leaf(path=path, kind=kinds[0], optional=len(kinds) < len(members), info=info)


# Between a config and the session state


def fill(config: RunConfig) -> None:
    """Show a config in the form. Call it before the form is drawn, or in a callback."""
    for leaf in leaves():
        st.session_state[leaf.key] = _shown(leaf, _get(config, leaf.path))


def is_filled() -> bool:
    return all(leaf.key in st.session_state for leaf in leaves())


def read() -> RunConfig:
    """The config that the form shows.

    Raises:
        HRSError: a value outside its range or values that do not go together; one line.
    """
    values: dict[str, Any] = {}
    for leaf in leaves():
        *sections, name = leaf.path.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = _meant(leaf, st.session_state[leaf.key])
    return load_config(values)


def _get(config: RunConfig, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _shown(leaf: Leaf, value: Any) -> Any:
    """A setting as its widget holds it: several texts are lines, and no text is an empty one."""
    if leaf.choices:
        return list(value) if leaf.several else value
    if leaf.several:
        return "\n".join(value)
    if leaf.table:
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True) if value else ""
    return "" if value is None and leaf.kind is str else value


def _meant(leaf: Leaf, value: Any) -> Any:
    if leaf.several and not leaf.choices:
        return [line.strip() for line in value.splitlines() if line.strip()]
    if leaf.table:
        return _from_yaml(leaf, value)
    if leaf.kind is str:
        return value.strip() or (None if leaf.optional else "")
    return value


def _from_yaml(leaf: Leaf, text: str) -> Any:
    try:
        return parse_yaml(text) or {}
    except ValueError as error:
        raise HRSError(f"{leaf.path} is not valid YAML: {error}") from error


# Widgets


def draw() -> None:
    """The whole form: what matters most, then one fold for each section."""
    every = {leaf.path: leaf for leaf in leaves()}
    _draw_group([every.pop(path) for path in FIRST])
    sections: dict[str, list[Leaf]] = {}
    for path, leaf in every.items():
        sections.setdefault(path.partition(".")[0], []).append(leaf)
    for name, group in sections.items():
        with st.expander(f"More {_NAMES.get(name, name)} settings"):
            about = _about(name)
            if about:
                st.caption(about)
            _draw_group(group)


def _about(section: str) -> str:
    """The first line of a section's own description, if it has one, and which methods alone read it."""
    kind: Any = RunConfig.model_fields[section].annotation
    own = [name for name, facts in METHODS.items() if section in facts.sections]
    described = (kind.__doc__ or "").strip().partition("\n")[0]
    return f"{described} Read by {in_words(own)}.".strip() if own else described


def _draw_group(group: list[Leaf]) -> None:
    """Wide widgets over the whole width, the others side by side."""
    row: list[Leaf] = []
    for leaf in [*group, None]:
        if row and (leaf is None or len(row) == _COLUMNS or _is_wide(leaf)):
            for column, each in zip(st.columns(_COLUMNS, vertical_alignment="bottom"), row, strict=False):
                with column:
                    _draw(each)
            row = []
        if leaf is not None and _is_wide(leaf):
            _draw(leaf)
        elif leaf is not None:
            row.append(leaf)


def _is_wide(leaf: Leaf) -> bool:
    return leaf.table or (leaf.several and not leaf.choices)


def _draw(leaf: Leaf) -> None:
    """The widget of one setting; its value is in the session state already."""
    common: dict[str, Any] = {"label": leaf.label, "key": leaf.key, "help": leaf.help, "persist_state": "session"}
    placeholder = "(empty)" if leaf.optional else None
    if leaf.choices:
        choose: Any = st.multiselect if leaf.several else st.selectbox
        choose(options=leaf.choices, **common)
    elif leaf.several or leaf.table:
        st.text_area(height=68, **common)
    elif leaf.kind is bool:
        st.checkbox(**common)
    elif leaf.kind in (int, float):
        empty: Any = None if leaf.optional else "min"  # not what is shown: that comes from the session state
        st.number_input(value=empty, placeholder=placeholder, **_range(leaf), **common)
    else:
        st.text_input(placeholder=placeholder, **common)


def _range(leaf: Leaf) -> dict[str, Any]:
    """Bounds, step and format of a number. An open bound is left to the config, which says what it expects."""
    low = next((m.ge for m in leaf.info.metadata if isinstance(m, annotated_types.Ge)), None)
    high = next((m.le for m in leaf.info.metadata if isinstance(m, annotated_types.Le)), None)
    kind = leaf.kind
    number = {"step": 1} if kind is int else {"step": _float_step(leaf.info.default), "format": "%g"}
    bounds = {"min_value": low, "max_value": high}
    return {**number, **{name: kind(value) for name, value in bounds.items() if value is not None}}


def _float_step(default: float) -> float:
    """The order of magnitude of the default."""
    return float(10 ** floor(log10(default))) if default > 0 else 0.01
