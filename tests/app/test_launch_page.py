"""The Launch page: where its values come from, what it finds out before the start, and what it starts."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.context import RUNS_VARIABLE
from hrs import launch
from hrs.config import load_config
from hrs.runs import RunFolder

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = str(ROOT / "app/dashboard.py")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv("HRS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(launch, "_spawn", lambda run, ticket: None)  # the queue alone is of interest here
    yield tmp_path / "runs"
    st.cache_resource.clear()  # ends what pages have started


def open_page(**query: str) -> AppTest:
    at = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    at.switch_page("pages/launch.py")
    for key, value in query.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def button(at: AppTest, label: str):
    return next(each for each in at.button if each.label == label)


def texts(at: AppTest) -> str:
    return "\n".join(each.value for kind in (at.markdown, at.caption, at.error, at.info) for each in kind)


def said(at: AppTest) -> str:
    """The error, as it is read."""
    return at.error[0].value.replace("\\", "")


def wait_for(at: AppTest, condition: Callable[[], object]) -> None:
    """Look at the page again and again, as its fragment does in a browser."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, texts(at)
        time.sleep(0.2)
        at.run()


def made(root: Path, count: int) -> None:
    for i in range(count):
        run = RunFolder.create(root, f"run-{i}", load_config(None, (f"seed={i}", "data.n_real=null")).to_yaml())
        run.write_status(state="finished", step=10, steps=10)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_the_page_opens_on_the_built_in_example(root, count):
    made(root, count)
    at = open_page()
    assert at.text_area(key="config.data.sources").value == "render:synthetic?frames=160"
    assert button(at, "Start") and not at.error


def test_a_preset_fills_the_form(root):
    at = open_page()
    names = at.selectbox(key="launch preset").options
    assert names[0] == "The built-in example"
    assert names[1:] == [
        "CARLA and CamVid",
        "GTA5 and Cityscapes",
        "Own folders",
        "The model that ships",
        "SYNTHIA and Cityscapes",
    ]
    at.selectbox(key="launch preset").set_value("gta5-cityscapes").run()
    assert at.text_input(key="config.data.target").value == "cityscapes:/data/cityscapes"
    assert at.number_input(key="config.train.learning_rate").value == 6e-5
    assert "24,966 game frames" in texts(at)


def test_a_run_is_cloned_into_the_form(root):
    made(root, 8)
    at = open_page(clone="run-7")
    assert at.number_input(key="config.seed").value == 7
    assert at.number_input(key="config.data.n_real").value is None
    assert "Filled from run run-7." in at.info[0].value and "clone" not in at.query_params
    at.number_input(key="config.seed").set_value(3).run()
    assert at.number_input(key="config.seed").value == 3 and not at.info


def test_a_run_that_is_not_there_is_not_cloned(root):
    assert "There is no run named nobody" in open_page(clone="nobody").info[0].value


def test_a_file_fills_the_form(root):
    at = open_page()
    at.file_uploader(key="launch file").set_value(("mine.yaml", b"seed: 5\ndata: {n_real: 3}", "text/yaml")).run()
    assert at.number_input(key="config.seed").value == 5 and "Filled from mine.yaml." in at.info[0].value
    at.file_uploader(key="launch file").set_value(("bad.yaml", b"sead: 5", "text/yaml")).run()
    assert "unknown key sead; did you mean seed?" in at.info[0].value
    assert at.number_input(key="config.seed").value == 5
    at.file_uploader(key="launch file").set_value(("../../bad.yaml", b"a: [", "text/yaml")).run()
    assert at.info[0].value.startswith("config bad.yaml is not valid YAML")


def test_start_queues_the_run_that_the_form_shows(root, frames):
    at = open_page()
    at.text_area(key="config.data.sources").input(frames["source"])
    at.number_input(key="config.train.steps").set_value(7)
    at.text_input(key="launch name").input("mine").run()
    button(at, "Start").click().run()
    config = load_config(RunFolder(root / "mine").config)
    assert config.train.steps == 7 and config.data.sources == (frames["source"],)
    assert launch.waiting() == ((root / "mine").resolve(),)
    assert not at.exception and at.query_params["run"] in ("mine", ["mine"])


def test_a_name_that_is_taken_is_one_line(root):
    made(root, 1)
    at = open_page()
    at.text_input(key="launch name").input("run-0").run()
    button(at, "Start").click().run()
    assert "run run-0 exists" in said(at)


def test_values_that_make_no_sense_cannot_be_started(root):
    at = open_page()
    at.number_input(key="config.train.ema").set_value(1.0).run()
    assert "train.ema: Input should be less than 1" in said(at)
    assert "Start" not in [each.label for each in at.button]


def test_the_data_check_shows_both_sides(root, frames):
    at = open_page()
    at.text_area(key="config.data.sources").input(frames["source"])
    at.text_input(key="config.data.target").input("folder:/no/such/folder").run()
    button(at, "Check the data").click().run()
    wait_for(at, lambda: "12 usable frames" in texts(at) and at.error)
    assert "the folder /no/such/folder does not exist" in said(at)
    assert not at.exception


@pytest.fixture
def found(tmp_path, monkeypatch) -> Path:
    """What every estimate finds, without the time it takes."""
    answer, script = tmp_path / "found.json", tmp_path / "python"
    parts = {"rendering": 0.0, "regions": 20.0, "training": 7200.0, "validating": 300.0, "saving": 90.0}
    rest = {"device": "cuda", "parameters": 27_400_000, "seconds_per_step": 0.18, "timed_steps": 33}
    memory = {"memory": 3 << 30, "gpu_memory": 9 << 30}
    answer.write_text(json.dumps({**parts, **rest, **memory, "total": sum(parts.values())}))
    script.write_text(f'#!/bin/sh\n[ "$3 $5" = "estimate --json" ] && cp {answer} "$6"\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return answer


@pytest.mark.usefixtures("found")
def test_the_estimate_says_what_it_is_made_of(root):
    at = open_page()
    button(at, "Estimate time and memory").click().run()
    wait_for(at, lambda: at.metric)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown == {"Time": "2 h 7 min", "Memory": "3.0 GiB", "GPU memory": "9.0 GiB", "A step": "0.18 s"} | {
        "Network": "27.4 M"
    }
    assert "From 33 timed steps on this machine (cuda)" in texts(at)
    assert "regions 20 s, training 2 h 0 min, validating 5 min, saving 2 min" in texts(at)
    at.number_input(key="config.seed").set_value(3).run()
    assert "For earlier settings." in texts(at)


def test_the_page_does_without_torch(root):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"at = AppTest.from_file({DASHBOARD!r}, default_timeout=60).run(); "
        "at.switch_page('pages/launch.py').run(); assert not at.exception; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
