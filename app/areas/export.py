"""What one takes back to whoever made the frames: a table, a sheet of pictures, a report."""

from __future__ import annotations

import shlex

import streamlit as st

from app.context import runs_root
from hrs.runs.folder import RunFolder
from hrs.runs.names import RUNS
from hrs.scoring.areatable import AreaTable
from hrs.scoring.crops import contact_sheet
from hrs.scoring.report import report_html
from hrs.scoring.takeaway import groups_csv
from hrs.system.images import encode


def show_export(run: RunFolder, table: AreaTable) -> None:
    """An expander with all of them; each is made when it is asked for."""
    with st.expander("Export", icon=":material/download:", key="areas export"):
        with st.container(horizontal=True):
            st.download_button(
                "Report (HTML)",
                lambda: report_html(table, f"Areas of {run.name}").encode(),
                file_name=f"{run.name}_areas.html",
                mime="text/html",
                icon=":material/description:",
                on_click="ignore",
            )
            st.download_button(
                "Contact sheet (PNG)",
                lambda: encode(".png", contact_sheet(table)),
                file_name=f"{run.name}_areas.png",
                mime="image/png",
                icon=":material/photo_library:",
                on_click="ignore",
            )
            st.download_button(
                "Kinds of fault (CSV)",
                lambda: groups_csv(table),
                file_name=f"{run.name}_faults.csv",
                mime="text/csv",
                icon=":material/table:",
                on_click="ignore",
            )
        if table.corpus.dataset is not None:
            st.caption(f"With every single area, in a terminal: `{shlex.join(_command(run))}`")


def _command(run: RunFolder) -> list[str]:
    """What writes all of it into a new folder, also where this server shows another folder of runs than usual."""
    own = run.path.parent.resolve() == runs_root().resolve()
    elsewhere = ["--runs", str(runs_root().resolve())] if own and runs_root().resolve() != RUNS.resolve() else []
    named = run.name if own else str(run.path.resolve())
    return ["python", "-m", "hrs", "areas", named, *elsewhere, "--out", f"{run.name}_areas"]
