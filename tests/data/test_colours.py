"""Colours that are on no list."""

from hrs.data.colours import blurred, exchanged
from hrs.data.encoding import colour_id

LISTED = [colour_id(each) for each in ((70, 130, 180), (128, 64, 128), (200, 0, 0))]


def test_red_and_blue_exchanged():
    assert exchanged({colour_id((180, 130, 70)): 50, colour_id((0, 0, 200)): 50}, LISTED)
    assert not exchanged({colour_id((180, 130, 70)): 50, colour_id((1, 2, 3)): 50}, LISTED)


def test_colours_that_are_nearly_listed():
    assert blurred({colour_id((72, 128, 184)): 60, colour_id((9, 9, 9)): 40}, LISTED)
    assert not blurred({colour_id((72, 128, 184)): 40, colour_id((9, 9, 9)): 60}, LISTED)
