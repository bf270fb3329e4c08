"""Where the label editor is on the dashboard's server; it is made when somebody first asks for it."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/label-editor"


class LabelEditor:
    """The editor over the sets below a folder of runs. It needs torch, which a server loads no sooner than it must."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = await run_in_threadpool(self._make)
        await self._app(scope, receive, send)

    def _make(self) -> ASGIApp:
        from app.label.desk import Desk
        from app.label.routes import editor
        from app.photo.models import Models

        return editor(Desk(self.runs, Models(self.runs)))
