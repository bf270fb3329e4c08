import pytest
import torch

from hrs.data.layouts import open_dataset
from hrs.methods.build import build_method
from hrs.networks.segmenter import build_segmenter
from hrs.trial.decoder import decoding, drawn, judge, train
from hrs.trial.views import see
from tests.conftest import tiny_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_segmenter("lite0", 4, pretrained=True).eval()


@pytest.fixture(scope="module")
def sides(frames, network):
    """Views of the real and of the synthetic frames."""
    data = tiny_config(frames).data
    both = (open_dataset(frames[name]) for name in ("target", "source"))
    return [see(each, data, network.encoder, CPU, views=2, seed=0) for each in both]


def trained(frames, sides, *settings):
    torch.set_num_threads(1)
    steps = []
    network = train(tiny_config(frames, *settings), 4, *sides, CPU, after=lambda: steps.append(1))
    return network, len(steps)


def weights(network):
    return torch.cat([each.flatten() for each in network.parameters()])


@pytest.mark.parametrize("method", ["joint", "hrs"])
def test_a_method_on_views_has_the_loss_it_has_on_images(frames, network, sides, method):
    config = tiny_config(frames, f"method={method}")
    on_views = decoding(config, 4)
    on_images = build_method(config, 4, network)
    on_views.segmenter.load_state_dict(network.state_dict(), strict=False)
    photos, shown = (views.take(torch.arange(2)) for views in sides)
    losses = []
    for each in (on_views.eval(), on_images.eval()):
        torch.manual_seed(1)
        for name, parameter in each.named_parameters():
            if not name.startswith("segmenter"):
                torch.nn.init.constant_(parameter, 0.01)
        losses.append(each(shown, photos, 3).loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=5e-3)


def test_photos_alone_do_not_see_the_frames(frames, sides):
    real, source = sides
    ours = [
        trained(frames, [real, frames_], "method=target_only")[0]
        for frames_ in (source, source.take(torch.tensor([0])))
    ]
    assert torch.equal(weights(ours[0]), weights(ours[1]))
    joint = trained(frames, sides, "method=joint")[0]
    assert not torch.equal(weights(ours[0]), weights(joint))


def test_all_steps_are_taken_and_the_photos_learned(frames, sides):
    network, steps = trained(frames, sides, "method=target_only", "train.steps=60", "train.batch_target=4")
    assert steps == 60
    seen = judge(network, sides[0], 4, CPU)
    assert seen.shape == (len(sides[0]), 4, 4)
    assert seen.sum() == (sides[0].labels < 4).sum()
    assert seen.sum(axis=0).trace() / seen.sum() > 0.8


def test_a_seed_draws_the_same_views(sides):
    real, _ = sides
    assert torch.equal(drawn(real, 4, (0, 1)).image, drawn(real, 4, (0, 1)).image)
    assert len(drawn(real, 0, (0, 1))) == 0


def test_rare_classes_count_as_the_run_says(frames, sides):
    alike, balanced = (trained(frames, sides, "method=joint", f"train.class_balance={p}")[0] for p in (0, 0.9))
    assert not torch.equal(weights(alike), weights(balanced))
