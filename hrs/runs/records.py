"""Records of a run as plain text: metrics as JSON lines, validations as CSV, and the end of a log."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hrs.system.files import atomic_write, disk_errors

Row = dict[str, Any]

_LINE_BYTES = 400  # a generous guess at a log line; more is read where it falls short


class MetricsReader:
    """Reads metrics.jsonl as it grows, each line once. A file that got shorter is read from its start again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read_new(self) -> list[Row]:
        """Rows added since the last call, oldest first. A last line still being written waits for the next call; a
        damaged line is left out; no file is no rows."""
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        return list(_parse_lines(data[:end]))


def read_metrics(path: Path) -> list[Row]:
    """All rows of a metrics.jsonl, sorted by step. Of rows that share step and split, as a resumed run writes them, the
    last one counts. Rows without a step are left out."""
    rows = [row for row in MetricsReader(path).read_new() if isinstance(row.get("step"), int)]
    newest = {(row["step"], str(row.get("split"))): row for row in rows}
    return sorted(newest.values(), key=lambda row: row["step"])


def append_line(path: Path, row: Row) -> None:
    """Add one JSON object as a line, in a single write; see `plain` for the values. One process writes a file.

    Raises:
        HRSError: the disk is full or the folder may not be written.
    """
    line = json.dumps(plain(row), allow_nan=False).encode() + b"\n"
    with disk_errors(path), open(path, "a+b", buffering=0) as file:
        if _cut_short(file):  # by a process killed while writing: its half line must not swallow this one
            line = b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def append_result(path: Path, row: Row) -> None:
    """Add one row to a CSV file with a header, replacing it whole.

    Rows of this or a later step are dropped first: after a resume they come again. A column that was not there before
    is added; what a row lacks, and what is not finite, stays empty.

    Args:
        path: the CSV file, made if missing.
        row: "step" (int) and any further values.

    Raises:
        HRSError: the disk is full or the folder may not be written.
    """
    new = plain(row)
    rows = [*(kept for kept in read_results(path) if kept["step"] < new["step"]), new]
    columns = list(dict.fromkeys(column for each in rows for column in each))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(path, text.getvalue())


def read_results(path: Path) -> list[Row]:
    """The rows of such a CSV file: numbers as int or float, an empty cell as None; no file is no rows."""
    return _parse_table(_text_lines(path))


def last_result(path: Path) -> Row | None:
    """The last row of such a CSV file, without parsing the others; None where there is none."""
    lines = _text_lines(path)
    rows = _parse_table([lines[0], lines[-1]]) if len(lines) > 1 else []
    return rows[-1] if rows else None


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a text file, oldest first, without reading all of it; of a progress bar, which returns to the
    start of its line, only the last state. No file is no lines."""
    if lines < 1 or not path.is_file():
        return []
    text = _last_bytes(path, lines).decode("utf-8", errors="replace").rstrip("\n")
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")][-lines:] if text else []


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: numpy and torch values become numbers or lists, paths and other objects text, and
    numbers that are not finite None."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def _cut_short(file: IO[bytes]) -> bool:
    """Whether the file ends inside a line."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"


def _parse_lines(data: bytes) -> Iterator[Row]:
    for line in data.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _text_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _parse_table(lines: list[str]) -> list[Row]:
    rows = [{key: _cell(value) for key, value in row.items() if key} for row in csv.DictReader(lines)]
    return [row for row in rows if isinstance(row.get("step"), int)]


def _cell(text: str | None) -> int | float | str | None:
    for kind in (int, float):
        try:
            return kind(text or "")
        except ValueError:
            continue
    return text or None


def _last_bytes(path: Path, lines: int) -> bytes:
    """Enough of the end of a file to hold so many lines whole."""
    size = path.stat().st_size
    want = lines * _LINE_BYTES
    with open(path, "rb") as file:
        while True:
            file.seek(max(0, size - want))
            data = file.read()
            if want >= size or data.rstrip(b"\n").count(b"\n") >= lines:
                return data
            want *= 4
