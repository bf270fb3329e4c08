"""The model that ships: small, whole, and as good as its card says."""

import json
from pathlib import Path

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.environment import RUNS_VARIABLE
from benchmarks.settings import camvid_all
from hrs.config import load_config
from hrs.data.layouts import open_dataset
from hrs.inference import Predictor, evaluate, read_photograph
from hrs.runs import registry
from hrs.runs.folder import RunFolder
from tests.conftest import CAMVID, needs_camvid

ROOT = Path(__file__).resolve().parents[1]
STREET = RunFolder(ROOT / "checkpoints" / "street")
MOST_BYTES = 20e6


@pytest.fixture(scope="module")
def predictor():
    return Predictor.load(STREET.best, backend="torch")


def test_it_is_small_and_says_nothing_of_the_machine_it_was_trained_on():
    files = [path for path in STREET.path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    status = STREET.read_status()
    assert (status.state, status.pid, status.host) == ("finished", None, None)
    data = load_config(STREET.config).data
    assert not any(Path(spec.partition(":")[2]).is_absolute() for spec in (*data.sources, data.target))


def test_its_preset_trains_it_again():
    assert load_config(STREET.config) == load_config(ROOT / "hrs" / "presets" / "street.yaml")


def test_it_sees_roads_and_knows_photos_from_noise(predictor):
    for path in sorted((ROOT / "app" / "examples").glob("*.jpg")):
        seen = predictor.segment(read_photograph(path))
        assert seen.coverage["Road"] > 10 and seen.coverage["Building"] + seen.coverage["Tree"] > 10
        assert seen.realism is not None


@needs_camvid
def test_its_score_is_the_one_on_its_card(predictor, tmp_path):
    camvid_all(CAMVID, tmp_path)
    data = open_dataset(f"camvid:{tmp_path}", split="val").map_to(predictor.space)
    scores = evaluate(predictor, data)
    stored = json.loads((STREET.best / "config.json").read_text())["metrics"]
    assert scores.miou == pytest.approx(stored["miou"], abs=0.2)
    assert f"{stored['miou']:.1f}" in (STREET.path / "README.md").read_text()


def test_its_weights_are_there_to_be_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(registry, "SHIPPED", STREET.path.parent)
    at = AppTest.from_file(str(ROOT / "app/pages/weights.py"), default_timeout=60).run()
    assert not at.exception and at.selectbox[0].options == ["street"]
    assert len(STREET.read_space().classes) == 11
    assert yaml.safe_load(STREET.config.read_text())["method"] == "hrs"
