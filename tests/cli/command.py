"""What a command leaves: its code, its output, its files."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a failed command leaves on stderr."""
        assert self.code == 1
        (line,) = self.err.splitlines()
        assert line.startswith("error: ") and "Traceback" not in self.out
        return line.removeprefix("error: ")


Hrs = Callable[..., Result]


def leftovers(folder: Path) -> list[str]:
    """Half-written files."""
    return [str(path) for path in folder.rglob("*") if path.suffix in (".tmp", ".old")]


def files(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
