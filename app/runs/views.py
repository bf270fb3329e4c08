"""The tabs of the runs page: each draws what there is to see of the selected runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.context import CLIP, plain
from app.figures import curves as draw
from app.runs.before import before_and_after, learns_from_labelled
from app.runs.predictions import images_of, show_side_by_side
from app.runs.reading import (
    at_step,
    class_names,
    pictures,
    read_config,
    read_history,
    read_picture,
    scored_apart,
    scored_on,
    setting_words,
)
from hrs.config import RunConfig
from hrs.methods.table import METHODS, in_words, that_weigh
from hrs.progress import counted
from hrs.runs.folder import PreviewKind
from hrs.runs.registry import RunSummary, came_with_hrs, is_shipped
from hrs.runs.status import ACTIVE, ENDED

Slots = Mapping[str, int]

_LOG_LINES, _NEWEST_LINES = 300, 15  # of a log: that are shown, and that are in sight at once
_FIRST_CURVES = ("mIoU", "loss", "effective_share", "learning_rate")
_VALIDATION = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy"}
_WORDS = {
    "effective_share": "effective sample size (share)",
    "loss_share": "synthetic loss left by the weights (share)",
    "grad_norm": "gradient norm",
}
_OF_WEIGHTS = ("effective_share", "loss_share")
_ABOUT_LEFT = (
    "1: the synthetic frames' loss is as in joint training; 0.6: as with `train.source_weight` at 0.6 of what it is. "
    "Learned weights are 1 on average in every class, but low where a label is doubted, and there the loss is high."
)
_SETTING = "Setting"
_KINDS: dict[str, PreviewKind] = {"Predictions": "val", "Weights": "weights"}


def curves(chosen: list[RunSummary], slots: Slots) -> None:
    """Any recorded number over steps, the runs over each other."""
    recorded = [name for run in chosen for name in read_history(run.run).names("train") if "/" not in name]
    options = list(dict.fromkeys([*_VALIDATION, *recorded]))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    first = [name for name in _FIRST_CURVES if name in options]
    for run in chosen:
        if damaged := read_history(run.run).damaged:
            st.caption(f"{plain(run.name)}: {counted(damaged, 'damaged line')} of metrics.jsonl left out.")
    say_what_scores_mean(chosen)
    shown = left.multiselect("Curves", options, default=first, format_func=words, key="runs curves")
    smoothing = right.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key="runs smoothing")
    for i in range(0, len(shown), 2):
        for place, name in zip(st.columns(2), shown[i : i + 2], strict=False):
            with place:
                _curve_chart(chosen, slots, name, smoothing)


def say_what_scores_mean(chosen: Sequence[RunSummary]) -> None:
    """Which runs were scored on images like those they learned from, and where runs were scored on other images, that
    their scores do not compare."""
    for run in chosen:
        if came_with_hrs(run.run):
            st.caption(f"{plain(run.name)} was scored on {CLIP}: on other images it scores lower.")
    found = scored_apart(chosen)
    if len(found) < 2:
        return
    told = [
        f"{in_words([each.name for each in runs])} on {scored_on(runs[0].run, config)}"
        for runs in found
        if (config := read_config(runs[0].run))
    ]
    st.warning(
        f"Scored on different images: do not compare heights of mIoU or IoU. {plain('; '.join(told))}.",
        icon=":material/balance:",
    )


def classes(chosen: list[RunSummary], slots: Slots) -> None:
    """IoU by class, and where the pixels of each class went."""
    scores = {run.name: iou for run in chosen if (iou := read_history(run.run).last("val", "iou"))}
    if not scores:
        st.info("Scores by class appear after the first validation.")
        return
    say_what_scores_mean([run for run in chosen if run.name in scores])
    steps = {run.name: read_history(run.run).newest("val") for run in chosen if run.name in scores}
    _chart(draw.class_bars(scores, slots, steps), "classes", f"IoU by class of {', '.join(scores)}")
    for run in chosen:
        _confusion_chart(run)


def weights(chosen: list[RunSummary], slots: Slots) -> None:
    """Effective sample size, how much of the loss the weights leave, and mean weight by class over time."""
    shown = [name for name in _OF_WEIGHTS if any(len(_curve(run, slots, "train", name).steps) for run in chosen)]
    if not shown:
        st.info("\n\n".join(_why_not_weighed(run) for run in chosen))
        return
    for place, name in zip(st.columns(len(shown)), shown, strict=True):
        with place:
            _curve_chart(chosen, slots, name, 0.0, place="weights")
    if "loss_share" in shown:
        st.caption(_ABOUT_LEFT)
    for run in chosen:
        if _draws_frames(run):
            st.caption(f"{plain(run.name)} draws frames by their image weight: these curves do not show how often.")
    for run in chosen:
        _class_weight_chart(run)


def _draws_frames(run: RunSummary) -> bool:
    config = read_config(run.run)
    return config is not None and config.draws_frames


def _why_not_weighed(run: RunSummary) -> str:
    config = read_config(run.run)
    if config is None or METHODS[config.method].weighs:
        return f"{plain(run.name)} ({run.status.state}) has recorded no weights: it took no step that weighs."
    title = METHODS[config.method].title.lower()
    return f"{plain(run.name)} is {title} ({config.method}): every pixel alike. {in_words(that_weigh())} weigh them."


def previews(chosen: list[RunSummary], slots: Slots) -> None:
    """Pictures that the runs drew: predictions image by image where that is known, else one step slider for all."""
    found = {kind: {run.name: pictures(run.run, value) for run in chosen} for kind, value in _KINDS.items()}
    first = next((kind for kind, each in found.items() if any(each.values())), "Predictions")
    kind = str(st.segmented_control("Pictures", list(_KINDS), default=first, required=True, key="runs pictures"))
    images = images_of(chosen) if kind == "Predictions" else []
    if images:
        say_what_scores_mean(chosen)
        show_side_by_side(chosen, images)
    elif steps := sorted({step for each in found[kind].values() for step in each}):
        _sheets(chosen, found[kind], _step_slider(steps, kind), kind)
    else:
        st.info("\n\n".join(_why_no_picture(run, kind) for run in chosen))


def _say_apart(run: RunSummary) -> None:
    """Where a run's pictures of weights show something else than what acted."""
    config = read_config(run.run)
    method = METHODS[config.method] if config else None
    if method and method.acts_elsewhere:
        st.caption(f"{plain(run.name)} is a {method.about}.")
    if method and method.apart:
        st.caption(f"{plain(run.name)}: {method.apart}")
    if _draws_frames(run):
        st.caption(f"{plain(run.name)} draws frames by their image weight, which multiplies no loss.")


