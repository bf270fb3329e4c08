"""Commands on data sets: check, classes, render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hrs.cli.options import Classes
from hrs.cli.terminal import progress_bar
from hrs.data.formats.table import FORMATS, to_text
from hrs.errors import HRSError

if TYPE_CHECKING:
    from hrs.labels import LabelSpace

app = typer.Typer()


@app.command(epilog="\b\nFormats:\n" + to_text())
def check(
    dataset: Annotated[str, typer.Argument(help="format:path[?key=value&...], e.g. camvid:data/camvid; or a folder")],
    split: Annotated[str | None, typer.Option(help="Which split, for formats that have them.")] = None,
    classes: Classes = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="The map is of other data sets too; what this one lacks is but a note.")
    ] = False,
    target: Annotated[str | None, typer.Option(help="Label space or data set whose classes these become.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a picture of examples and report.json here.")] = None,
) -> None:
    """The data doctor: pairs, what is left out, sizes, unreadable files, unknown ids, classes, what cannot be right.

    Exit code 1 where the labels cannot be what the format says.
    """
    from hrs.data.classmap import ClassMap
    from hrs.data.doctor import inspect, write_examples
    from hrs.data.plausibility import refuse
    from hrs.system.files import atomic_write, make_folder

    if out is not None and out.exists() and not out.is_dir():
        raise HRSError(f"--out {out} is a file; name a folder")
    name = _name(dataset)
    _check_beside(out, name)
    space, wrong_target = _space(target) if target else (None, None)
    given = ClassMap.read(classes, shared=shared) if classes else None
    with progress_bar("checking") as progress:
        report = inspect(name, split=split, classes=given, target=space, progress=progress)
    print(report.to_text())
    if out is not None:
        make_folder(out)
        atomic_write(out / "report.json", json.dumps(report.to_dict(), indent=2) + "\n")
        print(f"examples: {write_examples(report, out / 'examples.png')}")
    refuse(report.dataset, "data set", list(report.findings))
    if wrong_target:
        raise wrong_target


@app.command()
def classes(
    source: Annotated[str, typer.Argument(help="format:path[?key=value&...] of a synthetic data set.")],
    target: Annotated[str, typer.Argument(help="Label space, or the data set of real images.")],
    classes: Classes = None,
    out: Annotated[Path | None, typer.Option(help="Write classes.json and a picture of each class here.")] = None,
) -> None:
    """A source's classes at a glance, from a few frames: share of the pixels, and what each is taken for in the target.

    What is wrong there is to be said in data.classes.
    """
    from hrs.data.classmap import ClassMap
    from hrs.data.classview import view_classes
    from hrs.pictures import write_picture
    from hrs.system.files import atomic_write, make_folder

    _check_beside(out, source)
    space, wrong = _space(target)
    if space is None:
        raise wrong or HRSError(f"{target} has no labels")
    seen, views = view_classes(source, space, classes=ClassMap.read(classes) if classes else None)
    print(f"{source}: {len(views)} classes in {len(seen.dataset)} of {seen.total} frames, in percent of their pixels")
    wide = max(len(each.name) for each in views)
    for each in sorted(views, key=lambda each: -each.share):
        print(f"    {each.name:<{wide}}  {each.share:5.1f}  -> {each.target or 'ignored'}  ({each.how})")
    if out is not None:
        make_folder(out)
        pictures = [f"{i}.jpg" if each.picture is not None else None for i, each in enumerate(views)]
        for each, name in zip(views, pictures, strict=True):
            if each.picture is not None and name:
                write_picture(out / name, each.picture)
        rows = [each.to_dict(picture) for each, picture in zip(views, pictures, strict=True)]
        found = {"source": source, "target": list(space.classes), "classes": rows}
        atomic_write(out / "classes.json", json.dumps(found, indent=2) + "\n")


def _check_beside(out: Path | None, dataset: str) -> None:
    """Raises HRSError where what is written of a data set would lie in its folder, as one more image of it."""
    from hrs.data.spec import DatasetSpec

    spec = DatasetSpec.parse(dataset)
    if out is not None and not FORMATS[spec.format].made and out.resolve().is_relative_to(spec.root):
        raise HRSError(f"--out {out} lies in the data set's own folder {spec.root}; name a folder beside it")


def _name(text: str) -> str:
    """A data set's name; of a folder without a format, that of what it looks like."""
    from hrs.data.spec import holds, looks_like, looks_like_inside, looks_like_photos, unread_in_words

    folder = Path(text).expanduser()
    if not folder.is_dir():
        return text
    if "?" in text:
        raise HRSError(f"{text}: a folder's name may not hold ?, which begins options; rename it, or link to it")
    if unread := unread_in_words(folder):
        raise HRSError(f"{text} {unread}")
    found = looks_like(folder)
    inside = [] if found else looks_like_inside(folder)
    found = found or ([] if inside else looks_like_photos(folder))
    if not found:
        remedy = f"in it is {inside[0]}" if inside else "name it format:path, see: python -m hrs check --help"
        raise HRSError(f"{text} looks like no format that is known, {holds(folder)}; {remedy}")
    others = f" (or {', '.join(found[1:])})" if found[1:] else ""
    print(f"looks like  {found[0]}{others}; this is its name in a config")
    return found[0]


def _space(name: str) -> tuple[LabelSpace | None, HRSError | None]:
    """The classes of a label space or data set, or what is wrong with that; the data set itself is checked all the
    same."""
    from hrs.data.glance import glance
    from hrs.labels import SPACES

    spaces = ", ".join(SPACES)
    if name in SPACES:
        return SPACES[name], None
    if ":" not in name:
        return None, HRSError(f"{name} is neither a label space ({spaces}) nor the name of a data set, format:path")
    try:
        space = glance(name, few=1).dataset.space
    except HRSError as error:
        return None, error
    missing = HRSError(f"{name} has no labels; name a label space ({spaces}) or a labelled data set")
    return space, None if space else missing


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder to write, in the layout of the format 'folder'.")],
    frames: Annotated[int, typer.Option(min=1)] = 2000,
    domain: Annotated[Literal["synthetic", "camera"], typer.Option()] = "synthetic",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    height: Annotated[int, typer.Option(min=48)] = 360,
    width: Annotated[int, typer.Option(min=48)] = 480,
    faults: Annotated[bool, typer.Option(help="Plant wrong labels and odd looks in synthetic frames.")] = True,
) -> None:
    """Render streets of the built-in world with labels. Goes on where an earlier call stopped."""
    from hrs.street import render_corpus

    with progress_bar("rendering") as progress:
        render_corpus(
            out, domain, frames=frames, seed=seed, height=height, width=width, progress=progress, faults=faults
        )
    print(f"{frames} frames in {out}; use it as folder:{out}")
