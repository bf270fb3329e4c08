"""Several processes that share a batch see what one would see: the same statistics and losses, so the same weights."""

from dataclasses import replace

import pytest
import torch

from hrs.config import load_config
from hrs.data.loaders import Batch
from hrs.methods.class_balanced import ClassBalanced
from hrs.methods.evened import even_within_class
from hrs.methods.shuffled import level_classes
from hrs.networks.segmenter import SegmenterOutput, build_segmenter
from hrs.selection.selector import Selector
from hrs.selection.signals.appearance import PatchMemory, describe
from hrs.settings import SelectionConfig
from tests.conftest import run_together
from tests.selection.conftest import B, C, D, make_view

SIGNALS = ("agreement", "similarity", "usefulness")
STEPS = 6
SCRIPT = """
import sys, torch, torch.distributed as dist
from tests.selection.test_processes import controls_of, memory_of, weights_of
dist.init_process_group("gloo")
part = dist.get_rank(), dist.get_world_size()
torch.save([*weights_of(*part), controls_of(*part), memory_of(*part)], f"{sys.argv[1]}/{dist.get_rank()}.pt")
dist.destroy_process_group()
"""


def part(view, rank, world):
    fields = ("features", "logits", "labels", "regions", "images")
    return replace(view, **{name: getattr(view, name)[rank::world] for name in fields})


def weights_of(rank, world):
    """What a process weighs its own frames with, after some steps in which the networks stay as they are, and the last
    step's losses."""
    torch.manual_seed(0)
    selector = Selector(SelectionConfig(signals=SIGNALS, momentum=0.8), C, D).train()
    for step in range(STEPS):
        source, target = part(make_view(step), rank, world), part(make_view(50 + step), rank, world)
        losses, scores = selector.learn(source, target)
        weights = selector.weigh(source, scores).combined
    return weights, {name: loss.detach() for name, loss in losses.items()}


def controls_of(rank, world):
    """The weights that the controls give a process's own frames; a class of the batch is all in the first's."""
    labels = torch.arange(B * 12).view(B, 3, 4) % (C - 1)
    labels[0, :2] = C - 1
    labels = labels[rank::world]
    frames = Batch(images=torch.zeros(len(labels), 3, 3, 4), labels=labels, regions=labels, planted=labels)
    control = ClassBalanced(load_config({"method": "class_balanced"}), build_segmenter("compact", C))
    nothing = SegmenterOutput(torch.zeros(1), torch.zeros(1))
    balanced = control.weigh(frames, nothing, frames, nothing, 0).weights
    view = make_view(0)
    slope = torch.arange(view.labels.numel()).view_as(view.labels) / view.labels.numel()
    evened = even_within_class(slope[rank::world], part(view, rank, world))
    return balanced, level_classes((1 + labels / 3).float() * (1 + rank), labels, C), evened


def memory_of(rank, world):
    """What appearance remembers of real images that are shared out."""
    torch.manual_seed(rank)
    memory = PatchMemory(C, size=64, added=4)
    for step in range(STEPS):
        target = part(make_view(step), rank, world)
        memory.remember(target.images, target.labels)
    return dict(memory.named_buffers())


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """What each of two processes has."""
    folder = tmp_path_factory.mktemp("apart")
    (folder / "script.py").write_text(SCRIPT)
    run_together(2, folder / "script.py", folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_weigh_as_one_with_the_same_frames(apart):
    whole, losses = weights_of(0, 1)
    for i in range(B):
        torch.testing.assert_close(apart[i % 2][0][i // 2], whole[i], atol=1e-4, rtol=0)
    for name, loss in losses.items():
        torch.testing.assert_close((apart[0][1][name] + apart[1][1][name]) / 2, loss, atol=1e-6, rtol=1e-5)
    alone = [weights_of(rank, 2)[0][0] for rank in range(2)]  # without speaking to each other
    assert any((alone[i] - whole[i]).abs().max() > 1e-2 for i in range(B))


def test_the_controls_of_two_processes_are_those_of_one(apart):
    balanced, _, evened = controls_of(0, 1)
    for i in range(B):
        torch.testing.assert_close(apart[i % 2][2][0][i // 2], balanced[i])
        torch.testing.assert_close(apart[i % 2][2][2][i // 2], evened[i])
    levelled = torch.cat([apart[rank][2][1] for rank in range(2)])
    labels = torch.cat([(torch.arange(B * 12).view(B, 3, 4) % (C - 1))[rank::2] for rank in range(2)])
    labels[0, :2] = C - 1
    for each in range(C):
        assert levelled[labels == each].mean() == pytest.approx(1.0, abs=1e-5)


def test_all_processes_remember_what_one_would(apart):
    one, (first, second) = memory_of(0, 1), [each[3] for each in apart]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["count"], one["count"]) and first["within"] > 0
    known = torch.cat([describe(make_view(step).images).permute(0, 2, 3, 1).flatten(0, 2) for step in range(STEPS)])
    for patches, count in zip(first["memory"], first["count"].clamp(max=64), strict=True):
        assert torch.cdist(patches[:count], known, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=1).max() < 1e-5
