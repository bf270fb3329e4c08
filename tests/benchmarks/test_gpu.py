import csv
import gzip
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch.autograd import DeviceType

import benchmarks.gpu.run as runner
from benchmarks.common import step_data
from benchmarks.gpu.__main__ import parser
from benchmarks.gpu.pack import _take_packages, write_pack
from benchmarks.gpu.part import Part
from benchmarks.gpu.trace import longest
from benchmarks.gpu.waits import host_waits
from hrs.methods.build import build_method
from hrs.methods.table import METHODS


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("gpu") / "pack"
    write_pack(out, parser().parse_args(["pack", "--out", str(out), "--miniature"]))
    return out


@pytest.fixture
def part(pack, tmp_path) -> Part:
    return Part(
        name="trial", pack=pack, out=tmp_path, device=torch.device("cpu"), ends=1e12, miniature=True, peak_tflops=None
    )


def run(pack: Path, out: Path, *words: str, budget: float = 300) -> tuple[int, dict]:
    """The exit code, and every part's report by its name."""
    command = ["run", "--pack", str(pack), "--out", str(out), "--device", "cpu", "--miniature"]
    code = runner.run(parser().parse_args([*command, "--budget", str(budget), *words]))
    return code, {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}


def test_everything_in_miniature(pack, tmp_path):
    code, reports = run(pack, tmp_path, "--parts", "correctness", "trace", "study")
    assert code == 0, (tmp_path / "summary.md").read_text()
    assert {name: report["state"] for name, report in reports.items()} == dict.fromkeys(reports, "done")
    checks = reports["correctness"]["checks"]
    held = [name for name, check in checks.items() if check["ok"]]
    left_out = {check["said"] for check in checks.values() if check["ok"] is None}
    assert len(held) == 7 and left_out == {"needs a GPU", "the same batches; memory is pinned for a GPU alone"}
    parts = {row["part"]: row["ms"] for row in reports["trace"]["figures"]["one step by part"]}
    assert parts["selection, forward"] > 0 and parts["backward"] > 0 and parts["optimiser"] > 0
    assert reports["trace"]["figures"]["operators"][0]["ms"] > 0
    assert json.loads(gzip.decompress((tmp_path / "trace.json.gz").read_bytes()))["traceEvents"]
    rows = list(csv.DictReader((tmp_path / "study-street.csv").read_text().splitlines()))
    assert [(row["method"], row["n_real"], row["seed"]) for row in rows] == [("hrs", "2", "0")]
    assert 0 <= float(rows[0]["miou"]) <= 100
    assert "| trace | done |" in (tmp_path / "summary.md").read_text()


def test_without_a_pack_it_says_how_to_write_one(tmp_path, capsys):
    code, reports = run(tmp_path / "none", tmp_path / "out")
    assert code == 1 and not reports
    assert "python -m benchmarks.gpu pack --out" in capsys.readouterr().out


def test_a_part_that_fails_does_not_stop_the_next(pack, tmp_path):
    code, reports = run(pack, tmp_path, "--parts", "trace", "speed", "--break", "trace")
    assert code == 1
    assert reports["trace"]["state"] == "failed" and "was to fail" in reports["trace"]["error"]
    assert reports["speed"]["state"] == "done"
    figures = reports["speed"]["figures"]
    assert [row["method"] for row in figures["steps"]] == ["joint", "hrs"]
    assert all(row["ms"] > 0 and row["TFLOP"] > 0 for row in figures["steps"])
    assert (
        figures["loading"][0]["ratio"] > 0 and figures["scoring"][0]["frames/s"] > 0 and figures["photos"][0]["ms"] > 0
    )
    assert {check["ok"] for check in reports["speed"]["checks"].values()} == {None}, "a CPU cannot meet a GPU's goals"


def test_a_part_that_takes_too_long_is_ended(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 0.0)
    code, reports = run(pack, tmp_path, "--parts", "speed", budget=0.3)
    assert code == 1 and reports["speed"]["state"] == "late" and reports["speed"]["seconds"] < 20


