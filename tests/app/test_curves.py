"""Figures as pure functions: the numbers that go in are the numbers that are drawn."""

import json

import numpy as np
import pytest

from app.figures.curves import (
    POINTS,
    Curve,
    against_images,
    assign_slots,
    class_bars,
    class_weights,
    confusion,
    curves,
    differences,
    histogram,
    smooth,
    thin,
)
from hrs.pictures import weight_stops
from hrs.study.table import Outcome, estimate, study_table


def line(name="a", count=100, slot=0):
    steps = np.arange(1, count + 1)
    return Curve(name=name, steps=steps, values=np.sin(steps / 9.0), slot=slot)


def test_thinning_keeps_ends_and_peaks():
    steps, values = np.arange(10_000), np.zeros(10_000)
    values[4321], values[4322] = 9, -9
    kept, shown = thin(steps, values)
    assert len(kept) <= POINTS and (kept[0], kept[-1]) == (0, 9999)
    assert shown.max() == 9 and shown.min() == -9
    assert (np.diff(kept) > 0).all() and np.array_equal(shown, values[kept])


def test_short_curves_stay_whole():
    steps, values = thin(np.arange(POINTS), np.arange(POINTS))
    assert len(steps) == len(values) == POINTS


def test_smoothing():
    values = np.array([1.0, 3.0, 5.0])
    assert smooth(values, 0) is values
    assert smooth(values, 0.5) == pytest.approx([1, 7 / 3, 27 / 7])  # weights 1; 1/2, 1; 1/4, 1/2, 1
    assert smooth(np.full(50, 2.0), 0.95) == pytest.approx(np.full(50, 2.0))


def test_slots_stay_while_runs_come_and_go():
    first = assign_slots(["a", "b", "c"], {})
    assert first == {"a": 0, "b": 1, "c": 2}
    assert assign_slots(["c", "d", "a"], first) == {"c": 2, "d": 1, "a": 0}


def test_curves_lie_over_each_other():
    figure = curves([line("a"), line("b", slot=8)], "loss")
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert figure.data[0].line.color != figure.data[1].line.color and figure.data[1].line.dash != "solid"
    assert figure.layout.uirevision == "loss"  # a zoom outlives new points


def test_panels_share_their_steps_and_name_their_unit():
    short, long = (curves([line(count=count)], "mIoU", end=100, unit="percent") for count in (40, 100))
    assert short.layout.xaxis.range == long.layout.xaxis.range == (0, 102)
    assert short.layout.yaxis.title.text == "percent"
    assert curves([line(count=200)], "loss", end=100).layout.xaxis.range == (0, 204)


def test_smoothed_curves_show_the_raw_ones_behind():
    faint, shown = curves([line()], "loss", smoothing=0.9).data
    assert faint.opacity < 0.5 and not faint.showlegend
    assert np.ptp(shown.y) < np.ptp(faint.y)


def test_class_bars_leave_out_what_was_not_scored():
    scores = {"a": {"sky": 60.0, "car": float("nan")}, "b": {"sky": 50.0}}
    figure = class_bars(scores, {"a": 0, "b": 1}, {"a": 100, "b": 2000})
    assert figure.data[0].x == (60.0, None) and figure.data[1].x == (50.0, None)
    assert [bar.name for bar in figure.data] == ["a, step 100", "b, step 2,000"]


def test_bars_of_many_runs_are_told_apart():
    names = [f"run {i}" for i in range(12)]
    scores = {name: {"sky": 1.0} for name in names}
    bars = class_bars(scores, {name: i for i, name in enumerate(names)}, dict.fromkeys(names, 1))
    assert len({(bar.marker.color, bar.marker.pattern.shape) for bar in bars.data}) == 12


def test_confusion_is_normalised_by_true_class():
    figure = confusion(np.array([[3, 1], [0, 0]]), ["sky", "car"], "x", 500)
    shares = np.array(figure.data[0].z)
    assert shares[0].tolist() == [75, 25] and np.isnan(shares[1]).all()
    assert np.array(figure.data[0].customdata).tolist() == [[3, 1], [0, 0]]


