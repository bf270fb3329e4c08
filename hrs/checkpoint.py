"""Checkpoints: model.safetensors, config.json and a README card, readable by anyone, without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
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
from hrs.system.files import atomic_folder

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
        save_file({name: value.clone() for name, value in tensors.items()}, new / MODEL)
        (new / CONFIG).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        (new / CARD).write_text(card(config, space, step, metrics), encoding="utf-8")
        if state is not None:
            torch.save(state, new / STATE)


def load_checkpoint(folder: Path, *, device: torch.device | str = "cpu") -> Checkpoint:
    """The whole method of a checkpoint folder, its weighting networks too; `load_segmenter` is enough for photos.

    Raises:
        HRSError: a file is missing or damaged, or the weights do not fit the network that config.json names.
    """
    about = read_about(folder)
    method = build_method(about.config, len(about.space), _segmenter(about))
    load_weights(method, folder)
    method.to(device).eval()
    return Checkpoint(method=method, about=about)


def load_segmenter(folder: Path, *, device: torch.device | str = "cpu") -> Segmenter:
    """The segmentation network of a checkpoint folder, ready to use. Raises HRSError as `load_checkpoint` does."""
    about = read_about(folder)
    segmenter = _segmenter(about)
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


def _segmenter(about: About) -> Segmenter:
    return build_segmenter(about.config.network.name, len(about.space), config=about.network)


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(folder / MODEL)
    except (OSError, SafetensorError) as error:
        raise HRSError(f"checkpoint {folder}: {MODEL} cannot be read ({error}); train again or copy it anew") from error


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
        reason = " ".join(str(error).split())[:200]
        raise HRSError(f"checkpoint {folder}: the weights do not fit the network in {CONFIG}: {reason}") from error


def load_state(folder: Path) -> dict[str, Any]:
    """The optimiser's and schedule's state of a checkpoint that resumes."""
    path = folder / STATE
    if not path.is_file():
        raise HRSError(f"checkpoint {folder} has no {STATE}; only checkpoints/last resumes a run")
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


def read_about(folder: Path) -> About:
    """config.json of a checkpoint. Raises HRSError where it cannot be used."""
    path = folder / CONFIG
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HRSError(
            f"checkpoint {folder}: {CONFIG} cannot be read ({error}); expected a folder with {MODEL} and {CONFIG}"
        ) from error
    missing = {"run", "label_space", "network", "step", "metrics"} - set(stored if isinstance(stored, dict) else ())
    if missing:
        raise HRSError(f"checkpoint {folder}: {CONFIG} lacks {', '.join(sorted(missing))}; it was not written by hrs")
    return About(
        format=stored.get("format", 1),
        config=load_config(stored["run"]),
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
    scored = f"mIoU {metrics['miou']:.1f} % on {metrics['images']} validation images" if metrics else "not validated"
    return f"""# {config.network.name} trained with {config.method}

Semantic segmentation into {len(space)} classes ({space.name}): {scored}, after step {step}.

- synthetic data: {sources}
- real data: `{config.data.target}`, {config.data.n_real or "all"} labelled images, seed {config.seed}
- input size: {config.data.width}x{config.data.height}
- validation chose the step; report on images that no choice was made on

| class | IoU (%) on validation |
| --- | --- |
{rows}

Use it: `python -m hrs segment CHECKPOINT IMAGE --out DIR`. Train it again: the `run` section of config.json.
"""
