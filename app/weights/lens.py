"""How maps are looked at: read from the address, which the controls in the browser write to (figures/lens.js)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.figures.maps import ABOUT, TITLES, Lens, colour_table
from app.weights.address import put_all
from app.weights.why import AREA
from hrs.pictures import FULL_WEIGHT
from hrs.scoring.corpus import ScoredCorpus

_FIGURES = Path(__file__).parents[1] / "figures"


@dataclass(frozen=True)
class Range:
    """Of a slider: its ends, its step, and where it stands on a fresh page."""

    least: float
    most: float
    by: float
    usual: float

    def read(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            return self.usual
        return min(max(value, self.least), self.most) if math.isfinite(value) else self.usual


_RANGES = {"opacity": Range(0.0, 1.0, 0.05, 0.6), "threshold": Range(0.0, FULL_WEIGHT, 0.05, 0.0)}
_TILES = Range(100, 400, 20, 160)
_SHOW = {"weights": "Weights", "label": "Labels", "frame": "Frames"}


def figure(*names: str) -> str:
    """Files of the figures one after the other, as a component's text."""
    return "\n".join((_FIGURES / name).read_text(encoding="utf-8") for name in names)


def read_lens(corpus: ScoredCorpus) -> Lens:
    """What the address asks for; what it lacks, or names wrongly, is as on a fresh page."""
    level = st.query_params.get("map", "")
    ranges = {name: each.read(st.query_params.get(name, "")) for name, each in _RANGES.items()}
    return Lens(level=level if level in corpus.maps else corpus.maps[0], **ranges)


def read_step(steps: Sequence[int]) -> int | None:
    """The step of training that the address asks for, else the last; None where there is none."""
    asked = st.query_params.get("step", "")
    return next((step for step in steps if str(step) == asked), steps[-1] if steps else None)


def controls(corpus: ScoredCorpus, steps: Sequence[int] = (), more: str = "") -> dict[str, Any]:
    """What the controls in the browser need, and the colours of weights.

    Args:
        steps: of training, where there are some; ``more`` is the address that tells what is shown at another of them.
    """
    levels = [
        {"name": name, "title": TITLES[name].removeprefix("All levels ").capitalize(), "about": ABOUT[name]}
        for name in corpus.maps
    ]
    ranges = {name: each.__dict__ for name, each in _RANGES.items()}
    tiles = {
        "size": _TILES.__dict__,
        "show": [{"name": name, "title": title, "about": ""} for name, title in _SHOW.items()],
    }
    lens = {"map": levels, **ranges, **tiles, "steps": list(steps), "step": read_step(steps), "more": more}
    return {"lens": lens, "colours": colour_table(), "full": FULL_WEIGHT}


def said_by(key: str, what: str) -> Any:
    """What a component says of ``what``; None of one that is gone by the time that its word arrives."""
    return st.session_state[key].get(what) if key in st.session_state else None


def heard(key: str, step: int | None) -> None:
    """A component said how maps are looked at now: the address says so, too. One that is gone says nothing.

    Args:
        step: of training that was shown; an area that was asked about before is one of that step.
    """
    if lens := said_by(key, "lens"):
        other = step is not None and lens.get("step") != str(step) and not said_by(key, "piece")
        put_all({**lens, AREA: ""} if other else lens)
