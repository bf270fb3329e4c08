"""The region level: features pooled over each superpixel, its neighbours for context, one score a region.

Every pooling is one scatter-reduce over the whole batch; no loop over regions or images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.networks.weighting import RegionWeighting
from hrs.selection.levels.base import Units
from hrs.selection.statistics import class_counts
from hrs.selection.view import View, cells

MOST_IN_A_TABLE = 4096
"""Regions of an image, up to which a GPU makes a table of all pairs of them to know their neighbours."""
PAIRS_A_PIXEL = 64
"""Pairs of regions for each pixel of an image, up to which such a table is the faster way on a CPU."""


def batch_ids(view: View) -> tuple[Tensor, int]:
    """Ids unique over the batch, and how many there are: image i's region j becomes 1 + i r + j, and -1 becomes 0."""
    b, r = len(view.regions), view.regions_per_image
    offset = torch.arange(b, device=view.regions.device)[:, None, None] * r
    return (view.regions.long() + offset + 1).masked_fill(view.regions < 0, 0), b * r + 1


def region_mean(values: Tensor, ids: Tensor, count: int) -> Tensor:
    """Mean over each region: (n k), (n,) -> (count k); 0 for a region without pixels."""
    total = values.new_zeros(count, values.shape[1]).index_add(0, ids, values)
    size = values.new_zeros(count).index_add(0, ids, torch.ones_like(values[:, 0]))
    return total / size.clamp(min=1).unsqueeze(1)


def region_labels(labels: Tensor, ids: Tensor, count: int) -> Tensor:
    """The label of each region, (count,). Regions are cut along label borders, so all their pixels agree."""
    table = labels.new_full((count,), IGNORE)
    table[ids.flatten()] = labels.flatten()
    table[:1].fill_(IGNORE)  # 0 collects the pixels of no region
    return table


def neighbour_mean(values: Tensor, ids: Tensor) -> Tensor:
    """Mean of the neighbouring regions' values, weighted by border length: (count k), (b h w) -> (count k)."""
    regions = (len(values) - 1) // len(ids)
    if not _fits_a_table(ids, regions):
        return _mean_over_borders(values, ids)
    borders = border_lengths(ids, regions).to(values.dtype)
    total = borders @ values[1:].view(*borders.shape[:2], -1)
    mean = total / borders.sum(dim=2, keepdim=True).clamp(min=1)
    return torch.cat([torch.zeros_like(values[:1]), mean.flatten(0, 1)])


def _fits_a_table(ids: Tensor, regions: int) -> bool:
    if ids.is_cuda:
        return regions <= MOST_IN_A_TABLE
    return regions**2 <= PAIRS_A_PIXEL * ids[0].numel()


def border_lengths(ids: Tensor, regions: int) -> Tensor:
    """Pixels along which regions of the same image touch: ids of `batch_ids` (b h w) -> (b r r), 0 on the diagonal.

    A table, whose size is known beforehand. A list of neighbours is as long as the data say: a GPU would be waited for.
    """
    image = torch.arange(len(ids), device=ids.device)[:, None, None]
    own, n = (ids - image * regions).clamp(min=0), regions + 1  # 0 is no region, as in ids
    row = (image * n + own) * n
    pairs = torch.cat([(row[:, :, 1:] + own[:, :, :-1]).flatten(), (row[:, 1:] + own[:, :-1]).flatten()])
    once = class_counts(pairs, len(ids) * n * n).view(-1, n, n)[:, 1:, 1:]
    both = once + once.mT
    both.diagonal(dim1=1, dim2=2).zero_()
    return both


def _mean_over_borders(values: Tensor, ids: Tensor) -> Tensor:
    """`neighbour_mean` without a table, pair by pair of pixels that touch: slower for few regions, and its memory does
    not grow with the square of their number."""
    total, length = torch.zeros_like(values), values.new_zeros(len(values), 1)
    for one, other in ((ids[:, :, 1:], ids[:, :, :-1]), (ids[:, 1:], ids[:, :-1])):
        for own, beside in ((one.flatten(), other.flatten()), (other.flatten(), one.flatten())):
            touch = ((own != beside) & (own > 0) & (beside > 0)).to(values.dtype).unsqueeze(1)
            total = total.index_add(0, own, values.index_select(0, beside) * touch)
            length = length.index_add(0, own, touch)
    return total / length.clamp(min=1)


class RegionLevel(nn.Module):
    def __init__(self, num_classes: int, feature_dim: int, predictions: int, signals: int, reduced: int = 24) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.reduce = nn.Conv2d(feature_dim, reduced, 1)
        self.network = RegionWeighting(2 * reduced + predictions, num_classes, signals)

    def forward(self, view: View) -> Tensor:
        """Scores (r s) of all regions of the batch."""
        view = view.coarse()
        ids, count = batch_ids(view)
        inputs = torch.cat([self.reduce(view.features), view.predictions()], dim=1)
        reduced = self.reduce.out_channels
        each_cell = inputs.permute(0, 2, 3, 1).reshape(-1, inputs.shape[1])
        # Not square brackets: on several threads of a CPU their gradient is summed in an order that changes.
        pixels = each_cell.index_select(0, cells(view.labels, inputs).flatten())
        mean = region_mean(pixels, ids.flatten(), count)
        square = region_mean(pixels[:, :reduced].square(), ids.flatten(), count)
        deviation = (square - mean[:, :reduced].square()).clamp(min=1e-6).sqrt()
        pooled = torch.cat([mean, deviation], dim=1)
        labels = region_labels(view.labels, ids, count)
        onehot = (labels.unsqueeze(1) == torch.arange(self.num_classes, device=labels.device)).to(pooled.dtype)
        scores: Tensor = self.network(pooled, neighbour_mean(pooled, ids), onehot)
        return scores

    def units(self, scores: Tensor, view: View) -> Units:
        """The batch's r regions; labels are IGNORE for those too thin to be pooled, whose scores mean nothing."""
        view = view.coarse()
        return Units(scores=scores, labels=region_labels(view.labels, *batch_ids(view)))

    def pool(self, values: Tensor, view: View) -> Tensor:
        """A target per region from one value per pixel (b h w): the region's mean, (r,)."""
        ids, count = batch_ids(view)
        return region_mean(values.reshape(-1, 1), ids.flatten(), count).squeeze(1)

    def spread(self, values: Tensor, view: View) -> Tensor:
        """A value per region (r,) back onto the pixels (b h w)."""
        ids, _ = batch_ids(view)
        return values[ids]
