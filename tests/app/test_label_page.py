"""The Label page: sets of photos, and what becomes of them. The editor itself is tested in tests/browser."""

import numpy as np

from hrs.data.layouts import open_dataset
from hrs.labelling.modelclasses import in_lines, read_model_classes
from hrs.labelling.photoset import PhotoSet
from hrs.labels import CAMVID
from hrs.runs.names import DATASETS
from tests.app.conftest import press, words
from tests.app.made_runs import make_run
from tests.app.test_label import png
from tests.inference.conftest import photo


def make(at, name, classes):
    at.text_input[0].set_value(name)
    at.text_area[0].set_value(classes)
    return at.button[0].click().run()


def test_a_set_is_made_from_names(open_page, root):
    at = make(open_page("label"), "town", "road\n sky \n\nrest")
    assert not at.exception
    own = PhotoSet.open(root / DATASETS / "town")
    assert own.space.classes == ("road", "sky", "rest")
    assert at.selectbox[0].value == "town"
    assert at.query_params["set"] in ("town", ["town"])


def test_a_set_is_made_from_classes_that_are_known(open_page, root):
    at = open_page("label")
    at.text_input[0].set_value("street")
    at.selectbox[0].select("CamVid's 11, for streets")
    at.button[0].click().run()
    assert PhotoSet.open(root / DATASETS / "street").space.classes == CAMVID.classes


def test_spaces_in_a_name_become_dashes(open_page, root):
    make(open_page("label"), " my  street ", "road\nsky")
    assert PhotoSet.open(root / DATASETS / "my-street").space.classes == ("road", "sky")


def test_what_cannot_be_a_set_is_said(open_page, root):
    assert "letters, digits" in words(make(open_page("label"), "../out", "road\nsky"))
    assert "two classes" in words(make(open_page("label"), "town", "road"))
    assert "repeat" in words(make(open_page("label"), "town", "road\nRoad"))
    assert not (root / DATASETS).exists()
    make(open_page("label"), "town", "road\nsky")
    assert "not empty" in words(make_another(open_page("label"), "town"))


def make_another(at, name):
    at.text_input[0].set_value(name)
    at.text_area[0].set_value("a\nb")
    return at.button[0].click().run()


def test_training_is_offered_once_two_photos_have_labels(open_page, root):
    own = PhotoSet.create(root / DATASETS / "town", ["road", "sky"])
    for seed in range(2):
        own.add(png(photo(seed=seed)), f"{seed}.png")
    own.write_label("0", np.zeros((70, 90), np.uint8))
    at = open_page("label", set="town")
    train = next(button for button in at.button if button.label == "Train with these")
    assert train.disabled
    assert "1 of 2 photos have labels" in words(at)
    own.write_label("1", np.ones((70, 90), np.uint8))
    at = open_page("label", set="town")
    press(at, "Train with these")
    assert at.title[0].value == "Launch" and "photos" not in at.query_params
    assert at.text_input(key="config.data.target").value == f"folder:{own.path}"
    assert len(open_dataset(f"folder:{own.path}")) == 2


def test_what_a_model_s_classes_are_is_kept_with_the_set(open_page, root):
    own = PhotoSet.create(root / DATASETS / "town", ["ground", "rest"])
    make_run(root, "mine")  # of sky, road and car

    def keep(text):
        at = open_page("label", set="town")
        field = next(each for each in at.text_area if each.label == "A model's class: one of mine")
        field.set_value(text)
        press(at, "Keep")
        return at

    assert "'raod' is no class of any model; did you mean road?" in words(keep("raod: ground"))
    assert "'grund' is no class of town; did you mean ground?" in words(keep("road: grund"))
    assert "is no line of" in words(keep("road ground"))
    assert read_model_classes(own) is None
    keep("road, car: ground\nsky: ignore")
    kept = read_model_classes(own)
    assert kept is not None and kept.entries == {"road, car": "ground", "sky": "ignore"}
    assert in_lines(kept) in [each.value for each in open_page("label", set="town").text_area]
    keep(" ")
    assert read_model_classes(own) is None


def test_a_damaged_set_is_said(open_page, root):
    own = PhotoSet.create(root / DATASETS / "town", ["road", "sky"])
    (own.path / "classes.yaml").write_text("classes: 7\n")
    assert "classes.yaml" in words(open_page("label", set="town"))


def test_a_set_that_is_not_there_is_said(open_page, root):
    PhotoSet.create(root / DATASETS / "town", ["road", "sky"])
    at = open_page("label", set="twn")
    assert "There is no set called twn. Is it town?" in words(at)
    assert at.selectbox[0].value == "town"


def test_every_choice_of_a_set_counts(open_page, root):
    names = ["field", "town", "village"]
    for name in names:
        PhotoSet.create(root / DATASETS / name, ["road", "sky"])
    at = open_page("label", set="field", photo="first")
    for chosen in ("town", "village", "field", "town"):
        at.selectbox[0].select(chosen).run()
        assert at.selectbox[0].value == chosen and at.query_params["set"] in (chosen, [chosen])
    assert "photo" not in at.query_params
