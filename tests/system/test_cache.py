"""Where the caches lie."""

from hrs.system.cache import cache_root


def test_the_environment_names_the_folder_of_all_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("HRS_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("HRS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert cache_root() == tmp_path / "me" / ".cache" / "hrs"
