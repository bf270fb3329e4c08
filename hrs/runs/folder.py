"""One run's folder: what its files are called, and its records.

The files are the truth. They are replaced by atomic rename, and metrics are appended a line at a time, so that a reader
in another process never sees half a file, and a killed process leaves a folder that can be read and resumed.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.runs.names import DATASETS, RUNS, STUDIES, CorpusFolder
from hrs.runs.records import Row, append_line, append_result, read_results
from hrs.runs.work import WorkFolder
from hrs.system.documents import read_bounded, read_json, shortened
from hrs.system.files import atomic_write, disk_errors, make_folder, new_folder, remove

PreviewKind = Literal["val", "weights"]
"""Pictures of a run: predictions on validation images, and the panel's weight maps."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run may be called."""


FRAMES = "frames"
"""What folders of the panel's pictures begin with."""
MOST_NOTES = 20_000
"""Characters that notes may have."""


@dataclass(frozen=True)
class RunFolder(WorkFolder):
    """One run's folder. The constructor neither reads nor checks anything: see `RunFolder.create` and `find_run`."""

    kind: ClassVar[str] = "run"

    @classmethod
    def create(cls, root: Path, name: str | None, config_yaml: str, *, prefix: str = "hrs") -> RunFolder:
        """Make a new run, queued, with its config.

        Args:
            root: folder of all runs, made if missing.
            name: letters, digits and ``. _ -``, starting with a letter or digit, not taken, unless by a run that
                `came_to_nothing`, which gives way; None makes one from ``prefix`` and the time, such as
                hrs-20261122-153012.
            config_yaml: the resolved configuration, text of config.yaml.

        Raises:
            HRSError: the name is unfit or taken, or the folder cannot be written.
        """
        make_folder(root)
        if name is not None:
            cls(root / checked_run_name(name))._give_way()
        for own in [checked_run_name(name)] if name is not None else _automatic_names(prefix):
            with suppress(FileExistsError), new_folder(root / own) as folder:
                run = cls(folder)
                atomic_write(run.config, config_yaml)
                run.write_status(state="queued")
                return cls(root / own)
        raise _taken(root, str(name))

    @classmethod
    def of_checkpoint(cls, folder: Path) -> RunFolder | None:
        """The run whose best or last checkpoint this is; None for a checkpoint that stands alone."""
        run = cls(folder.parent.parent)
        return run if run.exists() and folder in (run.best, run.last) else None

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    def rewrite_config(self, yaml: str) -> None:
        """Say that the run goes on with other settings. It stays as old as it is: the file's time is when it was
        made."""
        made = self.config.stat()
        atomic_write(self.config, yaml)
        os.utime(self.config, ns=(made.st_atime_ns, made.st_mtime_ns))

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def results_csv(self) -> Path:
        return self.path / "results.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best"

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last"

    @property
    def weights(self) -> Path:
        """The panel: a few synthetic frames that the run watches while it trains."""
        return self.path / "weights"

    def panel_frames(self, digest: str) -> Path:
        """Pictures and labels of frames of this digest, as the network sees them. A run that goes on may watch other
        frames, or labels that were mended; what it kept before shows those of then."""
        return self.weights / f"{FRAMES}_{digest}"

    def all_panel_frames(self) -> list[Path]:
        """Every such folder; older versions had one, without a digest."""
        return sorted(path for path in self.weights.glob(f"{FRAMES}*") if path.is_dir())

    def panel_step(self, step: int) -> CorpusFolder:
        """Their weights at one step."""
        return CorpusFolder(self.weights / f"step_{step:06d}")

    def panel_steps(self) -> list[int]:
        """The steps that were kept, in order."""
        return _steps(self.weights, r"step_([0-9]{1,12})")

    @property
    def scores(self) -> CorpusFolder:
        """The weights of the whole synthetic corpus, under one of its models, the best as a rule."""
        return CorpusFolder(self.path / "scores")

    @property
    def tags(self) -> Path:
        """Words that people put on its frames: see `hrs.scoring.tags`."""
        return self.path / "tags.json"

    @property
    def tasks(self) -> Path:
        """Other work with this run in the background, a folder each."""
        return self.path / "tasks"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    def preview(self, kind: PreviewKind, step: int) -> Path:
        """A picture made at one step."""
        return self.previews / f"{kind}_{step:06d}.jpg"

    def preview_steps(self, kind: PreviewKind) -> list[int]:
        """The steps at which such a picture was made, in order."""
        return _steps(self.previews, rf"{kind}_([0-9]{{1,12}})\.jpg")

    def preview_scores(self, step: int) -> Path:
        """What each image of a picture of predictions scores."""
        return self.previews / f"val_{step:06d}.json"

    @property
    def notes(self) -> Path:
        """What people wrote about it."""
        return self.path / "notes.md"

    @property
    def space(self) -> Path:
        return self.path / "space.json"

    @property
    def data(self) -> Path:
        """What was found in its data sets: images trained and validated on, what was left out, guessed, doubtful."""
        return self.path / "data.json"

    def command(self, *words: str) -> str:
        """What a person types to do something with this run: the ``words`` of a command, such as "runs", "resume"."""
        root = self.path.parent
        where = "" if root.resolve() == RUNS.resolve() else f" --runs {shlex.quote(str(root))}"
        return f"python -m hrs {' '.join(words)} {self.name}{where}"

    def exists(self) -> bool:
        """Whether this is a run at all: a folder with a status and a config."""
        return self.status.is_file() and self.config.is_file()

    def came_to_nothing(self) -> bool:
        """Whether it failed before its first step, such as by a wrong setting, and left nothing but what every run
        has: another one may take its name."""
        if not self.exists() or self.path.is_symlink():
            return False
        own = {self.config, self.status, self.log, self.lock, self.pulse, self.reserve}
        status = self._stored_status()
        return status.state == "failed" and not status.step and own.issuperset(self.path.iterdir())

    def _give_way(self) -> None:
        """Remove a run that came to nothing, unless somebody has gone on with it. Raises HRSError where it may not be
        removed."""
        if self.came_to_nothing():
            with disk_errors(self.path), self.held(patience=0):
                if self.came_to_nothing():
                    remove(self.path)

    def append_metrics(self, row: Row) -> None:
        """Add one line to metrics.jsonl: "step" (int), "split" ("train" or "val") and values, which may be numpy or
        torch scalars; non-finite ones become null. Raises HRSError where the disk is full or closed to writing."""
        append_line(self.metrics, row)

    def append_result(self, row: Row) -> None:
        """Add one validation, with its "step", to results.csv; rows of this or a later step, which a resumed run
        repeats, give way. Raises HRSError where the disk is full or closed to writing."""
        append_result(self.results_csv, row)

    def read_results(self) -> list[Row]:
        """The validations in results.csv, by step: numbers as int or float, an empty cell as None."""
        return read_results(self.results_csv)

    def write_preview_scores(self, step: int, scores: Mapping[str, float | None]) -> None:
        """mIoU in percent by image, in the order in which the picture shows them; None where none can be told."""
        atomic_write(self.preview_scores(step), json.dumps(scores, ensure_ascii=False) + "\n")

    def read_preview_scores(self, step: int) -> dict[str, float | None]:
        """What `write_preview_scores` wrote; empty where it is missing or damaged."""
        try:
            found = read_json(self.preview_scores(step))
        except (OSError, HRSError):
            return {}
        numbers = isinstance(found, dict) and all(
            value is None or type(value) in (int, float) for value in found.values()
        )
        return found if numbers else {}

    def write_notes(self, text: str) -> None:
        """Raises HRSError where they are too long, or cannot be written."""
        if len(text) > MOST_NOTES:
            raise HRSError(f"notes of {len(text):,} characters; expected at most {MOST_NOTES:,}")
        atomic_write(self.notes, text)

    def read_notes(self) -> str:
        """Empty where there are none that can be read."""
        try:
            return read_bounded(self.notes).decode("utf-8", errors="replace")[:MOST_NOTES]
        except (OSError, HRSError):
            return ""

    def write_space(self, space: LabelSpace) -> None:
        """Say what this run calls its classes, and their colours."""
        atomic_write(self.space, json.dumps(space.to_dict(), indent=2) + "\n")

    def write_data(self, found: dict[str, Any]) -> None:
        """Say what the run reads."""
        atomic_write(self.data, json.dumps(found, indent=2, ensure_ascii=False) + "\n")

    def read_space(self) -> LabelSpace | None:
        """What `write_space` wrote; None for a run that stopped before it opened its data. HRSError where damaged."""
        try:
            return LabelSpace.from_dict(read_json(self.space))
        except FileNotFoundError:
            return None


