"""Where hrs keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of all HRS caches: the environment variable HRS_CACHE, else ~/.cache/hrs."""
    named = os.environ.get("HRS_CACHE")
    return Path(named) if named else Path("~/.cache/hrs").expanduser()
