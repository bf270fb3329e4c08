"""Records of a run as plain text: metrics as JSON lines, validations as CSV, and the end of a log."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hrs.errors import HRSError
from hrs.system.documents import parse_json, read_bounded
from hrs.system.files import atomic_write, disk_errors

Row = dict[str, Any]

MOST_LINE = 8 << 20
"""Bytes of one line of metrics or of the log; a confusion matrix of 255 classes takes less than a tenth."""

_LINE_BYTES = 400  # a generous guess at a log line; more is read where it falls short
_LARGEST = 2**63


class MetricsReader:
    """Reads metrics.jsonl as it grows, each line once. A file that got shorter is read from its start again.

    damaged: how many lines were left out, since they hold no row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._offset = 0

    def read_new(self) -> list[Row]:
        """Rows added since the last call, oldest first. A last line still being written waits for the next call; a
        damaged line is left out and counted; no file, or one that cannot be read, is no rows."""
        try:
            with open(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):  # a pipe would never end
                    return []
                if about.st_size < self._offset:
                    self._offset, self.damaged = 0, 0
                file.seek(self._offset)
                return list(self._rows(file))
        except OSError:
            return []

    def _rows(self, file: IO[bytes]) -> Iterator[Row]:
        while (line := file.readline(MOST_LINE)).endswith(b"\n") or len(line) == MOST_LINE:
            self._offset += len(line)
            row = _parse_line(line)
            if row is not None:
                yield row
            elif line.strip():
                self.damaged += 1


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
    """The rows of such a CSV file: numbers as int or float, anything else as None; no file is no rows, and of a damaged
    one the rows that are whole.

    Raises:
        HRSError: it cannot be read at all.
    """
    return _parse_table(_lines(_table_bytes(path)))


def last_result(path: Path) -> Row | None:
    """The last row of such a CSV file, without parsing the others; None where there is none.

    Raises:
        HRSError: the file is damaged.
    """
    data = _table_bytes(path)
    lines = _lines(data)
    rows = _parse_table([lines[0], lines[-1]]) if len(lines) > 1 else []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, f"no text from byte {error.start} on") from error
    if len(lines) > 1 and not rows:
        raise _damaged(path, "its last line is no row with a step")
    return rows[-1] if rows else None


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a text file, oldest first, without reading all of it; of a progress bar, which returns to the
    start of its line, only the last state. No file, or one that cannot be read, is no lines."""
    try:
        data = _last_bytes(path, lines) if lines > 0 and path.is_file() else b""
    except OSError:
        return []
    text = data.decode("utf-8", errors="replace").rstrip("\n")
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


def _parse_line(line: bytes) -> Row | None:
    try:
        row = parse_json(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _table_bytes(path: Path) -> bytes:
    try:
        return read_bounded(path)
    except FileNotFoundError:
        return b""


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines(keepends=True)


def _damaged(path: Path, why: str) -> HRSError:
    return HRSError(f"{path} is damaged ({why}); resume the run, which mends it, or remove the file")


def _parse_table(lines: list[str]) -> list[Row]:
    try:
        table = list(csv.DictReader(lines))
    except csv.Error:  # a field without end, say
        return []
    rows = [{key: _cell(value) for key, value in row.items() if isinstance(key, str) and key} for row in table]
    return [row for row in rows if _is_step(row.get("step"))]


def _cell(text: object) -> int | float | None:
    """A number that arrays hold, else None."""
    for kind in (int, float):
        try:
            value = kind(str(text))
        except ValueError:
            continue
        return value if abs(value) < _LARGEST and math.isfinite(value) else None
    return None


def _last_bytes(path: Path, lines: int) -> bytes:
    """Enough of the end of a file to hold so many lines whole."""
    size = path.stat().st_size
    want = lines * _LINE_BYTES
    with open(path, "rb") as file:
        while True:
            file.seek(max(0, size - want))
            data = file.read()
            if want >= min(size, MOST_LINE) or data.rstrip(b"\n").count(b"\n") >= lines:
                return data
            want *= 4
