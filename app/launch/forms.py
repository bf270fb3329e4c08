"""A form made from RunConfig: names, defaults, bounds and help texts come from its fields, and from nowhere else.

The widgets' values live in Streamlit's session state under ``data.height`` and the like, so that a preset, a file or
another run can fill them.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
import yaml
from pydantic.fields import FieldInfo

from app.context import plain
from app.runs.reading import method_words
from hrs.config import RunConfig, load_config, title
from hrs.methods.table import METHODS, in_words
from hrs.mistakes import SettingsError
from hrs.settings import Section
from hrs.system.documents import parse_yaml

KEY = "config."
"""What the form's keys in the session state begin with."""
FIRST = (
    *("method", "network.name", "network.pretrained", "data.sources", "data.target", "data.n_real", "seed"),
    *("data.height", "data.width", "train.steps", "train.batch_source", "train.batch_target", "train.learning_rate"),
)
"""Fields that are always in sight; the others are folded away by section."""
_NAMES = {"train": "training", "adversarial": "adversarial alignment", "finetune": "fine-tuning"}  # of sections
_COLUMNS = 3
_LABEL = 28  # height of a field's label in pixels


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is known of what stands in a field.

    stops: whether it is a mistake, which keeps a run from being started.
    instead: what would do, for a button, and all that the field then holds.
    """

    text: str
    stops: bool = True
    instead: tuple[str, str] | None = None


Notes = Mapping[str, Note]
"""By the key of a setting; by that of a section, or "", where several settings do not agree."""


Known = Mapping[str, Mapping[str, str]]
Below = Mapping[str, Callable[[str], None]]


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What is drawn with the fields; see `draw`."""

    notes: Notes
    known: Known
    below: Below


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One setting. path: its key, such as data.height; kind: its type, apart from the None that ``optional`` allows."""

    path: str
    kind: Any
    optional: bool
    info: FieldInfo

    @property
    def label(self) -> str:
        return title(self.path)

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
    def number(self) -> bool:
        return self.kind in (int, float)

    @property
    def help(self) -> str | None:
        return self.info.description


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
    put(shown(config))


def put(values: Mapping[str, Any]) -> None:
    """Show some settings, by their keys, as their widgets hold them; the others stay. Call it as `fill`."""
    for key, value in values.items():
        st.session_state[KEY + key] = value


def shown(config: RunConfig) -> dict[str, Any]:
    """Every setting as its widget holds it."""
    return {leaf.path: _shown(leaf, _get(config, leaf.path)) for leaf in leaves()}


def is_filled() -> bool:
    """Whether the fields hold anything. Streamlit empties them all where what was typed last comes after the page was
    left, as it does when a finger taps a link from within a field."""
    state, texts = st.session_state, [leaf.key for leaf in leaves() if leaf.number]
    return all(leaf.key in state for leaf in leaves()) and any(state[key] for key in texts)


def held() -> dict[str, Any]:
    """What the form shows, by setting, for `put`."""
    return {leaf.path: st.session_state[leaf.key] for leaf in leaves()}


def read() -> RunConfig:
    """The config that the form shows.

    Raises:
        SettingsError: a value outside its range or values that do not go together; one line, and one for each setting.
    """
    values: dict[str, Any] = {}
    for leaf in leaves():
        *sections, name = leaf.path.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = _meant(leaf, st.session_state[leaf.key])
    return load_config(values)


def mistakes(error: SettingsError) -> Notes:
    """What `read` found wrong, by setting; a mistake inside a list or a map is that of the whole."""
    paths = {leaf.path for leaf in leaves()}
    return {_inside(key, paths): Note(text=text) for key, text in error.fields.items()}


def _inside(key: str, paths: Collection[str]) -> str:
    parts = key.split(".")
    names = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((name for name in names if name in paths), key)


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
    if value is None and (leaf.number or leaf.kind is str):
        return ""
    return format(value, ".15g") if leaf.number else value


def _meant(leaf: Leaf, value: Any) -> Any:
    if leaf.several and not leaf.choices:
        return [line.strip() for line in value.splitlines() if line.strip()]
    if leaf.table:
        return _from_yaml(leaf, value)
    if leaf.number or leaf.kind is str:
        return (value or "").strip() or (None if leaf.optional else "")
    return value


def _from_yaml(leaf: Leaf, text: str) -> Any:
    try:
        return parse_yaml(text) or {}
    except ValueError as error:
        told = f"{leaf.path} is not valid YAML: {error}"
        raise SettingsError(told, {leaf.path: told}) from error


# Widgets


def draw(
    notes: Notes = MappingProxyType({}),
    known: Known = MappingProxyType({}),
    below: Below = MappingProxyType({}),
) -> None:
    """The whole form: what matters most, then one fold for each section.

    Args:
        notes: shown below their fields.
        known: for some settings the values that are known, each with what to say of it.
        below: for some settings what draws something of its own below them, called with the setting's key.
    """
    around = _Around(notes=notes, known=known, below=below)
    every = {leaf.path: leaf for leaf in leaves()}
    _draw_group([every.pop(path) for path in FIRST], around)
    sections: dict[str, list[Leaf]] = {}
    for path, leaf in every.items():
        sections.setdefault(path.partition(".")[0], []).append(leaf)
    for name, group in sections.items():
        own = {key: note for key, note in notes.items() if key == name or any(key == leaf.path for leaf in group)}
        wrong = any(note.stops for note in own.values())
        with st.expander(
            f"More {_NAMES.get(name, name)} settings",
            key=f"form {name}",
            icon=":material/error:" if wrong else ":material/tune:",
        ):
            about = _about(name)
            if about:
                st.caption(about)
            if name in notes:
                st.markdown(_red(notes[name].text))
            _draw_group(group, around)


def _about(section: str) -> str:
    """The first line of a section's own description, if it has one, and which methods alone read it."""
    kind: Any = RunConfig.model_fields[section].annotation
    own = [name for name, facts in METHODS.items() if section in facts.sections]
    described = (kind.__doc__ or "").strip().partition("\n")[0]
    return f"{described} Read by {in_words(own)}.".strip() if own else described


