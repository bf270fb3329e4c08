"""Commands of hrs as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def spawn(
    arguments: Sequence[str],
    *,
    errors: Path,
    output: bool = False,
    detached: bool = False,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``python -m hrs`` with these words.

    Args:
        errors: gets what it says on stderr (progress, warnings, a trace), behind what is there.
        output: whether what it prints goes there too; else it is dropped.
        detached: in a session of its own, so that no closed terminal or server ends it.
        environment: added to that of this process.
    """
    with open(errors, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hrs", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log if output else subprocess.DEVNULL,
            stderr=log,
            start_new_session=detached,
            env={**os.environ, **(environment or {})},
        )
