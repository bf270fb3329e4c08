"""Where the host waits for the device: every such place of a piece of work, by line."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

OWN = Path(__file__).resolve().parents[2] / "hrs"
TELLERS, TORCH = {Path(__file__).resolve(), Path(warnings.__file__)}, Path(torch.__file__).parent
WARNED = "called a synchronizing"
"""In what CUDA says of an operation for which the host waits, and not in what it says of saying so."""


@contextmanager
def host_waits(device: torch.device) -> Iterator[Counter[str]]:
    """Counts, by "file:line operation", the places in hrs at which the host waits for a GPU.

    On a GPU CUDA says so itself. On a CPU, operations are watched that would wait on a GPU, by reading values (`item`,
    `bool`, `tolist`), by a shape that depends on them (boolean indices, `nonzero`, `unique`, `bincount`), or by copying
    a constant over (`torch.tensor`, a number in `torch.where`). Copies between devices are not seen there.
    """
    found: Counter[str] = Counter()
    if device.type == "cuda":
        with _said_by_cuda(found):
            yield found
    else:
        with _Watched(found):
            yield found


@contextmanager
def _said_by_cuda(found: Counter[str]) -> Iterator[None]:
    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        if WARNED in str(message):
            found[_line("synchronises")] += 1

    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)


class _Watched(TorchDispatchMode):
    WAITS = frozenset(
        f"aten.{name}"
        for name in (
            *("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "bincount", "_unique2", "lift_fresh"),
            *("equal", "scalar_tensor", "one_hot", "repeat_interleave"),
        )
    )

    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func.overloadpacket)
        if name in self.WAITS or (name.startswith("aten.index") and _by_mask(args)):
            self.found[_line(name.removeprefix("aten."))] += 1
        return func(*args, **(kwargs or {}))


def _by_mask(args: Any) -> bool:
    indices = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ()
    return any(isinstance(each, torch.Tensor) and each.dtype in (torch.bool, torch.uint8) for each in indices)


def _line(operation: str) -> str:
    """The innermost line of hrs, else the innermost that is neither torch's nor of what tells."""
    stack = [
        frame
        for frame in traceback.extract_stack()
        if Path(frame.filename) not in TELLERS and TORCH not in Path(frame.filename).parents
    ]
    own = [frame for frame in stack if OWN in Path(frame.filename).parents]
    frame = (own or stack)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(OWN.parent) if own else path.name
    return f"{shown}:{frame.lineno} {operation}"
