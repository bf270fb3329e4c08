import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from hrs.errors import HRSError
from hrs.runs import records as runs
from hrs.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "first", "method: hrs\n")


def test_metrics_are_one_valid_object_a_line(run: RunFolder) -> None:
    run.append_metrics(
        {"step": np.int64(1), "split": "train", "loss": torch.tensor(0.5), "iou": np.array([1.0, np.nan])}
    )
    run.append_metrics({"step": 2, "split": "train", "loss": math.inf, "path": Path("a"), "ok": np.bool_(True)})
    lines = run.metrics.read_text().splitlines()
    assert json.loads(lines[0]) == {"step": 1, "split": "train", "loss": 0.5, "iou": [1.0, None]}
    assert json.loads(lines[1]) == {"step": 2, "split": "train", "loss": None, "path": "a", "ok": True}


def test_reader_gives_every_row_once(run: RunFolder) -> None:
    reader = runs.MetricsReader(run.metrics)
    assert reader.read_new() == []
    run.append_metrics({"step": 1})
    run.append_metrics({"step": 2})
    assert [row["step"] for row in reader.read_new()] == [1, 2]
    assert reader.read_new() == []
    run.append_metrics({"step": 3})
    assert [row["step"] for row in reader.read_new()] == [3]


def test_reader_waits_for_a_half_line_and_skips_a_corrupt_one(run: RunFolder) -> None:
    reader = runs.MetricsReader(run.metrics)
    run.metrics.write_bytes(b'{"step": 1}\n{"step": 2, "mio')
    assert reader.read_new() == [{"step": 1}]
    assert reader.read_new() == []
    with open(run.metrics, "ab") as file:
        file.write(b'u": 3}\n\xff\xfe{]\n[1]\n{"step": 4}\n')
    assert reader.read_new() == [{"step": 2, "miou": 3}, {"step": 4}]


def test_reader_starts_again_when_the_file_was_replaced(run: RunFolder) -> None:
    reader = runs.MetricsReader(run.metrics)
    run.metrics.write_text('{"step": 1}\n{"step": 2}\n')
    reader.read_new()
    run.metrics.write_text('{"step": 9}\n')
    assert reader.read_new() == [{"step": 9}]


def test_a_half_line_of_a_killed_run_does_not_swallow_the_next(run: RunFolder) -> None:
    run.append_metrics({"step": 1})
    with open(run.metrics, "ab") as file:
        file.write(b'{"step": 2, "lo')
    run.append_metrics({"step": 2})
    assert [row["step"] for row in runs.MetricsReader(run.metrics).read_new()] == [1, 2]


def test_results_have_a_header_and_a_row_per_validation(run: RunFolder) -> None:
    run.append_result({"step": 100, "miou": 31.25, "iou/car": math.nan})
    run.append_result({"step": 200, "miou": np.float64(33.5), "iou/car": 2})
    assert run.results_csv.read_text() == "step,miou,iou/car\n100,31.25,\n200,33.5,2\n"
    assert run.read_results() == [
        {"step": 100, "miou": 31.25, "iou/car": None},
        {"step": 200, "miou": 33.5, "iou/car": 2},
    ]


def test_a_repeated_step_replaces_it_and_later_ones(run: RunFolder) -> None:
    for step, miou in [(100, 1.0), (200, 2.0), (300, 3.0), (200, 9.0)]:
        run.append_result({"step": step, "miou": miou})
    assert [(row["step"], row["miou"]) for row in run.read_results()] == [(100, 1.0), (200, 9.0)]


def test_a_new_column_is_added(run: RunFolder) -> None:
    run.append_result({"step": 1, "miou": 1.5})
    run.append_result({"step": 2, "miou": 2.5, "note": "a, b"})
    assert run.results_csv.read_text() == 'step,miou,note\n1,1.5,\n2,2.5,"a, b"\n'


def test_log_tail(run: RunFolder) -> None:
    assert run.log_tail() == []
    run.log.write_text("")
    assert run.log_tail() == []
    run.log.write_bytes(b"\n".join(b"line %d" % number for number in range(5000)) + b"\n10%\r55%\r100%\r\n\xff end\n")
    assert run.log_tail(3) == ["line 4999", "100%", "\ufffd end"]
    assert run.log_tail(6000)[0] == "line 0" and len(run.log_tail(6000)) == 5002
    run.log.write_text("x" * 10_000 + "\n" + "y" * 10_000)
    assert run.log_tail(2) == ["x" * 10_000, "y" * 10_000]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_metrics_on_a_full_disk(run: RunFolder) -> None:
    run.metrics.symlink_to("/dev/full")
    with pytest.raises(HRSError, match="disk full"):
        run.append_metrics({"step": 1})
