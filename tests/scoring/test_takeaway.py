"""What one passes on: tables against the areas, a sheet, and a report that needs nothing beside it."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest

from hrs.errors import HRSError
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.crops import SIDE, contact_sheet, crop, square_around
from hrs.scoring.report import LEAST_SURE, agreeing_in_words, doubt, facts_of, report_html, title_of, unjudged_in_words
from hrs.scoring.takeaway import groups_csv, write_takeaway
from hrs.scoring.why import sentence
from hrs.scoring.write import Judges
from tests.conftest import CLASSES
from tests.scoring.weighted_run import DEPARTURE, HEIGHT, WIDTH, make_scores


@pytest.fixture(scope="module")
def table(tmp_path_factory, frames):
    folder = tmp_path_factory.mktemp("takeaway")
    make_scores(folder, frames["source"])
    return AreaTable.of(ScoredCorpus.open(folder))


def test_the_folder_is_new_and_holds_every_file(table, tmp_path):
    files = write_takeaway(table, tmp_path / "out", "Areas")
    assert [path.name for path in files] == ["faults.csv", "areas.csv", "areas.png", "areas.html"]
    assert all(path.stat().st_size for path in files)
    with pytest.raises(HRSError, match="out exists; name a folder that does not"):
        write_takeaway(table, tmp_path / "out", "Areas")


def test_the_tables_hold_every_group_and_every_area(table, tmp_path):
    write_takeaway(table, tmp_path / "out", "Areas")
    groups = pd.read_csv(io.BytesIO(groups_csv(table)))
    assert groups["areas"].tolist() == [group.areas for group in table.groups()]
    assert groups["label"].tolist() == [CLASSES[group.label] for group in table.groups()]
    areas = pd.read_csv(tmp_path / "out/areas.csv", dtype={"frame": str})
    assert len(areas) == len(table)
    for place in (0, 7, len(table) - 1):
        (area,), row = table.take([place]), areas.iloc[place]
        assert (row["frame"], row["area"]) == (table.corpus.frame(area.row).id, area.number)
        assert (row["label"], row["seen"]) == (CLASSES[area.label], CLASSES[area.seen])
        assert (row["left"], row["top"], row["right"], row["bottom"]) == area.box
        assert (row["width"], row["height"]) == (WIDTH, HEIGHT)
        assert row["weight"] == pytest.approx(area.weights["combined"], abs=1e-4)
        assert row["weight/region"] == pytest.approx(area.weights["region"], abs=1e-4)
        assert row["harm"] == pytest.approx(area.harm)
        assert (row["planted"] == "labelled as another class") == (area.planted == DEPARTURE)


def test_a_crop_shows_its_area_in_its_frame(table):
    area = table.members(table.groups()[0], 1)[0]
    picture, shown = table.corpus.frame(area.row).read_picture(), crop(table, area)
    rows, columns = square_around(area.box, *picture.shape[:2])
    assert shown.shape == (SIDE, SIDE, 3)
    plain = cv2.resize(picture[rows, columns], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    drawn = (shown != plain).any(axis=2)
    assert 0.01 < drawn.mean() < 0.5  # the outline, and nothing else


@pytest.mark.parametrize("box", [(0, 0, 5, 3), (90, 50, 100, 60), (20, 10, 80, 30), (0, 0, 100, 60)])
def test_a_cut_is_a_square_that_holds_the_box_as_far_as_the_frame_goes(box):
    rows, columns = square_around(box, 60, 100)
    assert rows.stop - rows.start == columns.stop - columns.start <= 60
    assert rows.start >= 0 and rows.stop <= 60 and columns.start >= 0 and columns.stop <= 100
    left, top, right, bottom = box
    assert rows.start <= top and bottom <= rows.stop
    if right - left <= 60:
        assert columns.start <= left and right <= columns.stop


def test_the_sheet_has_a_row_for_every_class(table):
    sheet = contact_sheet(table, count=2)
    present = len(np.unique(table.column("label")))
    assert sheet.shape[2] == 3 and present * SIDE < sheet.shape[0] < (present + 1) * (SIDE + 2)


class Loads(HTMLParser):
    """Everything that a page would fetch, and what it says."""

    def __init__(self):
        super().__init__()
        self.sources, self.tags, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_says_every_fault_with_pictures_of_its_own(table):
    page, text = Loads(), report_html(table, 'Areas of "a<b>"')
    page.feed(text)
    losing = [group for group in table.groups() if group.lost > 0]
    assert losing and all(title_of(table, group) in page.text for group in losing)
    assert all(facts_of(table, group) in page.text for group in losing)
    assert 'Areas of "a<b>"' in page.text and not page.tags & {"script", "link", "iframe", "b<b>"}
    assert len(page.sources) > len(losing) and "url(" not in text
    for source in page.sources:
        kind, data = source.split(",", 1)
        assert kind == "data:image/jpeg;base64"
        assert cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR).shape == (SIDE, SIDE, 3)
    assert re.search(r"default-src 'none'; img-src data:", text)
    area = table.members(losing[0], 1)[0]
    assert sentence(area, table) in text


def test_a_report_says_which_frames_it_is_of(table, frames):
    corpus = table.corpus
    assert f"12 synthetic frames of {frames['source']}: " in report_html(table, "Areas")
    about = replace(corpus.about, dataset=None, checkpoint=None, step=1500)
    panel = AreaTable.of(replace(corpus, about=about))
    assert "12 synthetic frames that training watched, at step 1,500: " in report_html(panel, "Areas")


def test_a_group_in_words(table):
    group = replace(next(group for group in table.groups() if group.disagrees), areas=1412)
    labelled, seen = CLASSES[group.label], CLASSES[group.seen]
    assert title_of(table, group) == f"1,412 areas labelled {labelled} look like {seen}"
    assert title_of(table, replace(group, areas=1)) == f"1 area labelled {labelled} looks like {seen}"
    assert title_of(table, replace(group, seen=group.label)).endswith(f"labelled {labelled} look like it")
    facts = facts_of(table, group)
    assert f"weight {group.weight:.2f}" in facts and "% planted to mislead" in facts
    assert f"{100 * group.confidence:.0f} % sure of {seen}" in facts
    assert "(100 %)" in facts_of(table, replace(group, pixels=int(table.column("pixels").sum())))
    assert "1,234 pixels lost" in facts_of(table, replace(group, lost=1234.4))
    assert "1,234 pixels gained" in facts_of(table, replace(group, lost=-1234.4))


def test_what_looks_like_its_label_is_told_of_apart(table):
    groups = table.agreeing()
    areas, pixels = sum(group.areas for group in groups), sum(group.pixels for group in groups)
    share = 100 * pixels / table.column("pixels").sum()
    assert agreeing_in_words(table).startswith(
        f"{areas:,} areas look like their label, {share:.0f} % of the pixels in areas"
    )
    assert agreeing_in_words(table) in report_html(table, "Areas") and " look like it<" not in report_html(
        table, "Areas"
    )


def test_a_model_that_is_too_weak_to_judge_is_said(table):
    assert table.sureness > LEAST_SURE and doubt(table) == "" and "too weak" not in report_html(table, "Areas")
    weak = replace(table, _columns={**table._columns, "confidence": np.full(len(table), 0.22, np.float32)}, _groups=[])
    assert "less than 22 % sure" in doubt(weak) and doubt(weak) in report_html(weak, "Areas")


def test_the_report_says_of_what_size_its_pixels_are(table):
    assert f"Pixels are those of frames as they were scored, {WIDTH}x{HEIGHT}." in report_html(table, "Areas")


def test_no_class_is_a_formula_in_the_tables(table, tmp_path):
    space = replace(table.corpus.space, classes=("=1+1", *CLASSES[1:]))
    corpus = replace(table.corpus, about=replace(table.corpus.about, space=space))
    write_takeaway(replace(table, corpus=corpus), tmp_path / "out", "Areas")
    for name in ("faults.csv", "areas.csv"):
        text = (tmp_path / "out" / name).read_text()
        assert '"\'=1+1"' in text and '"=1+1"' not in text


def test_areas_of_a_class_that_no_photo_shows_are_no_kind_of_fault(table):
    """The classifier was never taught it, so that nothing can look like it to it."""
    hidden = table.groups()[0].label
    judges = replace(table.judges, taught=tuple(c for c in range(len(CLASSES)) if c != hidden))
    about = replace(table.corpus.about, judges=Judges.from_dict(judges.to_dict()))
    less = AreaTable.of(replace(table.corpus, about=about))
    assert less.groups() == [group for group in table.groups() if group.label != hidden]
    assert less.unjudged() == [group for group in table.groups() if group.label == hidden] and less.unjudged()
    areas = sum(group.areas for group in less.unjudged())
    said = f"Not judged: {areas} areas labelled {CLASSES[hidden]}: no photo of the run shows {CLASSES[hidden]}."
    assert unjudged_in_words(less) == said and said in report_html(less, "Areas")
    assert not table.unjudged() and unjudged_in_words(table) == ""
    assert CLASSES[hidden] not in pd.read_csv(io.BytesIO(groups_csv(less)))["label"].tolist()
    (area,) = less.members(less.unjudged()[0], 1)
    assert sentence(area, less).startswith(f"Label: {CLASSES[hidden]}, which no photo shows. Real images say: ")
