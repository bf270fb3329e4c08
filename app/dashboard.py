"""The dashboard's entry: streamlit run app/dashboard.py (python -m app does it with the right settings)."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # `streamlit run` puts this file's folder there, pages import the package app
    sys.path.insert(0, str(HERE.parent))

from app import context  # noqa: E402 - it is found from here on

PAGES = HERE / "pages"
_SHOWN = "page shown"  # of the session state: the address of the page that was drawn last
_BARS = (
    '<rect x="1" y="4" width="6" height="20" rx="1.5" fill="#56B4E9"/>'
    '<rect x="9" y="9" width="6" height="15" rx="1.5" fill="#009E73"/>'
    '<rect x="17" y="15" width="6" height="9" rx="1.5" fill="#E69F00"/>'
)
# Material symbols would be fetched from another machine as a page icon.
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 0 28 28">{_BARS}</svg>'
WORDMARK = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 28">{_BARS}'
    '<text x="29" y="24" font-family="sans-serif" font-size="21" font-weight="700" fill="#3A93B4">HRS</text></svg>'
)


# What the theme's settings cannot say: what is written on the primary colour of the dark theme is dark, and syntax on
# white is dark enough to be read. Focus is a ring in both.
_RING = ":is(a, button, input, textarea, [tabindex]):focus-visible { outline: 2px solid %s; outline-offset: 1px; }"
# On a narrow screen the menu's names have room without their icons; else some hide, that of this page among them.
_MENU = """
@media (max-width: 1000px) { [data-testid="stTopNavLink"] > :has([data-testid="stIconMaterial"]) { display: none; } }
"""
STYLES = {
    "dark": _RING % "#7CC7E0"
    + """
[data-testid^="stBaseButton-primary"]:enabled, [data-testid^="stBaseButton-primary"]:enabled *,
[data-testid="stMultiSelect"] [data-tag] * { color: #0D1318 !important; }
""",
    "light": _RING % "#0F6E8C"
    + """
[data-testid="stCode"] .token { color: inherit !important; }
[data-testid="stCode"] .token.key { color: #A8480B !important; }
[data-testid="stCode"] :is(.token.number, .token.boolean) { color: #17734A !important; }
""",
}


def main() -> None:
    st.set_page_config(page_title="HRS", page_icon=ICON, layout="wide")
    st.logo(WORDMARK, size="medium")
    st.html(f"<style>{STYLES[st.context.theme.type or 'light']}{_MENU}</style>")
    pages = [
        st.Page(PAGES / "runs.py", title="Runs", icon=":material/show_chart:", default=True, url_path=""),
        st.Page(PAGES / "launch.py", title="Launch", icon=":material/play_arrow:"),
        st.Page(PAGES / "weights.py", title="Weights", icon=":material/layers:"),
        st.Page(PAGES / "areas.py", title="Areas", icon=":material/grid_view:"),
        st.Page(PAGES / "compare.py", title="Compare", icon=":material/bar_chart:"),
        st.Page(PAGES / "data.py", title="Data", icon=":material/folder_open:"),
        st.Page(PAGES / "label.py", title="Label", icon=":material/brush:"),
        st.Page(PAGES / "segment.py", title="Segment", icon=":material/image:"),
    ]
    # The first page is at /, but people type its name as they see it done for the others.
    alias = st.Page(lambda: open_first(pages[0]), title="Runs", url_path="runs", visibility="hidden")
    page = st.navigation([*pages, alias], position="top")
    left = st.session_state.get(_SHOWN, page.url_path) != page.url_path
    st.session_state[_SHOWN] = page.url_path
    if left:
        context.page_opens()
        forget_parts()
    page.run()


def forget_parts() -> None:
    """Keep no part of the page that was left.

    Its parts that look again by themselves may ask to be drawn while this page opens. Streamlit (1.67) would draw one
    when this page is done, as a part of the page that was left, for which the browser empties this one. What asks from
    now on is unknown. Where one asked before, the page begins once more, since that gives way to a whole page; with the
    address as it is by now, without what Streamlit took out of it since it was of the page that was left.

    Not otherwise: who goes on to yet another page meanwhile has it drawn beside this one, whose second beginning would
    then say which page it is (`AppSession.request_rerun`, `PagesManager.set_script_intent`).
    """
    run = get_script_run_ctx()
    if run is None:
        return
    run.fragment_storage.clear()
    if getattr(run.script_requests, "_state", None) is ScriptRequestType.RERUN:
        run.query_string = urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True)
        st.rerun()


def open_first(page: StreamlitPage) -> None:
    asked = st.query_params
    st.switch_page(page, query_params={name: asked.get_all(name) for name in asked})


main()
