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
from hrs.scoring.corpus import ScoredCorpus

PATH = "/weights-at"


def at_other_steps(run: RunFolder, frame: str | None = None) -> str:
    """The address that tells, with &step= and a number, what a frame shows at that step, or all as tiles."""
    return f"{PATH}?{urlencode({'run': shown_name(run)} | ({} if frame is None else {'frame': frame}))}"


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
        shown = view(corpus, row)
    except HRSError as error:
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"view": {name: value for name, value in shown.items() if name not in ("jpeg", "label")}})


def _panel(name: str, step: str) -> ScoredCorpus:
    from app.weights.corpus import PANEL, open_source

    run = next((each.run for each in all_runs() if each.name == name), None)
    if run is None or step not in map(str, run.panel_steps()):
        raise HRSError(f"there is no step {step[:20]} of a run {name[:100]}; reload the page")
    return open_source(run, PANEL, int(step))


routes = [Route(PATH, _answer)]
