"""Tags on frames."""

import pytest

from hrs.errors import HRSError
from hrs.scoring.tags import LONGEST, Tags


@pytest.fixture
def tags(tmp_path):
    return Tags(tmp_path / "tags.json")


def test_tags_are_kept_by_frame_and_taken_off_again(tags):
    assert tags.read() == {}
    tags.put("a/1", ["broken", " dark ", "dark"])
    tags.put("b", ["broken"])
    assert tags.read() == {"a/1": ["broken", "dark"], "b": ["broken"]}
    tags.put("a/1", [])
    assert tags.read() == {"b": ["broken"]}


@pytest.mark.parametrize("tag", ["", "  ", "x" * (LONGEST + 1)])
def test_what_is_no_tag_is_one_line_and_changes_nothing(tags, tag):
    tags.put("a", ["fine"])
    with pytest.raises(HRSError, match=f"1 to {LONGEST} characters"):
        tags.put("a", [tag])
    assert tags.read() == {"a": ["fine"]}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": "b"}', '{"a": [1]}'])
def test_a_damaged_file_is_not_written_over(tags, text):
    tags.file.write_text(text)
    with pytest.raises(HRSError, match="remove it"):
        tags.put("a", ["fine"])
    assert tags.file.read_text() == text
