"""Loading configurations and weights through transformers, with errors that name the remedy.

A *source* is a hub id ("facebook/dinov2-small") or a local folder that ``save_pretrained`` wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HFValidationError, HTTPError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, PretrainedConfig

from hrs.errors import HRSError
from hrs.system.documents import printable, reason, shortened

Config = TypeVar("Config", bound=PretrainedConfig)
_DEEPEST = 8  # configurations within each other; a backbone is one


@contextmanager
def _explained(source: str) -> Iterator[None]:
    """Turn the many ways in which loading fails into one line."""
    try:
        yield
    except (HFValidationError, HTTPError, OSError, ValueError, SafetensorError) as error:
        if Path(source).is_dir():
            raise HRSError(
                f"cannot load a network from the folder {source}: {reason(error)}; "
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
    """``factory.from_pretrained`` from the local folder or the cache, else from the hub. Data alone: no code that lies
    beside it, and of a local folder no pickle (some old weights on the hub are only there as such; torch reads those
    with ``weights_only``)."""
    options = {**options, "trust_remote_code": False}
    if Path(source).is_dir() and not issubclass(factory, AutoConfig):
        options["use_safetensors"] = True
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


MOST_LAYERS = 1000
"""Of a network that a file describes; the largest known have a tenth."""
_WIDEST = 1 << 16  # channels, pixels and the like
_COUNTS = ("depth", "layer", "block", "stage")  # words in the names of settings that say how often something is built
_FORBIDDEN = (
    "auto_map",
    "use_pretrained_backbone",
    "use_timm_backbone",
    "timm_model",
    "trust_remote_code",
    "hub_kwargs",
)


def stored_config(kind: type[Config], stored: dict[str, Any]) -> Config:
    """A transformers configuration from a file that anybody may have written.

    Building from it reads no other file, asks no other machine and runs no code of the file's; what it would allocate
    is bounded, by MOST_LAYERS here and by the file's own tensors where weights are filled in.

    Raises:
        HRSError: it asks for more, or is no such configuration.
    """
    try:
        _check_stored(stored)
        # A name would be looked up, on the hub if need be; what is built is all in the configuration.
        kept = {key: value for key, value in stored.items() if key not in (*_FORBIDDEN, "backbone", "_name_or_path")}
        return kind.from_dict(kept)
    except HRSError:
        raise
    except Exception as error:  # each model's configuration checks, or does not, in ways of its own
        raise HRSError(
            f"a stored {kind.model_type} configuration is damaged ({reason(error)}); copy it anew"
        ) from error


def _check_stored(value: Any, name: str = "network", depth: int = 0) -> None:
    """Raises HRSError for code, names to look up, and sizes that no network has."""
    if depth > _DEEPEST:
        raise HRSError(f"a stored network configuration is nested more than {_DEEPEST} deep; copy it anew")
    if isinstance(value, dict):
        for key, each in value.items():
            if key in _FORBIDDEN and each:
                raise HRSError(f"a stored network configuration asks for {key}; only data is read from a file")
            _check_stored(each, str(key), depth + 1)
    elif isinstance(value, list):
        _check_count(name, value)
        for each in value:
            _check_stored(each, name, depth + 1)
    elif isinstance(value, int | float):
        _check_count(name, [value])
        if not abs(value) <= _WIDEST and not isinstance(value, bool):
            raise HRSError(
                f"a stored network configuration has {_plain(name)} {shortened(value)}; expected at most {_WIDEST}"
            )


def _check_count(name: str, values: list[Any]) -> None:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(values) > MOST_LAYERS or (any(word in name for word in _COUNTS) and sum(numbers) > MOST_LAYERS):
        what = f"{_plain(name)} {shortened(values)}"
        raise HRSError(f"a stored network configuration has {what}; expected at most {MOST_LAYERS} in all")


def _plain(name: str) -> str:
    """The name of a setting as a message may show it."""
    return printable(name)[:120]
