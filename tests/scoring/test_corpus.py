"""A scored corpus: its table against pandas, its maps against the arrays they were made from."""

import base64
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hrs.data.layouts import open_dataset
from hrs.errors import HRSError
from hrs.scoring import corpus as scores
from hrs.scoring.corpus import Between, ScoredCorpus, enlarge
from hrs.selection.scale import Scale
from hrs.system.images import encode
from tests.conftest import CLASSES, write_frames
from tests.scoring.weighted_run import make_raw, make_scores


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return f"folder:{write_frames(tmp_path_factory.mktemp('scored') / 'source', 9, seed=4)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, source):
    out = tmp_path_factory.mktemp("scores")
    make_scores(out, source)
    return out


@pytest.fixture
def corpus(folder):
    return ScoredCorpus.open(folder)


@pytest.fixture(scope="module")
def table(folder):
    return pd.read_parquet(folder / "index.parquet")


def ids(corpus, rows):
    return [corpus.frame(int(row)).id for row in rows]


@pytest.mark.parametrize("statistic", ["weight", "effective_share", "region/std", "combined/car"])
@pytest.mark.parametrize("descending", [False, True])
def test_order_is_that_of_pandas(corpus, table, statistic, descending):
    expected = table.sort_values(statistic, ascending=not descending, kind="stable")["frame"].tolist()
    assert ids(corpus, corpus.select(sort=statistic, descending=descending)) == expected


def test_conditions_are_all_met(corpus, table):
    where = [Between(statistic="weight", low=0.6, high=1.2), Between(statistic="pixel/mean", low=0.9, high=9)]
    expected = table[table["weight"].between(0.6, 1.2) & table["pixel/mean"].between(0.9, 9)]["frame"].tolist()
    assert 0 < len(expected) < len(table)
    assert ids(corpus, corpus.select(where=where)) == expected


def test_frames_without_the_class_come_last_and_fail_its_condition(tmp_path, folder):
    (tmp_path / "corpus.json").write_bytes((folder / "corpus.json").read_bytes())
    table = pd.DataFrame({"frame": list("abc"), "map": "m", "picture": "p", "combined/car": [None, 2.0, 1.0]})
    table.to_parquet(tmp_path / "index.parquet")
    corpus = ScoredCorpus.open(tmp_path)
    assert ids(corpus, corpus.select(sort="combined/car")) == ["c", "b", "a"]
    assert ids(corpus, corpus.select(sort="combined/car", descending=True)) == ["b", "c", "a"]
    assert ids(corpus, corpus.select(where=[Between(statistic="combined/car", low=0, high=9)])) == ["b", "c"]
    for absent, kept in (("keep", ["a", "b"]), ("hide", ["b"]), ("only", ["a"])):
        where = Between(statistic="combined/car", low=1.5, high=9, absent=absent)
        assert ids(corpus, corpus.select(where=[where])) == kept
    assert corpus.mean("combined/car") == 1.5


def test_weights_have_mean_one_in_every_class_as_they_are_read_back(corpus):
    frames = [corpus.frame(row) for row in range(len(corpus))]
    labels, maps = np.stack([frame.read_label() for frame in frames]), [frame.read_maps() for frame in frames]
    for name in corpus.maps:
        weights = np.stack([each[name] for each in maps])
        for c in range(len(CLASSES)):
            assert weights[labels == c].mean() == pytest.approx(1, abs=0.01)


def test_pages_touch_only_their_frames(corpus):
    rows = corpus.select(sort="weight")
    pages = [corpus.page(rows, number, 4) for number in range(4)]
    assert [len(page) for page in pages] == [4, 4, 1, 0]
    assert [frame.id for page in pages for frame in page] == ids(corpus, rows)


