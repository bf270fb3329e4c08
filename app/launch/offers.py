"""What a field of the form could hold: known networks and data sets, each with what it costs."""

from __future__ import annotations

import streamlit as st

from app.context import all_runs
from app.launch.checks import remembered
from app.launch.forms import KEY
from app.runs.reading import read_config
from hrs.networks.table import NETWORKS

_BUILT_IN = {
    "data.sources": ("render:synthetic?frames=160", "render:synthetic?frames=2000"),
    "data.target": ("render:camera?frames=24", "render:camera?frames=60"),
}
_MOST = 20  # data sets of earlier runs


def networks() -> dict[str, str]:
    """Names with their size and pace."""
    return {
        name: f"{name} · {facts.parameters:g} M parameters" + (f" · {facts.step:g}x compact's time" * (facts.step != 1))
        for name, facts in NETWORKS.items()
    }


def offer_data_sets(key: str) -> None:
    """A list of data sets below a field; the chosen one goes into it, for several as another line.

    Args:
        key: data.sources or data.target.
    """
    known = data_sets(key)
    st.selectbox(
        "Known synthetic data sets" if key == "data.sources" else "Known real data sets",
        list(known),
        index=None,
        format_func=lambda name: f"{name} · {known[name]}",
        placeholder="Built in, or of an earlier run",
        key=f"offer {key}",
        width=420 if key == "data.sources" else "stretch",
        on_change=_take,
        args=(key,),
    )


def data_sets(key: str) -> dict[str, str]:
    """Those that are built in and those of earlier runs that are still there, with the number of frames."""
    configs = [config for run in all_runs() if (config := read_config(run.run))]
    used = [name for config in configs for name in (config.sources if key == "data.sources" else (config.data.target,))]
    names = list(dict.fromkeys([*_BUILT_IN[key], *used]))[: len(_BUILT_IN[key]) + _MOST]
    seen = {name: remembered(name) for name in names}
    return {name: each.in_words() for name, each in seen.items() if each.error is None and each.labelled}


def _take(key: str) -> None:
    chosen, several = st.session_state[f"offer {key}"], key == "data.sources"
    if chosen is None:
        return
    before = [line for line in st.session_state[KEY + key].splitlines() if line.strip()] if several else []
    st.session_state[KEY + key] = "\n".join(dict.fromkeys([*before, chosen]))
    st.session_state[f"offer {key}"] = None
