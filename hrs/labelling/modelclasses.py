"""Which class of a set of photos each class of a model is, where their names differ: a file in the set's folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import yaml
from numpy.typing import NDArray

from hrs.data.classmap import ClassMap, check_shared
from hrs.data.encoding import Encoding
from hrs.errors import HRSError
from hrs.labelling.photoset import PhotoSet
from hrs.labels import IGNORE, LabelSpace, mapping
from hrs.system.documents import shortened
from hrs.system.files import atomic_write

FILE = "model_classes.yaml"
WHERE = "Models' classes"


def read_model_classes(own: PhotoSet) -> ClassMap | None:
    """What was kept with `write_model_classes`; None where nothing was. Raises HRSError where the file is damaged."""
    file = own.path / FILE
    return ClassMap.read(file, shared=True) if file.is_file() else None


def in_lines(given: ClassMap | None) -> str:
    """A map as `write_model_classes` takes it."""
    return "\n".join(f"{key}: {name}" for key, name in given.entries.items()) if given else ""


def write_model_classes(own: PhotoSet, text: str, models: Sequence[LabelSpace]) -> None:
    """Keep which class of the set models' classes are; an empty text forgets it.

    Args:
        text: lines of "model's class: class of the set", several with commas before the colon, "ignore" for none.
        models: the classes of all models that may help; each class named must be one of some model.

    Raises:
        HRSError: a line is none, or names a class that no model or not the set has, or one that another line named.
    """
    lines = [_entry(line) for line in map(str.strip, text.splitlines()) if line]
    entries = dict(lines)
    if len(entries) < len(lines):
        twice = next(key for key in entries if [each for each, _ in lines].count(key) > 1)
        raise HRSError(f"{WHERE}: {shortened(twice)} stands in two lines; keep one of them")
    given = ClassMap(entries=entries, where=WHERE, shared=True)
    given.check(own.space)
    check_shared([given] * len(models), list(map(_encoding, models)), of="any model")
    for model in models:
        given.check_once(_encoding(model), model.name)
    file = own.path / FILE
    if entries:
        atomic_write(file, yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))
    else:
        file.unlink(missing_ok=True)


def table_of(model: LabelSpace, space: LabelSpace, given: ClassMap | None) -> NDArray[np.uint8]:
    """A model's class -> class of ``space`` as 256 entries, IGNORE for none. Raises HRSError where no class is one."""
    if given is None:
        return mapping(model, space, where=WHERE)
    renamed = given.rename(_encoding(model), model.name)
    of_names = mapping(renamed.space, space, where=WHERE)
    table = np.full(256, IGNORE, np.uint8)
    for i, name in renamed.ids.items():
        table[i] = of_names[name]
    return table


def _entry(line: str) -> tuple[str, str]:
    key, colon, name = (part.strip() for part in line.rpartition(":"))
    if not (key and colon and name):
        raise HRSError(f"{shortened(line)} is no line of \"model's class: my class\", such as 'vehicle: car'")
    return key, name


def _encoding(space: LabelSpace) -> Encoding:
    """The classes of a model as if they were ids on a disk."""
    return Encoding(space=space, channel="index", ids={i: i for i in range(len(space))}, void=frozenset())
