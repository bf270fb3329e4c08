"""What a data set's classes shall be called: several to one, some to be ignored, by name, id or colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrs.data.classfile import read_mapping
from hrs.data.classlist import as_colour, is_void, listed, perhaps_void
from hrs.data.encoding import Encoding, colour_id, distinct_colours
from hrs.errors import HRSError
from hrs.labels import Colour, LabelSpace, Match, fold, match, suggest

EVERY = "*"
"""In ``data.classes``: the map of all sources that have none of their own."""


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """entries: class name, raw id or colour -> new name; "ignore" drops it. where: what errors call the map.

    A key may name several, with commas between them. Classes that no entry names keep their names.

    shared: whether it is for several data sets, so that one of them need not have every key.
    """

    entries: Mapping[str, str]
    where: str
    shared: bool = False

    @classmethod
    def read(cls, path: Path, *, shared: bool = False) -> ClassMap:
        """From a file: YAML with lines of "class: new name", or a CSV of two columns. Raises HRSError otherwise."""
        return cls(entries=read_mapping(path), where=str(path), shared=shared)

    @property
    def names(self) -> tuple[str, ...]:
        """The new names, each once."""
        return tuple(dict.fromkeys(name for name in self.entries.values() if not is_void(name)))

    def check(self, space: LabelSpace) -> None:
        """Raises HRSError where a new name is no class of a space that they are to be classes of, or a word for what is
        ignored is one."""
        known = {fold(name) for name in space.classes}
        if word := next((each for each in self.entries.values() if is_void(each) and fold(each) in known), None):
            raise HRSError(
                f"{self.where}: {word!r} says that pixels are ignored, and {space.name} has a class of that name; "
                "write another word that says so, or give the class another name"
            )
        for name in self.names:
            if fold(name) not in known:
                meant = "; ".join((suggest(name, list(space.classes)), *perhaps_void([name])))
                raise HRSError(f"{self.where}: {name!r} is no class of {space.name}; {meant}")

    def rename(self, encoding: Encoding, spec: str) -> Encoding:
        """The same raw ids under the new names; the order is that of the classes on disk, what is new comes last.

        A class that is there already is spelled as the map spells it.

        Raises HRSError for a key that is neither a class nor an id nor a colour of the data set, for one of several ids
        that are one class, for what two keys name differently, and where it leaves fewer than two classes.
        """
        self._check_ids(encoding, spec)
        self.check_once(encoding, spec)
        spelled: dict[str, str] = {}
        renamed: dict[int, str] = {raw: encoding.space.classes[i] for raw, i in encoding.ids.items()}
        for key, name in self.entries.items():
            for raw in self._meant(key, encoding, spec):
                renamed[raw] = spelled.setdefault(fold(name), name)
        renamed = {raw: spelled.get(fold(name), name) for raw, name in renamed.items()}
        ignored = {raw for raw, name in renamed.items() if is_void(name)}
        kept = {raw: name for raw, name in renamed.items() if raw not in ignored}
        if len(set(kept.values())) < 2:
            left = ", ".join(set(kept.values())) or "no class"
            raise HRSError(
                f"{self.where} leaves {left} alone of {spec}; expected 2 classes or more: ignore fewer, since what the "
                "target does not have is ignored anyway"
            )
        space = _space(encoding, kept)
        index = {name: i for i, name in enumerate(space.classes)}
        ids = {raw: index[name] for raw, name in kept.items()}
        void, unlisted = (encoding.void | ignored) - ids.keys(), encoding.unlisted - renamed.keys()
        return replace(encoding, space=space, ids=ids, void=void, unlisted=unlisted)

    def check_once(self, encoding: Encoding, spec: str) -> None:
        """Raises HRSError where two keys name the same, and give it different names."""
        given: dict[str, str] = {}
        for key, name in self.entries.items():
            for part in _parts(key, encoding):
                if given.setdefault(fold(part), fold(name)) != fold(name):
                    raise HRSError(f"{self.where} says twice what {part!r} of {spec} becomes; keep one of the lines")

    def _check_ids(self, encoding: Encoding, spec: str) -> None:
        """Raises HRSError where ids of outlines that have one name, and so are one class, get different ones."""
        named = ((part, name) for key, name in self.entries.items() for part in _parts(key, encoding))
        given = {found: fold(name) for part, name in named if (found := _id_meant(part, encoding)) is not None}
        for each, name in given.items():
            if (raw := encoding.file_ids.get(each)) is None:
                continue
            what = encoding.space.classes[encoding.ids[raw]]
            same = [other for other, its in encoding.file_ids.items() if its == raw]
            if any(given.get(other, fold(what)) != name for other in same):
                raise HRSError(
                    f"{self.where}: the ids {listed(same)} of {spec} are one class, since all are called {what}; name "
                    f"{what} or all of them, or call them differently in the data set"
                )

    def foreign(self, encoding: Encoding) -> list[str]:
        """What its keys name and the data set does not have."""
        return [part for key in self.entries for part in _parts(key, encoding) if not list(_raws(part, encoding))]

    def known_to(self, encodings: Sequence[Encoding]) -> dict[str, str]:
        """Its entries, without what none of some data sets has."""
        named = (
            (part, name, each) for key, name in self.entries.items() for each in encodings for part in _parts(key, each)
        )
        return {part: name for part, name, encoding in named if list(_raws(part, encoding))}

    def _meant(self, key: str, encoding: Encoding, spec: str) -> Iterator[int]:
        """The raw ids that a key stands for."""
        for part in _parts(key, encoding):
            found = list(_raws(part, encoding))
            if not found and not self.shared:
                raise _no_class(self.where, part, spec, _known(part, encoding))
            yield from found


def become(before: Encoding, after: Encoding, target: LabelSpace) -> list[tuple[Match, tuple[int, ...]]]:
    """What each class on disk is in another space, and its raw ids; ``after`` is what a class map made of ``before``.

    An id that only the map names stands for itself.
    """
    plain = {each.source: each for each in match(before.space, target)}
    there = {each.source: each.target for each in match(after.space, target)}
    rows = [
        (name, tuple(raw for raw, i in before.ids.items() if i == c)) for c, name in enumerate(before.space.classes)
    ]
    rows += [(before.in_words(raw), (raw,)) for raw in after.ids if raw not in before.ids]
    found = []
    for name, raws in rows:
        new = [after.space.classes[after.ids[raw]] if raw in after.ids else None for raw in raws]
        kept = name in plain and all(each is not None and fold(each) == fold(name) for each in new)
        names = dict.fromkeys(there[each] if each is not None else None for each in new)
        found.append((plain[name] if kept else _by_map(name, list(names)), raws))
    return found


def _by_map(name: str, targets: list[str | None]) -> Match:
    """A class whose ids a map makes one thing, or several."""
    target = targets[0] if len(targets) == 1 else " and ".join(each or "ignored" for each in targets)
    return Match(source=name, target=target, how="class map")


def check_shared(
    maps: Sequence[ClassMap | None], encodings: Sequence[Encoding | None], *, of: str = "any source"
) -> None:
    """Raises HRSError, which calls these ``of``, where a map that several data sets share names what none has."""
    pairs = [(each, encoding) for each, encoding in zip(maps, encodings, strict=True) if each and encoding]
    shared = [(each, encoding) for each, encoding in pairs if each.shared]
    if not shared:
        return
    nowhere = set.intersection(*(set(each.foreign(encoding)) for each, encoding in shared))
    if nowhere:
        classes = [name for _, encoding in shared for name in encoding.space.classes]
        key = sorted(nowhere)[0]
        raise _no_class(shared[0][0].where, key, of, suggest(key, classes))


def _no_class(where: str, key: str, spec: str, known: str) -> HRSError:
    return HRSError(f"{where}: {key!r} is no class of {spec}; {known}")


def _known(key: str, encoding: Encoding) -> str:
    """Half a sentence with what a key that is nothing may have meant."""
    if _id_in(key) is None or encoding.draw is None:
        return suggest(key, list(encoding.space.classes))
    if encoding.file_ids:
        return f"known: {listed(f'id {given}' for given in encoding.file_ids)}"
    return f"its outlines have no ids but names: {listed(encoding.space.classes)}"


def _parts(key: str, encoding: Encoding) -> list[str]:
    """What a key names: itself, where that is a class, an id or a colour, else what stands between its commas."""
    return [key] if list(_raws(key, encoding)) else [part.strip() for part in key.split(",")]


def _raws(key: str, encoding: Encoding) -> Iterator[int]:
    classes = _classes_called(key, encoding)
    if classes:
        yield from (raw for raw, i in encoding.ids.items() if i == classes[0])
        return
    colour = as_colour(key)
    if encoding.channel == "colour" and colour is not None:
        yield colour_id(colour)
    elif (given := _id_meant(key, encoding)) is not None:
        raw = encoding.raw_of(given)
        yield from () if raw is None else (raw,)


def _classes_called(key: str, encoding: Encoding) -> list[int]:
    return [i for i, name in enumerate(encoding.space.classes) if fold(name) == fold(key)]


def _id_meant(key: str, encoding: Encoding) -> int | None:
    """The id as files have it that a key stands for; None where it is a class's name, or the data set is of colours."""
    return None if encoding.channel == "colour" or _classes_called(key, encoding) else _id_in(key)


