import pytest
import torch

from hrs.labels import IGNORE
from hrs.selection.statistics import ClassMoments, ClassStatistics, RunningNorm, class_sums, read


def test_class_sums_against_a_loop():
    values, labels = torch.randn(3, 7), torch.randint(0, 4, (3, 7))
    labels[0, 0] = IGNORE
    sums, counts = class_sums(values, labels, 5)
    for c in range(5):
        chosen = [v for v, y in zip(values.flatten().tolist(), labels.flatten().tolist(), strict=True) if y == c]
        assert counts[c] == len(chosen)
        assert sums[c].item() == pytest.approx(sum(chosen), abs=1e-5)


def test_sums_over_millions_of_pixels_are_exact():
    labels = torch.zeros(6, 512, 1024, dtype=torch.uint8)
    sums, counts = class_sums(torch.full(labels.shape, 0.3), labels, 2)
    assert sums[0].item() == pytest.approx(0.3 * labels.numel(), rel=1e-6) and counts[0] == labels.numel()
    moments = ClassMoments(1, momentum=0.9)
    moments.update(torch.full(labels.shape, 0.3), labels)
    assert moments.mean().item() == pytest.approx(0.3, rel=1e-6) and abs(moments.spread()) < 1e-6


def test_first_batch_sets_mean_and_variance_and_unseen_classes_stay():
    statistics = ClassStatistics(3, momentum=0.9)
    values, labels = torch.tensor([1.0, 3.0, 10.0]), torch.tensor([0, 0, 1])
    statistics.update(values, labels)
    assert statistics.mean.tolist() == [2.0, 0.0, 0.0]  # one value is no statistic
    assert statistics.variance.tolist() == [1.0, 1.0, 1.0]
    assert statistics.seen.tolist() == [True, False, False]


def test_moving_statistics_approach_those_of_the_stream():
    torch.manual_seed(0)
    statistics = ClassStatistics(2, momentum=0.95)
    for _ in range(400):
        labels = torch.randint(0, 2, (200,))
        statistics.update(torch.randn(200) * (1 + 2.0 * labels) + 5.0 * labels, labels)
    torch.testing.assert_close(statistics.mean, torch.tensor([0.0, 5.0]), atol=0.2, rtol=0)
    torch.testing.assert_close(statistics.variance, torch.tensor([1.0, 9.0]), atol=0.8, rtol=0)


def test_variance_counts_the_drift_between_batches():
    """Two batches without inner spread: variance is what the moving mean alone implies, (1-m) m (difference)^2."""
    statistics = ClassStatistics(2, momentum=0.5)
    labels = torch.zeros(4, dtype=torch.long)
    statistics.update(torch.zeros(4), labels)
    statistics.update(torch.full((4,), 2.0), labels)
    assert statistics.mean[0].item() == pytest.approx(1.0)
    assert statistics.variance[0].item() == pytest.approx(0.25 * 4)


def test_batches_of_one_value_are_a_stream_too():
    torch.manual_seed(0)
    statistics, label = ClassStatistics(1, momentum=0.98), torch.zeros(1, dtype=torch.long)
    statistics.update(torch.tensor([3.0]), label)
    assert (statistics.mean.item(), statistics.variance.item()) == (3.0, 1.0)  # one value has no spread
    for value in 5 + 0.2 * torch.randn(800):
        statistics.update(value[None], label)
    assert statistics.mean.item() == pytest.approx(5.0, abs=0.1)
    assert statistics.variance.item() == pytest.approx(0.04, abs=0.02)


def test_standardise_compares_within_class():
    statistics = ClassStatistics(2, momentum=0.9)
    labels = torch.tensor([0, 0, 1, 1, IGNORE])
    values = torch.tensor([0.0, 2.0, 100.0, 102.0, 7.0])
    statistics.update(values, labels)
    assert statistics.standardise(values, labels).tolist() == [-1.0, 1.0, -1.0, 1.0, 0.0]
    assert statistics.standardise(values + 1000, labels).max() == 3.0


def test_centre_compares_within_class_in_the_values_own_unit():
    statistics = ClassStatistics(2, momentum=0.9)
    labels = torch.tensor([0, 0, 1, 1, IGNORE])
    values = torch.tensor([0.0, 0.5, 100.0, 109.0, 0.25])
    statistics.update(values, labels)
    assert statistics.centre(values, labels).tolist() == [-0.25, 0.25, -3.0, 3.0, 0.0]


def test_read_gives_the_class_entry_or_the_filler():
    table = torch.tensor([5.0, 6.0])
    assert read(table, torch.tensor([[1, 0], [IGNORE, 1]]), -1.0).tolist() == [[6.0, 5.0], [-1.0, 6.0]]


def test_running_norm_standardises_a_stream_of_small_batches():
    torch.manual_seed(0)
    norm, scale = RunningNorm(3), torch.tensor([1.0, 10.0, 0.01])
    for _ in range(500):
        norm(torch.randn(3, 3) * scale + 5 * scale)
    norm.eval()
    stream = norm(torch.randn(4000, 3) * scale + 5 * scale)
    torch.testing.assert_close(stream.mean(0), torch.zeros(3), atol=0.25, rtol=0)
    torch.testing.assert_close(stream.std(0), torch.ones(3), atol=0.25, rtol=0)
    before = norm.mean.clone()
    norm(torch.full((2, 3), 1e3))
    assert torch.equal(norm.mean, before)


def test_running_norm_has_the_mean_and_variance_of_its_first_batches():
    torch.manual_seed(0)
    rows = 3 + torch.randn(12, 2)
    norm = RunningNorm(2)
    for batch in rows.split(2):
        norm(batch)
    torch.testing.assert_close(norm.mean, rows.mean(0))
    torch.testing.assert_close(norm.variance, rows.var(0, correction=0))
    single = RunningNorm(1)
    for value in (0.0, 2.0):
        single(torch.tensor([[value]]))
    assert (single.mean.item(), single.variance.item()) == (1, 1)


def test_moments_are_means_over_pixels_however_batches_are_cut():
    torch.manual_seed(0)
    weights, labels = torch.rand(60), torch.randint(0, 3, (60,))
    labels[0] = IGNORE
    whole, parts = ClassMoments(4, momentum=1.0), ClassMoments(4, momentum=1.0)
    whole.update(weights, labels)
    for start, stop in ((0, 7), (7, 40), (40, 60)):
        parts.update(weights[start:stop], labels[start:stop])
    for c in range(3):
        assert parts.mean()[c].item() == pytest.approx(weights[labels == c].mean().item(), rel=1e-6)
    assert parts.mean()[3] == 1
    torch.testing.assert_close(parts.mean(), whole.mean())
    over = torch.cat([weights[labels == c] / weights[labels == c].mean() for c in range(3)])
    assert parts.spread().item() == pytest.approx(over.var(correction=0).item(), rel=1e-5)


def test_moments_forget():
    moments = ClassMoments(1, momentum=0.5)
    labels = torch.zeros(4, dtype=torch.long)
    moments.update(torch.full((4,), 0.2), labels)
    moments.update(torch.full((4,), 0.8), labels)
    assert moments.mean().item() == pytest.approx((0.5 * 0.2 + 0.8) / 1.5)
