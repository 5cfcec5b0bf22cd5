import numpy as np
import pytest

import gpunn as gp
from gpunn.vision import transforms as T
from gpunn.vision.transforms import functional as F


def test_arrays_to_normalized_tensors():
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    y = T.Compose([T.ToTensor(), T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))])(x)
    wanted = (x.transpose(2, 0, 1) / 255 - np.array([0.5, 0.4, 0.3])[:, None, None]) / np.array([0.2, 0.3, 0.4])[
        :, None, None
    ]
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_normalize_in_place():
    t = gp.ones(1, 2, 2)
    assert T.Normalize([0.5], [0.5], inplace=True)(t) is t and t.tolist() == [[[1, 1], [1, 1]]]


def test_convert():
    t = gp.full((1, 2, 2), 51, dtype=gp.uint8)
    assert T.ConvertImageDtype(gp.float32)(t).tolist() == F.convert_image_dtype(t).tolist()


def test_there_and_back():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    assert T.ToPILImage()(T.PILToTensor()(picture)).tobytes() == picture.tobytes()
    assert T.ToPILImage("HSV")(T.ToTensor()(picture)).mode == "HSV"


def test_repr():
    found = [T.ToTensor(), T.PILToTensor(), T.ToPILImage(), T.ToPILImage("L"), T.ConvertImageDtype(gp.uint8)]
    assert [*map(repr, found)] == [
        "ToTensor()",
        "PILToTensor()",
        "ToPILImage()",
        "ToPILImage(mode=L)",
        "ConvertImageDtype()",
    ]
    assert repr(T.Normalize([0.5], [0.25])) == "Normalize(mean=[0.5], std=[0.25])"
