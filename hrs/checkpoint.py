"""Checkpoints: model.safetensors, config.json and a README card, readable by anyone, without pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.base import Method
from hrs.methods.build import build_method
from hrs.methods.table import METHODS
from hrs.networks.segmenter import Segmenter, build_segmenter
from hrs.runs.names import CARD, CONFIG, MODEL, STATE
from hrs.system.documents import parse_json, read_bounded, reason
from hrs.system.files import atomic_folder, usual_rights

FORMAT = 2
"""How the tensors of weighting networks are called: 2 since signals have modules of their own."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What config.json says: how the run was set, its classes, the segmentation network's own configuration, the step,
    and what validation said, in percent."""

    format: int
    config: RunConfig
    space: LabelSpace
    network: dict[str, Any]
    step: int
    metrics: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained method with all that is needed to use it."""

    method: Method
    about: About

    @property
    def config(self) -> RunConfig:
        return self.about.config

    @property
    def space(self) -> LabelSpace:
        return self.about.space


def save_checkpoint(
    folder: Path,
    *,
    method: Method,
    config: RunConfig,
    space: LabelSpace,
    step: int,
    metrics: dict[str, Any],
    overrides: dict[str, torch.Tensor] | None = None,
    state: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint folder whole, replacing an older one.

    Args:
        overrides: parameters saved instead of the method's own (an averaged network).
        state: optimiser and schedule, for an exact resume.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
    tensors |= {name: value.detach().cpu().contiguous() for name, value in (overrides or {}).items()}
    about = {
        "format": FORMAT,
        "step": step,
        "label_space": space.to_dict(),
        "network": method.segmenter.config,
        "metrics": metrics,
        "run": config.model_dump(mode="json"),
    }
    with atomic_folder(folder) as new:
        with usual_rights(new / MODEL):
            save_file({name: value.clone() for name, value in tensors.items()}, new / MODEL)
        (new / CONFIG).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        (new / CARD).write_text(card(config, space, step, metrics), encoding="utf-8")
        if state is not None:
            write_state(new, state)


def load_checkpoint(folder: Path, *, device: torch.device | str = "cpu") -> Checkpoint:
    """The whole method of a checkpoint folder, its weighting networks too; `load_segmenter` is enough for photos.

    Raises:
        HRSError: a file is missing or damaged, or the weights do not fit the network that config.json names.
    """
    about = read_about(folder)
    method = build_method(about.config, len(about.space), blank_segmenter(about, folder))
    load_weights(method, folder)
    method.to(device).eval()
    return Checkpoint(method=method, about=about)


def load_segmenter(folder: Path, *, device: torch.device | str = "cpu") -> Segmenter:
    """The segmentation network of a checkpoint folder, ready to use. Raises HRSError as `load_checkpoint` does."""
    about = read_about(folder)
    segmenter = blank_segmenter(about, folder)
    tensors = {name.removeprefix(_SEGMENTER): tensor for name, tensor in _tensors(folder).items() if _is_own(name)}
    _fill(segmenter, tensors, folder)
    segmenter.to(device).eval()
    return segmenter


def load_weights(method: Method, folder: Path) -> None:
    """Load model.safetensors into a method of the same shape."""
    check_format(folder)
    _fill(method, _tensors(folder), folder)


def check_format(folder: Path) -> None:
    """Raise HRSError where weighting networks were written by a version that called their tensors otherwise."""
    about = read_about(folder)
    if METHODS[about.config.method].learns_weights and about.format != FORMAT:
        raise HRSError(
            f"checkpoint {folder} has weighting networks of format {about.format}, expected {FORMAT}: another version "
            "of hrs wrote it. It still segments; to score with it or resume it, train it again"
        )


_SEGMENTER = "segmenter."


def _is_own(name: str) -> bool:
    return name.startswith(_SEGMENTER)


def blank_segmenter(about: About, folder: Path) -> Segmenter:
    """The network that config.json describes, with random weights; those that it began with are not asked for. It is
    built without memory first: a file that describes a larger network than its own tensors fill allocates nothing."""
    shapes = {name.removeprefix(_SEGMENTER): each for name, each in _shapes(folder).items() if _is_own(name)}
    with torch.device("meta"):
        _fill(_built(about, folder), {name: torch.empty(each) for name, each in shapes.items()}, folder)
    return _built(about, folder)


def _built(about: About, folder: Path) -> Segmenter:
    try:
        return build_segmenter(about.config.network.name, len(about.space), config=about.network)
    except HRSError as error:
        raise HRSError(f"checkpoint {folder}: {error}") from error
    except Exception as error:  # transformers raises nearly anything on settings that make no network
        raise HRSError(f"checkpoint {folder}: {CONFIG} describes no network ({reason(error)}); copy it anew") from error


def _shapes(folder: Path) -> dict[str, list[int]]:
    """The sizes of the tensors of a checkpoint, from its header."""
    with _readable(folder, MODEL), safe_open(folder / MODEL, framework="pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - it is no dict


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    with _readable(folder, MODEL):
        return load_file(folder / MODEL)


@contextmanager
def _readable(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, ValueError) as error:
        raise HRSError(
            f"checkpoint {folder}: {name} cannot be read ({reason(error)}); train again or copy it anew"
        ) from error


def _fill(module: nn.Module, tensors: dict[str, torch.Tensor], folder: Path) -> None:
    own = module.state_dict()
    for name in ("classifier.weight", f"{_SEGMENTER}classifier.weight"):
        if name in own and name in tensors and len(tensors[name]) != len(own[name]):
            raise HRSError(
                f"checkpoint {folder} predicts {len(tensors[name])} classes but {len(own[name])} are expected; "
                "use the label space it was trained with"
            )
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise HRSError(
            f"checkpoint {folder}: the weights do not fit the network in {CONFIG}: {reason(error)}"
        ) from error


def load_state(folder: Path) -> dict[str, Any]:
    """The optimiser's and schedule's state of a checkpoint that resumes. Raises HRSError where there is none or it is
    damaged; what does not fit the run shows in `restoring`."""
    path = folder / STATE
    if not path.is_file():
        older = " (an earlier version of hrs wrote another file)" if (folder / _OLD_STATE).is_file() else ""
        raise HRSError(f"checkpoint {folder} has no {STATE}{older}; only checkpoints/last resumes a run")
    with restoring(folder), safe_open(path, framework="pt") as file:
        state = _unpack(parse_json(file.metadata()[_TREE]), file.get_tensor)
        if set(state) - _MAY_HOLD != _MUST_HOLD:
            raise ValueError("it holds something else")
        return dict(state)


@contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Says in a line that a state does not fit the run that it is to resume."""
    try:
        yield
    except (HRSError, MemoryError):
        raise
    except Exception as error:  # torch checks a state by using it
        raise HRSError(
            f"checkpoint {folder}: {STATE} is damaged ({reason(error)}); copy it anew, or train again from the run's "
            "config.yaml"
        ) from error


def check_fits(optimiser: Any) -> None:
    """Raises ValueError where what an optimiser remembers of a weight has not the weight's size."""
    for weight, memory in optimiser.state.items():
        for name, value in memory.items():
            if name != "step" and value.shape != weight.shape:
                raise ValueError(f"{name} has {tuple(value.shape)} values for a weight of {tuple(weight.shape)}")


_OLD_STATE = "training_state.pt"
_MUST_HOLD, _MAY_HOLD = {"optimiser", "step", "best"}, {"average", "often", "teacher", "scaler"}
_TREE = "state"  # where the file's header holds what is no tensor


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Put what resumes a run into a checkpoint folder, as safetensors: `load_state` gives the same to the last bit."""
    tensors: dict[str, torch.Tensor] = {}
    tree = _pack(state, tensors)
    with usual_rights(folder / STATE):
        save_file(tensors, folder / STATE, metadata={_TREE: json.dumps(tree)})


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A state as JSON: tensors are taken out and named by number, and mappings keep keys that are no text."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"map": [[key, _pack(each, tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_pack(each, tensors) for each in value]}
    return {"value": value}


def _unpack(packed: Any, tensor: Callable[[str], torch.Tensor]) -> Any:
    ((kind, value),) = packed.items()
    if kind == "tensor":
        return tensor(value)
    if kind == "map":
        return {key: _unpack(each, tensor) for key, each in value}
    return [_unpack(each, tensor) for each in value] if kind == "list" else value


def read_about(folder: Path) -> About:
    """config.json of a checkpoint. Raises HRSError where it cannot be used."""
    path = folder / CONFIG
    try:
        stored = parse_json(read_bounded(path))
    except (FileNotFoundError, HRSError, ValueError) as error:
        raise HRSError(
            f"checkpoint {folder}: {CONFIG} cannot be read ({reason(error)}); "
            f"expected a folder with {MODEL} and {CONFIG}"
        ) from error
    missing = {"run", "label_space", "network", "step", "metrics"} - set(stored if isinstance(stored, dict) else ())
    if missing:
        raise HRSError(f"checkpoint {folder}: {CONFIG} lacks {', '.join(sorted(missing))}; it was not written by hrs")
    score = stored["metrics"].get("miou") if isinstance(stored["metrics"], dict) else ""
    right = isinstance(stored["run"], dict) and isinstance(stored["network"], dict) and type(stored["step"]) is int
    if not (right and (score is None or isinstance(score, int | float))):
        raise HRSError(f"checkpoint {folder}: {CONFIG} is damaged; copy it anew")
    return About(
        format=stored.get("format", 1),
        config=load_config(stored["run"], trained=True),
        space=LabelSpace.from_dict(stored["label_space"]),
        network=stored["network"],
        step=stored["step"],
        metrics=stored["metrics"],
    )


def card(config: RunConfig, space: LabelSpace, step: int, metrics: dict[str, Any]) -> str:
    """The README that travels with a checkpoint."""
    sources = ", ".join(f"`{source}`" for source in config.sources) or "none"
    rows = "\n".join(
        f"| {name} | {'–' if value is None else f'{value:.1f}'} |" for name, value in metrics.get("iou", {}).items()
    )
    miou = metrics.get("miou")
    drawn = f"{config.data.n_real or 'all'} labelled images"
    others = "" if config.data.n_real else " but those that it is validated on"
    scored = "not validated" if miou is None else f"mIoU {miou:.1f} % on {metrics['images']} validation images"
    return f"""# {config.network.name} trained with {config.method}

Semantic segmentation into {len(space)} classes ({space.name}): {scored}, after step {step}.

- synthetic data: {sources}
- real data: `{config.data.target}`, {drawn}{others}, seed {config.seed}
- input size: {config.data.width}x{config.data.height}
- the best of several validations flatters; report on images that no choice was made on

| class | IoU (%) on validation |
| --- | --- |
{rows}

Use it: `python -m hrs segment CHECKPOINT IMAGE --out DIR`. Train it again: the `run` section of config.json.
"""
