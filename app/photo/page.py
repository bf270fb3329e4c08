"""The page of the photo app and its API endpoint /segment; python -m app.photo serves them."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from app.environment import PASSWORD_VARIABLE
from app.font import font_routes
from app.guard import Guard, Policy, add_access, policy_for, read_password
from app.photo.corrections import Corrections
from app.photo.models import Models
from app.photo.service import MAX_BATCH, Photos, colour, empty
from app.photo.shell import CSS, FONT, HEAD, BoundUploads, Demo, RefuseFetching, photo_input, theme
from app.photo.view import HIGHEST
from hrs.errors import HRSError
from hrs.runs.names import DATASETS
from hrs.runs.registry import SHIPPED

MAX_BYTES = "25mb"  # of one upload
OWN_START = "/gradio_api/startup-events"  # what Gradio asks of itself once; it says nothing
MOST_STORED = 1 << 30  # bytes of all uploads and results at a time
MAX_WAITING = 100  # photos in the queue
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.jpg"))
OPACITY = 55  # percent, at the start
KEEP_SECONDS = 4 * 3600  # for which uploads and results can be fetched
KEEP_SESSIONS = 100  # of which the last result is remembered, about a megabyte each

TITLE = "<h1>Segment a photo</h1><p>Every pixel gets a class. Photos stay on this machine.</p>"
EMPTY = '<div class="hrs-empty">Add a photo of a street, or choose an example. The result appears here.</div>'
FOOT = '<a href="?view=api">Use it from a program</a>'
NO_MODEL = (
    "**There is no trained model yet.** Train the built-in example with `make demo`, or your own with "
    "`python -m hrs train CONFIG.yaml`; then reload this page."
)
ABOUT_MIOU = "mIoU: in percent, of each on its own validation images; between models it says little"
# Two layers in the browser, so that the colours follow the hand without asking the server.
SET_OPACITY = "(percent) => { document.documentElement.style.setProperty('--hrs-opacity', percent / 100); }"


def build_demo(runs: Path, *, shipped: Path = SHIPPED, dashboard: int | None = None) -> gr.Blocks:
    """The page. Nothing runs until it is launched, but the first model is loaded in the background.

    Args:
        runs: folder of all runs; those with a best checkpoint are offered.
        shipped: folder of the runs that come with hrs; they are offered first.
        dashboard: port of the dashboard on which a wrong result can be corrected; None where there is none.
    """
    models = Models(runs, shipped=shipped)
    photos = Photos(models, corrections=Corrections(runs / DATASETS, dashboard) if dashboard else None)
    with Demo(title="HRS · segment", analytics_enabled=False, delete_cache=(600, KEEP_SECONDS)) as demo:
        gr.HTML(TITLE, elem_classes="hrs-title")
        missing = gr.Markdown(NO_MODEL, visible=False)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                model = gr.Dropdown([], label="Model", info=ABOUT_MIOU)
            with gr.Column(scale=1, min_width=280):
                careful = gr.Checkbox(label="Careful", info="Averages several views; four to six times slower")
        with gr.Tabs():
            with gr.Tab("One photo"):
                _one_photo(photos, model, careful)
            with gr.Tab("Many, and videos"):
                _many_photos(photos, model, careful)
        gr.HTML(FOOT, elem_classes="hrs-foot")
        gr.api(photos.answer, api_name="segment", concurrency_id="network", concurrency_limit=1)
        demo.load(photos.choices, None, [model, missing], api_visibility="private", show_progress="hidden")
    models.load_first()
    return demo


def _one_photo(photos: Photos, model: gr.Dropdown, careful: gr.Checkbox) -> None:
    shown = gr.State(None, time_to_live=KEEP_SECONDS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            photo = photo_input()
            gr.Examples([str(path) for path in EXAMPLES], photo, label="Examples (rendered)", cache_examples=False)
        with gr.Column(scale=3, min_width=320):
            hint = gr.HTML(EMPTY)
            with gr.Column(visible=False) as results:
                opacity, *shows = _results()
                if photos.corrections:
                    wrong = gr.Button("That is wrong: correct it", size="sm", elem_id="correct")
                    link = gr.HTML()
    outputs = [shown, hint, results, *shows]
    compare_and_overlay = outputs[-2:]
    answered = gr.on(
        [photo.change, model.input, careful.input],
        photos.show,
        [photo, model, careful],
        outputs,
        trigger_mode="always_last",
        concurrency_id="network",
        concurrency_limit=1,
        show_progress_on=[hint, shows[0]],
        api_visibility="private",
    )
    answered.success(  # the slider may have moved meanwhile
        colour, [shown, opacity], compare_and_overlay, show_progress="hidden", api_visibility="private"
    )
    answered.failure(empty, None, outputs, show_progress="hidden", api_visibility="private")
    if photos.corrections:
        wrong.click(photos.correct, [photo, model], link, api_visibility="private")
        photo.change(lambda: "", None, link, show_progress="hidden", api_visibility="private")
    opacity.input(None, opacity, None, js=SET_OPACITY, api_visibility="private")
    opacity.change(
        colour,
        [shown, opacity],
        compare_and_overlay,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )


def _results() -> tuple[gr.Slider, *tuple[gr.components.Component, ...]]:
    """The opacity slider, then what shows a result, in the order of `Photos.show`."""
    with gr.Tabs():
        with gr.Tab("Classes"):
            overlay = gr.HTML()
        with gr.Tab("Side by side"):
            compare = gr.ImageSlider(
                show_label=False, type="filepath", interactive=False, max_height=HIGHEST, buttons=["fullscreen"]
            )
        with gr.Tab("Confidence"):
            confidence = gr.HTML()
    with gr.Row():
        labels_file = gr.DownloadButton("Labels (PNG)", size="sm", elem_id="get-labels", min_width=120)
        overlay_file = gr.DownloadButton("Overlay (JPEG)", size="sm", elem_id="get-overlay", min_width=120)
        json_file = gr.DownloadButton("Numbers (JSON)", size="sm", elem_id="get-json", min_width=120)
    opacity = gr.Slider(0, 100, OPACITY, step=5, label="Opacity of the class colours, %", elem_id="opacity")
    classes = gr.HTML()
    realism = gr.HTML()
    return opacity, overlay, confidence, classes, realism, labels_file, json_file, compare, overlay_file


def _many_photos(photos: Photos, model: gr.Dropdown, careful: gr.Checkbox) -> None:
    files = gr.File(file_count="multiple", label=f"Photos and videos, at most {MAX_BATCH}", height=220, elem_id="batch")
    with gr.Row():
        start = gr.Button("Segment all", variant="primary", elem_id="segment-all")
        archive = gr.DownloadButton("Results (ZIP)", interactive=False, elem_id="get-zip")
    table = gr.HTML()
    start.click(
        photos.batch,
        [files, model, careful],
        [table, archive],
        concurrency_id="batch",
        concurrency_limit=1,
        show_progress_on=table,
        api_visibility="private",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; exit code 1 where the port is taken."""
    options = _parse(arguments)
    try:  # `python -m app` has said who may come in; by itself this app asks as that does
        policy = Policy.take() or policy_for(options.host, options.allow_host, read_password(options.password_file))
    except HRSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.environ.pop(PASSWORD_VARIABLE, None)
    if not _free(options.host, options.port):
        print(f"error: port {options.port} of {options.host} cannot be had; name another with --port", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="hrs-photo-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        demo = build_demo(options.runs, dashboard=policy.framed_by)
        launch(demo, options.host, options.port, policy=policy, uploads=Path(folder))
    return 0


def launch(demo: gr.Blocks, host: str, port: int, *, policy: Policy, uploads: Path) -> None:
    """Serve a demo and block. Only uploads and results may be fetched; nothing is sent to other machines."""
    demo.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
    demo.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        show_error=True,
        max_file_size=MAX_BYTES,
        state_session_capacity=KEEP_SESSIONS,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        footer_links=[],
        app_kwargs={
            "routes": font_routes(FONT),
            "middleware": [
                Middleware(Guard, policy=policy, open_paths=frozenset({OWN_START})),
                Middleware(BoundUploads, folder=uploads, most=MOST_STORED, keep=KEEP_SECONDS),
                Middleware(RefuseFetching),
            ],
        },
        theme=theme(),
        css=CSS,
        head=HEAD,
    )


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.photo", description="Segment photos in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: runs)")
    add_access(parser)
    return parser.parse_args(arguments)
