"""Joint training, and all that differs from it in the weights of synthetic pixels alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from hrs.data.loaders import Batch
from hrs.methods.base import Method, StepResult, real_alone, source_weight
from hrs.networks.segmenter import SegmenterOutput


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """weights: of every synthetic pixel, (b h w). loss: what was spent on them, a scalar. logs: scalars and per-class
    vectors, detached."""

    weights: Tensor
    loss: Tensor | float = 0.0
    logs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A further loss, a scalar: of the segmentation network, ``loss``, and of other networks alone, ``apart``. logs:
    scalars."""

    loss: Tensor | float = 0.0
    apart: Tensor | float = 0.0
    logs: dict[str, Tensor] = field(default_factory=dict)


class Joint(Method):
    """L = CE(T) + lambda mean_i w_i CE_i(S) over the labelled synthetic pixels i; here every w is 1.

    Where the schedule of lambda has come to 0 there is no S, and L = CE(T). Other methods change what stands for S
    (`synthetic`), the weights (`weigh`), or add a loss (`beside`).
    """

    def learn(self, source: Batch, target: Batch, step: int) -> StepResult:
        if not len(source):
            return real_alone(self, target)
        shown = self.synthetic(source, target)
        real, output = self.segment(target, shown)
        weighing = self.weigh(shown, output, target, real, step)
        target_loss = self.cross_entropy(real.logits, target.labels)
        weights = weighing.weights if weighing else None
        source_loss, plain = self.cross_entropies(output.logits, shown.labels, weights)
        beside = self.beside(real, output)
        loss = target_loss + source_weight(self.config, step) * source_loss + beside.loss
        logs, apart = {"loss_target": target_loss, "loss_source": source_loss} | beside.logs, beside.apart
        if weighing:
            logs["loss_share"] = source_loss / plain.clamp(min=1e-12)
            logs, apart = logs | weighing.logs, apart + weighing.loss
        return StepResult(loss + apart, {name: value.detach() for name, value in logs.items()}, apart)

    def synthetic(self, source: Batch, target: Batch) -> Batch:
        """The images and labels that stand for S."""
        return source

    def weigh(
        self, shown: Batch, output: SegmenterOutput, target: Batch, real: SegmenterOutput, step: int
    ) -> Weighing | None:
        """How much each synthetic pixel counts; None where all count alike.

        Args:
            shown, target: the batches; IGNORE and region -1 where nothing is known.
            output, real: what the segmentation network made of them.
        """
        return None

    def beside(self, real: SegmenterOutput, output: SegmenterOutput) -> Beside:
        """A further loss; here none."""
        return Beside()