def _steps(folder: Path, pattern: str) -> list[int]:
    """The numbers in the names that fit the pattern whole, in order; no folder is no names."""
    return sorted(int(found[1]) for path in folder.glob("*") if (found := re.fullmatch(pattern, path.name)))


def check_name(root: Path, name: str) -> None:
    """Raises HRSError where a new run cannot be called so: the name is unfit or taken."""
    checked_run_name(name)
    if (root / name).exists() and not RunFolder(root / name).came_to_nothing():
        raise _taken(root, name)


def make_named(root: Path, name: str) -> Path:
    """An empty folder for a run of this name. Raises HRSError where the name is unfit or taken."""
    try:
        (root / checked_run_name(name)).mkdir()  # fails where it exists, so two processes never share a folder
    except FileExistsError:
        raise _taken(root, name) from None
    return root / name


def _taken(root: Path, name: str) -> HRSError:
    return HRSError(f"run {name} exists in {root}; choose another name, resume it, or delete it")


def automatic_name(prefix: str) -> str:
    """A name made from the time, such as hrs-20261122-153012."""
    return f"{prefix}-{datetime.now():%Y%m%d-%H%M%S}"


def _automatic_names(prefix: str) -> Iterator[str]:
    stem = checked_run_name(automatic_name(prefix))
    return itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))


def checked_run_name(name: str) -> str:
    """The name of a run as it is. Raises HRSError where it is unfit, or means something else among runs."""
    if name in (STUDIES, DATASETS):
        raise HRSError(f"no run can be called {name}: that folder is for {name} themselves; choose another name")
    return checked_name(name, "run name")


def checked_name(name: str, what: str = "name") -> str:
    """The name of a folder as it is. Raises HRSError where it is unfit for one; ``what`` it names is said then."""
    if not NAME.fullmatch(name):
        raise HRSError(
            f"{what} {shortened(name)}; expected up to 100 letters, digits, dots, _ or -, not starting with . _ or -"
        )
    return name
