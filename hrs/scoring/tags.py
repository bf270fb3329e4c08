"""Words that people put on frames of a run. They lie beside the scores, so that scoring again leaves them."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrs.errors import HRSError
from hrs.system.documents import read_json
from hrs.system.files import atomic_write

LONGEST = 40
"""Characters of a tag."""
_WRITING = threading.Lock()  # a dashboard's sessions are threads of one process


@dataclass(frozen=True)
class Tags:
    """A file of tags by frame; without a file no frame has one."""

    file: Path

    def read(self) -> dict[str, list[str]]:
        """Tags by frame, for the frames that have some. Raises HRSError for a damaged file."""
        try:
            found = read_json(self.file)
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict) or not all(
            isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in found.values()
        ):
            raise HRSError(f"{self.file} does not hold a list of tags for each frame; copy it anew or remove it")
        return found

    def put(self, frame: str, tags: Sequence[str]) -> None:
        """Give a frame these tags in place of those it had.

        Raises:
            HRSError: a tag is empty or longer than `LONGEST`, or the file cannot be read or written.
        """
        wanted = sorted({tag.strip() for tag in tags})
        if not all(0 < len(tag) <= LONGEST for tag in wanted):
            raise HRSError(f"a tag has 1 to {LONGEST} characters; choose a shorter one")
        with _WRITING:
            found = {name: own for name, own in self.read().items() if name != frame}
            atomic_write(
                self.file, json.dumps(found | ({frame: wanted} if wanted else {}), indent=1, ensure_ascii=False)
            )
