"""The grid of frames: order, filters, tags and numbers below the tiles."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hrs.runs.folder import RunFolder
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.tags import Tags
from hrs.scoring.write import write_table
from tests.app.conftest import button, labels, words
from tests.conftest import write_frames
from tests.scoring.weighted_run import make_run


def test_frames_of_a_run_that_ships_get_no_tags(root, tmp_path, run, frames, tiny, open_page):
    make_run(tmp_path / "checkpoints", "street", frames["source"], tiny)
    assert "Tags" in [each.label for each in open_page("weights", run="scored", frame="004").multiselect]
    at = open_page("weights", run="street", frame="004")
    assert "**004**" in words(at) and "Tags" not in [each.label for each in at.multiselect]


def test_a_page_says_over_what_weights_average_1(run, open_page):
    at = open_page("weights", run="scored")
    assert "weigh 1 on average over this corpus" in words(at)
    corpus = ScoredCorpus.open(run / "scores")
    maps = [(frame.read_maps()["combined"], frame.read_label()) for frame in map(corpus.frame, range(len(corpus)))]
    for label in range(len(corpus.space)):
        assert np.mean(np.concatenate([weights[ids == label] for weights, ids in maps])) == pytest.approx(1, abs=0.01)
    at.segmented_control(key="weights source").set_value("panel").run()
    assert "weigh 1 on average over what training saw of late, not over these few frames" in words(at)


def test_a_tile_has_a_number_for_every_map_and_the_one_that_sorts(run, open_page, monkeypatch):
    sent = {}
    monkeypatch.setattr("app.weights.grid._GRID", lambda *, data, **_: sent.update(data))
    corpus = ScoredCorpus.open(run / "scores")
    open_page("weights", run="scored", map="pixel")
    assert sent["sort"] == {"map": "combined", "title": "Weight of the frame"}
    for tile in sent["tiles"]:
        maps = corpus.frame(corpus.find(tile["id"])).read_maps()
        assert {name: float(said) for name, said in tile["notes"].items()} == pytest.approx(
            {name: each.mean() for name, each in maps.items()}, abs=0.02
        )
        assert tile["sort"] == tile["notes"]["combined"]
    open_page("weights", run="scored", sort="region/mean")
    assert sent["sort"]["map"] == "region"
    open_page("weights", run="scored", sort="region/car")
    assert sent["sort"] == {"map": "", "title": "Region: car"}
    assert [float(tile["sort"]) for tile in sent["tiles"]] == sorted(float(tile["sort"]) for tile in sent["tiles"])


def test_the_grid_counts_sorts_and_filters(run, open_page):
    at = open_page("weights")
    assert "12 of 12 frames" in words(at)
    at.selectbox(key="weights filter by").select("weight").run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    values = ScoredCorpus.open(run / "scores").values("weight")
    slider.set_range(slider.min, 1.0).run()
    assert not at.exception
    assert f"{(values <= 1).sum()} of 12 frames" in words(at)
    assert f"Weight of the frame: hides {(values > 1).sum()} of 12 frames" in words(at)
    assert f"Export {(values <= 1).sum()} frames" in [each.label for each in at.expander]


def test_pages_of_24_start_again_when_the_filter_changes(root, tmp_path, tiny, open_page):
    run = make_run(root, "large", f"folder:{write_frames(tmp_path / 'large', 50, seed=9)}", tiny, panel=False)
    at = open_page("weights")
    assert "50 of 50 frames" in words(at)
    key = f"weights page {run / 'scores'} weight False []"
    assert at.session_state[key] == 1
    at.session_state[key] = 3
    at.run()
    assert at.session_state[key] == 3 and not at.exception
    least = float(ScoredCorpus.open(run / "scores").values("weight").min())
    at.selectbox(key="weights filter by").select("weight").run()
    slider = next(each for each in at.slider if each.label == "Weight of the frame")
    slider.set_range(slider.min, least + 0.01).run()
    assert not at.exception and not at.get("pagination")
    assert f"{(ScoredCorpus.open(run / 'scores').values('weight') <= least + 0.01).sum()} of 50 frames" in words(at)


def test_a_filter_at_full_range_hides_nothing_and_a_missing_class_is_a_choice(root, tmp_path, tiny, open_page):
    folder = write_frames(tmp_path / "some", 8, seed=9)
    run = make_run(root, "some", f"folder:{folder}", tiny, panel=False)
    lacking = lacks_class(run, "combined/car", rows=(1, 2, 5))
    at = open_page("weights")
    at.selectbox(key="weights filter by").select("combined/car").run()
    assert "8 of 8 frames" in words(at)
    choice = at.segmented_control(key="weights without combined/car")
    assert choice.label == f"{lacking} frames without car" and choice.value == "keep"
    choice.set_value("hide").run()
    assert f"{8 - lacking} of 8 frames" in words(at) and f"hides {lacking} of 8 frames: {lacking} without car" in words(
        at
    )
    at.segmented_control(key="weights without combined/car").set_value("only").run()
    assert f"{lacking} of 8 frames" in words(at) and f"hides {8 - lacking} of 8 frames, those that have car" in words(
        at
    )
    next(each for each in at.button if each.label.startswith("Remove the filter")).click().run()
    assert "8 of 8 frames" in words(at) and "filter" not in at.query_params


def lacks_class(run, statistic, rows):
    """Have a corpus lack a statistic of some frames; how many."""
    file = run / "scores/index.parquet"
    table = pq.read_table(file)
    values = [None if row in rows else value for row, value in enumerate(table[statistic].to_pylist())]
    at = table.schema.get_field_index(statistic)
    write_table(file, table.set_column(at, statistic, pa.array(values, pa.float64())))
    return len(rows)


def test_the_address_holds_order_and_filters(run, open_page):
    values = ScoredCorpus.open(run / "scores").values("weight")
    at = open_page("weights", sort="weight", order="highest", filter=["weight:0:1:keep", "nonsense:0:1:keep", "x"])
    assert f"{(values <= 1).sum()} of 12 frames" in words(at)
    assert at.segmented_control(key="weights order").value == "highest"
    assert [each.value.count("is left out") for each in at.warning] == [1, 1]
    at.segmented_control(key="weights order").set_value("lowest").run()
    assert "order" not in at.query_params
    at.selectbox(key="weights sort").select("effective_share").run()
    assert at.query_params["sort"] == "effective_share"


def test_a_filter_that_the_address_says_twice_is_one(run, open_page):
    at = open_page("weights", filter=["weight:0:1:keep", "weight:0.0:1:keep"])
    assert [each.startswith("Remove the filter") for each in labels(at)].count(True) == 1


def test_a_tag_that_is_gone_can_be_taken_off_the_filter(run, open_page):
    at = open_page("weights", tag="gone")
    assert "0 of 12 frames" in words(at)
    kept = at.multiselect(key="weights tags kept")
    assert kept.options == kept.value == ["gone"]
    kept.set_value([]).run()
    assert not at.exception and "tag" not in at.query_params and "12 of 12 frames" in words(at)


def test_frames_are_tagged_and_kept_by_tag(run, open_page):
    at = open_page("weights", frame="004")
    tags = Tags(RunFolder(run).tags)
    tags.put("007", ["dark"])
    at.run()
    box = at.multiselect(key="weights tags 004")
    assert box.options == ["dark"] and box.value == []
    box.set_value(["dark"]).run()
    assert tags.read() == {"004": ["dark"], "007": ["dark"]}
    button(at, "All frames").click().run()
    at.multiselect(key="weights tags kept").set_value(["dark"]).run()
    assert "2 of 12 frames" in words(at) and "Tagged dark: hides 10 of 12 frames" in words(at)
    assert at.query_params["tag"] == "dark" or at.query_params["tag"] == ["dark"]


def test_sorting_by_a_class_asks_which(run, open_page):
    at = open_page("weights")
    at.selectbox(key="weights sort").select("region/").run()
    classes = next(each for each in at.selectbox if each.label == "Class")
    assert classes.options == ["sky", "road", "car", "tree"]
    classes.select("region/car").run()
    at.query_params["frame"] = "000"
    at.run()
    order = ScoredCorpus.open(run / "scores").select(sort="region/car").tolist()
    assert f":gray[{order.index(0) + 1} of 12]" in words(at)
