import math

import torch

from hrs.labels import IGNORE
from hrs.scoring.score import class_means


def test_class_means_are_those_of_a_slow_loop():
    torch.manual_seed(0)
    values, labels = torch.rand(3, 5, 7), torch.randint(0, 4, (3, 5, 7)).to(torch.uint8)
    labels[labels == 3] = IGNORE
    labels[1][labels[1] == 2] = 0
    means = class_means(values, labels, 3)
    for i in range(3):
        for c in range(3):
            own = values[i][labels[i] == c]
            assert math.isnan(means[i, c]) if not len(own) else math.isclose(means[i, c], own.mean(), rel_tol=1e-5)
