"""Is there an OpenGL to draw with? Asked in a separate process: without a driver, VTK may take its process down."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from hrs.errors import HRSError

_PROBE = """
from hrs.street.stage import Stage
stage = Stage(8, 8)
assert stage.probe()
"""
_TIMEOUT = 120


class RendererUnavailable(HRSError):
    """No OpenGL can be had on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "the built-in renderer found no OpenGL (EGL or OSMesa); on Debian or Ubuntu run "
            "'apt install libegl1 libgl1-mesa-dri', or use the shipped frames (hrs.street.shipped_frames)"
        )


def can_render() -> bool:
    """Whether frames can be drawn here. The first call starts a short process (about 3 s); later calls are free, unless
    that process could not be started or did not end in time: then the next call tries again."""
    try:
        return _probed()
    except (OSError, subprocess.TimeoutExpired):
        return False


@cache
def _probed() -> bool:
    command = [sys.executable, "-c", _PROBE]
    return subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False).returncode == 0
