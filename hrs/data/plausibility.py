"""Whether labels can be what their format says: the one place that judges, for training, the doctor and the pages.

What is certain is refused; what is only likely is a warning. Each finding is one sentence with its remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hrs.data.census import Census, classes_of, known
from hrs.data.colours import blurred, exchanged
from hrs.data.encoding import Encoding
from hrs.data.layouts import Dataset
from hrs.errors import HRSError
from hrs.labels import IGNORE, fold

_COMMON = 0.01  # share of all pixels from which an id without a class is worth a word
_BINARY = 0.001  # share from which an ignored id beside a single class is that other class
_MOST_IGNORED = 0.5
_SEEN = 0.02  # share of the labelled pixels from which a class has a place in the frame
_FEW, _NEARLY_ALL = 0.2, 0.8  # of a class's pixels in the upper half
_BETTER = 0.25  # how much more of the pixels must lie where they belong under another encoding
_NOISE_IDS, _NOISE = 24, 0.2  # unknown ids, and their share at most, of labels that were compressed or resized
_FEWEST_BORDERS = 100  # pixels
_RAMPS = (
    0.04  # of pixels on borders, but for the id of most of them. As drawn 0.003 to 0.007 (CamVid, IDD-Lite, AirSim,
)
# the street); resized smoothly to 0.5, 0.7 or 2 times their size 0.07 to 0.30
_NAMED = 4  # ids in a sentence
_UP = frozenset({"sky"})
_DOWN = frozenset({"road", "roads", "sidewalk", "pavement", "roadline", "lanemarking", "drivable"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """certain: it cannot be right, so training is refused."""

    certain: bool
    text: str

    def to_dict(self) -> dict[str, object]:
        return {"certain": self.certain, "text": self.text}


def judge(dataset: Dataset, census: Census) -> list[Finding]:
    """What is wrong with labels as far as their counts tell, what is certain first."""
    if dataset.encoding is None or not census.pixels:
        return []
    found = [finding for rule in _RULES for finding in rule(dataset, census)]
    return sorted(found, key=lambda finding: not finding.certain)


def refuse(dataset: Dataset, role: str, findings: list[Finding]) -> None:
    """Raises HRSError with the first thing that is certainly wrong."""
    for finding in findings:
        if finding.certain:
            raise HRSError(f"{role} {dataset.spec}: {finding.text}")


# Rules: (data set, counts) -> findings


def _nothing_labelled(dataset: Dataset, census: Census) -> Iterator[Finding]:
    if classes_of(dataset, census.ids).sum() or dataset.encoding is None or _better(dataset, census):
        return
    if dataset.matches:
        lost = [each.source for each in dataset.matches if each.target is None]
        why = f"; without a counterpart are {', '.join(lost[:8])}" if lost else ""
    else:
        names = [dataset.encoding.in_words(raw) for raw in list(dataset.encoding.ids)[:8]]
        why = f"; known are {', '.join(names)}"
    yield Finding(
        certain=True,
        text=f"no pixel of its labels has a class: they hold {_most(dataset, census)}{why}; check its format, its "
        "classes and its class map",
    )


def _other_colours(dataset: Dataset, census: Census) -> Iterator[Finding]:
    if dataset.encoding is None or dataset.encoding.channel != "colour":
        return
    unknown = {raw: pixels for raw, pixels in census.ids.items() if not known(dataset.encoding, raw)}
    share = census.unknown(dataset.encoding) / census.pixels
    if share <= _COMMON:
        return
    listed = dataset.encoding.ids.keys()
    if exchanged(unknown, listed):
        yield Finding(
            certain=True,
            text=f"{100 * share:.0f} % of the pixels have the listed colours with red and blue exchanged; write "
            "colours as red, green, blue",
        )
    elif len(unknown) >= _NOISE_IDS and blurred(unknown, listed):
        yield Finding(
            certain=True,
            text=f"{len(unknown)} unknown colours on {100 * share:.0f} % of the pixels are nearly those of the list: "
            "the labels were saved with losses, as JPEG does; make them anew, as PNG",
        )


def _one_class(dataset: Dataset, census: Census) -> Iterator[Finding]:
    """Masks of 0 and 255 under classes 0 and 1 teach a network to say 0 everywhere, with a score of 100."""
    present = _present(dataset, census)
    if len(present) != 1 or dataset.encoding is None or _better(dataset, census) or _step(dataset, census):
        return
    only = present[0]
    others = [
        raw
        for raw, pixels in census.ids.most_common()
        if not _has_class(dataset, raw) and pixels > _BINARY * census.pixels
    ]
    unnamed = [raw for raw in others if not known(dataset.encoding, raw) or raw in dataset.encoding.unlisted]
    if not unnamed:
        ignored = f", and {_share(dataset, census, others[0])} is ignored, as is said of it" if others else ""
        yield Finding(certain=False, text=f"only the class {only} has pixels{ignored}: nothing can be told from it")
        return
    absent = _absent(dataset, census)
    raw = unnamed[0]
    yield Finding(
        certain=True,
        text=f"only the class {only} has pixels, while {_share(dataset, census, raw)} is ignored and {_listed(absent)} "
        f"has no pixel; if {dataset.encoding.in_words(raw)} is {absent[0]}, name it so in the list of classes: "
        f"{dataset.encoding.entry(raw, absent[0])}",
    )


def _missing_class(dataset: Dataset, census: Census) -> Iterator[Finding]:
    absent, unknown = _absent(dataset, census), _unknown(dataset, census)
    if len(_present(dataset, census)) > 1 and absent and unknown and not _step(dataset, census):
        yield Finding(
            certain=False,
            text=f"{_listed(absent)} has no pixel, while {_share(dataset, census, unknown[0])} is no class; if that is "
            f"{'one of them' if len(absent) > 1 else absent[0]}, mend the list of classes or say so in data.classes",
        )


def _shifted(dataset: Dataset, census: Census) -> Iterator[Finding]:
    step, encoding = _step(dataset, census), dataset.encoding
    if not step or encoding is None or _better(dataset, census):
        return
    first, last = min(encoding.ids), max(encoding.ids)
    odd = last + 1 if step > 0 else IGNORE
    lines = [encoding.entry(raw + step, encoding.space.classes[encoding.ids[raw]]) for raw in sorted(encoding.ids)]
    yield Finding(
        certain=len(_present(dataset, census)) == 1 and not (step < 0 and known(encoding, first + step)),
        text=f"ids seem to be numbered from {first + step} where the classes are from {first}: id "
        f"{first if step > 0 else last} has no pixel, while {_share(dataset, census, odd)} is no class; if so, write "
        f"the list of classes as {_listed(lines)}, or save the labels with ids {'less' if step > 0 else 'more'} by 1",
    )


def _unknown_ids(dataset: Dataset, census: Census) -> Iterator[Finding]:
    if dataset.encoding is None:
        return
    unknown = [raw for raw in census.ids if not known(dataset.encoding, raw)]
    share = census.unknown(dataset.encoding) / census.pixels
    if len(unknown) >= _NOISE_IDS and share <= _NOISE:
        yield Finding(
            certain=False,
            text=f"{len(unknown)} unknown values on {100 * share:.1f} % of the pixels look like lossy compression or "
            "smooth resizing; make the labels anew, resized by nearest neighbour and saved as PNG",
        )
    elif _unknown(dataset, census) and not _absent(dataset, census):
        named = ", ".join(_share(dataset, census, raw) for raw in _unknown(dataset, census)[:_NAMED])
        yield Finding(certain=False, text=f"ids that no list of classes names are ignored: {named}")


def _between_others(dataset: Dataset, census: Census) -> Iterator[Finding]:
    """Smooth resizing draws a border of ids between those on both sides, and a list of many classes names them all. Of
    one id alone it may be a class that is a pixel wide, such as kerbs or outlines of cells."""
    several = census.ramps.total() - max(census.ramps.values(), default=0)
    if census.borders >= _FEWEST_BORDERS and several > _RAMPS * census.borders:
        yield Finding(
            certain=False,
            text=f"{100 * census.ramps.total() / census.borders:.0f} % of the pixels on borders have an id between "
            "those on both sides, as smooth resizing leaves them; make the labels anew, resized by nearest neighbour",
        )


def _without_counterpart(dataset: Dataset, census: Census) -> Iterator[Finding]:
    lost = {each.source for each in dataset.matches if each.target is None}
    shares = {name: share for name, share, _ in _places(dataset.encoding, census) if name in lost and share > _COMMON}
    if shares:
        named = ", ".join(
            f"{name} ({100 * share:.0f} %)" for name, share in sorted(shares.items(), key=lambda each: -each[1])
        )
        yield Finding(
            certain=False,
            text=f"classes that are none of the target's are ignored, with so many of the pixels: {named}; say in "
            "data.classes what they are there, or that they are to be ignored",
        )


def _mostly_ignored(dataset: Dataset, census: Census) -> Iterator[Finding]:
    labelled = classes_of(dataset, census.ids).sum()
    ignored = 1 - labelled / census.pixels
    if labelled and ignored > _MOST_IGNORED:
        yield Finding(
            certain=False,
            text=f"{100 * ignored:.0f} % of the pixels have no class; they hold {_most(dataset, census)}",
        )


def _upside_down(dataset: Dataset, census: Census) -> Iterator[Finding]:
    for name, share, upper in _places(dataset.encoding, census):
        if share < _SEEN:
            continue
        if fold(name) in _UP and upper < _FEW:
            yield Finding(
                certain=False,
                text=f"{100 * (1 - upper):.0f} % of {name} lies in the lower half of the frames; check that the labels "
                "are of this version and that they stand upright",
            )
        if fold(name) in _DOWN and upper > _NEARLY_ALL:
            yield Finding(
                certain=False,
                text=f"{100 * upper:.0f} % of {name} lies in the upper half of the frames; check that the labels are "
                "of this version and that they stand upright",
            )


def _another_encoding(dataset: Dataset, census: Census) -> Iterator[Finding]:
    better = _better(dataset, census)
    if better:
        sense, remedy = better
        yield Finding(
            certain=len(_present(dataset, census)) < 2 or not classes_of(dataset, census.ids).any(),
            text=f"sky above and road below make up {100 * max(_sense(dataset.encoding, census), 0):.0f} % of the "
            f"pixels as they are read, and {100 * sense:.0f} % if they are of another kind: {remedy}",
        )


def _palettes_differ(dataset: Dataset, census: Census) -> Iterator[Finding]:
    mixed = [index for index, colours in census.palettes.items() if len(colours) > 1]
    if mixed:
        colours = " and ".join(" ".join(map(str, colour)) for colour in sorted(census.palettes[mixed[0]])[:2])
        yield Finding(
            certain=False,
            text=f"palettes differ between label files: index {mixed[0]} is {colours}; if colours are what is meant, "
            "name them under palette: in classes.yaml, or save plain ids",
        )


def _which_way_round(dataset: Dataset, census: Census) -> Iterator[Finding]:
    if census.doubtful:
        yield Finding(
            certain=False,
            text=f"{census.doubtful} photos are turned by EXIF without a change of size, so nobody can tell which way "
            "round they were labelled; labels are taken to be drawn on the upright photo: look at a few",
        )


def _as_listed(dataset: Dataset, census: Census) -> Iterator[Finding]:
    """What its format's reader saw."""
    for doubt in dataset.doubts:
        yield Finding(certain=False, text=doubt)


