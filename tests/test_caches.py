"""Cache folders are the user's own, or temporary."""

import stat
import tempfile
from pathlib import Path

import pytest

from gpunn.caches import cache_folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home in which nothing is, and a folder for temporary files."""
    (tmp_path / "home").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    cache_folder.cache_clear()
    yield tmp_path / "home"
    cache_folder.cache_clear()


def test_the_users_cache_comes_first(home):
    folder = cache_folder("nvrtc")
    assert folder == home / ".cache" / "gpunn" / "nvrtc"
    assert folder.is_dir()
    assert cache_folder("nvrtc") == folder


def test_a_home_that_holds_no_folders(home):
    (home / ".cache").write_text("a file")
    folder = cache_folder("nvrtc")
    assert folder.parent == home.parent / "temporary"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder("nvrtc") == folder


def test_no_home_at_all(home, monkeypatch):
    def missing():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", missing)
    assert cache_folder("nvrtc").parent == home.parent / "temporary"


def test_a_folder_that_others_can_write_to_is_not_taken(home):
    (home / ".cache").write_text("a file")
    open_to_all = cache_folder("nvrtc")
    open_to_all.chmod(0o777)
    cache_folder.cache_clear()
    assert cache_folder("nvrtc") != open_to_all
