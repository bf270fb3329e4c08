"""Durations in words."""

import pytest

from hrs.progress import Pace, clock, counted, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90, "2 min"),
        (3599, "1 h 0 min"),
        (12_000, "3 h 20 min"),
        (47 * 3600, "47 h 0 min"),
        (4e5, "4 d 15 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3600, "1:00:00"), (360_061, "100:01:01")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_things_are_counted():
    assert [counted(count, "frame") for count in (0, 1, 2000)] == ["0 frames", "1 frame", "2,000 frames"]
    assert counted(3, "class", "classes") == "3 classes"


def test_the_pace_is_that_since_the_first_look():
    pace = Pace()
    assert pace.left(5, 20, 10.0) is None
    assert pace.left(10, 20, 20.0) == 20
