"""How much there is, how far work is, and how long it takes, in words."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, total), as often as the work likes."""


class Pace:
    """How long work will take at its pace since the first look at it."""

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None

    def left(self, done: int, total: int, now: float) -> float | None:
        """Seconds until the end, at a moment in seconds; None while it is unknown."""
        began, since = self.first = self.first or (done, now)
        return (now - since) / (done - began) * (total - done) if done > began else None


def both(first: Progress | None, second: Progress) -> Progress:
    """Tells two."""

    def tell(done: int, total: int) -> None:
        if first:
            first(done, total)
        second(done, total)

    return tell


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things: 1 frame, 2,000 frames.

    Args:
        one: what one of them is called. many: what several are; without, ``one`` with an s.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def between(least: str, most: str) -> str:
    """A range in words; one of its ends where both read alike."""
    return most if least == most else f"{least} to {most}"


def duration(seconds: float | None) -> str:
    """The two largest units: 40 s, 12 min, 3 h 20 min, 3 d 4 h; empty for None."""
    if seconds is None:
        return ""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
