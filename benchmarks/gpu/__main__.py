"""The commands of this package; see its docstring. Only the chosen one is imported: `run` itself needs no torch."""

from __future__ import annotations

import argparse
from pathlib import Path

import benchmarks.gpu as package
from benchmarks.gpu.run import PARTS, run


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="frames, labels and regions for `run`, in one folder")
    pack.add_argument("--out", type=Path, default=Path("gpu-pack"))
    pack.add_argument("--data", type=Path, help="folder with airsim-nh and idd-lite; by default ../shared/data")
    pack.add_argument("--packages", nargs="*", default=[], help="Python packages to take along, for --python")
    pack.add_argument("--python", default="3.12", help="Python of the machine with the GPU (x86-64 Linux)")
    pack.add_argument("--miniature", action="store_true", help="a few small frames, for a trial on a CPU")
    runs = commands.add_parser("run", help="all parts, one after another, and a table")
    runs.add_argument("--budget", type=float, default=540, help="seconds for all parts together")
    runs.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    part = commands.add_parser("part", help="one part, as `run` starts it")
    part.add_argument("name", choices=list(PARTS))
    part.add_argument("--seconds", type=float, default=540)
    for each in (runs, part):
        each.add_argument("--pack", type=Path, default=Path("gpu-pack"))
        each.add_argument("--out", type=Path, required=True)
        each.add_argument("--device", default="cuda")
        each.add_argument("--miniature", action="store_true", help="small sizes, for a trial on a CPU")
        each.add_argument("--peak-tflops", type=float, help="dense bf16 peak of a device that is not in the table")
        each.add_argument("--break", dest="broken", default="", help=argparse.SUPPRESS)  # a part that shall fail
    return whole


def main() -> None:
    options = parser().parse_args()
    if options.command == "pack":
        from benchmarks.gpu.pack import write_pack

        write_pack(options.out, options)
    elif options.command == "part":
        from benchmarks.gpu.part import run_part

        run_part(options)
    else:
        raise SystemExit(run(options))


if __name__ == "__main__":
    main()