def test_a_frame_reads_its_maps_and_its_picture(corpus, source):
    data = open_dataset(source)
    row = corpus.find("003")
    frame = corpus.frame(row)
    label = frame.read_label()
    assert np.array_equal(label, data.read_label(3)[::2, ::2])
    assert frame.read_picture().shape == (24, 32, 3)
    assert base64.b64encode(frame.read_jpeg()).startswith(b"/9j/")
    maps, expected = frame.read_maps(), corpus.about.scale.apply(make_raw(3, label), label)
    assert set(maps) == set(corpus.maps) == {"combined", "pixel", "region", "image"}
    for name in maps:
        np.testing.assert_allclose(maps[name], expected[name], rtol=0.03)
    assert corpus.find("nowhere") is None


def test_statistics_are_numbers_and_unknown_ones_are_named(corpus, table):
    assert {"weight", "effective_share", "pixel/mean", "combined/car"} <= set(corpus.statistics)
    assert "frame" not in corpus.statistics
    assert np.allclose(corpus.values("weight"), table["weight"])
    with pytest.raises(HRSError, match="no statistic 'wieght'"):
        corpus.values("wieght")


def test_columns_are_read_when_asked_for(folder, monkeypatch):
    read, real = [], scores.pq.read_table

    def spy(source, *, columns):
        read.extend(columns)
        return real(source, columns=columns)

    monkeypatch.setattr(scores.pq, "read_table", spy)
    corpus = ScoredCorpus.open(folder)
    corpus.page(corpus.select(sort="weight"), 0, 4)
    corpus.select(sort="weight", descending=True)
    assert sorted(read) == ["frame", "map", "picture", "weight"]


def test_csv_holds_the_chosen_rows_in_order(corpus, table):
    rows = corpus.select(sort="weight", descending=True)[:5]
    written = pd.read_csv(io.BytesIO(corpus.export_csv(rows)), dtype={"frame": str})
    expected = table.sort_values("weight", ascending=False)[:5].reset_index(drop=True)
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)


def test_no_frame_is_a_formula_in_the_csv(source, tmp_path):
    make_scores(tmp_path, source)
    table = pd.read_parquet(tmp_path / "index.parquet")
    table.loc[0, ["frame", "label"]] = ["=1+1", None]
    table.to_parquet(tmp_path / "index.parquet")
    corpus = ScoredCorpus.open(tmp_path)
    written = pd.read_csv(io.BytesIO(corpus.export_csv(corpus.select())), dtype={"frame": str})
    assert written["frame"].tolist()[:2] == ["'=1+1", "001"] and written["label"].isna().tolist()[:2] == [True, False]


def test_an_open_corpus_stays_as_it_is_when_it_is_scored_again(tmp_path, source):
    make_scores(tmp_path, source)
    corpus = ScoredCorpus.open(tmp_path)
    before = corpus.values("weight").copy()
    fresh = tmp_path / "fresh.parquet"
    pd.read_parquet(tmp_path / "index.parquet").head(2).to_parquet(fresh)
    os.replace(fresh, tmp_path / "index.parquet")
    assert len(corpus) == len(before)
    assert len(ScoredCorpus.open(tmp_path)) == 2