def test_every_class_is_named_beside_an_axis_and_a_long_name_keeps_its_ends():
    names = [*map(str, range(29)), "object--traffic-sign--information-parking"]
    figure = confusion(np.ones((30, 30), int), names, "x", 1)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.tickvals) == names and list(axis.ticktext[:29]) == names[:29]
        assert axis.ticktext[29] == "object--tra…tion-parking"
    assert figure.data[0].x[29] == names[29]  # what the hover says


def test_class_weights_average_stretches_without_nan():
    steps = np.arange(10, 1010, 10)
    weights = np.tile([1.0, 0.5], (100, 1))
    weights[0, 1] = np.nan
    weights[1, 0] = 3.0
    heat = class_weights(steps, weights, ["sky", "car"], "x").data[0]
    shown = np.array(heat.z)
    assert shown.shape == (2, 50) and shown[0, 0] == 2.0 and shown[1, 0] == 0.5
    assert [colour for _, colour in heat.colorscale] == weight_stops() and heat.x[-1] == "1,000"


def test_class_weights_of_one_step():
    heat = class_weights(np.array([10]), np.array([[np.nan, 1.0]]), ["sky", "car"], "x").data[0]
    assert np.isnan(heat.z[0][0]) and heat.z[1][0] == 1.0


def test_histograms_share_their_classes():
    figure = histogram({"a": {"sky": 40.0, "car": 60.0}, "b": {"car": 100.0}}, logarithmic=True)
    assert figure.data[1].y == ("sky", "car") and figure.data[1].x == (None, 100.0)
    assert figure.layout.xaxis.type == "log"


ODD = "<b>wet</b> & dry"
FIGURES = (
    lambda: curves([line(ODD)], "loss"),
    lambda: class_bars({ODD: {ODD: 1.0}}, {}, {ODD: 1}),
    lambda: confusion(np.ones((1, 1), int), [ODD], ODD, 1),
    lambda: class_weights(np.array([10]), np.ones((1, 1)), [ODD], ODD),
    lambda: histogram({ODD: {ODD: 100.0}}),
    lambda: differences({ODD: estimate([1.0, 2.0])}, ODD),
    lambda: against_images(study_table(outcomes(ODD, [1.0])), outcomes(ODD, [1.0])),
)


@pytest.mark.parametrize("figure", FIGURES)
def test_names_are_read_as_they_stand(figure):
    said = json.dumps(figure().to_plotly_json(), default=list)
    assert "&lt;b&gt;wet&lt;/b&gt; &amp; dry" in said and "<b>" not in said


def outcomes(method, scores, n_real=10):
    return [Outcome(method=method, n_real=n_real, seed=seed, score=score) for seed, score in enumerate(scores)]


def test_the_intervals_of_the_table_are_drawn():
    runs = outcomes("hrs", [40.0, 42.0, 44.0]) + outcomes("joint", [30.0, 50.0]) + outcomes("hrs", [60.0], None)
    figure = against_images(study_table(runs), runs)
    means = {trace.name: trace for trace in figure.data if trace.name}
    assert means["hrs"].y == (42.0, 60.0) and means["joint"].y == (40.0,)
    assert means["hrs"].error_y.array[0] == pytest.approx(4.968, abs=1e-3)  # 4.303 * 2 / sqrt(3)
    assert means["hrs"].error_y.array[1] == 0  # one seed
    assert means["joint"].error_y.array[0] == pytest.approx(127.06, abs=0.01)  # two: 12.706 * 20 / 2
    assert figure.layout.yaxis.range == (-6, 106), "no wider than percent can be"
    assert figure.layout.xaxis.type == "log" and figure.layout.xaxis.ticktext == ("10", "all")
    dots = [trace for trace in figure.data if not trace.name]
    assert sorted(y for trace in dots for y in trace.y) == [30, 40, 42, 44, 50, 60]
