"""All parts one after another, each in a process of its own with its share of the budget, and a table of what came.

Plain Python: what is missing on a machine shall be said in a line, and a part that fails or takes too long shall not
end the next.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTS: Mapping[str, float] = MappingProxyType({"correctness": 0.35, "speed": 0.55, "trace": 0.3, "study": 1.0})
"""Every part in order of worth, with its share of the time that is left when it begins."""
GOALS = "speed"
"""The part whose checks are goals, which do not decide the exit code."""
SITE = "site"
"""Folder of the pack with Python packages that it brings along."""
GRACE = 15.0
"""Seconds between the end of a part's time and its end by force."""
NEEDED = MappingProxyType(
    {
        "torch": "everything",
        "numpy": "everything",
        "accelerate": "training",
        "safetensors": "checkpoints",
        "transformers": "SegFormer and UperNet; compact trains without it",
        "cv2": "reading frames (opencv-python-headless)",
        "skimage": "training and scoring (scikit-image)",
        "scipy": "training, scoring and the study's intervals",
        "pydantic": "every config",
        "yaml": "every config (pyyaml)",
        "psutil": "everything",
        "PIL": "everything (pillow)",
        "pyarrow": "training and scoring",
        "typer": "runs of the study, which are commands",
        "rich": "runs of the study, which are commands",
        "matplotlib": "the study's plot",
        "tensorboard": "nothing: runs write no event files without it",
    }
)
"""What hrs imports while it trains and scores, and what is lost without it."""


def run(options: argparse.Namespace) -> int:
    """Returns the exit code: 0 where every part ended well and every check held."""
    if not (options.pack / "pack.json").is_file():
        print(f"{options.pack} holds no pack; write one first: python -m benchmarks.gpu pack --out {options.pack}")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + options.budget
    _say_what_is_missing(options.pack)
    reports = {}
    for name in options.parts:
        left = ends - time.monotonic()
        seconds = left if name == options.parts[-1] else PARTS[name] * left
        reports[name] = _one(name, options, max(0.0, seconds))
        print(f"{name}: {reports[name]['state']} after {reports[name]['seconds']:.0f} s", flush=True)
    table = summary(reports)
    (options.out / "summary.md").write_text(table, encoding="utf-8")
    print(f"\n{table}")
    bad = [name for name, report in reports.items() if report["state"] != "done" or failed_checks(report)]
    return 1 if bad else 0


def _say_what_is_missing(pack: Path) -> None:
    sys.path.append(str((pack / SITE).resolve()))
    missing = [f"{name} (for {use})" for name, use in NEEDED.items() if find_spec(name) is None]
    print(f"packages that are missing: {', '.join(missing) or 'none'}", flush=True)


def _one(name: str, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Run a part and return its report, whatever became of it."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.gpu", "part", name, "--seconds", f"{seconds:.1f}"]
    command += ["--pack", str(options.pack.resolve()), "--out", str(options.out.resolve()), "--device", options.device]
    command += ["--miniature"] if options.miniature else []
    command += ["--peak-tflops", str(options.peak_tflops)] if options.peak_tflops else []
    command += ["--break", options.broken] if options.broken else []
    file = options.out / f"{name}.json"
    file.unlink(missing_ok=True)
    paths = [str(ROOT), str((options.pack / SITE).resolve()), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
    environment["HRS_CACHE"] = str((options.pack / "cache").resolve())
    with open(options.out / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, start_new_session=True
        )
        state = _wait(process, seconds)
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    report = {"part": name, "checks": {}, "figures": {}, **report, "seconds": time.monotonic() - began}
    if state != "done":
        lines = (options.out / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        report |= {"state": state, "error": lines[-1] if lines else "it said nothing"}
    file.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report


def _wait(process: subprocess.Popen[bytes], seconds: float) -> str:
    """How the process ended: done, failed, or late, after which it is no more, nor what it started."""
    try:
        return "failed" if process.wait(timeout=seconds + GRACE) else "done"
    except subprocess.TimeoutExpired:
        return "late"
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:  # nothing of it is left
                break
            time.sleep(0.5)
        process.wait()


# The table


def failed_checks(report: dict[str, Any]) -> list[str]:
    """Checks that did not hold, goals of speed aside."""
    return [] if report["part"] == GOALS else [name for name, check in report["checks"].items() if check["ok"] is False]


def summary(reports: Mapping[str, dict[str, Any]]) -> str:
    """Everything in Markdown: the parts, every check, every table of figures."""
    rows = [
        [name, report["state"], f"{report['seconds']:.0f}", report.get("device", "–"), report.get("error", "")]
        for name, report in reports.items()
    ]
    pieces = [_table(["part", "state", "seconds", "device", "error"], rows)]
    checks = [
        [f"{name}: {check}", {True: "held", False: "FAILED", None: "left out"}[found["ok"]], found["said"]]
        for name, report in reports.items()
        for check, found in report["checks"].items()
    ]
    pieces += [_table(["check", "", "measured"], checks)] if checks else []
    for name, report in reports.items():
        for title, lines in report["figures"].items():
            heads = list(dict.fromkeys(key for line in lines for key in line))
            cells = [[_cell(line.get(head)) for head in heads] for line in lines]
            pieces += [f"{name}: {title}", _table(heads, cells)] if lines else []
    return "\n\n".join(pieces) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
