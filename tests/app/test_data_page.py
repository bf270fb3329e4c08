"""The Data page: what is in a data set, what is wrong with it, and how it looks."""

import cv2
import numpy as np
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.figures.samples import in_classes_of, legend, overlay, overlays
from hrs.data.doctor import inspect
from hrs.data.formats.table import to_markdown
from hrs.labels import CAMVID, IGNORE
from tests.app.conftest import words
from tests.app.made_runs import SPACE
from tests.conftest import CLASSES
from tests.data.files import write_classes, write_streets


def metrics(at: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in at.metric}


def test_without_a_name_the_page_says_what_lies_where_for_every_format(open_page):
    assert to_markdown() in words(open_page("data"))


def test_a_name_in_the_form_stands_in_the_address(open_page, frames):
    at = open_page("data")
    at.text_input[0].set_value(f" {frames['target']} ")
    at.button[0].click().run()
    assert at.query_params["data"] in (frames["target"], [frames["target"]])
    assert metrics(at) == {"Usable frames": "6", "Files left out": "0", "Size": "64x48", "Pixels ignored": "0.0 %"}
    assert "Every file can be used" in words(at)
    assert len(at.image) == 6 and len(at.get("plotly_chart")) == 1


def test_one_data_set_after_another(open_page, frames):
    at = open_page("data", data=frames["source"])
    for name, usable in (("target", "6"), ("source", "12"), ("target", "6")):
        at.text_input[0].set_value(frames[name])
        at.button[0].click().run()
        assert metrics(at)["Usable frames"] == usable and at.text_input[0].value == frames[name]


@pytest.mark.parametrize("typed", ["folder:{}", "{}", "{}/", "~/mine"])
def test_check_looks_again(open_page, tmp_path, monkeypatch, typed):
    monkeypatch.setenv("HOME", str(tmp_path))
    root = write_classes(write_streets(tmp_path / "mine"))
    label = sorted((root / "labels").iterdir())[0]
    kept = label.read_bytes()
    label.unlink()
    at = open_page("data", data=typed.format(root))
    before = int(metrics(at)["Usable frames"])
    label.write_bytes(kept)
    assert int(metrics(at.run())["Usable frames"]) == before
    at.button[0].click().run()
    assert int(metrics(at)["Usable frames"]) == before + 1


def test_a_file_that_went_since_the_check_is_one_clear_line(open_page, tmp_path):
    root = write_classes(write_streets(tmp_path / "mine", 20))
    at = open_page("data", data=f"folder:{root}")
    for image in (root / "images").iterdir():
        image.unlink()
    next(each for each in at.button if each.label == "Other frames").click().run()
    assert not at.exception and len(at.error) == 1 and metrics(at)["Usable frames"]


def test_names_of_files_are_read_as_they_stand(open_page, tmp_path):
    root = write_classes(write_streets(tmp_path / "mine", 1))
    for folder in ("images", "labels"):
        (file,) = (root / folder).iterdir()
        file.rename(file.with_stem("a_*b*_1"))
    (caption,) = open_page("data", data=f"folder:{root}").image[0].captions
    assert caption.startswith(r"a\_\*b\*\_1")


def test_two_data_sets_beside_each_other(open_page, frames):
    at = open_page("data", data=frames["target"], **{"with": frames["source"]})
    assert [each.value for each in at.metric if each.label == "Usable frames"] == ["6", "12"]
    assert len(at.get("plotly_chart")) == 1 and len(at.image) == 12


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "expected format:path"),
        ("folderr:/tmp", "did you mean folder?"),
        ("folder:/not/there_at_all", "/not/there_at_all does not exist"),
    ],
)
def test_a_bad_name_is_one_clear_line(open_page, name, message):
    at = open_page("data", data=name)
    assert len(at.error) == 1 and message in words(at) and "\n" not in at.error[0].value


def test_a_good_data_set_is_shown_beside_a_bad_name(open_page, frames):
    at = open_page("data", data=frames["target"], **{"with": "nonsense"})
    assert len(at.error) == 1 and metrics(at)["Usable frames"] == "6"


