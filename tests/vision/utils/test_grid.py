import io

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.vision.utils import make_grid, save_image


def pictures(count, channels=3, device="cpu"):
    x = np.random.default_rng(0).random((count, channels, 4, 5)).astype(np.float32)
    return x, gp.tensor(x, device=device)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_grid(padding, device):
    x, t = pictures(7, device=device)
    wanted = np.full((3, 3 * (4 + padding) + padding, 3 * (5 + padding) + padding), 0.5, np.float32)
    for k, image in enumerate(x):
        top, left = k // 3 * (4 + padding) + padding, k % 3 * (5 + padding) + padding
        wanted[:, top : top + 4, left : left + 5] = image
    grid = make_grid(t, 3, padding, pad_value=0.5)
    np.testing.assert_array_equal(grid.numpy(force=True), wanted)
    np.testing.assert_array_equal(make_grid(list(t), 3, padding, pad_value=0.5).numpy(force=True), wanted)


def test_few_images_need_no_full_row():
    assert make_grid(pictures(2)[1]).shape == (3, 8, 16)
    assert make_grid(gp.zeros(5, 3, 4, 5, dtype=gp.uint8), 4).shape == (3, 14, 30)


def test_one_image_and_one_channel(device):
    x, t = pictures(1, 1, device)
    for one in (t, t[0], t[0, 0]):
        np.testing.assert_array_equal(make_grid(one).numpy(force=True), np.repeat(x[0], 3, 0))
    assert make_grid(pictures(2, 1, device)[1], padding=0).shape == (3, 4, 10)


def test_normalize(device):
    x, t = pictures(2, device=device)
    x[1] += 3
    t = gp.tensor(x, device=device)
    both = make_grid(t, padding=0, normalize=True).numpy(force=True)
    np.testing.assert_allclose(both[..., :5], (x[0] - x.min()) / (x.max() - x.min()), rtol=1e-5, atol=1e-6)
    each = make_grid(t, padding=0, normalize=True, scale_each=True).numpy(force=True)
    np.testing.assert_allclose(each[..., 5:], (x[1] - x[1].min()) / np.ptp(x[1]), rtol=1e-5, atol=1e-6)
    given = make_grid(t, padding=0, normalize=True, value_range=(0.5, 3.5)).numpy(force=True)
    np.testing.assert_allclose(given[..., 5:], (x[1].clip(0.5, 3.5) - 0.5) / 3, rtol=1e-5, atol=1e-6)
    assert make_grid(gp.ones(2, 3, 1, 1, device=device), normalize=True).max().item() == 0


def test_gradients_are_not_kept():
    assert not make_grid(pictures(2)[1].requires_grad_()).requires_grad


def test_saved_images(tmp_path, device):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    x, t = pictures(3, device=device)
    save_image(t, tmp_path / "grid.png", padding=1)
    with image.open(tmp_path / "grid.png") as found:
        wanted = np.floor(make_grid(t, padding=1).numpy(force=True) * 255 + 0.5)
        np.testing.assert_array_equal(np.asarray(found), wanted.transpose(1, 2, 0))
    file = io.BytesIO()
    save_image((t[0] * 255).to(gp.uint8), file, "PNG")
    with image.open(file) as found:
        np.testing.assert_array_equal(np.asarray(found), np.floor(x[0] * np.float32(255)).transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: make_grid([]), ArgumentTypeError, "list of tensors expected, got list"),
        (lambda: make_grid(np.zeros((2, 2))), ArgumentTypeError, "list of tensors expected, got ndarray"),
        (lambda: make_grid(gp.zeros(1, 1, 1, 1, 1)), ShapeError, r"got \(1, 1, 1, 1, 1\)"),
        (lambda: make_grid(gp.zeros(0, 3, 2, 2)), ShapeError, r"got \(0, 3, 2, 2\)"),
        (lambda: make_grid(gp.zeros(2, 3, 2, 2), 0), ArgumentError, "nrow must be positive"),
        (lambda: make_grid(gp.zeros(2, 2), normalize=True, value_range=3), ArgumentTypeError, "value_range"),
        (lambda: make_grid(gp.zeros(2, 2, dtype=gp.uint8), normalize=True), ArgumentTypeError, "floating type"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
