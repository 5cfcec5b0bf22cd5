import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.vision import transforms as T
from gpunn.vision.transforms import functional as F
from tests.vision.transforms.test_geometry import TYPES, host, pictures


def test_jitter(device):
    """The four changes in the drawn order, each image with its own numbers."""
    _, t = pictures((5, 3, 4, 4), device=device)
    jitter = T.ColorJitter(0.4, (0.5, 2.0), 0.3, 0.1)
    changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    orders = set()
    for seed in range(8):
        gp.manual_seed(seed)
        y = jitter(t)
        gp.manual_seed(seed)
        order = gp.randperm(4).tolist()
        units = T.draw.units(4, 5)
        low, high = np.array([[0.6, 0.5, 0.7, -0.1], [1.4, 2.0, 1.3, 0.1]])[..., None]
        wanted = t
        for number in order:
            wanted = changes[number](wanted, (low + (high - low) * units)[number])
        assert y.tolist() == wanted.tolist()
        orders.add(tuple(order))
    assert len(orders) > 4


def test_jitter_of_one_image():
    gp.manual_seed(0)
    order, brightness, contrast, saturation, hue = T.ColorJitter.get_params((0.5, 0.6), None, (1, 2), (-0.5, 0.5))
    assert sorted(order.tolist()) == [0, 1, 2, 3] and contrast is None
    assert 0.5 <= brightness < 0.6 and 1 <= saturation < 2 and -0.5 <= hue < 0.5
    t = pictures((3, 4, 4))[1]
    assert T.ColorJitter()(t) is t and T.ColorJitter(contrast=(1, 1), hue=0)(t) is t
    assert T.ColorJitter(3.0).brightness == (0, 4)


def test_grayscale(device):
    x, t = pictures((60, 3, 2, 2), device=device)
    gray = F.rgb_to_grayscale(t, 3)
    assert T.Grayscale(3)(t).tolist() == gray.tolist()
    assert T.Grayscale()(t).shape == (60, 1, 2, 2)
    gp.manual_seed(0)
    y = host(T.RandomGrayscale(0.3)(t))
    are_gray = (y == host(gray)).all((1, 2, 3))
    assert (are_gray | (y == x).all((1, 2, 3))).all() and 5 < are_gray.sum() < 31
    assert T.RandomGrayscale(1)(t[0]).tolist() == gray[0].tolist()
    assert T.RandomGrayscale(0)(t) is t
    assert T.RandomGrayscale(1)(t[:, :1]).tolist() == t[:, :1].tolist()


def test_blur(device):
    _, t = pictures((4, 3, 6, 6), device=device)
    gp.manual_seed(0)
    y = T.GaussianBlur((3, 5), (0.5, 2))(t)
    gp.manual_seed(0)
    assert y.tolist() == F.gaussian_blur(t, (3, 5), T.draw.uniform(0.5, 2, 4)).tolist()
    assert T.GaussianBlur(3, 0.7)(t[0]).tolist() == F.gaussian_blur(t[0], 3, 0.7).tolist()
    assert 0.5 <= T.GaussianBlur.get_params(0.5, 0.6) < 0.6