_RULES = (
    _other_colours,
    _nothing_labelled,
    _one_class,
    _missing_class,
    _shifted,
    _unknown_ids,
    _between_others,
    _without_counterpart,
    _mostly_ignored,
    _another_encoding,
    _upside_down,
    _palettes_differ,
    _which_way_round,
    _as_listed,
)


# In words and numbers


def _present(dataset: Dataset, census: Census) -> list[str]:
    """The classes on disk that have pixels."""
    return [name for name, _, _ in _places(dataset.encoding, census)]


def _absent(dataset: Dataset, census: Census) -> list[str]:
    present = _present(dataset, census)
    return [name for name in dataset.encoding.space.classes if name not in present] if dataset.encoding else []


def _has_class(dataset: Dataset, raw: int) -> bool:
    return dataset.encoding is not None and raw in dataset.encoding.ids


def _unknown(dataset: Dataset, census: Census) -> list[int]:
    """Common ids that the format does not know, the commonest first."""
    if dataset.encoding is None:
        return []
    return [
        raw
        for raw, pixels in census.ids.most_common()
        if pixels > _COMMON * census.pixels and not known(dataset.encoding, raw)
    ]


def _step(dataset: Dataset, census: Census) -> int:
    """1 where every id is one more than a listed one, and the one after the last is there; -1 where every id is one
    less, and 255 is there, as where 0 was for void before, with 0 where a list may well have 255; else 0."""
    encoding = dataset.encoding
    if encoding is None or encoding.channel == "colour":
        return 0
    listed, unknown = encoding.ids.keys(), set(_unknown(dataset, census))
    found = {raw for raw in census.ids if raw in encoding.ids or raw in unknown}
    if max(listed) + 1 in unknown and all(raw - 1 in listed for raw in found):
        return 1
    found = {raw for raw in census.ids if raw != IGNORE}
    odd = IGNORE in unknown or (0 in found and IGNORE in census.ids and IGNORE not in listed)
    if min(listed) == 1 and odd and found and all(raw + 1 in listed for raw in found):
        return -1
    return 0


