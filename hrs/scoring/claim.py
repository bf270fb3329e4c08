"""Whose scores a folder holds: written before the first of them. Nothing here needs torch."""

from __future__ import annotations

import json
from typing import Any

from hrs.errors import HRSError
from hrs.runs.names import CorpusFolder
from hrs.system.files import atomic_write, disk_errors, remove


def claim(folder: CorpusFolder, about: dict[str, Any], *, before: dict[str, Any], replace: bool) -> None:
    """Mark a folder as the scores of this checkpoint over this corpus, which an older version may have marked as
    ``before``. Where it holds others, they go (``replace``), or it raises HRSError."""
    text, known = (json.dumps(each, indent=2) for each in (about, before))
    if not folder.claim.is_file():
        with disk_errors(folder.path):
            folder.index.unlink(missing_ok=True)  # nobody knows of what it is, nor which maps are written over
    elif folder.claim.read_text(encoding="utf-8") not in (text, known):
        if not replace:
            raise HRSError(
                f"{folder.path} holds the scores of another checkpoint or corpus; "
                "put these in their place with --replace, or choose another --out"
            )
        _clear(folder)
    with disk_errors(folder.path):
        folder.parts.mkdir(parents=True, exist_ok=True)
    atomic_write(folder.claim, text)


def _clear(folder: CorpusFolder) -> None:
    """Remove scores: first the table, so that nobody takes what is left for whole, then the parts and their claim at
    once."""
    with disk_errors(folder.path):
        folder.index.unlink(missing_ok=True)
    for each in (folder.parts, folder.maps, folder.frames, folder.areas, folder.reasons):
        if each.is_dir():
            remove(each)
