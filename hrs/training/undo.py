"""What networks keep beside their weights, put back where a step turned out not to be finite."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import torch
from torch import Tensor


class Undo:
    """Running statistics, such as batch normalisation's, move in the forward pass: before anybody knows whether its
    loss is finite. Weights can then be left alone, but one such pass would stay in the statistics for ever. So does
    the average of the weights move, before the host knows that they were left alone.

    A GPU says a step later how a step went, so copies wait as long as the answers do. What was done in the meantime is
    put back with it.

    Args:
        tensors: what to put back, in place.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._own = list({id(tensor): tensor.detach() for tensor in tensors}.values())
        self._kept, self._spare = deque[list[Tensor]](), list[list[Tensor]]()
        self._undone = 0  # steps that are remembered, but put back already

    def remember(self) -> None:
        """Before a step."""
        copies = self._spare.pop() if self._spare else [torch.empty_like(own) for own in self._own]
        _copy(copies, self._own)
        self._kept.append(copies)

    def settle(self, fine: bool) -> int:
        """After it is known of the oldest step that was remembered whether it was finite; how many steps are put back
        now."""
        oldest, back = self._kept.popleft(), 0
        if self._undone:
            self._undone -= 1
        elif not fine:
            _copy(self._own, oldest)
            self._undone, back = len(self._kept), len(self._kept) + 1
        self._spare.append(oldest)
        return back


@torch.no_grad()
def _copy(to: list[Tensor], source: list[Tensor]) -> None:
    if to:
        torch._foreach_copy_(to, source)
