"""What training on labelled photos changed, on the page of the run."""

from pathlib import Path

import numpy as np
import pytest

from hrs.checkpoint import save_checkpoint
from hrs.config import load_config
from hrs.labelling.photoset import PhotoSet
from hrs.methods.build import build_method
from hrs.runs.names import DATASETS
from tests.app.conftest import words
from tests.app.made_runs import make_run
from tests.app.test_label import png
from tests.conftest import CLASSES, COLOURS
from tests.inference.conftest import SPACE, network


@pytest.fixture
def own(root: Path) -> PhotoSet:
    """Five photos of colours that say the class, labelled."""
    made = PhotoSet.create(root / DATASETS / "town", list(CLASSES))
    rng = np.random.default_rng(0)
    for i in range(5):
        label = np.repeat(np.repeat(rng.integers(0, 4, (6, 8)), 8, axis=0), 8, axis=1).astype(np.uint8)
        made.write_label(made.add(png(COLOURS[label].astype(np.uint8)), f"photo{i}.png"), label)
    return made


def give_model(run, seed_weights: float) -> None:
    config = load_config(run.config)
    method = build_method(config, len(CLASSES))
    method.segmenter.load_state_dict(network().state_dict())
    method.segmenter.classifier.weight.data *= seed_weights
    save_checkpoint(run.best, method=method, config=config, space=SPACE, step=1, metrics={})


def test_a_run_on_labelled_photos_shows_what_changed(root, own, open_page):
    size = ("data.height=48", "data.width=64", "network.name=compact", "data.n_real=null")
    before = make_run(root, "old", *size)
    after = make_run(root, "new", *size, f"data.target=folder:{own.path}")
    surveys = [{"role": role, "frames": 4, "classes": {}} for role in ("target", "validation")]
    learned, scored = ["photo0", "photo1", "gone"], ["photo2"]
    after.write_data({"data_sets": surveys, "target": learned, "validation": scored, "held_out": "the last by name"})
    give_model(before, 1.0)
    give_model(after, -1.0)
    at = open_page("runs", run="new", view="Before and after")
    assert not at.exception
    next(box for box in at.selectbox if box.label == "Before").select("old").run()
    next(button for button in at.button if button.label == "Compare").click().run()
    assert not at.exception
    shown = [each.value for each in at.subheader]
    assert shown[-3:] == [
        f"Photos that {what}" for what in ("it learned from", "it is validated on", "were labelled since")
    ]
    tables = [each.value["photo"].tolist() for each in at.dataframe if "before" in each.value]
    assert list(map(sorted, tables)) == [["photo0", "photo1"], ["photo2"], ["photo3", "photo4"]]
    metrics = {each.label: float(each.value) for each in at.metric if each.label.startswith("mIoU of")}
    assert set(metrics) == {"mIoU of old", "mIoU of new"}
    assert metrics["mIoU of old"] != metrics["mIoU of new"]


def test_other_runs_have_no_such_tab(root, own, open_page):
    make_run(root, "plain")
    at = open_page("runs", run="plain")
    assert "Before and after" not in [tab.label for tab in at.tabs]
    assert "Compare" not in words(at)
