"""python -m app.photo: the photo app by itself."""

from __future__ import annotations

import os
import sys

from app.photo.page import main

if __name__ == "__main__":
    try:
        code = main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    sys.stderr.flush()
    os._exit(code)  # a model that is just being made faster sits in native code and would abort an orderly end
