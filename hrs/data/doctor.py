"""The data doctor: every file of a data set decoded once, and what is wrong with it in plain words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hrs.data.census import Census, LabelFacts, classes_of, in_order, known, look_at
from hrs.data.classmap import ClassMap, become
from hrs.data.layouts import Dataset, open_dataset
from hrs.data.plausibility import Finding, judge
from hrs.data.shown import Shown, judge_images, look
from hrs.errors import HRSError
from hrs.labels import LabelSpace, Match, colourise
from hrs.pictures import sheet, write_picture
from hrs.progress import Progress
from hrs.system.tree import Skipped, by_kind

EXAMPLES = 6
_SHOWN = 5  # problems of a kind that are named in the text
_BAR = 40  # characters of the longest bar
_MOST_UNKNOWN = 1000  # ids kept; labels of quite another kind can hold millions


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is in a data set and what is wrong with it.

    spec: its name, split included.
    pairs: images that can be used, each with its label (of unlabelled data: images).
    skipped: files without partner, with unreadable header, cut short, or of different size than their label.
    unreadable: images or labels whose pixels cannot be decoded.
    unknown: raw id -> pixels, commonest first, of ids that the format does not know; they are ignored.
    classes: class -> percent of the labelled pixels, in the order of the label space; empty for unlabelled data.
    ignored: percent of all pixels that have no class; None for unlabelled data.
    sizes: "WIDTHxHEIGHT" -> images.
    findings: what cannot be right, or hardly can.
    matches: what each class on disk is in another space, where one was asked for, and percent of the pixels of all.
    dataset: the usable frames.
    """

    spec: str
    pairs: int
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Skipped, ...]
    unknown: dict[int, int]
    classes: dict[str, float]
    ignored: float | None
    sizes: dict[str, int]
    findings: tuple[Finding, ...]
    matches: tuple[tuple[Match, float], ...]
    dataset: Dataset = field(repr=False)

    @property
    def labelled(self) -> bool:
        return self.dataset.space is not None

    def to_dict(self) -> dict[str, Any]:
        """All but the frames, for JSON; percent to four decimals."""
        return {
            "spec": self.spec,
            "pairs": self.pairs,
            "skipped": [{"path": item.shown, "reason": item.reason} for item in self.skipped],
            "unreadable": [{"path": item.shown, "reason": item.reason} for item in self.unreadable],
            "unknown": {str(raw): pixels for raw, pixels in self.unknown.items()},
            "classes": {name: round(share, 4) for name, share in self.classes.items()},
            "ignored": None if self.ignored is None else round(self.ignored, 4),
            "sizes": self.sizes,
            "findings": [finding.to_dict() for finding in self.findings],
            "matches": [
                {"source": each.source, "target": each.target, "how": each.how, "share": round(share, 4)}
                for each, share in self.matches
            ],
            "notes": list(self.dataset.notes),
        }

    def to_text(self) -> str:
        """Plain text: counts, the first problems of each kind by name, and a bar for each class."""
        what = "usable pairs of image and label" if self.labelled else "usable images without labels"
        sizes = ", ".join(f"{size} ({count})" for size, count in list(self.sizes.items())[:_SHOWN])
        more = f", and {len(self.sizes) - _SHOWN} more" if len(self.sizes) > _SHOWN else ""
        lines = [f"data set    {self.spec}", f"frames      {self.pairs} {what}", f"sizes       {sizes}{more}"]
        lines += [f"split       {split}"] if (split := self.dataset.split) else []
        lines += [f"note        {note}" for note in self.dataset.notes]
        lines += self._problems()
        lines += [f"{'WRONG     ' if each.certain else 'warning   '}  {each.text}" for each in self.findings]
        lines += _match_lines(self.matches)
        if self.ignored is not None:
            lines += ["", f"labels, in percent of the labelled pixels ({self.ignored:.1f} % of all pixels are ignored)"]
            lines += _bars(self.classes)
        return "\n".join(lines)

    def _id(self, raw: int) -> str:
        return self.dataset.encoding.in_words(raw) if self.dataset.encoding else str(raw)

    def _problems(self) -> list[str]:
        lines = [f"left out    {len(self.skipped)}"]
        for items in by_kind(self.skipped).values():
            lines += _first([f"{item.path.name} {item.reason}" for item in items])
        lines.append(f"unreadable  {len(self.unreadable)}")
        lines += _first([item.reason for item in self.unreadable])
        if self.labelled:
            count = f"{len(self.unknown)}{' or more' if len(self.unknown) == _MOST_UNKNOWN else ''}"
            lines.append(f"unknown ids {count}{'; their pixels are ignored' if self.unknown else ''}")
            lines += _first([f"{self._id(raw)}: {pixels} pixels" for raw, pixels in self.unknown.items()])
        return lines