def _draw_group(group: list[Leaf], around: _Around) -> None:
    """Wide widgets over the whole width, the others side by side."""
    row: list[Leaf] = []
    for leaf in [*group, None]:
        if row and (leaf is None or len(row) == _COLUMNS or _is_wide(leaf)):
            for column, each in zip(st.columns(_COLUMNS), row, strict=False):
                with column:
                    _draw(each, around)
            row = []
        if leaf is not None and _is_wide(leaf):
            _draw(leaf, around)
        elif leaf is not None:
            row.append(leaf)


def _is_wide(leaf: Leaf) -> bool:
    return leaf.table or (leaf.several and not leaf.choices)


def _draw(leaf: Leaf, around: _Around) -> None:
    """One setting, whose value is in the session state already; below the widget its key and what is known of it."""
    with st.container(gap=None):
        _draw_widget(leaf, around.known.get(leaf.path, {}))
        _tell(leaf, around.notes.get(leaf.path))
        if leaf.path in around.below:
            around.below[leaf.path](leaf.path)


def _draw_widget(leaf: Leaf, known: Mapping[str, str]) -> None:
    common: dict[str, Any] = {"label": leaf.label, "key": leaf.key, "help": leaf.help, "persist_state": "session"}
    placeholder = "(empty)" if leaf.optional else None
    if leaf.choices:
        choose: Any = st.multiselect if leaf.several else st.selectbox
        choose(options=leaf.choices, format_func=lambda value: _in_words(leaf, value), **common)
    elif known:
        options = list(dict.fromkeys([*known, st.session_state[leaf.key]]))
        st.selectbox(options=options, format_func=lambda value: known.get(value, value), **_new(common))
    elif leaf.several or leaf.table:
        st.text_area(height=68, **common)
    elif leaf.kind is bool:
        st.space(_LABEL)  # beside fields with a label above them
        st.checkbox(**common)
    else:  # numbers too: a field for numbers alone keeps the last valid one behind what is shown
        st.text_input(placeholder=placeholder, **common)


def _new(common: dict[str, Any]) -> dict[str, Any]:
    return {**common, "accept_new_options": True}


def _in_words(leaf: Leaf, value: Any) -> str:
    return method_words(value) if leaf.path == "method" else str(value)


def _tell(leaf: Leaf, note: Note | None) -> None:
    if note is None:
        st.caption(leaf.path)
    elif note.stops:
        st.markdown(_red(note.text))
        if note.instead is not None:
            st.button(
                f"Take {plain(note.instead[0])}",
                key=f"instead {leaf.path}",
                icon=":material/auto_fix_high:",
                on_click=_take,
                args=(leaf.key, note.instead[1]),
            )
    else:
        st.caption(f"{leaf.path} · {plain(note.text)}")


def _take(key: str, value: str) -> None:
    st.session_state[key] = value


def _red(text: str) -> str:
    return f":red[:small[:material/error: {plain(text)}]]"
