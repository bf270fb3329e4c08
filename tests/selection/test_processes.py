"""Several processes that share a batch see what one would see: the same statistics, so the same weights."""

from dataclasses import replace

import torch

from hrs.config import SelectionConfig
from hrs.selection.selector import Selector
from tests.conftest import run_together
from tests.selection.conftest import B, C, D, make_view

SIGNALS = ("agreement", "similarity", "usefulness")
STEPS = 6
SCRIPT = """
import sys, torch, torch.distributed as dist
from tests.selection.test_processes import weights_of
dist.init_process_group("gloo")
torch.save(weights_of(dist.get_rank(), dist.get_world_size()), f"{sys.argv[1]}/{dist.get_rank()}.pt")
dist.destroy_process_group()
"""


def part(view, rank, world):
    fields = ("features", "logits", "labels", "regions", "images")
    return replace(view, **{name: getattr(view, name)[rank::world] for name in fields})


def weights_of(rank, world):
    """What a process weighs its own frames with, after some steps in which the networks stay as they are."""
    torch.manual_seed(0)
    selector = Selector(SelectionConfig(signals=SIGNALS, momentum=0.8), C, D).train()
    for step in range(STEPS):
        source, target = part(make_view(step), rank, world), part(make_view(50 + step), rank, world)
        _, scores = selector.learn(source, target)
        weights = selector.weigh(source, scores).combined
    return weights


def test_two_processes_weigh_as_one_with_the_same_frames(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    run_together(2, tmp_path / "script.py", tmp_path)
    whole = weights_of(0, 1)
    apart = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for i in range(B):
        torch.testing.assert_close(apart[i % 2][i // 2], whole[i], atol=1e-4, rtol=0)
    alone = [weights_of(rank, 2)[0] for rank in range(2)]  # without speaking to each other
    assert any((alone[i] - whole[i]).abs().max() > 1e-2 for i in range(B))