def test_problems_are_a_table(open_page, frames, tmp_path):
    root = tmp_path / "broken"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": {0: "sky", 1: "road"}}))
    for i in range(3):
        cv2.imwrite(str(root / f"images/{i}.png"), np.zeros((8, 8, 3), np.uint8))
    cv2.imwrite(str(root / "labels/0.png"), np.full((8, 8), 7, np.uint8))
    cv2.imwrite(str(root / "labels/1.png"), np.zeros((9, 8), np.uint8))
    at = open_page("data", data=f"folder:{root}")
    table = at.dataframe[0].value
    assert sorted(table["problem"]) == ["left out", "left out", "unknown id"]
    assert table.set_index("problem").loc["unknown id", "where"] == "7"
    assert metrics(at)["Files left out"] == "2"


def test_recent_names_are_one_click_away(open_page, frames):
    at = open_page("data", data=frames["target"])
    at.text_input[0].set_value(frames["val"])
    at.button[0].click().run()
    recent = next(each for each in at.button if each.key == f"data recent {frames['target']}")
    recent.click().run()
    assert metrics(at)["Usable frames"] == "6"


def test_opacity_moves_the_labels_over_the_photo():
    image, label = np.full((2, 2, 3), 100, np.uint8), np.array([[0, 2], [IGNORE, 1]], np.uint8)
    assert (overlay(image, label, SPACE, 0.0) == 100).all()
    full = overlay(image, label, SPACE, 1.0)
    assert full[0, 1].tolist() == [190, 40, 40] and full[1, 0].tolist() == [100, 100, 100]
    assert overlay(image, label, SPACE, 0.5)[0, 1].tolist() == [145, 70, 70]
    assert overlay(image, None, None, 1.0) is image


def test_samples_differ_by_seed_and_never_repeat(frames):
    dataset = inspect(frames["source"]).dataset
    first, second = ({name for name, _ in overlays(dataset, 4, seed, 0.5)} for seed in (0, 1))
    assert len(first) == len(second) == 4 and first != second


def test_classes_of_one_data_set_in_terms_of_another(frames):
    yard = inspect(frames["source"])
    shares, lost = in_classes_of(yard, yard)
    assert shares == pytest.approx(yard.classes) and list(shares) == list(CLASSES) and lost == pytest.approx(0)


def test_classes_of_which_none_is_shared_are_all_drawn(open_page, tmp_path):
    names = ("{0: sky, 1: road, 2: car}", "{0: haze, 1: floor, 2: crate}")
    one, other = (
        f"folder:{write_classes(write_streets(tmp_path / str(i)), f'classes: {each}')}" for i, each in enumerate(names)
    )
    at = open_page("data", data=one, **{"with": other})
    assert "no class of" in at.warning[0].value and "as a run would see them" not in words(at)
    (chart,) = at.get("plotly_chart")
    assert all(name in chart.proto.spec for name in ("sky", "crate"))


def test_the_legend_names_every_class_in_its_colour():
    text = legend(CAMVID)
    assert all(name in text for name in CAMVID.classes) and "(128, 64, 128)" in text


def test_photos_have_no_labels_to_fade_and_splits_are_named(open_page, frames, tmp_path):
    at = open_page("data", data=f"images:{frames['target'].removeprefix('folder:')}/images")
    assert not at.slider and "photos without labels" in words(at)
    for split in ("train", "val"):
        write_streets(tmp_path / "d", 1, images=f"images/{split}", labels=f"labels/{split}")
    at = open_page("data", data=f"folder:{write_classes(tmp_path / 'd')}")
    assert "This is its split train. It also has val." in words(at) and at.slider


def test_a_folder_without_a_format_is_taken_for_what_it_looks_like(open_page, frames, tmp_path):
    folder = frames["target"].partition(":")[2]
    at = open_page("data", data=folder)
    assert f"{folder} looks like folder:{folder}" in words(at) and not at.error
    assert metrics(at)["Usable frames"] == "6"
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/a.txt").write_text("")
    at = open_page("data", data=str(tmp_path / "letters"))
    assert "looks like no format that is known, the folder holds a.txt" in words(at) and not at.metric


def test_a_check_of_nothing_says_what_to_enter(open_page):
    at = open_page("data")
    at.button[0].click().run()
    assert "Say which data set to check" in words(at) and not at.exception


def test_unknown_colours_are_named_as_colours(open_page, tmp_path):
    colours = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    write_streets(tmp_path, of=lambda ids: colours[ids])
    write_classes(tmp_path, "classes: {sky: [1, 2, 3], road: [4, 5, 6]}")
    (table,) = (each.value for each in open_page("data", data=f"folder:{tmp_path}").dataframe)
    assert table["where"].tolist() == ["7,8,9"]