def test_a_failed_check_or_measurement_is_one_row_and_the_rest_goes_on(part):
    part.check("breaks", lambda _: 1 / 0)
    part.measure("rows", lambda _: [{"x": 1}, {"x": 1 / 0}])
    part.check("holds", lambda _: (True, "well"))
    stored = json.loads((part.out / "trial.json").read_text())
    assert [check["ok"] for check in stored["checks"].values()] == [False, True]
    assert "division by zero" in stored["figures"]["rows"][0]["failed"]
    assert runner.failed_checks(stored) == ["breaks"]


def test_the_pack_brings_the_regions_of_every_frame(part, pack, monkeypatch):
    monkeypatch.setenv("HRS_CACHE", str(pack / "cache"))
    monkeypatch.setattr("hrs.data.regions.superpixels", lambda *_, **__: pytest.fail("regions were computed again"))
    for pair in ("street", "large"):
        step_data(part.config("hrs", pair=pair))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_no_method_waits_for_the_device_within_a_step(part, method, monkeypatch, pack):
    monkeypatch.setenv("HRS_CACHE", str(pack / "cache"))
    signals = "selection.signals=[similarity, usefulness, agreement, appearance]"
    config = part.config(method, signals, "selection.warmup=0")
    batches, classes = step_data(config)
    counts = build_method(config, classes).train()
    with host_waits(part.device) as found:
        for step in (900, 901):
            assert counts(batches.source, batches.target, step).loss.requires_grad
    assert dict(found) == {}


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: torch.bincount(x.long()),
        lambda x: x + torch.tensor([1.0]),
        lambda x: torch.where(x > 0, x, 0.0),
    ],
)
def test_what_would_wait_for_a_gpu_is_found(wait):
    with host_waits(torch.device("cpu")) as found:
        wait(torch.ones(3))
    assert [line for line in found if line.startswith("test_gpu.py:")], dict(found)


def test_cuda_says_where_the_host_waits_and_its_word_about_saying_so_is_none(monkeypatch):
    """The first time that the mode is set, torch warns of the mode itself, and speaks of synchronizing too."""

    def set_mode(mode):
        if mode == "warn":
            warnings.warn("Synchronization debug mode does not yet detect all synchronizing operations", stacklevel=1)

    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", set_mode)
    with host_waits(torch.device("cuda")) as found:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
    assert list(found.values()) == [1] and next(iter(found)).startswith("test_gpu.py:")


@dataclass
class Event:
    """As torch's profile has them by name."""

    key: str
    device_type: DeviceType
    self_device_time_total: float
    is_user_annotation: bool = False
    count: int = 1


def test_a_kernel_is_not_counted_beside_its_operator_and_its_annotation():
    cpu, cuda = DeviceType.CPU, DeviceType.CUDA
    events = [Event("aten::mm", cpu, 750.0), Event("gemm", cuda, 750.0), Event("aten::add", cpu, 250.0)]
    events += [Event("add_kernel", cuda, 250.0), Event("step", cuda, 1000.0, True), Event("step", cpu, 1000.0, True)]
    found = longest(events, on_device=True)
    assert [(row["operator"], row["%"]) for row in found] == [("aten::mm", 75.0), ("aten::add", 25.0)]


def test_a_pack_may_not_bring_another_torch(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: (tmp_path / "numpy").mkdir())
    with pytest.raises(SystemExit, match="scipy would bring its own numpy"):
        _take_packages(tmp_path, ["scipy"], "3.12")


def test_packages_that_are_missing_are_named_with_what_they_are_for(pack, monkeypatch, capsys):
    monkeypatch.setattr(runner, "NEEDED", {"torch": "everything", "no_such_package": "nothing much"})
    runner._say_what_is_missing(pack)
    assert capsys.readouterr().out == "packages that are missing: no_such_package (for nothing much)\n"
