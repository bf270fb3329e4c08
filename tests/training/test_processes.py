"""Two processes that share a run's batches train as one that has them whole: networks, normalisation and selection."""

from pathlib import Path

import pytest
import torch

from hrs.config import RunConfig
from hrs.training.steps import Trainer
from tests.conftest import run_together, tiny_config

SCRIPT = """
import sys
from pathlib import Path
import torch
from hrs.config import load_config
from tests.training.test_processes import trained
torch.save(trained(load_config(Path(sys.argv[1]))), sys.argv[2])
"""


def trained(config: RunConfig) -> dict[str, torch.Tensor]:
    """The method after the steps of a run, without what is not to be shared: dropout, which is drawn by process, and
    Adam's division by the gradient's own size, which makes a full step of a rounding error."""
    trainer = Trainer(config)
    for layer in trainer.bare.modules():
        if isinstance(layer, torch.nn.modules.dropout._DropoutNd):
            layer.p = 0.0
    for group in trainer.optimiser.param_groups:
        group["eps"] = 1.0
    for batch in trainer.batches():
        trainer.train_step(batch)
    return {name: value.clone() for name, value in trainer.bare.state_dict().items()}


KNOWN = """
import sys
import torch
import torch.distributed as dist
from accelerate import PartialState
from hrs.selection.statistics import known_mean_over_processes
rank = PartialState(cpu=True).process_index
nan = float("nan")
own = {"loss": torch.tensor(1.0 + 2 * rank), "classes": torch.tensor([[4.0, nan, nan], [nan, 2.0, nan]][rank])}
found = known_mean_over_processes(own)
if rank == 1:
    torch.save(found, sys.argv[1])
dist.barrier()  # so that none ends while the other still speaks to it
dist.destroy_process_group()
"""


def test_what_is_logged_is_the_mean_over_the_processes_that_know_it(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(KNOWN)
    run_together(2, tmp_path / "script.py", tmp_path / "found.pt")
    found = torch.load(tmp_path / "found.pt")
    expected = {"loss": torch.tensor(2.0), "classes": torch.tensor([4.0, 2.0, float("nan")])}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, equal_nan=True)


def trained_by(count: int, config: RunConfig, folder: Path) -> dict[str, torch.Tensor]:
    """What ``count`` processes have together."""
    (folder / "config.yaml").write_text(config.to_yaml())
    (folder / "script.py").write_text(SCRIPT)
    run_together(count, folder / "script.py", folder / "config.yaml", folder / f"{count}.pt")
    found: dict[str, torch.Tensor] = torch.load(folder / f"{count}.pt")
    return found


def test_two_processes_train_in_bfloat16(tmp_path: Path, frames: dict[str, str]) -> None:
    config = tiny_config(frames, "method=joint", "train.steps=2", "train.precision=bf16")
    assert all(value.isfinite().all() for value in trained_by(2, config, tmp_path).values())


def test_two_processes_go_on_where_frames_have_ended(tmp_path: Path, frames: dict[str, str]) -> None:
    config = tiny_config(frames, "method=adversarial", "train.steps=6", "train.source_until=0.4")
    assert all(value.isfinite().all() for value in trained_by(2, config, tmp_path).values())


@pytest.mark.parametrize("method", ["joint", "hrs"])
def test_two_processes_have_the_weights_of_one(tmp_path: Path, frames: dict[str, str], method: str) -> None:
    options = (
        "train.steps=3",
        "train.learning_rate=0.02",
        "train.clip=100",
        "selection.every=1",
        "selection.warmup=0.01",
    )
    config = tiny_config(frames, f"method={method}", *options)
    one, two = (trained_by(count, config, tmp_path) for count in (1, 2))
    first = Trainer(config).bare.state_dict()
    moved = max((one[name] - first[name]).abs().max() for name in first if "classifier.weight" in name)
    assert moved > 2e-3
    for name in one:
        torch.testing.assert_close(two[name], one[name], atol=1e-4, rtol=1e-3, msg=lambda text, n=name: f"{n}: {text}")
