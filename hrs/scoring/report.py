"""What one takes back to whoever made the frames: faults by group with crops, as HTML that opens by itself.

The dashboard shows the same rows. Nothing here needs torch.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

import cv2
import numpy as np

from hrs.methods.table import in_words
from hrs.pictures import weight_colours, weight_legend
from hrs.progress import counted
from hrs.scoring.acting import apart_in_words
from hrs.scoring.areatable import Area, AreaTable, Group
from hrs.scoring.corpus import MAP_NAMES, ScoredCorpus
from hrs.scoring.crops import crop, readable_in_black
from hrs.scoring.stamps import OUTDATED, is_outdated
from hrs.scoring.why import said_of, sentence
from hrs.system.images import encode

CROPS, GROUPS = 6, 40
"""Crops of a row, and rows of a report."""
LEAST_SURE = 0.5
"""Median probability of the class that is seen, below which a model is too weak to judge labels: in most areas all
other classes together are likelier than the one that it names. Untrained ones reach about 0.2, the shipped one 0.7."""
LOST_ABOUT = "Pixels lost: pixels times how far their weight is below 1; of 100 pixels with weight 0.3, 70 are lost."
"""What rows are sorted by."""
STYLE = """
.areas section { margin: 0 0 1.4rem; }
.areas h3 { font-size: 1.02rem; font-weight: 600; margin: 0 0 .15rem; padding: 0; }
.areas p { font-size: .875rem; margin: 0 0 .45rem; opacity: .85; font-variant-numeric: tabular-nums; }
.areas ul { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 8px; list-style: none; margin: 0; padding: 0; }
.areas li { margin: 0; padding: 0; min-width: 0; }
.areas a { color: inherit; text-decoration: none; display: block; border-radius: 6px; }
.areas a:hover .name, .areas a:focus-visible .name { text-decoration: underline; }
.areas a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.areas img { display: block; width: 100%; aspect-ratio: 1; border-radius: 6px; }
.areas .line { display: flex; justify-content: space-between; align-items: center; gap: 6px; font-size: 12.5px; margin-top: 4px; }
.areas .line .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; opacity: .8; }
.areas b { font-weight: 600; font-variant-numeric: tabular-nums; padding: 0 6px; border-radius: 4px; }
.areas .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; }
.areas .pair ul { grid-template-columns: repeat(3, minmax(0, 1fr)); }
@media (max-width: 700px) {
  .areas ul { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .areas .pair { grid-template-columns: 1fr; }
}
"""  # noqa: E501
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .3rem; }} h2 {{ font-size: 1.2rem; margin: 2rem 0 .8rem; }}
{style}
</style></head><body>
<h1>{title}</h1>{notes}<p>{about}</p>{legend}
<h2>Kinds of fault: most pixels lost first</h2><div class="areas">{faults}</div><p>{agreeing}</p>
<h2>Every class: where it loses most pixels, and where it gains most</h2><div class="areas">{classes}</div>
</body></html>
"""

Link = Callable[[Area], str]
"""The address of an area's frame, for pages that can show it."""


def title_of(table: AreaTable, group: Group) -> str:
    """A group in words: "412 areas labelled Fence look like Tree"."""
    names = table.corpus.space.classes
    areas = "1 area" if group.areas == 1 else f"{group.areas:,} areas"
    if not group.disagrees:
        return f"{areas} labelled {names[group.label]} {'looks' if group.areas == 1 else 'look'} like it"
    return f"{areas} labelled {names[group.label]} {'looks' if group.areas == 1 else 'look'} like {names[group.seen]}"


def facts_of(table: AreaTable, group: Group) -> str:
    """Its numbers in a line."""
    frames = "1 frame" if group.frames == 1 else f"{group.frames:,} frames"
    words = [f"in {frames}", f"{group.pixels:,} pixels ({_share(table, group.pixels)} %)", f"weight {group.weight:.2f}"]
    words.append(f"{abs(group.lost):,.0f} pixels {'lost' if group.lost >= 0 else 'gained'}")
    words.append(f"{100 * group.confidence:.0f} % sure of {table.corpus.space.classes[group.seen]}")
    if group.harm is not None:
        words.append(f"{100 * group.harm:.0f} % planted to mislead")
    return " · ".join(words)


def agreeing_in_words(table: AreaTable) -> str:
    """What no kind of fault holds: the areas that look like their label."""
    groups = table.agreeing()
    areas, pixels = sum(group.areas for group in groups), sum(group.pixels for group in groups)
    if not areas:
        return "No area looks like its label."
    weight = sum(group.weight * group.pixels for group in groups) / pixels
    words = "1 area looks like its label" if areas == 1 else f"{areas:,} areas look like their label"
    return f"{words}, {_share(table, pixels)} % of the pixels in areas, with weight {weight:.2f}: no fault."


def unjudged_in_words(table: AreaTable) -> str:
    """What no kind of fault holds, since nobody could say whether it is one: areas of classes that no photo shows."""
    names, groups = table.corpus.space.classes, table.unjudged()
    if not groups:
        return ""
    labels = list(dict.fromkeys(group.label for group in groups))
    counts = [sum(group.areas for group in groups if group.label == label) for label in labels]
    told = [f"{counted(many, 'area')} labelled {names[label]}" for many, label in zip(counts, labels, strict=True)]
    shown = in_words([names[label] for label in labels], "or")
    return f"Not judged: {', '.join(told)}: no photo of the run shows {shown}."


def losing(table: AreaTable, most: int) -> list[Group]:
    """The kinds of fault that are listed: those that lose most pixels, up to so many."""
    return [group for group in table.groups() if group.lost > 0][:most]


def unlisted_in_words(table: AreaTable, most: int) -> str:
    """How many areas are in kinds of fault that `losing` leaves out; nothing where there are none."""
    rest = table.groups()[len(losing(table, most)) :]
    less, gaining = [group for group in rest if group.lost > 0], [group for group in rest if group.lost <= 0]
    parts = [
        f"{sum(group.areas for group in groups):,} areas in {len(groups):,} kinds that {what}"
        for groups, what in ((less, "lose less"), (gaining, "lose nothing on average"))
        if groups
    ]
    return f"Not listed: {' and '.join(parts)}; the file faults.csv has all kinds." if parts else ""


def doubt(table: AreaTable) -> str:
    """That the model is too weak to judge labels, where it is; else nothing."""
    if not table.sureness < LEAST_SURE:
        return ""
    return (
        f"This model is too weak to judge labels: of half of the areas it is less than {100 * table.sureness:.0f} % "
        "sure what they look like. Train it longer or with more photos before you take these rows for faults."
    )


def group_html(table: AreaTable, group: Group, *, count: int = CROPS, link: Link | None = None, more: str = "") -> str:
    """A group as one row: what it is, its numbers, and examples; ``more`` is the address of a page of more.

    Raises HRSError where a file is missing.
    """
    shown = crops_html(table, table.members(group, count), link=link)
    title, facts = escape(title_of(table, group)), escape(facts_of(table, group))
    if more:
        title = f'<a href="{escape(more, quote=True)}" target="_self"><span class="name">{title}</span></a>'
    return f"<section><h3>{title}</h3><p>{facts}</p>{shown}</section>"


def class_html(table: AreaTable, label: int, *, link: Link | None = None) -> str:
    """A class as one row: the areas that lose most, and those that gain most."""
    ends = (("most pixels lost first", False), ("most pixels gained first", True))
    sides = [
        f"<div><p>{words}</p>{crops_html(table, table.extremes(label, CROPS // 2, highest=highest), link=link)}</div>"
        for words, highest in ends
    ]
    name = escape(table.corpus.space.classes[label])
    return f'<section><h3>{name}</h3><div class="pair">{"".join(sides)}</div></section>'


def crops_html(table: AreaTable, areas: Sequence[Area], *, link: Link | None = None) -> str:
    return f"<ul>{''.join(_crop_html(table, area, link) for area in areas)}</ul>"


def report_html(table: AreaTable, title: str) -> str:
    """The whole report, pictures within: it opens from a disk, without a network."""
    width, height = table.size
    about = (
        f"{_frames_of(table.corpus)}: {len(table):,} areas, each a connected piece of one "
        f"label in which one class is seen. {said_of(table)} Weights say how much a network learns from them. "
        f"{LOST_ABOUT} Pixels are those of frames as they were scored, {width}x{height}. {doubt(table)}"
    )
    notes = [OUTDATED] * is_outdated(table.corpus) + list(filter(None, [apart_in_words(table.corpus)]))
    return _PAGE.format(
        title=escape(title),
        about=escape(about.strip()),
        notes="".join(f"<p><strong>{escape(each)}</strong></p>" for each in notes),
        style=STYLE,
        legend=weight_legend(),
        faults="".join(group_html(table, group) for group in losing(table, GROUPS)),
        agreeing=escape(" ".join(filter(None, _beside_faults(table)))),
        classes="".join(class_html(table, label) for label in np.unique(table.column("label")).tolist()),
    )


def _beside_faults(table: AreaTable) -> tuple[str, str, str]:
    return agreeing_in_words(table), unjudged_in_words(table), unlisted_in_words(table, GROUPS)


def _share(table: AreaTable, pixels: int) -> str:
    """Of the pixels of all areas, in percent."""
    share = 100 * pixels / max(1, int(table.column("pixels").sum()))
    return f"{share:.2g}" if share < 10 else f"{share:.0f}"


def _frames_of(corpus: ScoredCorpus) -> str:
    step = corpus.about.step
    where = f"of {corpus.dataset}" if step is None else f"that training watched, at step {step:,}"
    return f"{len(corpus):,} synthetic frames {where}"


def badge(weight: float) -> str:
    """HTML: a weight on its colour."""
    colour = weight_colours(np.full((1, 1), weight, np.float32))[0, 0]
    ink = "#000" if readable_in_black(colour) else "#fff"
    return f'<b style="background:rgb({",".join(map(str, colour.tolist()))});color:{ink}">{weight:.2f}</b>'


def _crop_html(table: AreaTable, area: Area, link: Link | None) -> str:
    frame, said = table.corpus.frame(area.row).id, sentence(area, table)
    picture = encode(".jpg", crop(table, area), (cv2.IMWRITE_JPEG_QUALITY, 85))
    alt = escape(f"Frame {frame}. {said}", quote=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    inner = (
        f'<img src="{source}" alt="{alt}" title="{escape(said, quote=True)}">'
        f'<span class="line"><span class="name">{escape(frame)}</span>{badge(area.weights[MAP_NAMES[0]])}</span>'
    )
    return (
        f'<li><a href="{escape(link(area), quote=True)}" target="_self">{inner}</a></li>'
        if link
        else f"<li>{inner}</li>"
    )
