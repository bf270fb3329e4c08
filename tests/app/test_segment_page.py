"""The segment page, with and without a photo app."""

ADDRESS = "http://127.0.0.1:7860"


def test_the_photo_app_is_shown_and_can_be_opened_by_itself(open_page, monkeypatch):
    monkeypatch.setenv("HRS_PHOTO_URL", ADDRESS)
    at = open_page("segment")
    (frame,) = at.get("bidi_component")
    assert f'"address":"{ADDRESS}"' in frame.proto.json.replace(" ", "")
    (link,) = at.get("link_button")
    assert link.proto.url == ADDRESS


def test_without_a_photo_app_the_page_says_how_to_start_it(open_page, monkeypatch):
    monkeypatch.delenv("HRS_PHOTO_URL", raising=False)
    at = open_page("segment")
    assert not at.get("bidi_component")
    assert "not running" in at.markdown[0].value
    assert at.code[0].value.startswith("python -m app.photo")
