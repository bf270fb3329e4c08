"""The idea in half a minute, for somebody who has read nothing: one picture, three sentences, three things to do."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import streamlit as st

from hrs.errors import HRSError
from hrs.labels import colourise
from hrs.pictures import Image, weigh_picture
from hrs.runs.folder import RunFolder
from hrs.runs.registry import SHIPPED
from hrs.scoring.panel import open_panel
from hrs.system.images import encode

RUN, FRAME = "street", "001425"
"""The shipped run, and the frame of its panel, that the picture is of: see ``CAPTIONS``."""
WORDS = (
    "HRS trains a segmentation network on many synthetic frames, whose labels are free, and on a few photos that you "
    "have labelled.",
    "Some synthetic areas mislead: a label is wrong, or a surface looks like something else. Weighting networks "
    "compare every pixel, region and frame with what your photos teach, and give it a weight.",
    "Orange areas hardly count in training, blue ones count more; click one on the Weights page to read why.",
)
CAPTIONS = (
    ("A synthetic frame, some of it in odd colours", "A rendered street with a violet sky, and a tree to the right"),
    ("Its label: the large tree says Fence", "The frame's label in the colours of its classes"),
    ("Its weights: the tree counts a fifth as much as the rest", "The frame's weights: that tree is orange"),
)
DOORS = (
    ("See what a run made of its frames", f"weights?run={RUN}"),
    ("Train on your own data", "launch"),
    ("Segment a photo", "segment"),
)
_FIGURES = Path(__file__).parent / "figures"
_PANEL = st.components.v2.component(
    "hrs_welcome",
    html=(_FIGURES / "welcome.html").read_text(encoding="utf-8"),
    css=(_FIGURES / "welcome.css").read_text(encoding="utf-8"),
    js=(_FIGURES / "welcome.js").read_text(encoding="utf-8"),
)


def show_welcome(*, first: bool) -> None:
    """The panel on a first visit; the way back to it later, or once it was closed."""
    shown = _pictures()
    doors = [[words, address if shown or RUN not in address else "weights"] for words, address in DOORS]
    _PANEL(key="welcome", data={"pictures": shown, "words": list(WORDS), "doors": doors, "first": first})


@st.cache_data(show_spinner=False)
def _pictures() -> list[dict[str, Any]]:
    """Frame, label and weight; none where the shipped run is not there."""
    try:
        images = pictures()
    except HRSError:
        return []
    return [
        {"source": _address(image), "caption": caption, "alt": alt}
        for image, (caption, alt) in zip(images, CAPTIONS, strict=True)
    ]


def pictures() -> tuple[Image, Image, Image]:
    """Frame, label and weight over the frame, RGB (h w 3). Raises HRSError where the shipped run is not there."""
    run = RunFolder(SHIPPED / RUN)
    corpus = open_panel(run, max(run.panel_steps(), default=0))
    row = corpus.find(FRAME)
    if row is None:
        raise HRSError(f"{run.path} does not watch frame {FRAME}")
    frame = corpus.frame(row)
    picture = frame.read_picture()
    weights = frame.read_maps()[corpus.maps[0]]
    return picture, colourise(frame.read_label(), corpus.space), weigh_picture(picture, weights)


def _address(image: Image) -> str:
    jpeg = encode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 90))
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