@pytest.mark.parametrize("dtype", TYPES)
def test_erasing(dtype, device):
    """A box of the value in the chosen images, nothing else; smaller than the image."""
    x, t = pictures((80, 3, 10, 12), dtype, device)
    value = (0, 1, 0) if dtype != "uint8" else (7, 8, 9)
    gp.manual_seed(0)
    y = host(T.RandomErasing(0.5, value=value)(t))
    changed = (y != x.astype(np.float64)).any(1)
    assert 25 < changed.any((1, 2)).sum() < 55
    for n in np.flatnonzero(changed.any((1, 2))):
        rows, columns = np.flatnonzero(changed[n].any(1)), np.flatnonzero(changed[n].any(0))
        box = y[n, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (box == np.array(value)[:, None, None]).all() and box.shape[1] < 10 and box.shape[2] < 12


def test_erasing_with_noise(device):
    _, t = pictures((3, 40, 50), "float32", device)
    gp.manual_seed(0)
    y = T.RandomErasing(1, (0.3, 0.33), value="random", inplace=True)(t)
    assert y is t
    noise = host(t)[(host(t) < 0) | (host(t) > 1)]
    assert 400 < noise.size < 3 * 0.35 * 2000 and 2 < np.abs(noise).max() < 6


def test_where_nothing_is_erased(device):
    _, t = pictures((2, 3, 6, 6), device=device)
    assert T.RandomErasing(0)(t) is t
    assert T.RandomErasing(1, (1, 1), (1, 1))(t) is t


def test_erasing_parameters():
    gp.manual_seed(0)
    t = gp.zeros(3, 200, 200)
    found = [T.RandomErasing.get_params(t, (0.1, 0.2), (0.3, 3.3), [5]) for _ in range(500)]
    sizes = np.array([box[2:4] for box in found])
    ratio, area = sizes[:, 0] / sizes[:, 1], sizes.prod(1) / 40_000
    assert 0.29 < ratio.min() < 0.4 and 2.5 < ratio.max() < 3.4 and area.min() > 0.098 and area.max() < 0.202
    assert found[0][4].tolist() == [[[5]]]
    top, left, height, width, noise = T.RandomErasing.get_params(t, (0.1, 0.2), (1, 1))
    assert noise.shape == (3, height, width) and top + height <= 200 and left + width <= 200
    assert T.RandomErasing.get_params(t, (1, 1), (1, 1))[4] is t


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for transform in (T.ColorJitter(0.4, 0.4, 0.4, 0.1), T.GaussianBlur(3), T.RandomGrayscale(1), T.Grayscale(3)):
        changed = transform(picture)
        assert changed.mode == "RGB" and changed.tobytes() != picture.tobytes()
    with pytest.raises(ArgumentTypeError, match="img must be a Tensor"):
        T.RandomErasing(1)(picture)


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (
            T.ColorJitter(0.5, 0, (0.5, 0.75), 0.25),
            "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=(0.5, 0.75), hue=(-0.25, 0.25))",
        ),
        (T.Grayscale(), "Grayscale(num_output_channels=1)"),
        (T.RandomGrayscale(), "RandomGrayscale(p=0.1)"),
        (T.GaussianBlur(3), "GaussianBlur(kernel_size=(3, 3), sigma=(0.1, 2.0))"),
        (
            T.RandomErasing(),
            "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)",
        ),
    ],
)
def test_repr(transform, text):
    assert repr(transform) == text


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: T.ColorJitter(-1), ArgumentError, "brightness is a single number, it must be non negative"),
        (lambda: T.ColorJitter((2, 1)), ArgumentError, "brightness values should be between"),
        (lambda: T.ColorJitter(hue=0.6), ArgumentError, "hue values should be between"),
        (lambda: T.ColorJitter("a"), ArgumentTypeError, r"a single number or \(min, max\)"),
        (lambda: T.GaussianBlur(2), ArgumentError, "odd and positive"),
        (lambda: T.GaussianBlur(3, (2, 1)), ArgumentError, r"of the form \(min, max\)"),
        (lambda: T.GaussianBlur(3, "a"), ArgumentTypeError, "sigma should be"),
        (lambda: T.RandomErasing(value="noise"), ArgumentError, "it should be 'random'"),
        (lambda: T.RandomErasing(value=None), ArgumentTypeError, "either a number or str"),
        (lambda: T.RandomErasing(scale=(0, 2)), ArgumentError, "between 0 and 1"),
        (lambda: T.RandomErasing(2), ArgumentError, "a probability"),
        (lambda: T.RandomErasing(1, value=(1, 2))(gp.zeros(3, 4, 4)), ShapeError, r"single value or 3 .* \(3, 4, 4\)"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()
