"""A trained network at work on photographs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.checkpoint import read_about
from hrs.data.draw import spread_indices
from hrs.data.layouts import Dataset
from hrs.data.transforms import Sample, fit
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix, Evaluation
from hrs.inference.backends import Backend, BackendName, OnnxBackend, TorchBackend, open_backend
from hrs.inference.realism import (
    UNKNOWN,
    UNKNOWN_IN_8_BITS,
    Gauge,
    Vectors,
    check_counts,
    fit_gauge,
    read_gauge,
    summarise,
)
from hrs.inference.tiles import Plan, Size, blend, decide, plan
from hrs.labels import LabelSpace
from hrs.networks.segmenter import Segmenter, upsample
from hrs.progress import Progress
from hrs.system.photographs import Image

Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.float32])

_ANSWER = 1 << 21  # pixels at which classes are decided; a larger photo gets them enlarged
_TOGETHER = 4  # tiles that go through the network at a time
_AUGMENTED = ((1.0, False), (1.0, True), (1.25, False), (1.25, True))  # (zoom, mirrored)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """What a photo shows.

    labels: class ids, uint8 (h w). confidence: the probability of that class, float32 (h w) in 0..1. coverage: percent
    of the photo by class name, all classes in their order. realism: in [0, 1], how usual the photo is among the real
    images of training (see `Gauge.realism`), None where the model cannot say; realism_words says it in a sentence.
    summary: mean and spread of each of the network's last features, float32 (2 d,): what the photo looks like to it.
    """

    labels: Image
    confidence: NDArray[np.float32]
    coverage: dict[str, float]
    realism: float | None
    realism_words: str
    summary: NDArray[np.float32]


class Predictor:
    """Segments RGB photos of any size and shape.

    Args:
        network: a segmenter in eval mode, which is then run on ``device`` in float32, or a backend.
        space: what its classes are called.
        height, width: the network's input size in training, in pixels.
        gauge: tells how close photos are to the real images of training.
        unknown: what is said where there is none.
    """

    def __init__(
        self,
        network: Segmenter | Backend,
        space: LabelSpace,
        *,
        height: int,
        width: int,
        device: torch.device | str = "cpu",
        gauge: Gauge | None = None,
        unknown: str = UNKNOWN,
    ) -> None:
        self.backend: Backend = TorchBackend(network, device) if isinstance(network, Segmenter) else network
        self.space, self.size, self.gauge, self.unknown = space, (height, width), gauge, unknown

    @classmethod
    def load(cls, checkpoint: Path, *, device: torch.device | str = "cpu", backend: BackendName = "auto") -> Predictor:
        """From a checkpoint folder.

        Args:
            backend: "torch" is exact; "onnx" is the same up to rounding (made once per model, in some seconds); "auto"
                takes the faster one on a CPU and bfloat16 on a GPU.

        Raises:
            HRSError: the checkpoint is damaged, or "onnx" cannot be had.
        """
        about = read_about(checkpoint)
        data, network = about.config.data, open_backend(checkpoint, backend, device)
        eight = isinstance(network, OnnxBackend) and network.bits == 8  # whose features are others
        return cls(
            network,
            about.space,
            height=data.height,
            width=data.width,
            gauge=None if eight else read_gauge(checkpoint),
            unknown=UNKNOWN_IN_8_BITS if eight else UNKNOWN,
        )

    # Photos

    @torch.inference_mode()
    def segment(self, image: Image, *, augment: bool = False) -> Segmentation:
        """What an RGB photo (h w 3, uint8) shows.

        A photo of about the training shape is seen whole at the training size, as in validation; panoramas are tiled.
        Above 2 megapixels the answer is decided at 2 and enlarged, which bounds time and memory.

        Args:
            augment: average over mirrored and enlarged views; four to six times the work.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise HRSError(f"the image is {image.dtype} {image.shape}; expected RGB, uint8 (height, width, 3)")
        photo: Size = (image.shape[0], image.shape[1])
        logits, features = self._look(image, plan(photo, self.size))
        if augment:
            logits = self._augmented(image, logits)
        labels, confidence = decide(logits, _answer_size(photo))
        summary = summarise(features)
        gauge = self.gauge if self.gauge and self.gauge.mean.shape == summary.shape else None  # else another network's
        realism = gauge.realism(summary) if gauge else None
        return Segmentation(
            labels=_enlarge(labels, photo),
            confidence=_enlarge(confidence, photo),
            coverage=self._coverage(labels),
            realism=realism,
            realism_words=gauge.words(realism) if gauge and realism is not None else self.unknown,
            summary=summary,
        )

    def _look(self, image: Image, how: Plan, *, mirrored: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Logits (c h' w') of a photo and features (b d h' w') of its tiles."""
        small = fit(Sample(image=image), *how.size).image
        if mirrored:
            small = np.ascontiguousarray(small[:, ::-1])
        features: list[Tensor] = []
        pieces = self._pieces(small, how, features)
        logits = next(pieces)[1] if how.whole else blend(pieces, how)
        return (logits.flip(-1) if mirrored else logits), features

    def _pieces(self, small: Image, how: Plan, features: list[Tensor]) -> Iterator[tuple[tuple[int, int], Tensor]]:
        high, wide = how.tile
        for first in range(0, len(how.corners), _TOGETHER):
            corners = how.corners[first : first + _TOGETHER]
            output = self.backend(np.stack([small[y : y + high, x : x + wide] for y, x in corners]))
            features.append(output.features)
            yield from zip(corners, output.logits, strict=True)

    def _augmented(self, image: Image, first: Tensor) -> Tensor:
        """Log of the mean probability over views; ``first`` is the plain view's logits."""
        photo = image.shape[0], image.shape[1]
        plans = [plan(photo, self.size, zoom=zoom) for zoom, _ in _AUGMENTED[1:]]
        views = [first]
        views += [self._look(image, how, mirrored=m)[0] for how, (_, m) in zip(plans, _AUGMENTED[1:], strict=True)]
        grid = max((view.shape[-2:] for view in views), key=math.prod)
        chances = [upsample(view.unsqueeze(0), grid)[0].softmax(dim=0) for view in views]
        return torch.stack(chances).mean(dim=0).clamp(min=1e-12).log()

    def _coverage(self, labels: Image) -> dict[str, float]:
        counts = np.bincount(labels.ravel(), minlength=len(self.space))
        return {name: 100 * int(n) / labels.size for name, n in zip(self.space.classes, counts, strict=True)}

    @torch.inference_mode()
    def summary(self, image: Image) -> Vectors:
        """What the realism gauge sees of a photo."""
        return summarise(self._look(image, plan((image.shape[0], image.shape[1]), self.size))[1])

    # Evaluation: always whole images, squeezed into the training size

    @torch.inference_mode()
    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Softmax over classes, float32 (c h w), for one RGB image (h w 3)."""
        full: NDArray[np.float32] = upsample(self._logits([image]), image.shape[:2])[0].softmax(dim=0).cpu().numpy()
        return full

    @torch.inference_mode()
    def predict(self, images: Sequence[Image]) -> list[Image]:
        """Class ids, uint8 (h w), for RGB images (h w 3), each at its own size."""
        return [decide(one, image.shape[:2])[0] for one, image in zip(self._logits(images), images, strict=True)]

    def _logits(self, images: Sequence[Image]) -> Tensor:
        """At the network's own stride, (b c h' w')."""
        return self.backend(np.stack([fit(Sample(image=image), *self.size).image for image in images])).logits


def _answer_size(photo: Size) -> Size:
    shrink = min(1.0, math.sqrt(_ANSWER / (photo[0] * photo[1])))
    height, width = (max(1, int(side * shrink)) for side in photo)
    return min(height, max(1, _ANSWER // width)), min(width, max(1, _ANSWER // height))  # a side below 1 became 1


def _enlarge(values: Values, size: Size) -> Values:
    if values.shape == size:
        return values
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)  # type: ignore[return-value]


def predictions(
    predictor: Predictor,
    dataset: Dataset,
    indices: Iterable[int],
    *,
    batch: int = 4,
    skip: Callable[[HRSError], None] | None = None,
) -> Iterator[tuple[int, Image, Image, Image]]:
    """(index, image, label, prediction) for labelled frames, in order, ``batch`` at a time through the network.

    Args:
        skip: called for a frame that cannot be read, which is then left out; without, that raises HRSError.
    """
    order = list(indices)
    for first in range(0, len(order), batch):
        read = []
        for i in order[first : first + batch]:
            try:
                read.append((i, *_labelled(dataset, i)))
            except HRSError as error:
                if skip is None:
                    raise
                skip(error)
        if not read:
            continue
        for (i, image, label), predicted in zip(read, predictor.predict([image for _, image, _ in read]), strict=True):
            yield i, image, label, predicted


def _labelled(dataset: Dataset, i: int) -> tuple[Image, Image]:
    image, label = dataset.read_image(i), dataset.read_label(i)
    if label.shape != image.shape[:2]:
        raise HRSError(f"{dataset.frames[i].label} is {label.shape[::-1]}, its image {image.shape[1::-1]}")
    return image, label


def evaluate(predictor: Predictor, dataset: Dataset, *, progress: Progress | None = None) -> Evaluation:
    """IoU and accuracy over a data set that speaks the predictor's label space, at the labels' own size. Classes that
    its labels cannot be of are not scored."""
    matrix = ConfusionMatrix(predictor.space, dataset.possible)
    for i, _, label, predicted in predictions(predictor, dataset, range(len(dataset))):
        matrix.update(predicted, label)
        if progress:
            progress(i + 1, len(dataset))
    return matrix.evaluation()


def calibrate(
    predictor: Predictor, real: Dataset, held_out: Dataset, *, most: int = 256, progress: Progress | None = None
) -> Gauge:
    """The realism gauge of a model, to be kept with `write_gauge`.

    Args:
        real: the real images it was trained on; their pixels alone are read.
        held_out: real images of the same kind that it was not trained on: the validation images.
        most: of more images than this, so many evenly spread ones are taken.

    Raises:
        HRSError: fewer than 5 images of either kind.
    """
    check_counts(len(real), len(held_out))
    chosen = [(data, i) for data in (real, held_out) for i in spread_indices(len(data), most)]
    summaries = []
    for done, (data, i) in enumerate(chosen, 1):
        summaries.append(predictor.summary(data.read_image(i)))
        if progress:
            progress(done, len(chosen))
    first = min(len(real), most)
    return fit_gauge(np.stack(summaries[:first]), np.stack(summaries[first:]))
