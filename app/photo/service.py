"""What the photo app does with photos, for its page and its API: one, many, and once more in other colours."""

# Without postponed annotations: gr.api reads the types of `Photos.answer`.

import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from app.guard import name_of
from app.photo.corrections import Corrections
from app.photo.models import Models
from app.photo.view import (
    THUMBNAIL,
    BatchRow,
    Image,
    batch_csv,
    batch_html,
    class_rows,
    classes_html,
    confidence_colours,
    confidence_html,
    overlay_html,
    realism_html,
    rows_of,
    shrink,
)
from hrs.errors import HRSError
from hrs.inference import Segmentation, read_photograph
from hrs.inference.pictures import describe, overlay
from hrs.inference.videos import VIDEOS, CutShort, first_frame, segment_video
from hrs.labels import LabelSpace
from hrs.pictures import label_png
from hrs.system.documents import reason
from hrs.system.files import only_if_done
from hrs.system.images import decode_rgb, encode
from hrs.system.tree import folder_bytes

MAX_PIXELS = 64_000_000
"""Largest photo: what phones take, at some 450 MB while it is read."""
MAX_BATCH = 200
MAX_FRAMES = 1500
"""Of a video."""
MOST_RESULTS = 256 << 20
"""Bytes of all results of a batch; a photo or video that packs well gives many times its own."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The result that a session looks at, at screen size: enough to colour it anew without the network.

    photo: JPEG. mask: PNG of the class colours. stem: what its downloads are called.
    """

    photo: bytes
    mask: bytes
    stem: str


