"""The split of scikit-learn's digits: its sizes, and that no image is in both parts or in neither."""

import importlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

import gpunn as gp
from gpunn.vision.datasets import Digits
from gpunn.vision.libraries import MissingLibraryError


@pytest.fixture(scope="module")
def both():
    return Digits(), Digits(train=False)


def test_sizes_shapes_and_dtypes(both):
    for part, size in zip(both, (1442, 355), strict=True):
        assert len(part) == size
        assert (part.data.shape, part.data.dtype) == ((size, 1, 8, 8), gp.float32)
        assert (part.targets.shape, part.targets.dtype) == ((size,), gp.int64)
        assert (part.data.min().item(), part.data.max().item()) == (0.0, 1.0)
    assert both[0].train and not both[1].train
    assert Digits.classes == tuple("0123456789")


def test_samples_are_an_image_and_its_label(both):
    image, label = both[0][5]
    assert image.equal(both[0].data[5]) and label.item() == both[0].targets[5].item() == 5


def test_every_image_is_in_one_part_with_its_label(both):
    images, labels = load_digits(return_X_y=True)
    wanted = [(row.tobytes(), int(label)) for row, label in zip(images, labels, strict=True)]
    assert len(set(wanted)) == 1797  # no two images are alike
    found = []
    for part in both:
        pixels = (part.data.numpy() * 16).astype(np.float64).reshape(len(part), 64)
        found += [(row.tobytes(), k) for row, k in zip(pixels, part.targets.tolist(), strict=True)]
    assert sorted(found) == sorted(wanted)


def test_every_fifth_image_of_a_class_is_held_out(both):
    images, labels = load_digits(return_X_y=True)
    for digit in range(10):
        held_out = both[1].data.numpy()[both[1].targets.numpy() == digit].reshape(-1, 64)
        np.testing.assert_array_equal(held_out * 16, images[labels == digit][4::5])


@pytest.mark.parametrize("error", [ImportError, gp.errors.GpunnError])
def test_without_scikit_learn_the_error_says_how_to_get_it(monkeypatch, error):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(error, match=r'pip install "gpunn\[demo\]"') as caught:
        Digits()
    assert type(caught.value) is MissingLibraryError
