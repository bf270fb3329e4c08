"""Every training method and what is known of it without building it: the one list that all others are made from.

Free of torch, so that the command line and the dashboard read it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class MethodFacts:
    """title: what people call it, in a few words.
    about: what it is, in a sentence.
    made_by: its class, "module:name".
    sections: of the config, those that it alone reads.
    needs_source: whether it trains on synthetic frames; if not, none is opened or rendered.
    needs_planted: whether it reads the renderer's mask of planted faults.
    weighs: whether its synthetic pixels may differ in weight.
    learns_weights: whether weighting networks say how much; they need regions, and can score a corpus afterwards.
    acts_elsewhere: whether what acts on a pixel is another weight than its maps show there.
    apart: what else is not as maps show it, in a sentence.
    """

    title: str
    about: str
    made_by: str
    sections: tuple[str, ...] = ()
    needs_source: bool = True
    needs_planted: bool = False
    weighs: bool = False
    learns_weights: bool = False
    acts_elsewhere: bool = False
    apart: str = ""


METHODS: Mapping[str, MethodFacts] = MappingProxyType(
    {
        "hrs": MethodFacts(
            title="Hierarchical selection",
            about="weighting networks say how much each synthetic pixel, region and image counts",
            made_by="hrs.methods.hrs:HierarchicalSelection",
            sections=("selection",),
            weighs=True,
            learns_weights=True,
        ),
        "joint": MethodFacts(
            title="Joint training",
            about="real and synthetic images together, every pixel alike",
            made_by="hrs.methods.joint:Joint",
        ),
        "target_only": MethodFacts(
            title="Photos alone",
            about="the real images alone",
            made_by="hrs.methods.target_only:TargetOnly",
            needs_source=False,
        ),
        "source_only": MethodFacts(
            title="Synthetic frames alone",
            about="the synthetic frames alone",
            made_by="hrs.methods.source_only:SourceOnly",
        ),
        "finetune": MethodFacts(
            title="Synthetic frames, then photos",
            about="first the synthetic frames, then the real images",
            made_by="hrs.methods.finetune:Finetune",
            sections=("finetune",),
        ),
        "mixing": MethodFacts(
            title="Class mixing",
            about="half of a synthetic frame's classes pasted onto a real image",
            made_by="hrs.methods.mixing:Mixing",
        ),
        "hrs_mixing": MethodFacts(
            title="Class mixing with selection",
            about="mixing, with weighting networks for the pasted pixels",
            made_by="hrs.methods.hrs_mixing:SelectiveMixing",
            sections=("selection",),
            weighs=True,
            learns_weights=True,
            apart="Training weighed the half of a frame's classes that it pasted onto a photo; maps show whole frames.",
        ),
        "adversarial": MethodFacts(
            title="Adversarial alignment",
            about="joint training, and a discriminator that aligns the predictions of both domains",
            made_by="hrs.methods.adversarial:Adversarial",
            sections=("adversarial",),
        ),
        "class_balanced": MethodFacts(
            title="Control: class balance alone",
            about="control: synthetic pixels weighted by how rare their class is, nothing else",
            made_by="hrs.methods.class_balanced:ClassBalanced",
            sections=("selection",),
            weighs=True,
        ),
        "shuffled": MethodFacts(
            title="Control: shuffled weights",
            about="control: the weights of hrs in the wrong places; its maps show them before they change places",
            made_by="hrs.methods.shuffled:Shuffled",
            sections=("selection",),
            weighs=True,
            learns_weights=True,
            acts_elsewhere=True,
        ),
        "evened": MethodFacts(
            title="Control: evened weights",
            about="control: the weights of hrs, one for all pixels of a class; its maps show them before that",
            made_by="hrs.methods.evened:Evened",
            sections=("selection",),
            weighs=True,
            learns_weights=True,
            acts_elsewhere=True,
        ),
        "oracle": MethodFacts(
            title="Control: weights from the truth",
            about="control: weights from the planted truth of rendered frames",
            made_by="hrs.methods.oracle:Oracle",
            sections=("selection",),
            needs_planted=True,
            weighs=True,
        ),
    }
)


def that_weigh() -> list[str]:
    """Methods whose synthetic pixels may differ in weight."""
    return [name for name, facts in METHODS.items() if facts.weighs]


def that_learn_weights() -> list[str]:
    """Methods whose runs can score a corpus."""
    return [name for name, facts in METHODS.items() if facts.learns_weights]


def in_words(names: Sequence[str], joint: str = "and") -> str:
    """One name or more as a sentence has them: "hrs, hrs_mixing and shuffled"."""
    *others, last = names
    return f"{', '.join(others)} {joint} {last}" if others else last