class Photos:
    """What the page and the API do with photos."""

    def __init__(self, models: Models, corrections: Corrections | None = None) -> None:
        self.models, self.corrections = models, corrections

    def choices(self) -> list[Any]:
        """Updates of the chooser, to all models there are, and of what is said where there is none."""
        titles = [(self.models.title(model), name) for name, model in self.models.list().items()]
        chosen = titles[0][1] if titles else None
        return [gr.update(choices=titles, value=chosen), gr.update(visible=not titles)]

    def show(self, photo: str | None, model: str | None, careful: bool) -> list[Any]:
        """Everything on the page for one photo but what `colour` makes, in the order of the page's outputs; without a
        photo an empty page."""
        if photo is None:
            return empty()
        with told():
            image, space, result, about = self._segment(Path(photo), model, careful)
            rows, stem = class_rows(result, space), safe_stem(Path(photo))
            aspect = image.shape[1] / image.shape[0]
            small, labels = shrink(image), shrink(result.labels, smooth=False)
            shown = Shown(photo=encode(".jpg", small), mask=label_png(labels, space), stem=stem)
            return [
                shown,
                gr.update(visible=False),
                gr.update(visible=True),
                overlay_html(shown.photo, shown.mask, rows, aspect),
                confidence_html(
                    encode(".jpg", confidence_colours(shrink(result.confidence))), about["confidence"] / 100, aspect
                ),
                classes_html(rows),
                realism_html(result.realism, result.realism_words),
                save(f"{stem}_labels.png", label_png(result.labels, space)),
                save(f"{stem}.json", as_json(about)),
                None,
                gr.update(value=None, interactive=False),  # nothing to be had by a click until `colour` has made it
            ]

    def correct(self, photo: str | None, model: str | None, request: gr.Request) -> str:
        """Keep a photo among those to be corrected; a link to where that is done."""
        with told():
            if photo is None or self.corrections is None:
                raise HRSError("there is no photo to correct; add one")
            found = self.models.find(model)
            space = self.models.load(found).space
            host = name_of(request.headers.get("host", ""))
            path = Path(photo)
            return self.corrections.keep(read_kept(path), path.name, space, found.name, host=host)

    def answer(
        self, photo: gr.FileData, checkpoint: str | None = None, careful: bool = False
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """Segment one photo.

        Args:
            photo: a JPEG, PNG, BMP, WebP, TIFF, GIF, HEIC, AVIF or JPEG 2000 file of at most 25 MB and 64 megapixels.
            checkpoint: name of a model, as the page's chooser shows it; None takes the first one.
            careful: average over mirrored and enlarged views, which takes four to six times as long.

        Returns:
            the labels, an indexed PNG of the photo's size whose pixel values are class ids, and what was found:
            classes, coverage and confidence in percent, realism in 0..1 or null, size and checkpoint.
        """
        with told():
            path = uploaded(photo)
            _, space, result, about = self._segment(path, checkpoint, bool(careful))
            labels = save(f"{safe_stem(path)}_labels.png", label_png(result.labels, space))
        return gr.FileData(path=labels, orig_name=Path(labels).name), about

    def batch(
        self,
        photos: Sequence[str] | None,
        model: str | None,
        careful: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds it by its default
    ) -> tuple[str, dict[str, Any]]:
        """A table of what became of photos and videos, and a zip with labels, overlay and JSON of each."""
        if not photos:
            raise gr.Error(
                "No photo has arrived yet: choose some, or wait until they are uploaded.", print_exception=False
            )
        with told():
            if len(photos) > MAX_BATCH:
                raise HRSError(
                    f"{len(photos)} photos at once; at most {MAX_BATCH} are taken here, "
                    "and any number by: python -m hrs segment"
                )
            self.models.find(model)
            folder = new_folder()
            with only_if_done(folder), zipfile.ZipFile(folder / "segmented.zip", "w") as archive:
                rows = [
                    self._add(archive, number, Path(photo), model, careful)
                    for number, photo in enumerate(tracked(photos, progress), 1)
                ]
                archive.writestr("summary.csv", batch_csv(rows))
        return batch_html(rows), gr.update(value=str(folder / "segmented.zip"), interactive=True)

    def _add(self, archive: zipfile.ZipFile, number: int, photo: Path, model: str | None, careful: bool) -> BatchRow:
        try:
            _check_room(archive, 0)
            if photo.suffix.lower() in VIDEOS:
                return self._add_video(archive, number, photo, model, careful)
            image, space, result, about = self._segment(photo, model, careful)
        except HRSError as error:
            return BatchRow(photo=photo.name, problem=str(error).replace(str(photo), photo.name))
        stem = f"{number:03d}_{safe_stem(photo)}"
        picture = overlay(shrink(image), shrink(result.labels, smooth=False), space)
        archive.writestr(f"{stem}_labels.png", label_png(result.labels, space))
        archive.writestr(f"{stem}_overlay.jpg", encode(".jpg", picture))
        archive.writestr(f"{stem}.json", as_json(about))
        return BatchRow(photo=photo.name, picture=thumbnail(picture), classes=class_rows(result, space))

    def _add_video(
        self, archive: zipfile.ZipFile, number: int, video: Path, model: str | None, careful: bool
    ) -> BatchRow:
        """Raises HRSError where it cannot be segmented."""
        stem = f"{number:03d}_{safe_stem(video)}"
        predictor = self.models.load(self.models.find(model))
        with tempfile.TemporaryDirectory(dir=new_folder()) as folder:
            steps = segment_video(predictor, video, Path(folder, stem), careful, False, most=MAX_FRAMES)
            with closing(steps), suppress(CutShort):  # its JSON says so
                for _ in steps:
                    _check_room(archive, folder_bytes(Path(folder)))
            _check_room(archive, folder_bytes(Path(folder)))
            about = json.loads(Path(folder, f"{stem}.json").read_text(encoding="utf-8"))
            archive.writestr(f"{stem}.json", as_json(about | {"source": video.name}))
            overlaid = Path(folder, f"{stem}_overlay.mp4")
            archive.write(overlaid, overlaid.name)
            picture = first_frame(overlaid)
        name = f"{video.name} (cut short after {about['frames']} frames)" if about["cut_short"] else video.name
        return BatchRow(photo=name, picture=thumbnail(picture), classes=rows_of(about, predictor.space))

    def _segment(
        self, photo: Path, name: str | None, careful: bool
    ) -> tuple[Image, LabelSpace, Segmentation, dict[str, Any]]:
        model = self.models.find(name)
        predictor = self.models.load(model)
        image = read_photograph(read_kept(photo), max_pixels=MAX_PIXELS)
        result = predictor.segment(image, augment=careful)
        about = describe(Path(photo.name), predictor.space, result) | {"checkpoint": model.name}
        return image, predictor.space, result, about


def empty() -> list[Any]:
    """The page without a result."""
    return [None, gr.update(visible=True), gr.update(visible=False), *[None] * 8]


def colour(shown: Shown | None, opacity: float) -> list[Any]:
    """The picture that compares photo and overlay, and the overlay to download, at an opacity in percent."""
    if shown is None:  # forgotten meanwhile
        return [gr.skip(), gr.skip()]
    photo, mask = (cast(Image, decode_rgb(data)) for data in (shown.photo, shown.mask))  # made by this app: whole
    blended = cv2.addWeighted(photo, 1 - opacity / 100, mask, opacity / 100, 0).astype(np.uint8, copy=False)
    picture = save(f"{shown.stem}_overlay.jpg", encode(".jpg", blended))
    return [(save(f"{shown.stem}.jpg", shown.photo), picture), gr.update(value=picture, interactive=True)]


@contextmanager
def told() -> Iterator[None]:
    """What the user can mend is told in the browser, or by the client, in one line."""
    try:
        yield
    except HRSError as error:
        text = str(error)
        raise gr.Error(text[:1].upper() + text[1:], print_exception=False) from error
    except OSError as error:  # whose own words may name folders of this machine
        raise gr.Error(f"{reason(error)}. Look at the disk of the machine that serves.") from error


def read_kept(photo: Path) -> bytes:
    """What was uploaded. Raises HRSError where it is kept no longer."""
    try:
        return photo.read_bytes()
    except OSError as error:
        raise HRSError("the photo is no longer kept here; upload it again") from error


def uploaded(value: object) -> Path:
    """The file that a client uploaded. Raises HRSError for anything else, such as a path of this machine."""
    path = value.get("path") if isinstance(value, Mapping) else None
    if isinstance(path, str):
        file = Path(path).resolve()
        if file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file():
            return file
    raise HRSError("the photo is no uploaded file; send it with gradio_client.handle_file(PATH)")


def safe_stem(photo: Path) -> str:
    """The photo's name as the start of file names: word characters, dots and hyphens, at most 60."""
    return re.sub(r"[^\w.-]+", "_", photo.stem).strip("._")[:60] or "photo"


def _check_room(archive: zipfile.ZipFile, more: int) -> None:
    """Raises HRSError where so many bytes more do not fit into a batch's results."""
    if archive.start_dir + more >= MOST_RESULTS:
        raise HRSError("the results of this batch are full; send it by itself, or use: python -m hrs segment")


def tracked(photos: Sequence[str], progress: gr.Progress) -> Iterator[str]:
    """The photos, telling the page how many are done."""
    for done, photo in enumerate(photos):
        progress((done, len(photos)), desc=Path(photo).name, unit="photos")
        yield photo


def thumbnail(picture: Image | None) -> bytes:
    """A JPEG; empty where there is no picture."""
    return b"" if picture is None else encode(".jpg", shrink(picture, THUMBNAIL))


def as_json(about: Mapping[str, Any]) -> bytes:
    return (json.dumps(about, indent=2) + "\n").encode()


def save(name: str, data: bytes) -> str:
    """Put a file where the browser may fetch it."""
    path = new_folder() / name
    path.write_bytes(data)
    return str(path)


def new_folder() -> Path:
    root = Path(get_upload_folder())
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=root))
