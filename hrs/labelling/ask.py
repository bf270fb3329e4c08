"""Which photo to label next: the one that would teach most, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrs.labelling.guess import Guess
from hrs.labels import IGNORE, LabelSpace

_SHOWN = 0.002  # share of a photo from which a class that the model sees counts as shown
_MISSING = 0.001  # share of all labelled pixels below which a class is missing
_NAMED = 3  # classes that the words name
_FAR, _HALF_SURE = 1.0, 0.25


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlook:
    """What is known of a photo before it is labelled.

    doubt: mean over its pixels of 1 - confidence, in 0..1. share: of the pixels that the model takes for each class,
    (c,). summary: what it looks like to the model, (k,).
    """

    name: str
    doubt: float
    share: NDArray[np.float64]
    summary: NDArray[np.float32]

    @classmethod
    def of(cls, name: str, found: Guess, space: LabelSpace) -> Outlook:
        counts = np.bincount(found.labels.ravel(), minlength=IGNORE + 1)[: len(space)]
        doubt = float(1 - found.confidence.mean())
        return cls(name=name, doubt=doubt, share=counts / found.labels.size, summary=found.summary)


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A photo to label, and why: one sentence."""

    name: str
    value: float
    why: str


def advise(
    unlabelled: Sequence[Outlook], labelled: Sequence[Outlook], known: NDArray[np.float64], space: LabelSpace
) -> list[Advice]:
    """The unlabelled photos, what would teach most first; each is judged beside those before it.

    A photo is worth the sum of three shares in 0..1, each relative to the largest among the photos that are left: the
    model's doubt; how much it shows of classes that are missing; and its distance to the nearest photo that is labelled
    or comes before it, in features scaled to unit spread (farthest first, as core-sets do: Sener & Savarese, ICLR
    2018).

    Args:
        known: labelled pixels of each class so far, (c,).
        space: the classes.
    """
    if not unlabelled:
        return []
    gaps = _Gaps(unlabelled, labelled)
    shown = np.stack([each.share >= _SHOWN for each in unlabelled])
    doubt = np.array([each.doubt for each in unlabelled])
    missing = known / max(known.sum(), 1) < _MISSING
    left, found = np.arange(len(unlabelled)), list[Advice]()
    while len(left):
        near = gaps.nearest[left]
        value = _relative(doubt[left]) + _relative((shown[left] & missing).sum(axis=1)) + _relative(near)
        best = int(value.argmax())
        taken = int(left[best])
        why = _words(unlabelled[taken], missing, near[best], space)
        found.append(Advice(name=unlabelled[taken].name, value=float(value[best]), why=why))
        missing = missing & ~shown[taken]
        gaps.choose(taken)
        left = np.delete(left, best)
    return found


class _Gaps:
    """Root mean square distances, in deviations, from each unlabelled photo to the nearest that is labelled or chosen;
    0 where there are none."""

    def __init__(self, unlabelled: Sequence[Outlook], labelled: Sequence[Outlook]) -> None:
        values = np.stack([each.summary for each in [*unlabelled, *labelled]]).astype(np.float64)
        values /= values.std(axis=0) * np.sqrt(values.shape[1]) + 1e-9
        self._photos, self._nearest = values[: len(unlabelled)], np.full(len(unlabelled), np.inf)
        for other in values[len(unlabelled) :]:
            self._add(other)

    @property
    def nearest(self) -> NDArray[np.float64]:
        return np.where(np.isinf(self._nearest), 0.0, self._nearest)

    def choose(self, photo: int) -> None:
        self._add(self._photos[photo])

    def _add(self, other: NDArray[np.float64]) -> None:
        apart = self._photos - other
        self._nearest = np.minimum(self._nearest, np.sqrt(np.einsum("ij,ij->i", apart, apart)))


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(float(values.max()), 1e-9)


def _words(photo: Outlook, missing: NDArray[np.bool_], distance: float, space: LabelSpace) -> str:
    new = [space.classes[c] for c in np.flatnonzero(missing & (photo.share >= _SHOWN))]
    reasons = []
    if new:
        more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
        reasons.append(f"shows {', '.join(new[:_NAMED])}{more}, of which hardly anything is labelled yet")
    if photo.doubt >= _HALF_SURE or not new:
        reasons.append(f"on average the model is {100 * (1 - photo.doubt):.0f} % sure of what it sees")
    if distance > _FAR:
        reasons.append("it is unlike the photos before it")
    return f"{'; '.join(reasons)}."[:1].upper() + f"{'; '.join(reasons)}."[1:]
