"""Which real images a run may see, a seeded draw that covers the classes, and how often it sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrs.data.layouts import Dataset
from hrs.data.spec import DatasetSpec
from hrs.errors import HRSError
from hrs.labels import IGNORE

_HELD = 0.001  # share of an image's labelled pixels from which it holds a class, for rare class sampling


def draw_real(
    dataset: Dataset, n: int | None, *, seed: int, presence: NDArray[np.bool_] | None = None, held_out: int = 0
) -> Dataset:
    """``n`` labelled images, the same for the same seed; None takes all.

    Stratified: going from the class that is in the fewest images to the most common one, each class that the draw does
    not hold yet gets an image drawn at random among those that show it; the rest is drawn at random from what is left.
    So every class is covered where ``n`` is at least the number of classes, and nearly always well below it. Draws of
    different ``n`` are not nested. All labels are read once for their class lists, unless ``presence`` tells,
    (images, classes); the loss never sees those that are not drawn. ``held_out`` more images of the data set are
    validated on, which is said where too few are left.

    Raises:
        HRSError: fewer than ``n`` images, or ``n`` below 1.
    """
    if n is None:
        return dataset
    check_count(n, len(dataset), dataset.spec, held_out=held_out)
    if n == len(dataset):
        return dataset
    rng = np.random.default_rng((seed, n))
    chosen = _cover_classes(class_presence(dataset) if presence is None else presence, n, rng)
    left = [i for i in rng.permutation(len(dataset)).tolist() if i not in chosen]
    return dataset.take(sorted([*chosen, *left[: n - len(chosen)]]))


def check_count(n: int, there: int, spec: DatasetSpec, *, held_out: int = 0) -> None:
    """Raises HRSError where ``n`` images cannot be drawn from those that are ``there`` beside the ones held out."""
    if n < 1:
        raise HRSError(f"data.n_real asks for {n} real images; expected at least 1, or nothing for all")
    if n > there:
        held = f", of which {held_out} {'is' if held_out == 1 else 'are'} held out to validate on" if held_out else ""
        raise HRSError(f"data.n_real asks for {n} real images but {spec} has {there + held_out}{held}; ask for fewer")


def _cover_classes(presence: NDArray[np.bool_], n: int, rng: np.random.Generator) -> list[int]:
    chosen: list[int] = []
    occurrences = presence.sum(axis=0)
    for c in np.argsort(occurrences, kind="stable"):
        if len(chosen) == n or not occurrences[c] or presence[chosen, c].any():
            continue
        chosen.append(int(rng.choice(np.flatnonzero(presence[:, c]))))
    return chosen


def rare_class_shares(dataset: Dataset, share: float) -> NDArray[np.float64]:
    """How often each image is seen where those with rare classes are seen more often, (images,), with mean 1.

    Rare class sampling (Hoyer et al., "DAFormer", CVPR 2022, section 3.3): a class is drawn, rare ones more often, then
    an image that holds it. Classes are drawn by frequency^-0.5, in place of a softmax whose temperature is Cityscapes'
    own. An image holds a class from a thousandth of its labelled pixels on.

    Args:
        share: of the images, in [0, 1], that are drawn so; the others are drawn alike.
    """
    counts = np.array([_class_pixels(dataset, i) for i in range(len(dataset))])
    pixels = counts.sum(axis=0)
    holds = (counts > 0) & (counts >= _HELD * counts.sum(axis=1, keepdims=True))
    drawn = holds.any(axis=0)
    if not drawn.any():
        return np.ones(len(dataset))
    chance = np.where(drawn, np.where(drawn, pixels, 1) ** -0.5, 0.0)
    rare = (holds * chance / np.maximum(holds.sum(axis=0), 1)).sum(axis=1)
    shares: NDArray[np.float64] = 1 - share + share * rare * len(dataset) / rare.sum()
    return shares


def class_frequency(dataset: Dataset, *, most: int = 500) -> NDArray[np.float64]:
    """Share of the labelled pixels that each class has, (classes,), from at most ``most`` labels spread evenly."""
    known = np.sum([_class_pixels(dataset, i) for i in spread_indices(len(dataset), most)], axis=0)
    share: NDArray[np.float64] = known / max(known.sum(), 1)
    return share


def spread_indices(total: int, count: int) -> list[int]:
    """``count`` different indices (all, where there are fewer) spread evenly over range(total)."""
    count = min(count, total)
    return [i * total // count for i in range(count)]


def class_presence(dataset: Dataset) -> NDArray[np.bool_]:
    """Which classes each label holds: (images, classes)."""
    return np.array([_class_pixels(dataset, i) > 0 for i in range(len(dataset))])


def _class_pixels(dataset: Dataset, index: int) -> NDArray[np.int64]:
    """Pixels of each class in a label, (classes,)."""
    if dataset.space is None:
        raise HRSError(f"data set {dataset.spec} has no labels; name a labelled one")
    pixels = np.bincount(dataset.read_label(index).ravel(), minlength=IGNORE + 1)
    return pixels[: len(dataset.space)]
