"""The photo app's frame: what it looks like, and what it keeps Gradio from doing."""

from __future__ import annotations

import asyncio
import re
from abc import ABCMeta
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.exceptions import InvalidPathError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.font import NAME
from hrs.system.tree import folder_bytes, remove_older

ADDRESSES = ("http:", "https:")

HEAD = f"<script>{Path(__file__).with_name('page.js').read_text(encoding='utf-8')}</script>"
FONT = "/hrs-font.woff2"
CSS = (
    f"""
@font-face {{ font-family: "{NAME}"; src: url("{FONT}") format("woff2"); font-weight: 200 900; }}
"""
    + """
.hrs-framed .hrs-title { display: none !important; }
.hrs-framed .main.app { padding: 0 !important; max-width: none !important; }
.hrs-framed body, .hrs-framed .gradio-container, .hrs-framed main, .hrs-framed main > .wrap,
.hrs-framed gradio-app { min-height: 0 !important; height: auto !important; flex-grow: 0 !important; }
.gradio-container { max-width: 1320px !important; }
.hrs-title h1 { font-size: 1.6rem; font-weight: 600; margin: 0; }
.hrs-title p { margin: .1rem 0 0; opacity: .75; }
.hrs-empty { border: 1px dashed var(--border-color-primary); border-radius: 8px; padding: 4.5rem 1.5rem;
  text-align: center; color: var(--body-text-color-subdued); }
.hrs-stack { position: relative; border-radius: 6px; overflow: hidden; line-height: 0; margin: 0 auto; }
.hrs-stack img { display: block; width: 100%; height: auto; margin: 0; }
.hrs-stack .hrs-name { position: absolute; padding: .15rem .5rem; border-radius: 4px; font-size: .85rem;
  line-height: 1.4; background: rgba(20, 25, 30, .88); color: #fff; pointer-events: none; white-space: nowrap; }
.hrs-stack .hrs-mask { position: absolute; inset: 0; height: 100%;
  opacity: var(--hrs-opacity, .55); image-rendering: pixelated; }
.hrs-scale { display: flex; align-items: center; gap: .6rem; font-size: .85rem; margin: .7rem auto 0;
  max-width: 640px; }
.hrs-scale i { flex: 1; height: 8px; border-radius: 4px;
  background: linear-gradient(90deg, #440154, #3b528b, #21918c, #5ec962, #fde725); }
.hrs-note { margin: .35rem 0 0; font-size: .9rem; color: var(--body-text-color-subdued); }
.hrs-head { display: flex; justify-content: space-between; font-weight: 600; margin: 0 0 .35rem; }
.hrs-gauge { height: 8px; border-radius: 4px; background: var(--border-color-primary); overflow: hidden; }
.hrs-gauge i { display: block; height: 100%; background: var(--color-accent); }
.dark { --color-accent: #4fb3d3; }
.hrs-table { width: 100%; border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; margin: 0; }
.hrs-table, .hrs-table tr { border: 0 !important; }
.hrs-table th, .hrs-table td { border: 0; border-bottom: 1px solid var(--border-color-primary); padding: .35rem .5rem;
  text-align: right; white-space: nowrap; background: none; }
.hrs-table th { font-weight: 500; color: var(--body-text-color-subdued); }
.hrs-table tr > :first-child { text-align: left; }
.hrs-table .hrs-bar { width: 45%; }
.hrs-table .hrs-bar i { display: block; height: 6px; min-width: 2px; border-radius: 3px;
  background: var(--color-accent); }
.hrs-batch { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; margin: .6rem 0 0;
  padding: 0; list-style: none; font-size: .9rem; }
.hrs-batch li { display: flex; flex-direction: column; gap: .15rem; min-width: 0; overflow-wrap: anywhere; }
.hrs-batch img { width: 100%; aspect-ratio: 4 / 3; object-fit: contain; border-radius: 6px; margin: 0;
  background: var(--border-color-primary); }
.hrs-batch b { font-weight: 600; }
.hrs-problem { color: var(--error-text-color); }
@media (max-width: 640px) { .hrs-table .hrs-bar, .hrs-classes th:nth-child(2) { display: none; } }
.hrs-foot { text-align: center; font-size: .85rem; }
.hrs-swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: .5rem;
  border: 1px solid var(--border-color-primary); vertical-align: -1px; }
"""
)


