"""Images as a frozen encoder sees them: computed once, learned from many times."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrs.data.layouts import Dataset
from hrs.data.loaders import Batch, FrameReader, random_view
from hrs.data.style import restyle
from hrs.data.transforms import Sample
from hrs.errors import HRSError
from hrs.networks.lite import LiteEncoder
from hrs.networks.segmenter import normalise
from hrs.settings import DataConfig

LOGGER = logging.getLogger("hrs")
CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Views(Batch):
    """A batch, and what the encoder makes of it.

    taps: features in half precision, (b d h w) at strides 4, 8, 16 and 32. image: which image each view shows, (b,).
    """

    taps: tuple[Tensor, ...]
    image: Tensor

    def take(self, which: Tensor | slice) -> Self:
        """Some of the views, by their places (k,) or by a mask (b,); perhaps none."""
        return self._with_each(lambda values: values[which])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several sets of views as one; images keep their numbers."""
        return cls(
            images=torch.cat([part.images for part in parts]),
            labels=torch.cat([part.labels for part in parts]),
            regions=torch.cat([part.regions for part in parts]),
            planted=torch.cat([part.planted for part in parts]),
            taps=tuple(torch.cat(each) for each in zip(*(part.taps for part in parts), strict=True)),
            image=torch.cat([part.image for part in parts]),
        )

    def numbered_from(self, first: int) -> Self:
        """The same, their images' numbers moved up."""
        return replace(self, image=self.image + first)

    def features(self) -> list[Tensor]:
        """The taps in float32."""
        return [tap.float() for tap in self.taps]

    def _with_each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(super()._with_each(change), taps=tuple(map(change, self.taps)))


def see(
    dataset: Dataset,
    config: DataConfig,
    encoder: LiteEncoder,
    device: torch.device,
    *,
    views: int,
    seed: int,
    styles: NDArray[np.float32] | None = None,
    regions: bool = True,
    seen: Callable[[], None] = lambda: None,
) -> Views:
    """``views`` random views of each image, as training draws them; 0: the image as it is. Images that cannot be read
    are left out, and told.

    Args:
        styles: `hrs.data.style.colour_moments`, (n 2 3); each view has one of them. None: their own colours.
        regions: with superpixels.
        seen: called after each image.

    Raises:
        HRSError: none can be read.
    """
    reader = FrameReader([dataset], config, regions=regions)
    chunks = _chunks(reader, views, seed, styles, seen)
    parts = [_encoded(part, reader, encoder, device) for part in chunks]
    if not parts:
        raise HRSError(f"none of {len(dataset)} images of {dataset.spec} can be read; copy them anew")
    return Views.joined(parts)


def _chunks(
    reader: FrameReader, views: int, seed: int, styles: NDArray[np.float32] | None, seen: Callable[[], None]
) -> Iterator[list[tuple[int, Sample]]]:
    """Views with their images' places, some at a time."""
    waiting: list[tuple[int, Sample]] = []
    for i in range(len(reader)):
        try:
            whole = reader[i]
        except HRSError as error:
            LOGGER.warning("left out: %s", error)
        else:
            rngs = [np.random.default_rng((seed, i, view)) for view in range(views)]
            shown = [random_view(_styled(whole, rng, styles), rng, reader.config) for rng in rngs] or [whole]
            waiting += [(i, each) for each in shown]
        seen()
        if len(waiting) >= CHUNK:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _styled(sample: Sample, rng: np.random.Generator, styles: NDArray[np.float32] | None) -> Sample:
    if styles is None:
        return sample
    return replace(sample, image=restyle(sample.image, styles[rng.integers(len(styles))]))


@torch.no_grad()
def _encoded(views: list[tuple[int, Sample]], reader: FrameReader, encoder: LiteEncoder, device: torch.device) -> Views:
    batch = reader.batch([sample for _, sample in views])
    images = normalise(batch.images.to(device)).contiguous(memory_format=torch.channels_last)
    taps = tuple(tap.half().cpu() for tap in encoder(images))
    return Views(**vars(batch), taps=taps, image=torch.tensor([i for i, _ in views]))
