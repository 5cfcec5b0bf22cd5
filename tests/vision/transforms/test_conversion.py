import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from gpunn.vision.transforms import functional as T
from gpunn.vision.transforms.conversion import is_pillow


@pytest.fixture
def image():
    return pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def test_arrays():
    x = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    y = T.to_tensor(x)
    assert y.shape == (3, 2, 4) and y.dtype is gp.float32
    np.testing.assert_array_equal(y.numpy(), x.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert T.to_tensor(x[..., 0].astype(np.float64)).dtype is gp.float64
    for wrong in (3, [[1]], gp.zeros(2, 2)):
        with pytest.raises(ArgumentTypeError, match="must be an image"):
            T.to_tensor(wrong)
    for shape in ((), (3,), (1, 2, 3, 4)):
        with pytest.raises(ArgumentError, match=rf"should be 2/3 dimensional. Got {len(shape)} dimensions"):
            T.to_tensor(np.zeros(shape))
    with pytest.raises(ArgumentTypeError, match=r"got Tensor of shape \(2, 2\)"):
        T.to_tensor(gp.zeros(2, 2))
    assert not is_pillow(x)


def test_bytes_become_the_default_type():
    gp.set_default_dtype(gp.float64)
    try:
        assert T.to_tensor(np.full((1, 1), 51, np.uint8)).tolist() == [[[51 / 255]]]
    finally:
        gp.set_default_dtype(gp.float32)


MODES = {
    "L": ("uint8", 1),
    "RGB": ("uint8", 3),
    "RGBA": ("uint8", 4),
    "LA": ("uint8", 2),
    "CMYK": ("uint8", 4),
    "HSV": ("uint8", 3),
    "I": ("int32", 1),
    "F": ("float32", 1),
}


@pytest.mark.parametrize("mode", MODES)
def test_there_and_back(mode, image):
    name, channels = MODES[mode]
    array = np.random.default_rng(0).integers(0, 256, (3, 5, channels)).astype(name)
    picture = image.frombytes(mode, (5, 3), array.tobytes())
    t = T.pil_to_tensor(picture)
    assert t.dtype is getattr(gp, name) and is_pillow(picture)
    np.testing.assert_array_equal(t.numpy(), array.transpose(2, 0, 1))
    back = T.to_pil_image(t, mode)
    assert (back.mode, back.size, back.tobytes()) == (mode, (5, 3), picture.tobytes())
    float_one = T.to_tensor(picture)
    assert float_one.dtype is (gp.float32 if name == "uint8" else t.dtype)
    if name == "uint8":
        np.testing.assert_array_equal(float_one.numpy(), t.numpy() / np.float32(255))
        assert T.to_pil_image(float_one, mode).tobytes() == picture.tobytes()


def test_large_numbers_of_16_bits_stay(image):
    picture = image.new("I;16", (2, 1), 40000)
    t = T.pil_to_tensor(picture)
    assert t.dtype is gp.int32 and t.tolist() == [[[40000, 40000]]]
    back = T.to_pil_image(np.array([[3, 4]], np.int16))
    assert back.mode == "I;16" and T.to_tensor(back).dtype is gp.int16 and T.to_tensor(back).tolist() == [[[3, 4]]]


def test_black_and_white(image):
    white = image.new("1", (2, 1), 1)
    assert T.to_tensor(white).tolist() == [[[1.0, 1.0]]]
    assert T.pil_to_tensor(white).tolist() == [[[True, True]]]


def test_to_pil_image_of_arrays(image):
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(T.to_pil_image(array), array)
    assert T.to_pil_image(array[..., 0]).mode == "L"
    for name in ("float32", "float64"):
        assert np.array_equal(T.to_pil_image(((array + 0.5) / 255).astype(name)), array)
    assert T.to_pil_image(np.full((2, 2), 0.5)).getpixel((0, 0)) == 127
    assert T.to_pil_image(np.full((2, 2), 0.25, np.float32), "F").getpixel((0, 0)) == 0.25
    assert T.to_pil_image(gp.zeros(2, 2)).getpixel((0, 0)) == 0
    assert T.to_pil_image(gp.full((1, 2, 2), 0.25), "F").getpixel((0, 0)) == 0.25


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: T.to_pil_image("a"), ArgumentTypeError, "Tensor or ndarray"),
        (lambda: T.to_pil_image(gp.zeros(1, 1, 2, 2)), ArgumentError, "2/3 dimensional. Got 4"),
        (lambda: T.to_pil_image(gp.zeros(5, 2, 2)), ArgumentError, "1 to 4 channels. Got 5"),
        (lambda: T.to_pil_image(np.zeros((2, 2, 3), np.int64)), ArgumentTypeError, "int64 is not supported for 3"),
        (lambda: T.to_pil_image(np.zeros((2, 2), np.uint8), "RGB"), ArgumentError, r"Only modes \['L'\]"),
        (lambda: T.pil_to_tensor(np.zeros((2, 2))), ArgumentTypeError, "should be PIL Image"),
        (lambda: T.convert_image_dtype([1]), ArgumentTypeError, "Tensor Image"),
        (lambda: T.convert_image_dtype(gp.zeros(1), gp.int64), DtypeError, "cannot be performed safely"),
        (lambda: T.convert_image_dtype(gp.zeros(1), gp.int32), DtypeError, "cannot be performed safely"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_convert_image_dtype(device):
    whole = gp.arange(256, device=device)
    t = whole.to(gp.uint8)
    assert T.convert_image_dtype(t, gp.uint8) is t
    y = T.convert_image_dtype(t)
    np.testing.assert_array_equal(y.numpy(force=True), np.arange(256, dtype=np.float32) / np.float32(255))
    assert T.convert_image_dtype(y, gp.uint8).tolist() == list(range(256))
    assert T.convert_image_dtype(y, gp.float64).dtype is gp.float64
    assert T.convert_image_dtype(t, gp.int16).tolist() == [128 * n for n in range(256)]
    assert T.convert_image_dtype(T.convert_image_dtype(t, gp.int32), gp.uint8).tolist() == list(range(256))
    assert T.convert_image_dtype(t, gp.int8).tolist() == [n // 2 for n in range(256)]
    assert T.convert_image_dtype(y.to(gp.float64), gp.int32)[-1].item() == 2**31 - 1
