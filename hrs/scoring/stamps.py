"""What scores are of: which weights, and which files of the data set. Nothing here needs torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from hrs.data.frames import Frame
from hrs.data.layouts import Dataset
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.runs.names import MODEL, CorpusFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.write import About
from hrs.system.documents import reason

SCORING = 1
"""To be raised where the same run gives the same frames other weights or evidence: parts made before are done again."""
STAMP = "stamp"
"""Column of a part: what each frame was when it was weighed."""
OUTDATED = "These weights are of a model that the run has replaced since, as a run does that goes on to train."
"""To be said beside scores that are `outdated`."""
OF_LAST = "These weights are of the run's last model, not of its best."
"""To be said beside scores that are `weighed_by` that."""
_DIGEST = re.compile(r"[0-9a-f]{128}")


def weights_digest(checkpoint: Path) -> str | None:
    """Which weights these are, wherever their run lies and whatever it is called; None where there are none."""
    try:
        with open(checkpoint / MODEL, "rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def weighed_by(run: RunFolder, about: About) -> Literal["best", "last", "replaced"] | None:
    """Which model of a run its scores are of, as their corpus.json says: its best, the last where that is another, or
    one that it has replaced since.

    None where nobody knows: older versions did not keep a digest of it.
    """
    if about.checkpoint is None or not _DIGEST.fullmatch(about.checkpoint) or not run.best.is_dir():
        return None
    if about.checkpoint == weights_digest(run.best):
        return "best"
    return "last" if about.checkpoint == weights_digest(run.last) else "replaced"


def outdated(run: RunFolder, about: About) -> bool:
    """Whether a run has other weights now than those that its scores are of; False where nobody knows."""
    return weighed_by(run, about) == "replaced"


def is_outdated(corpus: ScoredCorpus) -> bool:
    """Whether a corpus is a run's scores and these are `outdated`."""
    run = run_of(corpus)
    return run is not None and outdated(run, corpus.about)


def run_of(corpus: ScoredCorpus) -> RunFolder | None:
    """The run whose scores a corpus is; None for any other, such as a panel or a copy."""
    run = RunFolder(corpus.folder.resolve().parent)
    return run if run.exists() and run.scores.path == corpus.folder.resolve() else None


def frame_stamps(corpus: Dataset, frames: Iterable[int]) -> list[str]:
    """Of each of these frames; it changes when the frame's files do, the meaning of their ids, or what is made of
    them."""
    return [f"{SCORING} {each}" for each in _as_they_are(corpus, frames)]


def changed(scores: CorpusFolder, corpus: Dataset, frames: Sequence[int]) -> list[str]:
    """The ids of those of these frames of a data set that are no longer what they were when they were scored.

    Frames of which nobody knows what they were are none: older versions did not say. Raises HRSError where a part of
    the scores is damaged.
    """
    was = dict[str, str]()
    for path in sorted(scores.parts.glob("*.parquet")):
        for name, stamp in _stamps_in(path):
            was.setdefault(name, stamp.partition(" ")[2])  # parts that are left of more frames come last
    now = zip((corpus.frames[i].id for i in frames), _as_they_are(corpus, frames), strict=True)
    return [name for name, stamp in now if was.get(name, stamp) != stamp]


def _stamps_in(part: Path) -> list[tuple[str, str]]:
    """Frames of a part and what they were; none of an older version's."""
    try:
        if STAMP not in pq.read_schema(part).names:
            return []
        table = pq.read_table(part, columns=["frame", STAMP])
    except (OSError, pa.ArrowException) as error:
        raise HRSError(f"{part} cannot be read ({reason(error)}); score the run again") from error
    return list(zip(table["frame"].to_pylist(), table[STAMP].to_pylist(), strict=True))


def _as_they_are(corpus: Dataset, frames: Iterable[int]) -> list[str]:
    classes = corpus.digest_of_classes()
    return [f"{classes} {_files(corpus.frames[i])}" for i in frames]


def _files(frame: Frame) -> str:
    return " ".join(_file(path) for path in (frame.image, frame.label, frame.planted) if path is not None)


def _file(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"
