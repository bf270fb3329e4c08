"""The dashboard's server: Streamlit's, behind `app.guard.Guard`, with pages that lie in a folder pages/.

Until a script first calls st.navigation, Streamlit takes every file of that folder for a page of its own: somebody who
opens /weights before anybody opened / would get that page without dashboard.py around it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import Mount
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

from app.context import runs_root
from app.guard import Guard, Policy, policy_for
from app.label.mount import PREFIX, LabelEditor
from app.weights.routes import routes

UPLOAD_MB = 20
"""Of one file: a photo to label, or a run's YAML."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m app.serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # in order, so that pages' commands end and leave nothing
    PagesManager.uses_pages_directory = False
    policy = Policy.take() or policy_for(options.host, (), password="")
    script, editor = Path(__file__).with_name("dashboard.py"), Mount(PREFIX, LabelEditor(runs_root()))
    app = App(script, routes=[editor, *routes], middleware=[Middleware(Guard, policy=policy)])
    app.run(
        config={
            "server.address": options.host,
            "server.port": options.port,
            "browser.serverAddress": "localhost",  # else it asks a machine elsewhere for our address, to print it
            "server.headless": True,
            "server.fileWatcherType": "none",
            "server.maxUploadSize": UPLOAD_MB,
            "browser.gatherUsageStats": False,
            "logger.level": "warning",
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
