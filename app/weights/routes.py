"""What the training panel shows at each step, for the browser to fetch when it wants to: see figures/steps.js."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.context import all_runs, shown_name
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus, ScoredFrame

PATH = "/weights-at"


def at_other_steps(run: RunFolder, frame: ScoredFrame | None = None) -> str:
    """The address that tells, with &step= and a number, what a frame shows at that step, or all as tiles.

    Picture and label come along only where they are others than the frame's, as after it was mended and the run
    resumed.
    """
    asked = {} if frame is None else {"frame": frame.id, "pictures": _pictures(frame)}
    return f"{PATH}?{urlencode({'run': shown_name(run)} | asked)}"


def _pictures(frame: ScoredFrame) -> str:
    """The folder of its picture, which all steps share whose pictures and labels are the same."""
    return frame.picture.parent.name


async def _answer(request: Request) -> Response:
    return await run_in_threadpool(_told, request)


def _told(request: Request) -> Response:
    # Here, since what caches warns where it is imported before Streamlit's server runs.
    from app.weights.corpus import tile, view

    asked = request.query_params
    try:
        corpus = _panel(asked.get("run", ""), asked.get("step", ""))
        if "frame" not in asked:
            return JSONResponse({"tiles": [tile(corpus.frame(row)) for row in range(len(corpus))]})
        row = corpus.find(asked["frame"])
        if row is None:
            raise HRSError(f"the panel has no frame {asked['frame'][:100]}; reload the page")
        shown, same = view(corpus, row), asked.get("pictures") == _pictures(corpus.frame(row))
    except HRSError as error:
        return JSONResponse({"error": str(error)}, 400)
    known = ("jpeg", "label") if same else ()
    return JSONResponse({"view": {name: value for name, value in shown.items() if name not in known}})


def _panel(name: str, step: str) -> ScoredCorpus:
    from app.weights.corpus import PANEL, open_source

    run = next((each.run for each in all_runs() if each.name == name), None)
    if run is None or step not in map(str, run.panel_steps()):
        raise HRSError(f"there is no step {step[:20]} of a run {name[:100]}; reload the page")
    return open_source(run, PANEL, int(step))


routes = [Route(PATH, _answer)]
