"""The areas of a corpus against its maps, and its groups against pandas."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.panel import open_panel
from hrs.scoring.write import About
from tests.conftest import write_frames
from tests.scoring.weighted_run import make_run, make_scores, panel_scale


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return f"folder:{write_frames(tmp_path_factory.mktemp('areas') / 'source', 9, seed=4)}"


@pytest.fixture(scope="module")
def table(tmp_path_factory, source):
    out = tmp_path_factory.mktemp("scores")
    make_scores(out, source)
    return AreaTable.of(ScoredCorpus.open(out))


def as_frame(table):
    """Every area with its final weight, and what it loses."""
    parts = pd.concat([pd.read_parquet(path) for path in table.files.values()])
    means = np.array(table.corpus.about.scale.maps["combined"].means)
    strength = table.corpus.about.scale.maps["combined"].strength
    parts["weight"] = 1 + strength * (parts["combined"] / means[parts["label"]] - 1)
    parts["lost"] = parts["pixels"] * (1 - parts["weight"])
    return parts


def test_areas_weigh_what_their_pixels_do(table):
    for row in (0, 4):
        frame = table.corpus.frame(row)
        maps, ids, label = frame.read_maps(), table.corpus.read_reasons(row).areas, frame.read_label()
        areas = table.of_frame(row)
        assert len(areas) == ids.max() > 2
        for area in areas:
            inside = ids == area.number
            assert area.row == row and area.pixels == inside.sum() and set(label[inside]) == {area.label}
            for name, weight in area.weights.items():
                assert weight == pytest.approx(maps[name][inside].mean(), rel=0.03), (name, area)


def test_groups_are_those_of_pandas(table):
    areas = as_frame(table)
    groups = [*table.groups(), *table.agreeing()]
    assert len(groups) > 4 and sum(group.areas for group in groups) == len(table) == len(areas)
    for part in (table.groups(), table.agreeing()):
        assert [group.lost for group in part] == sorted((group.lost for group in part), reverse=True)
    for group in groups:
        own = areas[(areas["label"] == group.label) & (areas["seen"] == group.seen)]
        share = own["pixels"] / own["pixels"].sum()
        assert (group.areas, group.frames, group.pixels) == (len(own), own["row"].nunique(), own["pixels"].sum())
        assert group.lost == pytest.approx(own["lost"].sum(), rel=1e-4, abs=1e-3)
        for name in ("weight", "confidence", "harm"):
            assert getattr(group, name) == pytest.approx((own[name] * share).sum(), rel=1e-4), name


def test_what_looks_like_its_label_is_no_kind_of_fault(table):
    assert table.groups() and all(group.label != group.seen for group in table.groups())
    assert table.agreeing() and all(group.label == group.seen for group in table.agreeing())


def test_half_of_all_areas_are_seen_less_surely_than_the_sureness(table):
    assert table.sureness == pytest.approx(as_frame(table)["confidence"].median())


def test_members_are_those_that_lose_most_one_a_frame(table):
    areas, group = as_frame(table), table.agreeing()[0]
    assert group.lost > 0
    own = areas[(areas["label"] == group.label) & (areas["seen"] == group.seen)]
    best = own.sort_values("lost", ascending=False, kind="stable").drop_duplicates("row")["row"].tolist()
    assert [area.row for area in table.members(group, 3)] == best[:3]


@pytest.mark.parametrize("highest", [False, True])
def test_extremes_of_a_class_are_those_of_pandas(table, highest):
    side = "lost < 0" if highest else "lost > 0"
    areas = as_frame(table).query(f"label == 1 and {side}").sort_values("lost", ascending=highest, kind="stable")
    expected = areas.drop_duplicates("row")[["row", "area"]].to_numpy().tolist()[:4]
    assert [[area.row, area.number] for area in table.extremes(1, 4, highest=highest)] == expected


def test_areas_of_weight_1_neither_lose_nor_gain(source, tmp_path, tiny):
    """As all do at a panel's first step; they are examples of their groups all the same."""
    run = RunFolder(make_run(tmp_path, "run", source, tiny, panel=False))
    about = About.read(run.scores.about)
    replace(about, scale=panel_scale(0)).write(run.scores.about)
    table = AreaTable.of(ScoredCorpus.open(run.scores.path))
    assert all(not table.extremes(label, 4, highest=highest) for label in range(4) for highest in (False, True))
    assert all(table.members(group, 3) for group in table.groups())


def test_the_areas_of_a_frame_come_from_its_own_file(table, source, tmp_path, monkeypatch):
    """A corpus in several files; a broken other one is not looked at, a stale one behind the end neither."""
    make_scores(tmp_path, source)
    whole = pd.read_parquet(tmp_path / "areas/000000.parquet")
    for start, end in ((0, 4), (4, 9)):
        whole[whole["row"].between(start, end - 1)].to_parquet(tmp_path / f"areas/{start:06d}.parquet", index=False)
    (tmp_path / "areas/000064.parquet").write_bytes(b"left by a larger corpus")
    split = AreaTable.of(ScoredCorpus.open(tmp_path))
    assert len(split) == len(table) and split.groups() == table.groups()
    (tmp_path / "areas/000004.parquet").write_bytes(b"PAR1 cut short")
    assert split.of_frame(3) == table.of_frame(3)
    with pytest.raises(HRSError, match="score the run again"):
        split.of_frame(4)


def test_a_corpus_of_before_says_what_it_lacks(source, tmp_path, frames, tiny):
    make_scores(tmp_path / "old", source, reasons=False)
    old = ScoredCorpus.open(tmp_path / "old")
    assert old.frame(0).read_maps() and not old.says_why
    with pytest.raises(HRSError, match=r"an older version of hrs scored it; score the run again: python -m hrs score"):
        AreaTable.of(old)
    run = RunFolder(make_run(tmp_path, "run", frames["source"], tiny))
    with pytest.raises(HRSError, match="an older version of hrs trained it; score the run: python -m hrs score NAME"):
        AreaTable.of(open_panel(run, 5))


@pytest.mark.parametrize("damage", [{"label": 77}, {"seen": 4}, {"row": -1}, {"region": None}])
def test_tables_that_do_not_fit_their_corpus_are_one_line(source, tmp_path, damage):
    make_scores(tmp_path, source)
    areas = pd.read_parquet(tmp_path / "areas/000000.parquet")
    ((name, value),) = damage.items()
    if value is None:
        areas = areas.drop(columns=name)
    else:
        areas[name] = areas[name].astype("int32")
        areas.loc[3, name] = value
    areas.to_parquet(tmp_path / "areas/000000.parquet", index=False)
    with pytest.raises(HRSError, match=r"tables of areas cannot be read .*score the run again"):
        AreaTable.of(ScoredCorpus.open(tmp_path)).of_frame(0)


def test_areas_of_frames_that_are_still_being_scored_are_left_out(source, tmp_path):
    make_scores(tmp_path, source)
    corpus = ScoredCorpus.open(tmp_path)
    whole = AreaTable.of(corpus)
    file = tmp_path / "areas/000000.parquet"
    areas = pd.read_parquet(file)
    beyond = areas[areas["row"] == len(corpus) - 1].assign(row=len(corpus))
    pd.concat([areas, beyond.astype(areas.dtypes)]).to_parquet(file, index=False)
    again = AreaTable.of(ScoredCorpus.open(tmp_path))
    assert len(again) == len(whole) and again.groups() == whole.groups()
