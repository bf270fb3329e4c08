"""What weighs synthetic pixels as well as learned weighting networks do: simpler rules, other signals.

    python -m benchmarks.rivals --source folder:settings/airsim --target folder:settings/idd-dev --out rivals.csv

With the encoder frozen (`benchmarks.frozen`). Every rule acts from a tenth of training on, in full from a fifth, and
its weights have mean 1 within every class over training, as those of `hrs`. Arms:

- photos, joint: no synthetic frames, and all of them alike; photos, as many in all: as many views of photos a step as
  joint has of photos and frames together;
- hrs: the product's own selection, learned weighting networks of three levels at its defaults; hrs, pixel; hrs, region;
  hrs, image: of one level alone; hrs, no floor: `selection.floor` 0 in place of its default;
- agreement: what `hrs` learns from, read directly, of pixels; agreement, frames: its mean over the frame; agreement,
  product: of pixel, 9x9 neighbours and frame, as levels are combined; agreement, sharp: of pixels at a third of the
  temperature;
- frames drawn by agreement: frames of low agreement are drawn less often, pixels count alike;
- held-out usefulness: does a pixel's gradient point where that of photos points which a probe did not train on? One
  probe a fold of the photos, each taught by the other folds, on features that all photos have shaped; of pixels, and
  its mean over the frame;
- both: agreement and held-out usefulness;
- tail; tail, near; tail, faded: of a class, how often are photos that a probe did not train on (on features that they
  have shaped) agreed with as little, over how often synthetic frames are, at most 1: what is as unlikely among true
  labels costs no weight; of pixels, and of the mean over 9x9 neighbours;
- trimmed: a fifth of each class's pixels of a batch, those of most loss, left out;
- generalised: weights p^0.7, the gradient of generalised cross-entropy (Zhang and Sabuncu, NeurIPS 2018);
- own average: agreement with the network's own running mean in place of a probe;
- photos, joint, unbalanced and balanced more: class weights frequency^0 and frequency^-0.7 in place of frequency^-0.4;
- photos, joint, borders: pixels within two of another class weigh thrice what others do, of frames as well;
- joint, faded; agreement, faded; agreement, product, faded: the synthetic loss falls along a cosine to 0 at 70 % of
  training;
- oracle: pixels that were planted to mislead weigh nothing, the others of the class that is given have mean 1, as the
  control of that name has it; oracle, labels; oracle, looks: of them those whose label is wrong, or that are drawn like
  another class; left out: their labels are taken away, so that what is true counts as it would without them;
- shuffled: the weights of *hrs*, those of each region given to another one of its class;
- evened out: each class of a step counts as much as under the weights of *hrs*, which lower its loss, all its pixels
  alike; lowered: a step's frames as a whole do, all their pixels alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import torch
from torch import Tensor

from benchmarks.common import told
from benchmarks.frozen import (
    BALANCE,
    REAL,
    SOURCE,
    Arm,
    Bench,
    Given,
    Setting,
    Step,
    Views,
    parser,
    rare_classes_more,
    run,
    within_class,
)
from benchmarks.weighers import (
    Borders,
    Compared,
    DrawsFrames,
    Evened,
    Faded,
    Learned,
    Lowered,
    Scaled,
    Shuffled,
    Summed,
    Tail,
    Value,
    agreeing,
    bordering,
    generalised,
    held_out,
    own_average,
    together,
    trimmed,
)
from hrs.data.draw import draw_real
from hrs.labels import IGNORE
from hrs.networks.lite import Lite
from hrs.settings import Level, SelectionConfig, Signal
from hrs.street import DEPARTURES, FACADE_AS_FOLIAGE, FACADE_AS_SKY, SURFACE_AS_WALL, Departure
from hrs.training.setup import photo_styles

HARMFUL = frozenset(departure for departure in DEPARTURES if departure.harmful)
LOOKS = frozenset((SURFACE_AS_WALL, FACADE_AS_SKY, FACADE_AS_FOLIAGE))
"""Drawn like another class, and labelled truly."""


def _balanced(bench: Bench, views: Views | None, power: float, real: Views, seed: int) -> Lite:
    return bench.train(real, views, seed=seed, class_balance=power)


OWN: Mapping[str, Mapping[Level, Signal]] = {
    "each its own": {"pixel": "agreement", "region": "appearance", "image": "similarity"},
    "each its own, usefulness": {"pixel": "agreement", "region": "appearance", "image": "usefulness"},
}
"""Arms by what each of their levels learns from."""


def _with(
    bench: Bench, source: Views, learned: Callable[..., Learned], config: SelectionConfig, real: Views, seed: int
) -> Lite:
    return bench.train(real, source, seed=seed, weigher=learned(seed, config))


def _each_its_own(
    bench: Bench,
    source: Views,
    learned: Callable[..., Learned],
    parts: Sequence[SelectionConfig],
    classes: int,
    real: Views,
    seed: int,
) -> Lite:
    raw = together([learned(seed, part).raw for part in parts])
    return bench.train(real, source, seed=seed, weigher=Scaled(raw, classes, SelectionConfig()))


def styled(setting: Setting, n_real: int) -> dict[str, Arm]:
    """Arms whose frames are in the colours of the photos that a seed draws."""
    bench, classes = setting.bench, len(setting.space)

    @lru_cache(maxsize=1)
    def frames(seed: int) -> Views:
        styles = photo_styles(draw_real(setting.target, n_real, seed=seed))
        return bench.source_views(setting.frames, regions=True, styles=styles)

    def joint(real: Views, seed: int) -> Lite:
        return bench.train(real, frames(seed), seed=seed)

    def hrs(real: Views, seed: int) -> Lite:
        torch.manual_seed(seed)
        weigher = Learned(classes, bench.features, SelectionConfig())
        return bench.train(real, frames(seed), seed=seed, weigher=weigher)

    return {"joint, styled": joint, "hrs, styled": hrs}


def arms(setting: Setting) -> dict[str, Arm]:
    """Every arm by name."""
    bench, source, classes = setting.bench, setting.source, len(setting.space)
    usual = SelectionConfig()
    sharp = SelectionConfig(temperature=usual.temperature / 3)
    features = bench.features

    def compared(
        find: Callable[[], Value], how: str = "pixel", config: SelectionConfig = usual, *, faded: bool = False
    ) -> Arm:
        def train(real: Views, seed: int) -> Lite:
            torch.manual_seed(seed)
            weigher = Scaled(Compared(find(), classes, config, how), classes, config)
            return bench.train(real, source, seed=seed, weigher=Faded(weigher) if faded else weigher)

        return train

    def learned(seed: int, config: SelectionConfig = usual) -> Learned:
        torch.manual_seed(seed)
        return Learned(classes, features, config)

    def agrees() -> Value:
        return agreeing(classes, features, usual)

    def useful() -> Value:
        return held_out(classes, features, usual)

    def by(raw: Callable[[], Callable[[Step], Tensor]]) -> Arm:
        return lambda real, seed: bench.train(real, source, seed=seed, weigher=Scaled(raw(), classes, usual))

    def without(departures: Iterable[Departure]) -> Arm:
        ids = torch.tensor([each.id for each in departures], dtype=torch.uint8)

        def train(real: Views, seed: int) -> Lite:
            weights = within_class((~torch.isin(source.planted, ids)).float(), source.labels, classes)
            return bench.train(real, source, seed=seed, weigher=Given(weights))

        return train

    def lowered(real: Views, seed: int) -> Lite:
        balance = rare_classes_more(real.labels, classes, BALANCE)
        return bench.train(real, source, seed=seed, weigher=Lowered(learned(seed), balance))

    def left_out(real: Views, seed: int) -> Lite:
        wrong = torch.isin(source.planted, torch.tensor([each.id for each in HARMFUL], dtype=torch.uint8))
        return bench.train(real, replace(source, labels=source.labels.masked_fill(wrong, IGNORE)), seed=seed)

    found: dict[str, Arm] = {
        "photos": lambda real, seed: bench.train(real, None, seed=seed),
        "photos, as many in all": lambda real, seed: bench.train(real, None, seed=seed, photos=REAL + SOURCE),
        "joint": lambda real, seed: bench.train(real, source, seed=seed),
        "hrs": lambda real, seed: bench.train(real, source, seed=seed, weigher=learned(seed)),
        "hrs, faded": lambda real, seed: bench.train(real, source, seed=seed, weigher=Faded(learned(seed))),
        "agreement": compared(agrees),
        "agreement, frames": compared(agrees, "frame"),
        "agreement, product": compared(agrees, "product"),
        "agreement, sharp": compared(agrees, config=sharp),
        "joint, faded": lambda real, seed: bench.train(real, source, seed=seed, weigher=Faded()),
        "agreement, faded": compared(agrees, faded=True),
        "agreement, product, faded": compared(agrees, "product", faded=True),
        "held-out usefulness": compared(useful),
        "held-out usefulness, frames": compared(useful, "frame"),
        "both": compared(lambda: Summed((agrees(), useful()), classes, usual)),
        "own average": compared(lambda: own_average),
        "tail": by(lambda: Tail(classes, features)),
        "tail, near": by(lambda: Tail(classes, features, near=True)),
        "tail, faded": lambda real, seed: bench.train(
            real, source, seed=seed, weigher=Faded(Scaled(Tail(classes, features), classes, usual))
        ),
        "trimmed": by(lambda: trimmed(classes)),
        "generalised": by(lambda: generalised),
        "oracle": without(HARMFUL),
        "oracle, labels": without(HARMFUL - LOOKS),
        "oracle, looks": without(LOOKS),
        "left out": left_out,
        "shuffled": lambda real, seed: bench.train(real, source, seed=seed, weigher=Shuffled(learned(seed), classes)),
        "evened out": lambda real, seed: bench.train(real, source, seed=seed, weigher=Evened(learned(seed))),
        "lowered": lowered,
    }
    found["photos, borders"] = lambda real, seed: bench.train(real, None, seed=seed, photo_weigher=bordering)
    found["joint, borders"] = lambda real, seed: bench.train(
        real, source, seed=seed, photo_weigher=bordering, weigher=Borders()
    )
    for words, power in (("unbalanced", 0.0), ("balanced more", 0.7)):
        for name, views in (("photos", None), ("joint", source)):
            found[f"{name}, {words}"] = partial(_balanced, bench, views, power)
    for level in usual.levels:
        found[f"hrs, {level}"] = partial(_with, bench, source, learned, SelectionConfig(levels=(level,)))
    found["hrs, no floor"] = partial(_with, bench, source, learned, SelectionConfig(floor=0.0))
    both: tuple[Level, ...] = ("pixel", "image")
    found["hrs, pixel and image"] = partial(_with, bench, source, learned, SelectionConfig(levels=both))
    for name, signals in OWN.items():
        parts = [SelectionConfig(levels=(level,), signals=(signal,)) for level, signal in signals.items()]
        found[name] = partial(_each_its_own, bench, source, learned, parts, classes)
    found["frames drawn by agreement"] = lambda real, seed: bench.train(
        real,
        source,
        seed=seed,
        weigher=DrawsFrames(Compared(agrees(), classes, usual, "frame"), len(source)),
    )
    return found


def main() -> None:
    options = parser(__doc__).parse_args()
    setting = Setting.load(options, regions=True)
    run(setting, arms(setting) | styled(setting, options.n_real), options)


if __name__ == "__main__":
    told(main)
