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
    left, chosen, found = list(unlabelled), list(labelled), list[Advice]()
    spread = _spread([*left, *chosen])
    missing = known / max(known.sum(), 1) < _MISSING
    while left:
        near = np.array([_nearest(each, chosen, spread) for each in left])
        rare = np.array([float((missing & (each.share >= _SHOWN)).sum()) for each in left])
        doubt = np.array([each.doubt for each in left])
        value = _relative(doubt) + _relative(rare) + _relative(near)
        best = int(value.argmax())
        taken = left.pop(best)
        found.append(
            Advice(
                name=taken.name, value=float(value[best]), why=_words(taken, missing, near[best], space, bool(chosen))
            )
        )
        missing = missing & (taken.share < _SHOWN)
        chosen.append(taken)
    return found


def _spread(all_photos: Sequence[Outlook]) -> NDArray[np.float64]:
    values = np.stack([each.summary for each in all_photos]).astype(np.float64) if all_photos else np.ones((1, 1))
    return np.asarray(values.std(axis=0) * np.sqrt(values.shape[1]) + 1e-9)


def _nearest(one: Outlook, others: Sequence[Outlook], spread: NDArray[np.float64]) -> float:
    """Root mean square distance, in deviations, to the nearest of ``others``; 0 where there are none."""
    gaps = [np.linalg.norm((one.summary - other.summary) / spread) for other in others]
    return float(min(gaps, default=0.0))


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(float(values.max()), 1e-9)


def _words(photo: Outlook, missing: NDArray[np.bool_], distance: float, space: LabelSpace, any_chosen: bool) -> str:
    new = [space.classes[c] for c in np.flatnonzero(missing & (photo.share >= _SHOWN))]
    reasons = []
    if new:
        more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
        reasons.append(f"shows {', '.join(new[:_NAMED])}{more}, of which hardly anything is labelled yet")
    if photo.doubt >= _HALF_SURE or not new:
        reasons.append(f"the model is unsure of {100 * photo.doubt:.0f} % of it")
    if any_chosen and distance > _FAR:
        reasons.append("it is unlike the photos before it")
    return f"{'; '.join(reasons)}."[:1].upper() + f"{'; '.join(reasons)}."[1:]
