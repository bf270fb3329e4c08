"""All cheap figures, one after another: python -m benchmarks [--device cuda] [--threads 2]

Each benchmark runs in a process of its own, so that none warms the next one's caches or memory. `python -m
benchmarks.NAME --help` says what a figure means. Not among them are those that take long or need something: planted.py
a trained checkpoint, dashboard.py a browser, headroom.py data sets that settings.py writes; fuzz.py ends when told.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

NAMES = ("networks", "steps", "loading", "scoring", "photos")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", default="2")
    options = parser.parse_args()
    failed = []
    for name in NAMES:
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--device", options.device, "--threads", options.threads]
        if subprocess.run(command, check=False, cwd=Path(__file__).resolve().parent.parent).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
