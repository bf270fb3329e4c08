"""Checkpoints: model.safetensors, config.json and a README card, readable by anyone, without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from hrs.config import RunConfig, load_config
from hrs.errors import HRSError
from hrs.labels import LabelSpace
from hrs.methods.base import Method
from hrs.methods.build import build_method
from hrs.networks.segmenter import build_segmenter
from hrs.runs.names import CARD, CONFIG, MODEL, STATE
from hrs.system.files import atomic_folder


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained method with all that is needed to use it. ``metrics`` is what validation said, in percent."""

    method: Method
    config: RunConfig
    space: LabelSpace
    step: int
    metrics: dict[str, Any]


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
        "format": 1,
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
    """Read a checkpoint folder.

    Raises:
        HRSError: a file is missing or damaged, or the weights do not fit the network that config.json names.
    """
    about = read_about(folder)
    config = load_config(about["run"])
    space = LabelSpace.from_dict(about["label_space"])
    segmenter = build_segmenter(config.network.name, len(space), config=about["network"])
    method = build_method(config, len(space), segmenter)
    load_weights(method, folder)
    method.to(device).eval()
    return Checkpoint(method=method, config=config, space=space, step=about["step"], metrics=about["metrics"])


def load_weights(method: Method, folder: Path) -> None:
    """Load model.safetensors into a method of the same shape."""
    try:
        tensors = load_file(folder / MODEL)
    except (OSError, SafetensorError) as error:
        raise HRSError(f"checkpoint {folder}: {MODEL} cannot be read ({error}); train again or copy it anew") from error
    classifier = tensors.get("segmenter.classifier.weight")
    if classifier is not None and len(classifier) != method.num_classes:
        raise HRSError(
            f"checkpoint {folder} predicts {len(classifier)} classes but {method.num_classes} are expected; "
            "use the label space it was trained with"
        )
    try:
        method.load_state_dict(tensors)
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


def read_about(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint: step, label_space, metrics, and run (the RunConfig). Raises HRSError if unusable."""
    path = folder / CONFIG
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HRSError(
            f"checkpoint {folder}: {CONFIG} cannot be read ({error}); expected a folder with {MODEL} and {CONFIG}"
        ) from error
    missing = {"run", "label_space", "network", "step", "metrics"} - set(about if isinstance(about, dict) else ())
    if missing:
        raise HRSError(f"checkpoint {folder}: {CONFIG} lacks {', '.join(sorted(missing))}; it was not written by hrs")
    checked: dict[str, Any] = about
    return checked


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
