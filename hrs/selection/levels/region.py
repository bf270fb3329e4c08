"""The region level: features pooled over each superpixel, its neighbours for context, one score a region.

Every pooling is one scatter-reduce over the whole batch; no loop over regions or images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrs.labels import IGNORE
from hrs.networks.weighting import RegionWeighting
from hrs.selection.levels.base import Units
from hrs.selection.view import View, cells


def batch_ids(view: View) -> tuple[Tensor, int]:
    """Ids unique over the batch, and how many there are: image i's region j becomes 1 + i r + j, and -1 becomes 0."""
    b, r = len(view.regions), view.regions_per_image
    offset = torch.arange(b, device=view.regions.device)[:, None, None] * r
    return torch.where(view.regions >= 0, view.regions.long() + offset + 1, 0), b * r + 1


def region_mean(values: Tensor, ids: Tensor, count: int) -> Tensor:
    """Mean over each region: (n k), (n,) -> (count k); 0 for a region without pixels."""
    total = values.new_zeros(count, values.shape[1]).index_add(0, ids, values)
    size = values.new_zeros(count).index_add(0, ids, torch.ones_like(values[:, 0]))
    return total / size.clamp(min=1).unsqueeze(1)


def region_labels(labels: Tensor, ids: Tensor, count: int) -> Tensor:
    """The label of each region, (count,). Regions are cut along label borders, so all their pixels agree."""
    table = labels.new_full((count,), IGNORE)
    table[ids.flatten()] = labels.flatten()
    table[0] = IGNORE  # 0 collects the pixels of no region
    return table


def neighbour_mean(values: Tensor, ids: Tensor) -> Tensor:
    """Mean of the neighbouring regions' values, weighted by border length: (count k), (b h w) -> (count k)."""
    beside = torch.stack([ids[:, :, 1:].flatten(), ids[:, :, :-1].flatten()])
    below = torch.stack([ids[:, 1:].flatten(), ids[:, :-1].flatten()])
    pairs = torch.cat([beside, below], dim=1)
    first, second = pairs[:, (pairs[0] != pairs[1]) & (pairs[0] > 0) & (pairs[1] > 0)]
    across = values.index_select(0, torch.cat([second, first]))
    return region_mean(across, torch.cat([first, second]), len(values))


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
        onehot = F.one_hot(labels.long().clamp(max=self.num_classes), self.num_classes + 1)[:, :-1].to(pooled.dtype)
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