def test_missing_and_damaged_corpora_say_what_to_do(tmp_path):
    with pytest.raises(HRSError, match="score the run first"):
        ScoredCorpus.open(tmp_path)
    (tmp_path / "index.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(HRSError, match="older version; score the run again"):
        ScoredCorpus.open(tmp_path)
    for about in ("{}", "[]", '{"space": []}'):
        (tmp_path / "corpus.json").write_text(about)
        with pytest.raises(HRSError, match=f"{tmp_path} cannot be read"):
            ScoredCorpus.open(tmp_path)


@pytest.mark.parametrize("column", ["map", "picture"])
@pytest.mark.parametrize("elsewhere", ["../../secret.npz", "/etc/hostname", "maps/../../../secret.npz"])
def test_a_table_shows_no_file_outside_of_its_run(tmp_path, source, column, elsewhere):
    out = tmp_path / "run" / "scores"
    make_scores(out, source)
    table = pq.read_table(out / "index.parquet")
    (tmp_path / "secret.npz").write_bytes((out / table["map"][0].as_py()).read_bytes())
    place = table.column_names.index(column)
    table = table.set_column(place, column, pa.array([elsewhere] * len(table)))
    pq.write_table(table, out / "index.parquet")
    with pytest.raises(HRSError, match="outside of it"):
        ScoredCorpus.open(out).frame(0)


@pytest.mark.parametrize("damage", ["label of another size", "no scale of a map"])
def test_a_frame_whose_files_do_not_fit_is_one_clear_line(corpus, damage):
    frame = corpus.frame(0)
    if damage == "no scale of a map":
        frame = replace(frame, scale=Scale(maps={"combined": frame.scale.maps["combined"]}))
        with pytest.raises(HRSError, match=r"do not fit .* score the run again"):
            frame.read_maps()
        return
    kept = frame.picture.with_suffix(".png").read_bytes()
    frame.picture.with_suffix(".png").write_bytes(encode(".png", np.zeros((3, 4), np.uint8)))
    try:
        with pytest.raises(HRSError, match=r"do not fit .* score the run again"):
            frame.read_maps()
    finally:
        frame.picture.with_suffix(".png").write_bytes(kept)


def test_enlarging_takes_the_pixel_below_the_centre():
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    large = enlarge(weights, 5, 7)
    for y in range(5):
        for x in range(7):
            assert large[y, x] == weights[int((y + 0.5) * 2 / 5), int((x + 0.5) * 3 / 7)]
    assert np.array_equal(enlarge(large, 2, 3), weights)


def test_reading_needs_no_torch():
    code = "import sys, hrs.scoring.corpus, hrs.scoring.panel; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_format_of_the_future_is_refused_and_one_of_before_is_read(source, tmp_path):
    make_scores(tmp_path, source)
    about = json.loads((tmp_path / "corpus.json").read_text())
    for name in ("version", "judges"):  # as versions wrote it that did not say why
        about.pop(name)
    (tmp_path / "corpus.json").write_text(json.dumps(about))
    before = ScoredCorpus.open(tmp_path)
    assert not before.says_why and before.frame(0).read_maps()
    (tmp_path / "corpus.json").write_text(json.dumps({**about, "version": 99}))
    with pytest.raises(HRSError, match=r"a newer version of hrs wrote corpus\.json"):
        ScoredCorpus.open(tmp_path)


def test_scores_of_an_older_version_that_called_files_otherwise_say_why(source, tmp_path):
    make_scores(tmp_path, source)
    table, stem = pd.read_parquet(tmp_path / "index.parquet"), "seq__000"
    for kind, end in (("maps", "npz"), ("reasons", "npz"), ("frames", "jpg"), ("frames", "png")):
        (tmp_path / kind / f"000.{end}").rename(tmp_path / kind / f"{stem}.{end}")
    table.loc[0, ["frame", "map", "picture"]] = [stem, f"maps/{stem}.npz", f"frames/{stem}.jpg"]
    table.to_parquet(tmp_path / "index.parquet")
    corpus = ScoredCorpus.open(tmp_path)
    assert corpus.read_reasons(0).areas.shape == corpus.frame(0).read_label().shape


@pytest.mark.parametrize(
    "judges", [{"seen_by": "nobody"}, {"combination": "sum"}, {"acting": None}, {"signals": ["taste"]}, []]
)
def test_judges_that_are_none_are_refused(source, tmp_path, judges):
    make_scores(tmp_path, source)
    about = json.loads((tmp_path / "corpus.json").read_text())
    about["judges"] = {**about["judges"], **judges} if judges else judges
    (tmp_path / "corpus.json").write_text(json.dumps(about))
    with pytest.raises(HRSError, match="cannot be read"):
        ScoredCorpus.open(tmp_path)
