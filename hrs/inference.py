"""A trained network at work on photographs: the one door for the command line and the apps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.data.layouts import Dataset
from hrs.data.transforms import Sample, fit
from hrs.errors import HRSError
from hrs.evaluation import ConfusionMatrix, Scores
from hrs.files import atomic_write, disk_errors
from hrs.labels import LabelSpace, colourise
from hrs.networks.segmenter import Segmenter, normalise, upsample
from hrs.training.checkpoint import load_checkpoint

Image = NDArray[np.uint8]


class Predictor:
    """Segments RGB images of any size at the size the network was trained at.

    Args:
        segmenter: in eval mode, on ``device``.
        space: what its classes are called.
        height, width: the network's input size in pixels.
    """

    def __init__(
        self, segmenter: Segmenter, space: LabelSpace, *, height: int, width: int, device: torch.device | str = "cpu"
    ) -> None:
        self.segmenter, self.space, self.size = segmenter, space, (height, width)
        self.device = torch.device(device)

    @classmethod
    def load(cls, checkpoint: Path, *, device: torch.device | str = "cpu") -> Predictor:
        """From a checkpoint folder. Raises HRSError where it is damaged."""
        loaded = load_checkpoint(checkpoint, device=device)
        data = loaded.config.data
        return cls(loaded.method.segmenter, loaded.space, height=data.height, width=data.width, device=device)

    @torch.inference_mode()
    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Softmax over classes, float32 (c h w), for one RGB image (h w 3)."""
        full: NDArray[np.float32] = self._logits([image])[0].softmax(dim=0).cpu().numpy()
        return full

    @torch.inference_mode()
    def predict(self, images: Sequence[Image]) -> list[Image]:
        """Class ids, uint8 (h w), for RGB images (h w 3), each at its own size."""
        return [logits.argmax(dim=0).to(torch.uint8).cpu().numpy() for logits in self._logits(images)]

    def _logits(self, images: Sequence[Image]) -> list[Tensor]:
        small = np.stack([fit(Sample(image=image), *self.size).image for image in images])
        batch = normalise(torch.from_numpy(small).permute(0, 3, 1, 2).to(self.device))
        logits = self.segmenter(batch).logits.float()
        return [
            upsample(one.unsqueeze(0), image.shape[:2]).squeeze(0) for one, image in zip(logits, images, strict=True)
        ]


def predictions(
    predictor: Predictor, dataset: Dataset, indices: Iterable[int], *, batch: int = 4
) -> Iterator[tuple[int, Image, Image, Image]]:
    """(index, image, label, prediction) for labelled frames, in order, ``batch`` at a time through the network."""
    order = list(indices)
    for first in range(0, len(order), batch):
        chunk = order[first : first + batch]
        images = [dataset.read_image(i) for i in chunk]
        for i, image, predicted in zip(chunk, images, predictor.predict(images), strict=True):
            label = dataset.read_label(i)
            if label.shape != predicted.shape:
                raise HRSError(f"{dataset.frames[i].label} is {label.shape[::-1]}, its image {predicted.shape[::-1]}")
            yield i, image, label, predicted


def evaluate(predictor: Predictor, dataset: Dataset, *, progress: Callable[[int, int], None] | None = None) -> Scores:
    """Scores over a data set that speaks the predictor's label space, at the labels' own size."""
    matrix = ConfusionMatrix(predictor.space)
    for i, _, label, predicted in predictions(predictor, dataset, range(len(dataset))):
        matrix.update(predicted, label)
        if progress:
            progress(i + 1, len(dataset))
    return matrix.scores()


SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def segment_files(
    predictor: Predictor, paths: Sequence[Path], out: Path, *, progress: Callable[[int, int], None] | None = None
) -> int:
    """Segment photographs (or all in a folder): NAME.png holds class ids, NAME_overlay.jpg shows them over the photo.

    Returns how many. Raises HRSError for a missing or unreadable file, or two photographs of one name.
    """
    files = [file for path in paths for file in _photographs(path)]
    if len({file.stem for file in files}) < len(files):
        raise HRSError("two of the images have the same name; segment them into different folders")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for done, file in enumerate(files, 1):
        image = read_photograph(file)
        (predicted,) = predictor.predict([image])
        atomic_write(out / f"{file.stem}.png", _encode(".png", predicted))
        overlay = cv2.addWeighted(image, 0.5, colourise(predicted, predictor.space), 0.5, 0)
        atomic_write(out / f"{file.stem}_overlay.jpg", _encode(".jpg", overlay[..., ::-1]))
        if progress:
            progress(done, len(files))
    return len(files)


def read_photograph(path: Path) -> Image:
    """RGB uint8 (h w 3), turned as its EXIF orientation says. Raises HRSError where it cannot be decoded."""
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if image is None:
        raise HRSError(f"{path} cannot be read as an image; expected a whole JPEG, PNG, BMP, WebP or TIFF file")
    return image.astype(np.uint8, copy=False)


def _photographs(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not found:
            raise HRSError(f"{path} holds no images; expected files ending in {', '.join(sorted(SUFFIXES))}")
        return found
    if not path.is_file():
        raise HRSError(f"{path} does not exist; name an image or a folder of images")
    return [path]


def _encode(suffix: str, image: NDArray[Any]) -> bytes:
    done, data = cv2.imencode(suffix, image)
    if not done:
        raise HRSError(f"OpenCV cannot encode a {image.shape[1]}x{image.shape[0]} image as {suffix}")
    return data.tobytes()