def _id_in(key: str) -> int | None:
    """The id that a key is: "7" or "id 7"; None for names and colours."""
    found = re.fullmatch(r"(?:id)?\s*(\d+)", key.strip().lower())
    return int(found[1]) if found else None


def _space(encoding: Encoding, names: Mapping[int, str]) -> LabelSpace:
    """Classes by their names, in the colour of the first class on disk that became each."""
    before = encoding.space
    of_raw: dict[str, Colour] = {}
    made = iter(distinct_colours(max(1, len(set(names.values())))))
    for raw, name in names.items():
        own = before.palette[encoding.ids[raw]] if raw in encoding.ids else next(made)
        of_raw.setdefault(name, own)
    colours = dict(zip(before.classes, before.palette, strict=True))
    found = tuple(of_raw)
    return LabelSpace(name=before.name, classes=found, palette=tuple(colours.get(name, of_raw[name]) for name in found))


def map_for(classes: Mapping[str, str | Mapping[str, str]], spec: str, *, source: bool = False) -> ClassMap | None:
    """The class map of a data set in a run's ``data.classes``: that of its very name, with or without options, else, of
    a source, the one of all sources; None where there is none. Raises HRSError for a file that is none."""
    keys = [spec, spec.partition("?")[0], *([EVERY] if source else [])]
    key = next((each for each in keys if each in classes), None)
    if key is None:
        return None
    given = classes[key]
    where = "data.classes" if key == EVERY else f"data.classes of {key}"
    shared = key == EVERY
    if isinstance(given, str):
        return ClassMap.read(Path(given), shared=shared)
    return ClassMap(entries=given, where=where, shared=shared)


def keys_of(specs: Sequence[str]) -> set[str]:
    """What these data sets are called in a run's ``data.classes``."""
    return {name for spec in specs for name in (spec, spec.partition("?")[0])}


def check_named(classes: Mapping[str, str | Mapping[str, str]], specs: Sequence[str]) -> None:
    """Raises HRSError where a run's ``data.classes`` has a map of a data set that is none of the run's."""
    known = keys_of(specs)
    for key in classes:
        if key != EVERY and key not in known:
            raise HRSError(
                f"data.classes has a map of {key}, which the run does not read; {suggest(key, sorted(known))}"
            )