def _sheets(chosen: list[RunSummary], found: Mapping[str, Mapping[int, Path]], step: int, kind: str) -> None:
    for i in range(0, len(chosen), 2):
        for place, run in zip(st.columns(min(2, len(chosen))), chosen[i : i + 2], strict=False):
            with place:
                _picture(run, found[run.name], step, kind)
                if kind == "Weights":
                    _say_apart(run)


def _why_no_picture(run: RunSummary, kind: str) -> str:
    name, config, state = plain(run.name), read_config(run.run), run.status.state
    if kind == "Weights" and config and not METHODS[config.method].learns_weights:
        return f"{name} is {METHODS[config.method].title.lower()} ({config.method}) and learns no weights."
    if state in ACTIVE:
        return f"{name} is {state}: {kind.lower()} come with its first validation."
    if is_shipped(run.run) and kind == "Predictions":
        return f"{name} comes with hrs without its predictions, for they show photos of others."
    return f"{name} {ENDED[state]} and has drawn no {kind.lower()}."


def settings(chosen: list[RunSummary], slots: Slots) -> None:
    """Where the runs' settings differ, and each run's YAML."""
    configs = {run.name: config for run in chosen if (config := read_config(run.run))}
    if len(configs) > 1:
        differ = differences(configs)
        st.markdown("**Settings that differ**" if len(differ) else "These runs have the same settings.")
        if len(differ):
            st.dataframe(differ, alt="settings that differ between the selected runs")
    for name, config in configs.items():
        with st.expander(plain(name), expanded=len(configs) == 1):
            st.code(config.to_yaml(), language="yaml")
    for run in chosen:
        if run.name not in configs:
            st.warning(f"{plain(run.name)}: config.yaml is missing or does not fit this version of hrs.")


def log(chosen: list[RunSummary], slots: Slots) -> None:
    """The end of each run's log, the newest line first in sight, and what came before it."""
    for run in chosen:
        lines = run.run.log_tail(_LOG_LINES)
        if not lines:
            st.markdown(f"**{plain(run.name)}**: no log yet")
            continue
        newest, earlier = lines[-_NEWEST_LINES:], lines[:-_NEWEST_LINES]
        st.markdown(f"**{plain(run.name)}**, last {counted(len(newest), 'line')}")
        st.code("\n".join(newest), language=None)
        if earlier:
            with st.expander(f"{counted(len(earlier), 'line')} before"):
                st.code("\n".join(earlier), language=None, height=360)
        st.caption(f"The whole log: {plain(str(run.run.log.resolve()))}")


