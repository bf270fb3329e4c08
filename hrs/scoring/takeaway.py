"""Areas as files to pass on: tables, a sheet of pictures, a report. Nothing here needs torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from hrs.pictures import write_picture
from hrs.scoring.areatable import AreaTable
from hrs.scoring.crops import contact_sheet
from hrs.scoring.report import report_html
from hrs.scoring.stamps import is_outdated
from hrs.street import DEPARTURES
from hrs.system.documents import as_cell
from hrs.system.files import atomic_folder, atomic_write, check_new

GROUPS_CSV, AREAS_CSV, SHEET, REPORT = "faults.csv", "areas.csv", "areas.png", "areas.html"


def write_takeaway(table: AreaTable, out: Path, title: str) -> list[Path]:
    """Write everything into a new folder, whole or not at all; returns the files.

    The table of areas is written piece by piece, so that a corpus of any size fits into memory.

    Raises:
        HRSError: the folder exists or cannot be written, or a file of the corpus is missing.
    """
    check_new(out)
    with atomic_folder(out) as folder:
        atomic_write(folder / GROUPS_CSV, groups_csv(table))
        _write_areas_csv(table, folder / AREAS_CSV)
        write_picture(folder / SHEET, contact_sheet(table))
        atomic_write(folder / REPORT, report_html(table, title))
    return [out / name for name in (GROUPS_CSV, AREAS_CSV, SHEET, REPORT)]


def groups_csv(table: AreaTable) -> bytes:
    """A row a group, what loses most first: label, seen, areas, frames, pixels, weight, confidence, lost, harm, and
    whether the scores are outdated."""
    classes, old = _class_cells(table), is_outdated(table.corpus)
    rows = [
        {
            "label": classes[group.label],
            "seen": classes[group.seen],
            "areas": group.areas,
            "frames": group.frames,
            "pixels": group.pixels,
            "weight": round(group.weight, 4),
            "confidence": round(group.confidence, 4),
            "lost": round(group.lost, 1),
            "harm": None if group.harm is None else round(group.harm, 4),
            "outdated": old,
        }
        for group in table.groups()
    ]
    sink = io.BytesIO()
    pyarrow.csv.write_csv(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def _class_cells(table: AreaTable) -> list[str]:
    return list(map(as_cell, table.corpus.space.classes))


def _write_areas_csv(table: AreaTable, path: Path) -> None:
    """A row an area, with its frame, classes by name, box, the size of frames that this is of, final weights by map,
    and whether the scores are outdated."""
    writer, old = None, is_outdated(table.corpus)
    for file in table.files.values():
        batch = _named(table, table.read(file))
        batch = batch.append_column("outdated", pa.array([old] * len(batch), pa.bool_()))
        writer = writer or pyarrow.csv.CSVWriter(str(path), batch.schema)
        writer.write_table(batch)
    if writer:
        writer.close()


def _named(table: AreaTable, stored: pa.Table) -> pa.Table:
    corpus, classes = table.corpus, np.array(_class_cells(table))
    label, rows = stored["label"].to_numpy(), stored["row"].to_numpy()
    size = dict(zip(("width", "height"), table.size, strict=True))
    columns: dict[str, Any] = {
        "frame": list(map(as_cell, corpus.ids(rows))),
        "area": stored["area"],
        "label": classes[label],
        "seen": classes[stored["seen"].to_numpy()],
        "confidence": stored["confidence"].to_numpy().round(4),
        **{name: stored[name] for name in ("pixels", "left", "top", "right", "bottom")},
        **{name: np.full(len(label), value, np.int32) for name, value in size.items()},
    }
    for name in corpus.maps:
        weights = corpus.about.scale.maps[name].apply(stored[name].to_numpy(), label)
        columns["weight" if name == corpus.maps[0] else f"weight/{name}"] = weights.round(4)
    kinds = {departure.id: departure.name for departure in DEPARTURES}
    planted = [None if kind is None else kinds.get(kind, "") for kind in stored["planted"].to_pylist()]
    return pa.table({**columns, "harm": stored["harm"], "planted": pa.array(planted, pa.string())})
