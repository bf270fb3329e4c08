"""Where maps show something else than what multiplied the loss: to be said beside them."""

from __future__ import annotations

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.methods.table import METHODS
from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.stamps import OF_LAST, run_of, weighed_by
from hrs.scoring.write import About


def apart_in_words(corpus: ScoredCorpus) -> str:
    """What `apart` says of a run's scores, and that they are of its last model where they are; empty for any other
    corpus, such as a copy, of whose run nobody knows."""
    run = run_of(corpus)
    if run is None:
        return ""
    try:
        config = load_config(run.config)
    except HRSError:  # damaged, or of another version: what the corpus itself says remains
        config = None
    last = [OF_LAST] * (weighed_by(run, corpus.about) == "last")
    return " ".join(filter(None, [*last, apart(corpus.about, run, config)]))


def apart(about: About, run: RunFolder, config: RunConfig | None) -> str:
    """In a few sentences; empty where the combined map is what acted.

    Args:
        about: of the corpus that shows the maps, the run's scores or the frames that its training watches.
        config: the run's settings; None where they cannot be read.
    """
    method = METHODS[config.method] if config else None
    said = []
    if about.judges is not None and about.drawn:
        drew = "drew" if config is None or _past_ramp(run, config) else "would have drawn"
        how = f"Training {drew} frames by their image weight, which is no part of all levels combined"
        elsewhere = method is not None and method.acts_elsewhere
        said.append(f"{how}." if elsewhere else f"{how}: one of 0.5 about half as often as the average frame.")
        if not about.judges.acting:
            said.append("No loss was multiplied, so these are 1 everywhere: sort by the mean of Image.")
    if config is not None and about.dataset is not None and METHODS[config.method].learns_weights:
        reached = config.selection.strength(min(config.train.source_until, _trained(run)))
        if round(reached, 2) < 1:
            said.append(f"In training they only came to {reached:.0%} of the strength that they have here.")
    if method is not None:
        said += [f"This run is a {method.about}."] * method.acts_elsewhere + [method.apart]
    return " ".join(filter(None, said))


def _past_ramp(run: RunFolder, config: RunConfig) -> bool:
    """Whether a run came to where frames begin to be drawn by their weights."""
    return _trained(run) > config.selection.warmup + config.selection.ramp


def _trained(run: RunFolder) -> float:
    """How much of its training a run has done, in [0, 1]; 1 where its status does not say."""
    status = run.read_status()
    return min(1.0, status.step / status.steps) if status.steps else 1.0
