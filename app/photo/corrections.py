"""Photos that a model got wrong, on their way to the Label page."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from hrs.labelling.photoset import PhotoSet
from hrs.labels import LabelSpace


@dataclass(frozen=True)
class Corrections:
    """Where they are kept, and the port of the dashboard on which they are corrected."""

    folder: Path
    dashboard: int

    def keep(self, photo: bytes, name: str, space: LabelSpace, model: str, *, host: str) -> str:
        """Take a photo in; returns HTML with a link to the Label page.

        Args:
            photo: as it was uploaded. name: what its file was called.
            model: its view of the photo is what correcting begins with.
            host: what the browser calls this machine.

        Raises:
            HRSError: the photo cannot be read or kept.
        """
        own = PhotoSet.of_corrections(self.folder, space)
        kept = own.add(photo, name)
        asked = urlencode({"set": own.path.name, "photo": kept, "model": model})
        shown = f"[{host}]" if ":" in host else host or "localhost"
        address = html.escape(f"http://{shown}:{self.dashboard}/label?{asked}")
        return (
            f'<p class="hrs-note"><a href="{address}" target="_blank" rel="noopener">Correct it on the Label page</a>. '
            f"The photo is kept in the set {html.escape(own.path.name)}.</p>"
        )