View = Callable[[list[RunSummary], Slots], None]
VIEWS: Mapping[str, View] = {
    "Curves": curves,
    "Classes": classes,
    "Weights": weights,
    "Pictures": previews,
    "Settings": settings,
    "Log": log,
}
"""The tabs in their order."""


def views_of(chosen: Sequence[RunSummary]) -> dict[str, View]:
    """The tabs that make sense for the runs: where the first one learned from labelled photos, what that changed."""
    own = bool(chosen) and learns_from_labelled(chosen[0].run)
    return {**VIEWS, "Before and after": lambda runs, _: before_and_after(runs)} if own else dict(VIEWS)


def words(name: str) -> str:
    """A recorded number's name as people say it."""
    return _WORDS.get(name, name.replace("_", " "))


def differences(configs: Mapping[str, RunConfig]) -> pd.DataFrame:
    """Settings by dotted name (rows) that are not the same in all runs (columns), as text, with their names; of what a
    run lacks nothing."""
    flat = {name: pd.json_normalize(config.model_dump(mode="json")).iloc[0] for name, config in configs.items()}
    table = pd.DataFrame(flat).fillna("").map(str)
    differ = table[table.nunique(axis=1) > 1]
    differ.insert(0, _SETTING, [setting_words(key) for key in differ.index])
    return differ


def _curve_chart(chosen: list[RunSummary], slots: Slots, name: str, smoothing: float, place: str = "curve") -> None:
    split, column = ("val", _VALIDATION[name]) if name in _VALIDATION else ("train", name)
    drawn = [each for run in chosen if len((each := _curve(run, slots, split, column)).steps)]
    if not drawn:
        st.caption(f"{words(name)}: nothing was recorded yet.")
        return
    figure = draw.curves(
        drawn,
        words(name),
        smoothing=0.0 if split == "val" else smoothing,
        end=max(run.status.step for run in chosen),
        unit="percent" if split == "val" else "",
    )
    _chart(figure, f"{place} {name}", f"{words(name)} over steps of {', '.join(each.name for each in drawn)}")


def _curve(run: RunSummary, slots: Slots, split: str, column: str) -> draw.Curve:
    steps, values = read_history(run.run).curve(split, column)
    return draw.Curve(name=run.name, steps=steps, values=values, slot=slots.get(run.name, 0))


def _confusion_chart(run: RunSummary) -> None:
    history = read_history(run.run)
    newest = history.confusion()
    if newest is None:
        st.caption(f"{plain(run.name)}: no confusion matrix was recorded.")
        return
    figure = draw.confusion(newest[1], class_names(run.run, history), run.name, newest[0])
    _chart(figure, f"confusion {run.name}", f"{run.name}: where the pixels of each class went, step {newest[0]:,}")


def _class_weight_chart(run: RunSummary) -> None:
    history = read_history(run.run)
    columns = [name for name in history.names("train") if name.startswith("class_weight/")]
    found = [history.curve("train", name) for name in columns]
    if not any(len(steps) for steps, _ in found):
        st.caption(f"{plain(run.name)}: no weights by class were recorded.")
        return
    table = pd.concat([pd.Series(values, index=steps) for steps, values in found], axis=1).sort_index()
    names = class_names(run.run, history) or [f"class {i}" for i in range(len(columns))]
    figure = draw.class_weights(table.index.to_numpy(), table.to_numpy(np.float32), names[: len(columns)], run.name)
    _chart(figure, f"class weights {run.name}", f"{run.name}: mean weight of each class over steps")


def _picture(run: RunSummary, found: Mapping[int, Path], step: int, kind: str) -> None:
    picture = at_step(found, step)
    if picture is None:
        st.caption(f"{plain(run.name)}: nothing at or before step {step:,}.")
        return
    text = f"{run.name}, step {picture[0]:,}"
    image = read_picture(picture[1])
    if image is None:
        st.caption(f"{plain(text)}: the picture is damaged.")
    else:
        st.image(image, caption=plain(text), alt=f"{kind} of {text}")


def _step_slider(steps: list[int], kind: str) -> int:
    if len(steps) == 1:
        st.caption(f"Step {steps[0]:,}")
        return steps[0]
    chosen = st.select_slider("Step", steps, value=steps[-1], format_func="{:,}".format, key=f"runs step {kind}")
    return int(chosen)


def _chart(figure: go.Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=f"runs {key}", alt=alt, config=draw.CHART)
