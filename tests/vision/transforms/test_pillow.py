"""Images of Pillow: the same calls give what tensors give, or what Pillow itself does."""

import inspect

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision.transforms import InterpolationMode, affine, colour, filters, geometry, pad, pillow, resize
from gpunn.vision.transforms import functional as T

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
OWN = [name for name, value in vars(pillow).items() if getattr(value, "__module__", "") == pillow.__name__]
NAMES = [name for name in OWN if hasattr(T, name)]


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8))


def both(call, picture):
    """What `call` makes of the image and of the tensor: (C, H, W)."""
    found, t = call(picture), call(T.pil_to_tensor(picture))
    return T.pil_to_tensor(found).numpy().astype(int), t.numpy().astype(int)


SAME = {
    "crop": lambda i: T.crop(i, -1, 2, 20, 9),
    "crop_and_flip": lambda i: T.crop_and_flip(i, 1, 2, 5, 9, True, True),
    "hflip": T.hflip,
    "not flipped": lambda i: T.hflip(T.vflip(i, False), False),
    "vflip": T.vflip,
    "center_crop": lambda i: T.center_crop(i, (15, 9)),
    "five_crop": lambda i: T.five_crop(i, 5)[3],
    "ten_crop": lambda i: T.ten_crop(i, 5)[6],
    "resize nearest": lambda i: T.resize(i, (6, 8), InterpolationMode.NEAREST_EXACT),
    "the same size": lambda i: T.resize(i, 12),
    "pad": lambda i: T.pad(i, (1, 2, 3, 4), 7),
    "pad edge": lambda i: T.pad(i, (1, 2, 3, 4), 0, "edge"),
    "pad reflect": lambda i: T.pad(i, (1, -2, 3, 4), 0, "reflect"),
    "pad symmetric": lambda i: T.pad(i, (1, -2), 0, "symmetric"),
    "cut off": lambda i: T.pad(i, (-1, -2, 3, -4), 5),
    "blur": lambda i: T.gaussian_blur(i, (3, 5), 0.7),
    "a quarter": lambda i: T.rotate(i, 90, expand=True),
}


@pytest.mark.parametrize("name", SAME)
def test_as_a_tensor(name, picture):
    found, wanted = both(SAME[name], picture)
    np.testing.assert_array_equal(found, wanted)


NEAR = {  # by how many steps Pillow's arithmetic may differ, and in which share of the pixels
    "resize": (lambda i: T.resize(i, 7), 1, 0.02),
    "resized_crop": (lambda i: T.resized_crop(i, 1, 2, 9, 10, (5, 8), InterpolationMode.BICUBIC), 1, 0.02),
    "brightness": (lambda i: T.adjust_brightness(i, 1.4), 1, 0.1),
    "contrast": (lambda i: T.adjust_contrast(i, 0.4), 1, 1),
    "saturation": (lambda i: T.adjust_saturation(i, 1.7), 2, 0.9),
    "gray": (T.rgb_to_grayscale, 1, 0.9),
    "rotate": (lambda i: T.rotate(i, 33, InterpolationMode.NEAREST, fill=9), 255, 0.02),
    "affine": (lambda i: T.affine(i, 20, (1, -2), 1.2, (5, 10), fill=(1, 2, 3)), 255, 0.05),
}


@pytest.mark.parametrize("name", NEAR)
def test_nearly_as_a_tensor(name, picture):
    call, steps, share = NEAR[name]
    found, wanted = both(call, picture)
    difference = np.abs(found - wanted)
    assert difference.max() <= steps and (difference > 0).mean() <= share


def test_hue(picture):
    hsv = np.asarray(picture.convert("HSV")).copy()
    hsv[..., 0] += 51  # int(0.2 * 255), and it wraps around
    wanted = Image.frombytes("HSV", (16, 12), hsv.tobytes()).convert("RGB")
    assert T.adjust_hue(picture, 0.2).tobytes() == wanted.tobytes()
    hsv[..., 0] -= 102
    back = Image.frombytes("HSV", (16, 12), hsv.tobytes()).convert("RGB")
    assert T.adjust_hue(picture, -0.2).tobytes() == back.tobytes()
    gray = picture.convert("L")
    assert T.adjust_hue(gray, 0.2) is gray


def test_colours(picture):
    image = pytest.importorskip("PIL.ImageEnhance", reason="Pillow is not installed")
    assert T.adjust_contrast(picture, 1.5).tobytes() == image.Contrast(picture).enhance(1.5).tobytes()
    assert T.rgb_to_grayscale(picture).mode == "L"
    three = np.asarray(T.to_grayscale(picture, 3))
    assert (three == np.asarray(picture.convert("L"))[..., None]).all() and three.shape == (12, 16, 3)


def test_palettes_are_kept(picture):
    few = picture.quantize(8)
    for mode in ("constant", "edge"):
        wide = T.pad(few, 2, 0, mode)
        assert wide.mode == "P" and wide.convert("RGB").crop((2, 2, 18, 14)).tobytes() == few.convert("RGB").tobytes()


def test_other_modes():
    gray = Image.new("F", (4, 3), 0.5)
    assert T.pad(gray, 1, 0.25).getpixel((0, 0)) == 0.25
    assert T.pad(Image.new("I;16", (2, 1), 7), 1, 3).getpixel((0, 0)) == 3
    assert T.rotate(gray, 45, fill=0.75).getpixel((0, 0)) == 0.75
    assert T.get_dimensions(gray) == [1, 3, 4] and T.get_image_size(gray) == [4, 3]


def test_antialias_is_pillows(picture):
    with pytest.warns(UserWarning, match="antialias is ignored"):
        T.resize(picture, 5, antialias=False)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda i: T.pad(i, 1, (1, 2)), ArgumentError, r"does not match .* \(2 != 3\)"),
        (lambda i: T.pad(i, 1, "red"), ArgumentTypeError, "inappropriate fill"),
        (lambda i: T.adjust_brightness(i, -1), ArgumentError, "brightness_factor must not be negative"),
        (lambda i: T.adjust_hue(i, 1), ArgumentError, "hue_factor must be from"),
        (lambda i: T.rgb_to_grayscale(i, 2), ArgumentError, "either 1 or 3"),
        (lambda i: T.affine(i, 1, (0, 0), 0, 0), ArgumentError, "scale must be positive"),
        (lambda i: T.erase(i, 0, 0, 1, 1, 0), ArgumentTypeError, "img must be a Tensor"),
        (lambda i: T.normalize(i, [0], [1]), ArgumentTypeError, "img must be a Tensor"),
        (lambda i: T.to_grayscale(gp.zeros(3, 2, 2)), ArgumentTypeError, "should be PIL Image"),
        (lambda i: T.five_crop(i, 13), ArgumentError, r"\(13, 13\) is bigger than input size \(12, 16\)"),
    ],
)
def test_errors(call, error, text, picture):
    with pytest.raises(error, match=text):
        call(picture)


@pytest.mark.parametrize("name", NAMES)
def test_one_signature_for_both(name):
    of_tensors = next(vars(m)[name] for m in (geometry, affine, colour, filters, pad, resize) if name in vars(m))
    ours, theirs = (inspect.signature(f).parameters.values() for f in (of_tensors, getattr(pillow, name)))
    assert [p.name for p in ours] == [p.name for p in theirs]
