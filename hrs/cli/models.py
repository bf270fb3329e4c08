"""Commands on trained models: evaluate, score, segment, export, calibrate."""

from __future__ import annotations

import filecmp
import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hrs.cli.options import Classes, Model, On, RunsRoot, check_file, checkpoint_folder
from hrs.cli.tasks import occupying
from hrs.cli.terminal import progress_bar
from hrs.errors import HRSError
from hrs.runs.names import RUNS

if TYPE_CHECKING:
    from hrs.data.layouts import Dataset
    from hrs.data.spec import DatasetSpec

app = typer.Typer()


@app.command()
def evaluate(
    checkpoint: Model,
    dataset: Annotated[str, typer.Argument(help="Labelled data set.")],
    split: Annotated[str | None, typer.Option(help="Default: val where the data set has one.")] = None,
    classes: Classes = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Also write the scores here.")] = None,
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Per-class IoU and mIoU from one confusion matrix over the data set.

    Without --classes, the run's own class map is taken where it has one of this data set.
    """
    from hrs.checkpoint import read_about
    from hrs.data.classmap import ClassMap, map_for
    from hrs.data.holdout import to_validate_on
    from hrs.data.layouts import open_dataset
    from hrs.inference import Predictor, pick_device
    from hrs.inference import evaluate as evaluate_dataset
    from hrs.system.files import atomic_write
    from hrs.system.tree import in_words

    check_file("--json", json_)
    folder = checkpoint_folder(checkpoint, runs)
    predictor = Predictor.load(folder, device=pick_device(device), backend="torch")
    config = read_about(folder).config
    own = map_for(config.data.classes, dataset, source=dataset in config.data.sources)
    given = ClassMap.read(classes) if classes else own
    chosen = dataset if split else to_validate_on(dataset)
    data = open_dataset(chosen, split=split, classes=given).map_to(predictor.space)
    if data.skipped:
        print(f"left out: {in_words(data.skipped)}", file=sys.stderr)
    with progress_bar("evaluating") as progress:
        found = evaluate_dataset(predictor, data, progress=progress)
    print(f"{data.spec}:\n{found.to_table()}")
    notes = list(doubts(folder, data))
    for line in notes:
        print(line)
    if json_ is not None:
        scores = found.to_json_dict() | {"scored_classes": found.scored, "notes": notes}
        atomic_write(json_, json.dumps(scores, indent=2) + "\n")


def doubts(checkpoint: Path, data: Dataset) -> Iterator[str]:
    """What keeps scores on a data set from being what they seem: classes it has no name for, images of training."""
    from hrs.checkpoint import read_about
    from hrs.data.spec import DatasetSpec
    from hrs.runs.folder import RunFolder
    from hrs.runs.seen import read_seen

    if data.space is not None:
        other = [name for c, name in enumerate(data.space.classes) if c not in data.possible]
        if other:
            yield f"not scored, since no label of this data set can be of them: {', '.join(other)}"
    run, target = RunFolder.of_checkpoint(checkpoint), DatasetSpec.parse(read_about(checkpoint).config.data.target)
    images = {frame.id: frame.image for frame in data.frames}
    both = images.keys() & set(read_seen(run).target) if run and data.spec.format == target.format else set()
    learned = images_of(target, both)
    same = [name for name, image in learned.items() if alike(image, images[name])]
    if same:
        yield (
            f"warning: {len(same)} of {len(data)} images are ones that this model learned from, so these scores flatter"
        )
    if unknown := len(both - learned.keys()):
        yield (
            f"warning: {unknown} of {len(data)} images are called like ones that this model learned from; where they "
            "are the same, these scores flatter"
        )


def images_of(spec: DatasetSpec, names: Collection[str]) -> dict[str, Path]:
    """The image files of some frames of a data set, as far as they are there; none of a data set that is made."""
    from hrs.data.formats.table import FORMATS
    from hrs.data.layouts import open_dataset

    if not names or FORMATS[spec.format].made:
        return {}
    try:
        found = open_dataset(str(spec)).frames
    except HRSError:  # it was there when the model was trained
        return {}
    return {frame.id: frame.image for frame in found if frame.id in names and frame.image.is_file()}


def alike(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    return filecmp.cmp(one, other, shallow=False)


@app.command()
def score(
    checkpoint: Annotated[str, typer.Argument(help="A run with weighting networks.")],
    dataset: Annotated[str | None, typer.Argument(help="Synthetic corpus; without it, the run's own.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: the run's scores folder.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many frames.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Scores of another checkpoint or corpus that lie there give way.")
    ] = False,
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
    on: On = None,
) -> None:
    """Weight maps of a whole corpus and a table over its frames. Goes on where an earlier call stopped.

    Without --out, the scores of a run that comes with hrs go to a copy of it among one's own.
    """
    from hrs.inference import pick_device
    from hrs.runs.folder import RunFolder
    from hrs.runs.names import CorpusFolder
    from hrs.runs.registry import adopt, is_shipped
    from hrs.scoring.corpus import ScoredCorpus
    from hrs.scoring.score import own_corpus
    from hrs.scoring.score import score as score_corpus

    folder = checkpoint_folder(checkpoint, runs)
    corpus, run = dataset or own_corpus(folder), RunFolder.of_checkpoint(folder)
    if run and out is None and is_shipped(run):
        run = adopt(run, runs)
        folder = run.best
    task = run.tasks / "score" if run and out is None else None
    out = out or (run or RunFolder(folder)).scores.path
    command, own = ["score", str(folder), corpus], None if on else device  # a cluster needs no device of this machine
    with occupying(own, task, command, out=out), progress_bar("scoring") as progress:
        options: dict[str, Any] = {"limit": limit, "replace": replace, "progress": progress}
        if on:
            from hrs.cluster.scoring import score_on

            index = score_on(on, folder, corpus, out, device=device, **options)
        else:
            index = score_corpus(folder, corpus, out, device=pick_device(device), **options)
    print(f"index: {index}\nmaps: {CorpusFolder(out).maps}")
    if unread := ScoredCorpus.open(out).left_out_in_words():
        print(unread)


@app.command()
def segment(
    checkpoint: Model,
    files: Annotated[list[Path], typer.Argument(help="Photos, videos, or folders of them with all their sub-folders.")],
    out: Annotated[Path, typer.Option(help="Gets NAME.png (class ids), NAME_overlay.jpg or .mp4, and NAME.json.")],
    augment: Annotated[bool, typer.Option("--augment", help="Average over mirrored and enlarged views.")] = False,
    frame_labels: Annotated[bool, typer.Option("--frame-labels", help="Write class ids of videos too.")] = False,
    backend: Annotated[
        Literal["auto", "torch", "onnx"], typer.Option(help="auto: ONNX on a CPU, made once per model; torch: exact.")
    ] = "auto",
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Segment photos and videos."""
    from hrs.inference import Predictor, find_jobs, pick_device, segment_files
    from hrs.system.tree import in_words

    folder = checkpoint_folder(checkpoint, runs)
    find_jobs(files, out, frame_labels=frame_labels)  # a wrong path is said before the model loads
    predictor = Predictor.load(folder, device=pick_device(device), backend=backend)
    with progress_bar("segmenting") as progress:
        outcome = segment_files(predictor, files, out, augment=augment, frame_labels=frame_labels, progress=progress)
    print(f"{outcome.done} {'file' if outcome.done == 1 else 'files'} segmented into {out}")
    *others, last = [*outcome.cut, *outcome.failed] or [""]
    for reason in others:
        print(f"{'in part' if reason in outcome.cut else 'left out'}: {reason}", file=sys.stderr)
    if outcome.aside:
        print(f"left out: {in_words(outcome.aside)}", file=sys.stderr)
    if last:
        raise HRSError(last)


@app.command()
def export(
    checkpoint: Model,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: beside the weights.")] = None,
    format_: Annotated[Literal["onnx"], typer.Option("--format")] = "onnx",
    int8: Annotated[
        str | None,
        typer.Option(help="In 8 bits for CPUs, calibrated on images of this data set."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Largest difference to PyTorch that is accepted in float32. Default: 0.001."),
    ] = None,
    runs: RunsRoot = RUNS,
) -> None:
    """Write the network for other programs, with its classes and colours inside; checked against PyTorch.

    In 8 bits beside the weights it is what photos are segmented with on a CPU.
    """
    from hrs.inference.backends import ONNX_8_BITS, ONNX_MODEL
    from hrs.inference.export import TOLERANCE, export_network
    from hrs.inference.quantise import quantise_on

    if int8 is not None and tolerance is not None:
        raise HRSError("--tolerance is for float32, and --int8 does not keep to it; leave one of them out")
    if out is not None and out.is_dir():
        raise HRSError(f"--out {out} is a folder; name a file, such as {out / ONNX_MODEL}")
    folder = checkpoint_folder(checkpoint, runs)
    if int8 is not None:
        eight = quantise_on(folder, out or folder / ONNX_8_BITS, int8)
        print(f"{format_}: {eight.path}, {eight.path.stat().st_size / 1e6:.1f} MB")
        others = f"{eight.checked} images, calibrated on {eight.calibrated} others"
        print(f"the class of float32 on {100 * eight.same:.1f} % of cells of {others}")
        return
    accepted = TOLERANCE if tolerance is None else tolerance
    done = export_network(folder, out or folder / ONNX_MODEL, tolerance=accepted)
    sizes = ", ".join(f"{batch} of {width}x{height}" for batch, height, width in done.checked)
    print(f"{format_}: {done.path}, {done.path.stat().st_size / 1e6:.1f} MB")
    print(f"largest difference to PyTorch: {done.difference:.1e} (images: {sizes})")


@app.command()
def calibrate(
    checkpoint: Model,
    runs: RunsRoot = RUNS,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Let a model say how close a photo is to its real images: their statistics are kept beside it."""
    from hrs.checkpoint import read_about
    from hrs.inference import Predictor, pick_device, write_gauge
    from hrs.inference import calibrate as calibrate_model
    from hrs.inference.export import weights_hash
    from hrs.runs.folder import RunFolder
    from hrs.runs.seen import NOTHING, read_seen
    from hrs.training.task import open_real

    folder = checkpoint_folder(checkpoint, runs)
    run = RunFolder.of_checkpoint(folder)
    seen = read_seen(run) if run else NOTHING  # the photos that it learned from, whatever was labelled since
    real, weights = open_real(read_about(folder).config, seen=seen), weights_hash(folder)
    predictor = Predictor.load(folder, device=pick_device(device), backend="torch")
    with progress_bar("calibrating") as progress:
        gauge = calibrate_model(predictor, real.target, real.val, progress=progress)
    print(f"gauge: {write_gauge(gauge, folder, weights=weights)}")
