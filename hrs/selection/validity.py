"""Whether weights tell what they should: measures of a ranking against a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(scores: NDArray[Any], positive: NDArray[Any]) -> float:
    """Area under the ROC curve: the chance that a random positive scores above a random negative, a tie half of that.

    Computed from ranks, equal scores sharing their mean rank (Fawcett, "An introduction to ROC analysis", Pattern
    Recognition Letters 2006, section 7), in O(n log n).

    Args:
        scores: finite numbers of any shape.
        positive: the truth in the same shape; non-zero is positive.

    Returns:
        A share in [0, 1], 0.5 for scores that say nothing; NaN where there are no positives or no negatives.

    Raises:
        ValueError: the shapes differ, or a score is not finite.
    """
    values, truth = np.asarray(scores), np.asarray(positive, dtype=bool)
    if values.shape != truth.shape:
        raise ValueError(f"scores have shape {values.shape} and the truth {truth.shape}; expected the same")
    if not np.isfinite(values).all():
        raise ValueError("scores hold NaN or infinity; expected finite numbers")
    positives = int(truth.sum())
    negatives = truth.size - positives
    if not positives or not negatives:
        return float("nan")
    above = rankdata(values.ravel())[truth.ravel()].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))
