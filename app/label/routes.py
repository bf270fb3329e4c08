"""The label editor's addresses, on the dashboard's own server and so behind its guard.

Maps go as raw bytes, row by row, compressed on the way: what the browser paints on.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.font import font_routes
from app.label.desk import QUESTION_GRAIN, Desk, editor_size
from hrs.errors import HRSError
from hrs.labelling.areas import Areas
from hrs.labelling.photoset import Conflict, PhotoSet
from hrs.system.images import encode

STATIC = Path(__file__).with_name("static")
_FAST = 1  # of gzip's levels: maps of a few classes shrink a hundredfold at any
_MOST_SENT = 8 << 20  # bytes of a compressed label

Answer = Callable[[Request], Response]


def editor(desk: Desk) -> Starlette:
    """The editor's page and what it asks for."""
    own = Addresses(desk)
    photos = "/api/sets/{set}"
    photo = f"{photos}/photos/{{photo}}"
    return Starlette(
        routes=[
            Route("/api/models", told(own.models)),
            Route(photos, told(own.overview)),
            Route(f"{photos}/advice", told(own.advice)),
            Route(f"{photos}/classes", told(own.add_class), methods=["POST"]),
            Route(f"{photo}/image", told(own.image)),
            Route(f"{photo}/areas", told(own.areas)),
            Route(f"{photo}/guess", told(own.guess)),
            Route(f"{photo}/questions", told(own.questions)),
            Route(f"{photo}/outlook", told(own.outlook)),
            Route(f"{photo}/label", told(own.label), methods=["GET"]),
            Route(f"{photo}/label", received(own.keep), methods=["PUT"]),
            *font_routes("/font.woff2"),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ]
    )


class Addresses:
    """An answer for each address."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def models(self, request: Request) -> Response:
        found = self.desk.models.list()
        return JSONResponse([{"name": name, "title": model.title} for name, model in found.items()])

    def overview(self, request: Request) -> Response:
        own = self._set(request)
        photos = [{"name": photo.name, "labelled": photo.labelled} for photo in own.photos()]
        return JSONResponse({**own.space.to_dict(), "folder": str(own.path), "photos": photos})

    def advice(self, request: Request) -> Response:
        found = self.desk.advice(self._set(request), _asked(request, "model"))
        return JSONResponse([{"name": each.name, "why": each.why} for each in found])

    def outlook(self, request: Request) -> Response:
        """Looks at a photo ahead of `advice`, so that many can be looked at one by one."""
        own, photo = self._photo(request)
        return JSONResponse({"doubt": self.desk.outlook(own, photo, _asked(request, "model")).doubt})

    def add_class(self, request: Request) -> Response:
        return JSONResponse(self._set(request).with_class(_asked(request, "name")).space.to_dict())

    def image(self, request: Request) -> Response:
        own, photo = self._photo(request)
        picture = self.desk.image(own, photo)
        return Response(encode(".jpg", picture), media_type="image/jpeg", headers={"Cache-Control": "no-cache"})

    def areas(self, request: Request) -> Response:
        own, photo = self._photo(request)
        return packed(as_bytes(self.desk.areas(own, photo, request.query_params.get("model") or None)))

    def guess(self, request: Request) -> Response:
        """Classes, then percent of confidence: a byte a pixel each."""
        own, photo = self._photo(request)
        found = self.desk.guess(own, photo, _asked(request, "model"))
        percent = np.rint(100 * found.confidence).astype(np.uint8)
        return packed(found.labels.tobytes() + percent.tobytes())

    def questions(self, request: Request) -> Response:
        own, photo = self._photo(request)
        found = self.desk.questions(own, photo, _asked(request, "model"))
        return JSONResponse({"grain": QUESTION_GRAIN, "questions": [each.__dict__ for each in found]})

    def label(self, request: Request) -> Response:
        own, photo = self._photo(request)
        label, version = self.desk.label(own, photo)
        return packed(label.tobytes(), version=version)

    def keep(self, request: Request, body: bytes) -> Response:
        own, photo = self._photo(request)
        height, width = editor_size(*own.size(photo))
        label = np.frombuffer(unpacked(body, height * width), np.uint8).reshape(height, width)
        version = self.desk.keep(own, photo, label, over=request.headers.get("if-match"))
        return JSONResponse({"version": version})

    def _set(self, request: Request) -> PhotoSet:
        return self.desk.find(request.path_params["set"])

    def _photo(self, request: Request) -> tuple[PhotoSet, str]:
        return self._set(request), request.path_params["photo"]


def told(answer: Answer) -> Answer:
    """What is wrong, as JSON: 409 for a label that was changed elsewhere, 400 for anything else a person can mend."""

    @wraps(answer)
    def safe(request: Request) -> Response:
        try:
            return answer(request)
        except HRSError as error:
            return JSONResponse({"error": str(error)}, 409 if isinstance(error, Conflict) else 400)

    return safe


def received(answer: Callable[[Request, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
    """For an answer that needs what was sent; more than `_MOST_SENT` is refused."""

    @wraps(answer)
    async def whole(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _MOST_SENT:
                return JSONResponse({"error": "that is too large for a label"}, 413)
        return await run_in_threadpool(told(lambda asked: answer(asked, bytes(body))), request)

    return whole


def as_bytes(areas: Areas) -> bytes:
    """Height, width, regions, grains as little-endian uint32; then a region a pixel as uint32, then for each grain its
    area of each region as uint16."""
    height, width = areas.regions.shape
    head = np.array([height, width, len(areas.grains[0]), len(areas.grains)], "<u4")
    grains = np.stack(areas.grains).astype("<u2")
    return head.tobytes() + areas.regions.astype("<u4").tobytes() + grains.tobytes()


def packed(data: bytes, version: str | None = None) -> Response:
    headers = {"Content-Encoding": "gzip", "Cache-Control": "no-store"} | ({"ETag": version} if version else {})
    return Response(gzip.compress(data, _FAST), media_type="application/octet-stream", headers=headers)


def unpacked(data: bytes, size: int) -> bytes:
    """Raises HRSError unless it is gzip of exactly ``size`` bytes."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        whole = inflate.decompress(data, size + 1)
    except zlib.error as error:
        raise HRSError(f"the label cannot be unpacked ({error}); send it as gzip") from error
    if len(whole) != size:
        raise HRSError(f"the label has another size than the photo; expected {size} bytes")
    return whole


def _asked(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value or len(value) > 200:
        raise HRSError(f"the address lacks {name}; give it as ?{name}=...")
    return value
