"""Where maps show something else than what multiplied the loss: to be said beside them."""

from __future__ import annotations

from app.context import plain
from app.runs.reading import read_config
from hrs.config import RunConfig
from hrs.methods.table import METHODS
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus


def say_apart(run: RunFolder, corpus: ScoredCorpus) -> str:
    """In a sentence or two, for a Markdown element; empty where the combined map is what acted."""
    said = []
    judges, config = corpus.about.judges, read_config(run)
    if judges is not None and "image" in corpus.maps and "image" not in judges.acting:
        drew = "drew" if config is None or _past_ramp(run, config) else "would have drawn"
        said.append(
            f"Training {drew} frames as often as their image weight says; it is no part of all levels combined."
        )
        if not judges.acting:
            said.append("No loss was multiplied, so these are 1 everywhere: sort by the mean of Image.")
    if config is not None and corpus.dataset is not None and METHODS[config.method].learns_weights:
        reached = config.selection.strength(min(config.train.source_until, _trained(run)))
        if round(reached, 2) < 1:
            said.append(f"In training they only came to {reached:.0%} of the strength that they have here.")
    if config is not None and METHODS[config.method].acts_elsewhere:
        said.append(f"This run is a {METHODS[config.method].about}.")
    return plain(" ".join(said))


def _past_ramp(run: RunFolder, config: RunConfig) -> bool:
    """Whether a run came to where frames begin to be drawn by their weights."""
    return _trained(run) > config.selection.warmup + config.selection.ramp


def _trained(run: RunFolder) -> float:
    """How much of its training a run has done, in [0, 1]; 1 where its status does not say."""
    status = run.read_status()
    return min(1.0, status.step / status.steps) if status.steps else 1.0
