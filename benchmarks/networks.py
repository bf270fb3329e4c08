"""Size and speed of the segmentation networks: parameters, latency of one photo, time of one training step.

python benchmarks/networks.py [--networks compact segformer-b0 ...] [--classes 19] [--threads 2] [--device cpu]

Latency: a 480x360 photo in, upsampled logits out, median of the repeats after a warm-up. Step: forward, cross-entropy,
backward and AdamW on a batch of 256x192 crops. Weights are random: they do not change the speed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks.common import told
from hrs.networks.segmenter import Segmenter, build_segmenter, normalise, upsample

PHOTO = (360, 480)
CROP = (192, 256)
DEFAULT = ["compact", "segformer-b0", "upernet-resnet18"]


def median_ms(run: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median milliseconds of ``run`` after two warm-up calls."""
    times = []
    for index in range(repeats + 2):
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if index >= 2:
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def latency(network: Segmenter, repeats: int, device: torch.device) -> float:
    """Milliseconds from one uint8 photo to logits at its size."""
    photo = torch.randint(256, (1, 3, *PHOTO), dtype=torch.uint8, device=device)
    network.eval()
    with torch.inference_mode():
        return median_ms(lambda: upsample(network(normalise(photo)).logits, PHOTO), repeats, device)


def step_time(network: Segmenter, batch: int, repeats: int, device: torch.device) -> float:
    """Milliseconds of one training step."""
    images = normalise(torch.randint(256, (batch, 3, *CROP), dtype=torch.uint8, device=device))
    labels = torch.randint(network.num_classes, (batch, *CROP), device=device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    network.train()

    def step() -> None:
        loss = F.cross_entropy(upsample(network(images).logits, CROP), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return median_ms(step, repeats, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=DEFAULT)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print("| network | parameters, M | fp32 weights, MB | photo 480x360, ms | step 256x192, ms |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in options.networks:
        network = build_segmenter(name, options.classes).to(device)
        size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        photo = latency(network, options.repeats, device)
        step = step_time(network, options.batch, max(3, options.repeats // 5), device)
        print(f"| {name} | {size:.2f} | {4 * size:.1f} | {photo:.0f} | {step:.0f} |", flush=True)


if __name__ == "__main__":
    told(main)
