"""Running statistics after steps that were not finite, with verdicts that come at once or a step late."""

import pytest
import torch

from hrs.training.undo import Undo


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("bad", [(), (2,), (0,), (2, 3), (1, 3), (4,)])
def test_statistics_never_keep_what_a_bad_step_left(late, bad):
    """A count of the steps, NaN in those that are bad: what the count is once all verdicts are in."""
    value, other, verdicts = torch.zeros(3), torch.zeros((), dtype=torch.long), []
    undo, back = Undo([value, other, value]), 0
    for step in range(6):
        undo.remember()
        fine = step not in bad and bool(value.isfinite().all())
        value.add_(1 if fine else torch.nan)
        other.add_(1)
        verdicts.append(fine)
        if len(verdicts) > late:
            back += undo.settle(verdicts.pop(0))
    for fine in verdicts:
        back += undo.settle(fine)
    assert value.isfinite().all() and int(other) == int(value[0]) == 6 - back
    assert 6 - len(bad) * (1 + late) <= value[0] <= 6 - len(bad)