def _share(dataset: Dataset, census: Census, raw: int) -> str:
    name = dataset.encoding.in_words(raw) if dataset.encoding else str(raw)
    on_disk = dataset.encoding_on_disk
    called = on_disk.space.classes[on_disk.ids[raw]] if on_disk and raw in on_disk.ids else name
    name = name if name == called else f"{name} {called}"
    return f"{name} ({100 * census.ids[raw] / census.pixels:.1f} % of the pixels)"


def _most(dataset: Dataset, census: Census) -> str:
    """What the pixels without a class hold."""
    raws = np.array([raw for raw, _ in census.ids.most_common()], np.uint32)
    without = raws[dataset.classes_of(raws) == IGNORE].tolist()
    return ", ".join(_share(dataset, census, raw) for raw in without[:_NAMED])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _places(encoding: Encoding | None, census: Census) -> Iterator[tuple[str, float, float]]:
    """Class on disk, its share of the labelled pixels, and the share of it that lies in the upper half."""
    if encoding is None:
        return
    classes = encoding.space.classes
    total, upper = np.zeros(len(classes)), np.zeros(len(classes))
    for raw, i in encoding.ids.items():
        total[i] += census.ids[raw]
        upper[i] += census.upper[raw]
    for i, name in enumerate(classes):
        if total[i]:
            yield name, total[i] / max(total.sum(), 1), upper[i] / total[i]


def _better(dataset: Dataset, census: Census) -> tuple[float, str] | None:
    """The sense that labels make as another encoding, where it is much more than as they are read, and the remedy."""
    own = _sense(dataset.encoding, census)
    better = [(sense, remedy) for remedy, other in dataset.others if (sense := _sense(other, census)) > own + _BETTER]
    return max(better, default=None)


def _sense(encoding: Encoding | None, census: Census) -> float:
    """How much of the pixels is sky above or road below, less what is the other way round; of -1 to 1."""
    sense = 0.0
    labelled = sum(census.ids[raw] for raw in encoding.ids) / census.pixels if encoding else 0.0
    for name, share, upper in _places(encoding, census):
        if fold(name) in _UP:
            sense += share * (2 * upper - 1)
        elif fold(name) in _DOWN:
            sense += share * (1 - 2 * upper)
    return sense * labelled
