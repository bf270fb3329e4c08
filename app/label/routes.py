"""The label editor's addresses, on the dashboard's own server and so behind its guard.

Maps go as raw bytes, row by row, compressed on the way: what the browser paints on.
"""

from __future__ import annotations

import gzip
import hashlib
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
from app.label.desk import QUESTION_GRAIN, Desk, Edit, Runs, editor_size
from hrs.errors import HRSError
from hrs.labelling.areas import Areas
from hrs.labelling.photoset import Conflict, PhotoSet
from hrs.system.images import encode

STATIC = Path(__file__).with_name("static")
_FAST = 1  # of gzip's levels: maps of a few classes shrink a hundredfold at any
_MOST_SENT = 8 << 20  # bytes of a compressed label

Answer = Callable[[Request], Response]


class Outdated(HRSError):
    """What was painted means something else by now."""


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
            Route(f"{photo}/label", received(own.keep), methods=["PUT", "PATCH"]),
            *font_routes("/font.woff2"),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ]
    )


class Addresses:
    """An answer for each address."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def models(self, request: Request) -> Response:
        models = self.desk.models
        return JSONResponse([{"name": name, "title": models.title(model)} for name, model in models.list().items()])

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
        answer = packed(label.tobytes())
        answer.headers.update({"ETag": version, "Basis": basis_of(own, photo)})
        return answer

    def keep(self, request: Request, body: bytes) -> Response:
        """A whole label (PUT), or what changed in it (PATCH)."""
        own, photo = self._photo(request)
        check_basis(request.headers.get("basis"), own, photo)
        edit = Edit.of(request.headers.get("editor"), request.headers.get("change"))
        over, size = request.headers.get("if-match"), editor_size(*own.size(photo))
        if request.method == "PATCH":
            changes = runs_of(body, size[0] * size[1])
            version = self.desk.change(own, photo, changes, over=over, edit=edit)
        else:
            label = np.frombuffer(unpacked(body, size[0] * size[1]), np.uint8).reshape(size)
            version = self.desk.keep(own, photo, label, over=over, edit=edit)
        return JSONResponse({"version": version})

    def _set(self, request: Request) -> PhotoSet:
        return self.desk.find(request.path_params["set"])

    def _photo(self, request: Request) -> tuple[PhotoSet, str]:
        return self._set(request), request.path_params["photo"]


def told(answer: Answer) -> Answer:
    """What is wrong, as JSON: 409 for a label that was changed elsewhere, 412 for one of other classes or of another
    photo, 400 for anything else a person can mend."""

    @wraps(answer)
    def safe(request: Request) -> Response:
        try:
            return answer(request)
        except HRSError as error:
            status = 409 if isinstance(error, Conflict) else 412 if isinstance(error, Outdated) else 400
            return JSONResponse({"error": str(error)}, status)

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


def packed(data: bytes) -> Response:
    headers = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
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


def runs_of(data: bytes, pixels: int) -> Runs:
    """Changes of a label of so many pixels: of each run its first pixel, and length * 256 + class, as little-endian
    uint32. Raises HRSError for anything else."""
    if len(data) % 8:
        raise HRSError("the changes are cut off; expected two numbers of 4 bytes for each run")
    runs = np.frombuffer(data, "<u4").reshape(-1, 2).astype(np.int64)
    starts, lengths, values = runs[:, 0], runs[:, 1] >> 8, (runs[:, 1] & 0xFF).astype(np.uint8)
    if ((starts[1:] < (starts + lengths)[:-1]).any()) or (starts + lengths > pixels).any():
        raise HRSError("the changes do not fit the photo; expected runs of its pixels, one after another")
    return starts, lengths, values


def basis_of(own: PhotoSet, photo: str, count: int | None = None) -> str:
    """What a label means: the first ``count`` classes (all by default), and which photo it is of."""
    count = len(own.space) if count is None else count
    found = own.image_file(photo).stat()
    known = repr((own.space.classes[:count], found.st_mtime_ns, found.st_size))
    return f"{count}-{hashlib.blake2b(known.encode(), digest_size=12).hexdigest()}"


def check_basis(told: str | None, own: PhotoSet, photo: str) -> None:
    """Raises Outdated where a label was painted on another photo, or with other classes; more of them are no others."""
    if told is None:
        return
    count = told.partition("-")[0]
    if not count.isdecimal() or int(count) > len(own.space) or basis_of(own, photo, int(count)) != told:
        raise Outdated("the photo or the classes of this set were changed meanwhile; load the page anew")


def _asked(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value or len(value) > 200:
        raise HRSError(f"the address lacks {name}; give it as ?{name}=...")
    return value
