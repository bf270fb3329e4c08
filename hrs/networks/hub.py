"""Loading configurations and weights through transformers, with errors that name the remedy.

A *source* is a hub id ("facebook/dinov2-small") or a local folder that ``save_pretrained`` wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HFValidationError, HTTPError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, PretrainedConfig

from hrs.errors import HRSError


@contextmanager
def _explained(source: str) -> Iterator[None]:
    """Turn the many ways in which loading fails into one line."""
    try:
        yield
    except (HFValidationError, HTTPError, OSError, ValueError, SafetensorError) as error:
        if Path(source).is_dir():
            reason = str(error).partition("\n")[0]
            raise HRSError(
                f"cannot load a network from the folder {source}: {reason}; "
                "expected config.json and model.safetensors as written by save_pretrained"
            ) from error
        if Path(source).is_absolute() or source.startswith("."):
            raise HRSError(
                f"cannot load {source!r}: no such folder; pass one with config.json and model.safetensors, a hub id "
                "such as facebook/dinov2-small, or a short name"
            ) from error
        raise HRSError(
            f"cannot load {source!r}: no such local folder, and not to be had from the Hugging Face hub; "
            f"download it first where there is a network (hf download {source}), pass the path of a local folder "
            "instead, or set pretrained: false to start from random weights"
        ) from error


def _hub_answers() -> bool:
    """One request. Without it, transformers repeats every request for half a minute where there is no network."""
    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except (HTTPError, OSError):
        return False
    return True


def _from_pretrained(factory: Any, source: str, **options: Any) -> Any:
    """``factory.from_pretrained`` from the local folder or the cache, else from the hub."""
    try:
        return factory.from_pretrained(source, local_files_only=True, **options)
    except OSError:
        if Path(source).is_dir() or not _hub_answers():
            raise
    return factory.from_pretrained(source, **options)


def load_config(source: str) -> PretrainedConfig:
    """The configuration of a source; HRSError if it cannot be had."""
    with _explained(source):
        return _from_pretrained(AutoConfig, source)


def load_network(factory: Any, source: str, config: PretrainedConfig) -> nn.Module:
    """``factory.from_pretrained`` with ``config``; layers whose shape differs (other classes) start at random.

    Raises HRSError if the source cannot be had, or if its weights fit less than half of the network's parameters: then
    it is another network, and training would silently start from random weights.
    """
    with _explained(source):
        network, info = _from_pretrained(
            factory, source, config=config, ignore_mismatched_sizes=True, output_loading_info=True
        )
    mismatched = [key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]]
    fresh = {*info["missing_keys"], *mismatched}
    names = [name for name, _ in network.named_parameters()]
    missing = sum(name in fresh for name in names)
    if 2 * missing > len(names):
        raise HRSError(
            f"the weights in {source} fit only {len(names) - missing} of the {len(names)} parameters of "
            f"{type(network).__name__}; pass weights of that architecture"
        )
    return network
