"""The dashboard's font for the pages beside it: Streamlit brings it, so nothing is fetched from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse
from starlette.routing import Route

NAME = "Source Sans"


def font_routes(path: str) -> list[Route]:
    """The font under this address; no route where Streamlit keeps it elsewhere, and pages take the system's."""
    spec = find_spec("streamlit")
    folder = Path(str(spec.origin)).parent / "static/static/media" if spec else Path()
    files = sorted(folder.glob("SourceSansVF-Upright*.woff2"))
    if not files:
        return []

    async def font(request: object) -> FileResponse:
        return FileResponse(files[0], media_type="font/woff2", headers={"Cache-Control": "max-age=86400"})

    return [Route(path, font)]
