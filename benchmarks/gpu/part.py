"""What a part is: checks and figures, written to its JSON file as they come."""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch

from benchmarks.gpu.pack import folder_of
from hrs.config import RunConfig, load_config
from hrs.system.documents import reason
from hrs.system.files import atomic_write


@dataclass
class Part:
    """One part at work.

    out: folder for what it writes. ends: `time.monotonic` when its time is over. miniature: small sizes, for a trial.
    """

    name: str
    pack: Path
    out: Path
    device: torch.device
    ends: float
    miniature: bool
    peak_tflops: float | None
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def check(self, name: str, examine: Callable[[Part], tuple[bool | None, str]]) -> None:
        """Examine one thing, unless the time is over. An exception is a check that failed; its trace goes to the log.

        ``examine`` returns whether it holds, None where that cannot be said here, and what was measured.
        """
        if time.monotonic() > self.ends:
            ok, said = None, "no time was left"
        else:
            try:
                ok, said = examine(self)
            except Exception as error:
                traceback.print_exc()
                ok, said = False, f"{type(error).__name__}: {reason(error)}"
        self.checks[name] = {"ok": ok, "said": said}
        print(f"{name}: {ok} {said}", flush=True)
        self.write("running")

    def measure(self, title: str, find: Callable[[Part], dict[str, Any] | list[dict[str, Any]]]) -> None:
        """Rows of a table of figures, unless the time is over. An exception becomes a row that says so."""
        rows: dict[str, Any] | list[dict[str, Any]]
        if time.monotonic() > self.ends:
            rows = {"failed": "no time was left"}
        else:
            try:
                rows = find(self)
            except Exception as error:
                traceback.print_exc()
                rows = {"failed": f"{type(error).__name__}: {reason(error)}"}
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()  # the next sizes may fit
        new = rows if isinstance(rows, list) else [rows]
        self.figures.setdefault(title, []).extend(new)
        for row in new:
            print(f"{title}: {row}", flush=True)
        self.write("running")

    def write(self, state: str) -> None:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        about: dict[str, Any] = {"part": self.name, "state": state, "device": name, "torch": torch.__version__}
        about |= {"checks": self.checks, "figures": self.figures}
        atomic_write(self.out / f"{self.name}.json", json.dumps(about, indent=1))

    def config(self, method: str, *overrides: str, pair: str = "street") -> RunConfig:
        """A run on the frames of the pack."""
        about = json.loads((self.pack / "pack.json").read_text(encoding="utf-8"))["pairs"][pair]
        data: dict[str, Any] = {
            "sources": [folder_of(self.pack, pair, "source")],
            "target": folder_of(self.pack, pair, "target"),
        }
        data |= {"val": folder_of(self.pack, pair, "val"), "height": about["height"], "width": about["width"]}
        data |= {"segments": about["segments"], "workers": 0, "n_real": None}
        device = "cpu" if self.device.type == "cpu" else "auto"
        train = {"device": device, "panel": 2, "previews": 0}
        train |= {"batch_source": 2, "batch_target": 2} if self.miniature else {}
        values = {"method": method, "data": data, "train": train}
        return load_config(values, overrides)


def run_part(options: argparse.Namespace) -> None:
    """One part from its start to its end. Raises RuntimeError where it is the one that ``--break`` names."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no GPU that torch can use; --device cpu --miniature tries the command without one")
    part = Part(
        name=options.name,
        pack=options.pack,
        out=options.out,
        device=torch.device(options.device),
        ends=time.monotonic() + options.seconds,
        miniature=options.miniature,
        peak_tflops=options.peak_tflops,
    )
    part.write("running")
    if options.broken == options.name:
        raise RuntimeError(f"{options.name} was to fail")
    examine: Callable[[Part], None] = resolve_name(f"benchmarks.gpu.{options.name}:examine")
    examine(part)
    part.write("done")
