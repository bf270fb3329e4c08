"""What can be wrong with a run's files, each with a name: tests of readers, pages and commands try them all."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from hrs.runs.folder import RunFolder

HUGE = b"1" + b"0" * 400
LAUGHS = b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c,*%c]\n" % (i, i, i - 1, i - 1, i - 1) for i in range(98, 122))
"""YAML of a page that stands for 10^11 values."""


def _append(name: str, data: bytes) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        with open(run.path / name, "ab") as file:
            file.write(data)

    return damage


def _replace(name: str, data: bytes) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_bytes(data)

    return damage


def _status(**fields: object) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        run.status.write_text(json.dumps({**json.loads(run.status.read_text()), **fields}))

    return damage


def _instead(name: str, make: Callable[[Path], object]) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        (run.path / name).unlink(missing_ok=True)
        make(run.path / name)

    return damage


def _confusion(matrix: str) -> Callable[[RunFolder], None]:
    return _append("metrics.jsonl", f'{{"step": 100, "split": "val", "miou": 1.0, "confusion": {matrix}}}\n'.encode())


DAMAGES: dict[str, Callable[[RunFolder], None]] = {
    "a byte behind results.csv": _append("results.csv", b"\xa4"),
    "text for a score": _append("results.csv", b"200,very good\n"),
    "a huge score": _append("results.csv", b"200," + HUGE + b"\n"),
    "NUL in results.csv": _append("results.csv", b"200,\0\n"),
    "a quote without end": _append("results.csv", b'200,"' + b"x" * 200_000),
    "a folder for results.csv": _instead("results.csv", Path.mkdir),
    "a pipe for results.csv": _instead("results.csv", os.mkfifo),
    "a link to an endless file": _instead("results.csv", lambda path: path.symlink_to("/dev/zero")),
    "no status to read": _replace("status.json", b"\xa4"),
    "a list for a status": _replace("status.json", b"[]"),
    "a deep status": _replace("status.json", b"[" * 100_000),
    "no best": _status(best=None),
    "an empty best": _status(best={}),
    "text for the best": _status(best={"step": 1, "miou": "good"}),
    "a list for the best": _status(best=[1]),
    "a huge step": _status(step=10**300, steps=1),
    "a time nobody lives to see": _status(started=1e300, updated=1e300),
    "a huge pid": _status(state="running", pid=10**30),
    "the status of somebody else": _status(state="running", pid=1, pid_started=None),
    "a ragged confusion matrix": _confusion("[[1, 2], [3]]"),
    "a confusion matrix of text": _confusion('[["a"]]'),
    "a confusion matrix of more classes": _confusion("[" + ",".join(["[1,1,1,1,1]"] * 5) + "]"),
    "an endless confusion matrix": _confusion("[[" + "1," * 100_000 + "1]]"),
    "a huge number in metrics": _append("metrics.jsonl", b'{"step": 110, "split": "train", "loss": ' + HUGE + b"}\n"),
    "a huge step in metrics": _append("metrics.jsonl", b'{"step": ' + HUGE + b', "split": "train"}\n'),
    "a float that is none in metrics": _append("metrics.jsonl", b'{"step": 110, "split": "train", "loss": 1e999}\n'),
    "no text in metrics": _append("metrics.jsonl", b"\xff\xfe\n"),
    "a deep line in metrics": _append("metrics.jsonl", b"[" * 100_000 + b"\n"),
    "a line without end in metrics": _append("metrics.jsonl", b"x" * (9 << 20)),
    "a pipe for metrics": _instead("metrics.jsonl", os.mkfifo),
    "no text in the log": _append("log.txt", b"\xa4\xff\x00\x1b[2J"),
    "no text in the config": _append("config.yaml", b"\xa4"),
    "a config that repeats itself": _replace("config.yaml", LAUGHS),
    "a deep config": _replace("config.yaml", b"[" * 10_000),
    "a list for the classes": _replace("space.json", b"[]"),
    "odd colours": _replace("space.json", b'{"name": "a", "classes": ["a", "b"], "palette": [[1, 2, 3], [1, 2, 999]]}'),
    "a picture that is none": _replace("previews/val_000100.jpg", b"\xff\xd8\xff"),
    "a step that is none": _replace("previews/val_99999999999999999999999999.jpg", b"x"),
    "an index that is none": _replace("scores/index.parquet", b"PAR1"),
    "a panel that is none": _replace("weights/step_000100/index.parquet", b"PAR1"),
}
