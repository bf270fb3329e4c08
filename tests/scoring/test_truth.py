"""Hit rates of low weights against single pixels, counted one by one."""

from dataclasses import replace

import numpy as np
import pytest

from hrs.errors import HRSError
from hrs.scoring.areatable import AreaTable
from hrs.scoring.corpus import ScoredCorpus
from hrs.scoring.truth import SHARES, hit_rates
from hrs.selection.validity import auroc
from tests.scoring.weighted_run import make_scores


def opened(folder, source, **options):
    make_scores(folder, source, **options)
    return AreaTable.of(ScoredCorpus.open(folder))


def test_areas_are_rated_as_their_pixels_would_be(frames, tmp_path):
    table = opened(tmp_path, frames["source"])
    harm = np.resize([0.0, 0.25, 1.0], len(table)).astype(np.float32)
    pixels = table.column("pixels") // 4 * 4  # so that a quarter is whole
    known = replace(table, _columns={**table._columns, "harm": harm, "pixels": pixels})
    share, rates = hit_rates(known)
    truth = np.concatenate([np.arange(n) < n * bad for n, bad in zip(pixels, harm, strict=True)])
    assert share == pytest.approx(truth.mean())
    assert set(rates) == set(table.corpus.maps)
    for level, rate in rates.items():
        weights = np.repeat(table.weights(level), pixels)
        assert rate.auroc == pytest.approx(auroc(-weights, truth), abs=1e-6)
        values = np.unique(weights)
        chance = {value: truth[weights == value].mean() for value in values}
        ordered = np.sort(weights)
        for part in SHARES:
            lowest = ordered[: round(part * len(ordered))]
            assert rate.precision[part] == pytest.approx(np.mean([chance[w] for w in lowest]), abs=0.01)


def test_nothing_planted_is_said(frames, tmp_path):
    with pytest.raises(HRSError, match="nothing is known of planted faults; score frames of render:synthetic"):
        hit_rates(opened(tmp_path / "unknown", frames["source"], planted=False))
    table = opened(tmp_path / "clean", frames["source"])
    table._columns["harm"] = np.zeros(len(table), np.float32)
    with pytest.raises(HRSError, match="no planted harm"):
        hit_rates(table)
