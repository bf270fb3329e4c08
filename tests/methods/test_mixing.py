import torch

from hrs.labels import IGNORE
from hrs.methods.mixing import half_of_classes


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
