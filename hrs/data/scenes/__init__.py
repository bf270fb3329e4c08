"""The built-in street: procedural frames in two domains, with labels and planted departures."""

from hrs.data.scenes.corpus import RENDERER_VERSION, render_corpus
from hrs.data.scenes.departures import DEPARTURES, Departure, harmful_mask, odd_mask
from hrs.data.scenes.domains import CLASS_NAMES, PALETTE, Domain
from hrs.data.scenes.frame import RenderedFrame, render_frame
from hrs.data.scenes.gl import RendererUnavailable, can_render
from hrs.data.scenes.shipped import shipped_frames

__all__ = [
    "CLASS_NAMES",
    "DEPARTURES",
    "PALETTE",
    "RENDERER_VERSION",
    "Departure",
    "Domain",
    "RenderedFrame",
    "RendererUnavailable",
    "can_render",
    "harmful_mask",
    "odd_mask",
    "render_corpus",
    "render_frame",
    "shipped_frames",
]
