"""The synthetic frames tried on the run's own photos before it starts: what they bring, and a way to take over."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app.context import plain
from app.figures.curves import CHART, differences
from app.launch import forms
from app.launch.jobs import Job
from hrs.config import load_config
from hrs.errors import HRSError
from hrs.progress import duration
from hrs.system.documents import parse_yaml
from hrs.trial.findings import PHOTOS, Findings, Use

FIELDS = ("method", "data.sources", "data.classes", "train.source_weight")
"""What a use of the frames says."""


@st.cache_resource(max_entries=8, show_spinner=False, on_release=Job.close)
def trial_job(yaml: str) -> Job:
    return Job.on_settings("trial", yaml)


def show_trial(job: Job, yaml: str, *, current: bool) -> None:
    """What there is of a trial of these settings."""
    if not job.done:
        done, total = job.progress or (0, 1)
        left = f", {duration(job.left)} left" if job.left else ""
        words = f"Trying the frames on the photos: {100 * done / total:.0f} %{left}" if done else "Opening the data"
        st.progress(done / total, words)
        if st.button("Stop", key="stop trial", icon=":material/stop:"):
            job.stop()
        return
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
        return
    found = Findings.from_dict(job.answer())
    with st.container(border=True):
        st.subheader("What the frames bring")
        st.markdown("\n".join(f"- {plain(line)}" for line in found.verdict()))
        over = {each.name: each.over[PHOTOS] for each in found.ways if each.name != PHOTOS}
        alt = f"mIoU over {PHOTOS}: " + "; ".join(f"{name} {each}" for name, each in over.items())
        st.plotly_chart(differences(over, PHOTOS), key="launch trial", alt=alt, config=CHART)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("Fill the form with:")
            for each in found.ways:
                kind: Literal["primary", "secondary"] = "primary" if each is found.best else "secondary"
                st.button(plain(each.name), key=f"use {each.name}", type=kind, on_click=take, args=(each.use, yaml))
        with st.expander("IoU by class"):
            columns = {each.name: st.column_config.NumberColumn(format="%.1f") for each in found.ways}
            st.dataframe(by_class(found), hide_index=True, column_config=columns, height="content", alt="IoU by class")
        told = f"{'' if current else 'For earlier settings. '}{found.about()} The run's validation images took no part."
        st.caption(plain(told))
        if found.notes:
            st.caption("  \n".join(map(plain, found.notes)))  # a line each


def by_class(found: Findings) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for i, name in enumerate(found.classes):
        rows.append({"class": name, **{each.name: each.iou[i] for each in found.ways}})
    return rows


def take(use: Use, yaml: str) -> None:
    """Fill the form with a use of the frames; a callback."""
    try:
        values = forms.shown(use.of(load_config(parse_yaml(yaml))))
    except HRSError as error:
        st.toast(plain(str(error)), icon=":material/error:")
        return
    forms.put({key: values[key] for key in FIELDS})
    st.toast(plain(f"The form now says: {use.name}."))
