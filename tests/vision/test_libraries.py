import importlib

import pytest

import gpunn as gp
from gpunn.vision.libraries import MissingLibraryError, library, pillow


def test_a_library_that_is_there():
    assert library("json", "a test", "json", "demo") is importlib.import_module("json")


@pytest.mark.parametrize("error", [ImportError, gp.errors.GpunnError])
def test_a_missing_library_is_named_with_the_fix(monkeypatch, error):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(error, match=r'resize needs Pillow: pip install "gpunn\[vision\]"') as caught:
        pillow("Image", "resize")
    assert type(caught.value) is MissingLibraryError