def theme() -> gr.themes.Base:
    """The dashboard's colours, in fonts that every machine has."""
    accent = gr.themes.Color(
        name="hrs",
        c50="#eef7fa",
        c100="#d8edf3",
        c200="#b0dbe8",
        c300="#7cc7e0",
        c400="#4fb3d3",
        c500="#2391b0",
        c600="#0f6e8c",
        c700="#0d5c75",
        c800="#0b4a5e",
        c900="#093a4a",
        c950="#062833",
    )
    return gr.themes.Base(
        primary_hue=accent,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_sm,
        font=[NAME, "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="#ffffff",
        body_background_fill_dark="#15191e",
        block_background_fill="*neutral_50",
        block_background_fill_dark="#1f252c",
        background_fill_primary_dark="#1f252c",
        background_fill_secondary_dark="#1a1f25",
        border_color_primary_dark="#343c45",
        color_accent="*primary_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


def photo_input() -> gr.Image:
    """Where a photo is put in. It is handed on as it was uploaded: Gradio neither opens nor converts it."""
    return _Uploaded(
        label="Photo",
        sources=["upload", "webcam", "clipboard"],
        type="filepath",
        height=300,
        buttons=["fullscreen"],
        alt_text="The photo to segment",
        elem_id="photo",
    )


def _as_uploaded(self: gr.Image, payload: ImageData | None) -> str | None:
    if payload is None:
        return None
    if payload.path is None:
        raise gr.Error("The photo did not come as a file. Upload it.", print_exception=False)
    return payload.path


# A class of its own, since Gradio makes a component anew from its class when an example is chosen. Not by the class
# statement, at which Gradio writes a .pyi beside the source.
_Uploaded: type[gr.Image] = ABCMeta.__new__(
    type(gr.Image), "Uploaded", (gr.Image,), {"preprocess": _as_uploaded, "is_template": True, "__module__": __name__}
)


class Demo(gr.Blocks):
    """A page that works on uploaded files alone: it fetches no addresses and opens no paths of this machine."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        if any(path.lower().startswith(ADDRESSES) for path in _paths(inputs)):
            raise gr.Error("Addresses are not fetched. Send the file itself.", print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except InvalidPathError as error:
            raise gr.Error("The photo is no uploaded file. Upload it.", print_exception=False) from error


def _paths(value: object) -> Iterator[str]:
    """Every "path" in what a client sent."""
    if isinstance(value, dict):
        path = value.get("path")
        yield from [path] if isinstance(path, str) else []
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _paths(each)


class RefuseFetching:
    """Middleware: Gradio's file routes would stream any address of the internet; this app's files are all its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _FETCHED.search(scope.get("path", "").lower()):
            await PlainTextResponse("Addresses are not fetched.", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


_FETCHED = re.compile(r"/file[=/]+\s*https?:")
"""An address behind one of the routes of files."""


class BoundUploads:
    """Middleware: what comes in has an end, for one request and for all that are kept at a time.

    Gradio bounds each file alone, and a request may hold any number of files. What was broken off or came under another
    name than it expects it forgets, as it does results that nobody came for: they are removed here.

    folder: where uploads and results lie. most: bytes that may lie there. keep: seconds for which they do. at_once:
    bytes of one request. patience: seconds that the next of them may take.
    """

    def __init__(
        self, app: ASGIApp, *, folder: Path, most: int, keep: float, at_once: int = 256 << 20, patience: float = 60
    ) -> None:
        self.app, self.folder, self.most, self.keep = app, folder, most, keep
        self.at_once, self.patience = at_once, patience
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        claimed, answered = 0, False

        async def told(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            claimed = self._admit(Headers(scope=scope))
            await self.app(scope, _counted(receive, claimed, self.patience), told)
        except Refused as refused:
            if not answered:
                await PlainTextResponse(str(refused), refused.status)(scope, receive, send)
        finally:
            self._coming -= claimed

    def _admit(self, headers: Headers) -> int:
        """The bytes that a request brings, which nobody else gets meanwhile. Raises Refused where there is no room."""
        if "transfer-encoding" in headers:  # whoever does not say how much comes would hold all there is
            raise Refused("Say how long it is (Content-Length).", 411)
        length = headers.get("content-length", "")
        claimed = int(length) if length.isascii() and length.isdecimal() and len(length) < 16 else 0
        self._forget()
        room = min(self.at_once, self.most - folder_bytes(self.folder) - self._coming)
        if claimed > room or room <= 0:
            raise Refused(_TOO_MUCH, 413)
        self._coming += claimed
        return claimed

    def _forget(self) -> None:
        """Remove parts of uploads, which lie in the folder itself while they come, and old results."""
        for entry in self.folder.glob("tmp*"):
            parts = entry.is_file()
            remove_older(entry, (_LONGEST if self._coming else 0) if parts else self.keep)


class Refused(Exception):
    """A request that is answered with a line and an HTTP status."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


def _counted(receive: Receive, most: int, patience: float) -> Receive:
    """Raises Refused where more bytes than ``most`` come, or none for ``patience`` seconds."""
    seen, whole = 0, False

    async def counted() -> Message:
        nonlocal seen, whole
        try:
            message = await (receive() if whole else asyncio.wait_for(receive(), patience))
        except TimeoutError:
            raise Refused("Nothing came any more. Send it again.", 408) from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > most:
            raise Refused(_TOO_MUCH, 413)
        return message

    return counted


_TOO_MUCH = "Too much at once, or too much is kept here already. Send fewer photos, or wait some hours."
_LONGEST = 3600.0  # seconds that an upload may take while others come