def inspect(
    spec: str,
    *,
    split: str | None = None,
    classes: ClassMap | None = None,
    target: LabelSpace | None = None,
    progress: Progress | None = None,
) -> Report:
    """Decode every image and label of a data set.

    Args:
        spec: format:path[?key=value&...].
        split: for formats that have splits.
        classes: what its classes shall be called.
        target: the classes of a run's target; the report says what each class becomes there.
        progress: called with (frames done, frames in all).

    Raises:
        HRSError: the data set cannot be opened, or no frame of it can be used.
    """
    dataset = open_dataset(spec, split=split, classes=classes, progress=progress)
    usable: list[int] = []
    unreadable: list[Skipped] = []
    sizes: Counter[str] = Counter()
    shown: list[Shown] = []
    census = Census.of(dataset)
    for i, found in enumerate(in_order(partial(_examine, dataset), range(len(dataset)))):
        if isinstance(found, Skipped):
            unreadable.append(found)
        else:
            usable.append(i)
            sizes[found.size] += 1
            shown.append(found.shown)
            census.add(found.label, doubtful=dataset.frames[i].doubtful)
        if progress:
            progress(i + 1, len(dataset))
    if not usable:
        raise HRSError(f"data set {dataset.spec}: none of {len(dataset)} frames can be decoded; {unreadable[0].reason}")
    shares, ignored, unknown = _histogram(dataset, census)
    mapped = dataset.map_to(target) if target and dataset.space else dataset
    return Report(
        spec=str(dataset.spec),
        pairs=len(usable),
        skipped=dataset.skipped,
        unreadable=tuple(unreadable),
        unknown=unknown,
        classes=shares,
        ignored=ignored,
        sizes=dict(sizes.most_common()),
        findings=(*judge(mapped, census), *judge_images(shown)),
        matches=_matches(dataset, target, census) if target else (),
        dataset=dataset.take(usable),
    )


def write_examples(report: Report, out: Path) -> Path:
    """A picture of up to 6 frames spread over the data set, each beside its label; returns its path.

    Raises HRSError where it cannot be written.
    """
    dataset, space = report.dataset, report.dataset.space
    count = min(EXAMPLES, len(dataset))
    chosen = [i * len(dataset) // count for i in range(count)]
    if space is None:
        write_picture(out, sheet([[dataset.read_image(i)] for i in chosen], ["image"], width=320))
        return out
    rows = [[dataset.read_image(i), colourise(dataset.read_label(i), space)] for i in chosen]
    write_picture(out, sheet(rows, ["image", "label"], width=320))
    return out


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """One frame: its size, what its image shows and what its label holds."""

    size: str
    shown: Shown
    label: LabelFacts


def _examine(dataset: Dataset, i: int) -> _Facts | Skipped:
    frame = dataset.frames[i]
    path = frame.image
    try:
        image = dataset.read_image(i)
        height, width = image.shape[:2]
        label = LabelFacts(ids={}, upper={}, palette={}, shape=(height, width))
        if frame.label is not None:
            path = frame.label
            label = _label_facts(dataset, i, (height, width))
        if frame.planted is not None:
            path = frame.planted
            dataset.read_planted(i)
    except HRSError as error:
        return Skipped(path=path, reason=str(error), kind="unreadable")
    return _Facts(size=f"{width}x{height}", shown=look(dataset, i, image), label=label)


def _label_facts(dataset: Dataset, i: int, shape: tuple[int, int]) -> LabelFacts:
    """What a label holds. Raises HRSError where it cannot be decoded, or is not as large as its image is."""
    found = look_at(dataset, i)
    if found.shape != shape:
        read, beside = ("x".join(map(str, reversed(each))) for each in (found.shape, shape))
        raise HRSError(f"{dataset.frames[i].label} is read as {read} pixels, its image as {beside}; save both upright")
    return found


def _histogram(dataset: Dataset, census: Census) -> tuple[dict[str, float], float | None, dict[int, int]]:
    """Percent of the labelled pixels per class, percent of all pixels ignored, and unknown ids with their pixels."""
    encoding, space = dataset.encoding, dataset.space
    if encoding is None or space is None:
        return {}, None, {}
    pixels = classes_of(dataset, census.ids)
    labelled, total = int(pixels.sum()), census.pixels
    shares = 100 * pixels / max(labelled, 1)
    unknown = Counter({raw: count for raw, count in census.ids.items() if not known(encoding, raw)})
    return (
        dict(zip(space.classes, shares.tolist(), strict=True)),
        100 * (total - labelled) / max(total, 1),
        dict(unknown.most_common(_MOST_UNKNOWN)),
    )


def _matches(dataset: Dataset, target: LabelSpace, census: Census) -> tuple[tuple[Match, float], ...]:
    if dataset.encoding is None or dataset.encoding_on_disk is None or dataset.space == target:
        return ()
    found = become(dataset.encoding_on_disk, dataset.encoding, target)
    pixels = [sum(census.ids[raw] for raw in raws) for _, raws in found]
    return tuple((each, 100 * count / max(sum(pixels), 1)) for (each, _), count in zip(found, pixels, strict=True))


def _match_lines(matches: tuple[tuple[Match, float], ...]) -> list[str]:
    """What each class becomes, and why; those that become nothing last."""
    if not matches:
        return []
    wide = max(len(each.source) for each, _ in matches)
    broad = max(len(each.target or "ignored") for each, _ in matches)
    ordered = sorted(matches, key=lambda pair: pair[0].target is None)
    return ["", "classes on disk, what they are in the target, percent of the pixels with a class, and why"] + [
        f"    {each.source:<{wide}}  -> {each.target or 'ignored':<{broad}}  {share:5.1f}  {each.how}"
        for each, share in ordered
    ]


def _first(items: list[str]) -> list[str]:
    shown = [f"    {item}" for item in items[:_SHOWN]]
    return [*shown, f"    and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else shown


def _bars(classes: dict[str, float]) -> list[str]:
    wide, most = max(map(len, classes)), max(classes.values()) or 1.0
    return [
        f"    {name:<{wide}}  {share:5.1f}  {'#' * round(share / most * _BAR)}".rstrip()
        for name, share in classes.items()
    ]
