import pytest
import yaml

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.methods.table import that_learn_weights


def test_the_defaults_survive_yaml(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(RunConfig().to_yaml())
    assert load_config(path) == load_config() == RunConfig()


def test_settings_survive_yaml(tmp_path):
    config = load_config(
        {"method": "joint", "seed": 3},
        (
            "data.sources=[synthia:/a, 'gta5:/b']",
            "data.n_real=",
            "selection.levels=[region]",
            "train.learning_rate=1e-4",
            "data.target=camvid:/c?split=train",
        ),
    )
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml())
    assert load_config(str(path)) == config
    assert config.data.sources == ("synthia:/a", "gta5:/b")
    assert config.data.n_real is None
    assert config.selection.levels == ("region",)
    assert config.train.learning_rate == 1e-4
    assert config.data.target == "camvid:/c?split=train"
    assert yaml.safe_load(config.to_yaml())["data"]["sources"] == ["synthia:/a", "gta5:/b"]


def test_an_empty_file_is_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "empty.yaml") == RunConfig()


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("seed=4", ("seed", 4)),
        ("train.compile=true", ("train.compile", True)),
        ("data.val=render:camera?frames=8&split=val", ("data.val", "render:camera?frames=8&split=val")),
        ("data.val=null", ("data.val", None)),
        ("network.name = segformer-b0", ("network.name", "segformer-b0")),
        ("train.precision=no", ("train.precision", "no")),
        ("seed=010", ("seed", 10)),
        ("train.learning_rate=1e-4", ("train.learning_rate", 1e-4)),
        ("data.target=folder:/data/a #1", ("data.target", "folder:/data/a #1")),
        ("data.sources=['folder:/data/a #1']", ("data.sources", ("folder:/data/a #1",))),
        ("selection.signals=[similarity, agreement]", ("selection.signals", ("similarity", "agreement"))),
    ],
)
def test_overrides(override, value):
    config: object = load_config({}, (override,))
    for part in value[0].split("."):
        config = getattr(config, part)
    assert config == value[1]


def test_a_section_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "run.yaml").write_text("train: {steps: 10}\nseed: 1\ntrain: {batch_source: 2}\n")
    with pytest.raises(HRSError, match=r"run\.yaml is not valid YAML: line 3: 'train' stands there twice"):
        load_config(tmp_path / "run.yaml")


def test_later_overrides_win_and_the_source_is_left_alone():
    stored = {"train": {"steps": 5}}
    assert load_config(stored, ("train.steps=6", "train.steps=7")).train.steps == 7
    assert stored == {"train": {"steps": 5}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stepz=5", r"unknown key train\.stepz; did you mean train\.steps\?"),
        ("method=hsr", r"method is 'hsr'; expected .*; did you mean hrs\?"),
        ("selection.signals=[usefulness, agrement]", r"selection\.signals\.1 is .*; did you mean agreement\?"),
        ("train.precision=7", r"train\.precision is '7'; expected no, bf16 or fp16$"),
        ("trian.steps=5", r"unknown key trian; did you mean train\?"),
        ("train.xyzzy=5", r"unknown key train\.xyzzy; known keys: steps,"),
        ("train.steps=0", r"train\.steps is '0'; expected at least 1"),
        ("train.steps=many", r"train\.steps is 'many'; expected a whole number"),
        ("data.jitter=1.5", r"data\.jitter is '1\.5'; expected at most 1"),
        ("method=hsr", r"method is .*hrs"),
        ("selection.warmup=0.95", r"warmup \+ ramp is 1\.05; expected at most 1"),
        ("selection.levels=[pixel, pixel]", r"selection\.levels repeats a value"),
        ("selection.signals=[]", r"selection\.signals is empty"),
        ("data.sources=[]", r"data\.sources is empty"),
        ("data.scale_min=3", r"scale_min 3\.0 is above scale_max 1\.5"),
        ("train.steps", r"has no '='"),
        ("seed.deep=1", r"seed is not a section"),
        ("train.steps=[1", r"not valid YAML"),
    ],
)
def test_what_cannot_be_is_one_clear_line(override, message):
    with pytest.raises(HRSError, match=message) as caught:
        load_config({"seed": 0}, (override,))
    assert "\n" not in str(caught.value)


def test_frames_are_weighed_for_drawing_before_they_end():
    with pytest.raises(HRSError, match=r"image_acts is sampling, but .* at 0\.2 of training .* end at 0\.15"):
        load_config({}, ("selection.image_acts=sampling", "train.source_until=0.15"))
    assert load_config({}, ("selection.image_acts=sampling", "train.source_until=0.4")).train.source_until == 0.4
    late = ("selection.image_acts=sampling", "selection.warmup=0.5", "selection.ramp=0.48")
    with pytest.raises(HRSError, match=r"at 0\.98 of training .* of 20 steps"):
        load_config({}, (*late, "train.steps=20"))
    assert load_config({}, (*late, "train.steps=100"))


@pytest.mark.parametrize("method", that_learn_weights())
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("train.source_until=0.1",), r"learns weights, but they act first at 0\.1 of training .* end at 0\.1"),
        (("train.source_until=0.2", "selection.warmup=0.3"), r"act first at 0\.3 of training"),
        (("train.source_until=0.51", "selection.warmup=0.5", "train.steps=10"), r"act first at 0\.5 of training"),
        (("train.source_weight=0",), r"learns weights, but train\.source_weight is 0"),
        (("selection.floor=1",), r"learns weights, but selection\.floor is 1, so all are alike"),
        (("selection.min_effective=1",), r"learns weights, but selection\.min_effective is 1, so all are alike"),
        (("selection.levels=[]",), r"learns weights, but selection\.levels is empty; name one or more of pixel"),
    ],
)
def test_weights_that_would_never_act_are_refused(method, overrides, message):
    with pytest.raises(HRSError, match=message) as caught:
        load_config({"method": method}, overrides)
    assert "\n" not in str(caught.value) and "take joint" in str(caught.value)
    assert load_config({"method": "joint"}, overrides)
    assert load_config({"method": method}, overrides, trained=True).method == method


@pytest.mark.parametrize(
    ("warmup", "steps", "most"), [(0.1, 1000, 102), (0.1, 4, 2), (0.29, 100, 31), (0, 100, 2), (0.5, 5, 4)]
)
def test_weighting_networks_learn_before_they_weigh(warmup, steps, most):
    settings = (f"selection.warmup={warmup}", "selection.ramp=0", f"train.steps={steps}")
    acting = load_config({}, settings)
    strengths = [acting.selection.strength(step / steps) for step in range(steps)]
    assert most == next(step for step, strength in enumerate(strengths, 1) if strength)
    assert load_config({}, (*settings, f"selection.every={most}"))
    with pytest.raises(HRSError, match=f"learns weights first at step {most + 1} .* act from step {most} on"):
        load_config({}, (*settings, f"selection.every={most + 1}"))
    assert load_config({"method": "joint"}, (*settings, f"selection.every={most + 1}"))


def test_all_mistakes_are_told_at_once():
    with pytest.raises(HRSError, match=r"train\.steps.*; .*data\.jitter|data\.jitter.*; .*train\.steps"):
        load_config({}, ("train.steps=0", "data.jitter=2"))


@pytest.mark.parametrize(
    ("text", "message"), [(None, "does not exist"), ("a: [", "not valid YAML"), ("- a\n- b", "holds a list")]
)
def test_files_that_are_no_config(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(HRSError, match=message) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().seed = 1
