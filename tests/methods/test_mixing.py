import torch

from hrs.labels import IGNORE
from hrs.methods.mixing import half_of_classes, is_pasted, mix
from tests.methods.test_methods import batch, build, one_step
from tests.selection.conftest import C


def test_half_of_the_classes_present_rounded_up_are_pasted_whole():
    torch.manual_seed(0)
    labels = torch.tensor([[[0, 0, 1], [2, 3, IGNORE]], [[4, 4, 4], [4, 4, 4]], [[IGNORE] * 3, [1, 2, 3]]])
    for _ in range(20):
        pasted = half_of_classes(labels, 5)
        for i, classes in enumerate((4, 1, 3)):
            chosen = labels[i][pasted[i]].unique()
            assert len(chosen) == (classes + 1) // 2
            assert pasted[i].equal(torch.isin(labels[i], chosen))
        assert not pasted[labels == IGNORE].any()


def test_which_half_is_random():
    torch.manual_seed(0)
    labels = torch.arange(4).view(1, 2, 2)
    draws = {tuple(half_of_classes(labels, 4).flatten().tolist()) for _ in range(50)}
    assert len(draws) == 6


def test_a_mixed_image_is_synthetic_where_pasted_and_real_elsewhere():
    torch.manual_seed(0)
    source, target = batch(1, 3), batch(2, 2)
    mixed = mix(source, target, C)
    for i, real in enumerate((0, 1, 0)):
        pasted = is_pasted(mixed)[i]
        assert 0 < pasted.float().mean() < 1
        assert mixed.images[i][:, pasted].equal(source.images[i][:, pasted])
        assert mixed.images[i][:, ~pasted].equal(target.images[real][:, ~pasted])
        assert mixed.labels[i][pasted].equal(source.labels[i][pasted])
        assert mixed.labels[i][~pasted].equal(target.labels[real][~pasted])


def test_selective_mixing_is_mixing_until_weights_act_and_then_leaves_real_pixels_alone():
    plain, config = build("mixing")
    chosen, _ = build("hrs_mixing", "selection.every=1")
    chosen.segmenter.load_state_dict(plain.segmenter.state_dict())

    def losses(method, step):
        torch.manual_seed(5)
        return one_step(method, config, step).logs

    assert losses(plain, 0)["loss_source"] == losses(chosen, 0)["loss_source"]
    for step in range(9):
        one_step(chosen, config, step)
    seen = {}
    entropies = chosen.cross_entropies
    chosen.cross_entropies = lambda logits, labels, weights: (
        (weights is not None and seen.update(weights=weights)) or entropies(logits, labels, weights)
    )
    torch.manual_seed(5)
    pasted = is_pasted(mix(batch(1), batch(2), C))
    losses(chosen, 9)
    assert torch.all(seen["weights"][~pasted] == 1)
    assert seen["weights"][pasted].std() > 0.01
