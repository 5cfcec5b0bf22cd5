import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision import transforms as T
from gpunn.vision.transforms import functional as F
from tests.vision.transforms.test_geometry import host, pictures


def test_fixed_ones_are_the_functions(device):
    _, t = pictures(device=device)
    assert T.Resize((3, 4))(t).tolist() == F.resize(t, (3, 4)).tolist()
    assert T.Resize(10, max_size=11)(t).shape == (3, 3, 9, 11)
    assert T.CenterCrop(3)(t[0]).tolist() == F.center_crop(t[0], 3).tolist()
    assert T.Pad((1, 2), 3)(t).tolist() == F.pad(t, (1, 2), 3).tolist()
    assert [part.shape for part in T.FiveCrop(2)(t)] == [(3, 3, 2, 2)] * 5
    assert T.TenCrop((2, 3), True)(t)[7].tolist() == F.vflip(t)[..., -2:, :3].tolist()


def test_random_crop_takes_each_image_somewhere_else(device):
    x, t = pictures((60, 1, 5, 6), device=device)
    gp.manual_seed(0)
    y = host(T.RandomCrop((3, 2))(t))
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 2), (1, 2))
    places = [np.argwhere((windows[n] == y[n, 0]).all((2, 3)))[0] for n in range(60)]
    assert {tuple(place) for place in places} == {(i, j) for i in range(3) for j in range(5)}


def test_every_place_is_as_probable():
    gp.manual_seed(0)
    t = gp.zeros(1, 5, 6)
    found = [T.RandomCrop.get_params(t, (3, 2)) for _ in range(3000)]
    assert {box[2:] for box in found} == {(3, 2)}
    counts = np.bincount([5 * top + left for top, left, _, _ in found], minlength=15)
    assert abs(counts - 200).max() < 5 * np.sqrt(200)


def test_padding_comes_first(device):
    x, t = pictures((20, 3, 4, 4), device=device)
    gp.manual_seed(0)
    y = host(T.RandomCrop(4, padding=2, fill=9)(t))
    wide = np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=9)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (4, 4), (2, 3))
    places = {tuple(np.argwhere((windows[n] == y[n][:, None, None]).all((0, 3, 4)))[0]) for n in range(20)}
    assert len(places) > 10
    with pytest.raises(ArgumentError, match=r"\(9, 4\) is larger than input image size \(4, 4\)"):
        T.RandomCrop((9, 4))(t)
    assert T.RandomCrop((9, 4), pad_if_needed=True)(t).shape == (20, 3, 9, 4)
    assert T.RandomCrop(9, pad_if_needed=True, padding_mode="symmetric", padding=1)(t[0]).shape == (3, 9, 9)
    assert T.RandomCrop(4)(t).tolist() == t.tolist()


def test_random_resized_crop(device):
    """The area is uniform, the logarithm of the ratio too; and each image goes through `resized_crop` with its box."""
    _, t = pictures((6, 3, 12, 16), device=device)
    crop = T.RandomResizedCrop((5, 7))
    gp.manual_seed(4)
    y = crop(t)
    gp.manual_seed(4)
    boxes, are_found = T.draw.boxes(6, 12, 16, crop.scale, crop.ratio, False)
    assert are_found.all() and len({tuple(box) for box in boxes}) == 6
    assert y.tolist() == F.resized_crop(t, *boxes.T, (5, 7)).tolist()
    big = gp.zeros(1, 300, 300)
    found = np.array([T.RandomResizedCrop.get_params(big, (0.08, 0.6), (0.5, 2)) for _ in range(2000)])
    area, ratio = found[:, 2] * found[:, 3] / 90_000, np.log(found[:, 3] / found[:, 2])
    assert abs(area.mean() - 0.34) < 0.02 and abs(ratio.mean()) < 0.05
    assert abs(area.std() - 0.52 / np.sqrt(12)) < 0.01 and abs(ratio.std() - 2 * np.log(2) / np.sqrt(12)) < 0.03


def test_the_middle_where_nothing_fits():
    t = gp.zeros(1, 10, 40)
    assert T.RandomResizedCrop.get_params(t, (1, 1), (0.75, 4 / 3)) == (0, 13, 10, 13)
    assert T.RandomResizedCrop.get_params(t.reshape(1, 40, 10), (1, 1), (0.75, 4 / 3)) == (13, 0, 13, 10)
    assert T.RandomResizedCrop.get_params(t, (1.5, 1.5), (0.1, 10)) == (0, 0, 10, 40)


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    gp.manual_seed(0)
    part = np.asarray(T.RandomCrop(4, padding=1)(picture))
    gp.manual_seed(0)
    assert (part.transpose(2, 0, 1) == T.RandomCrop(4, padding=1)(F.pil_to_tensor(picture)).numpy()).all()
    assert T.RandomResizedCrop(5)(picture).size == (5, 5)


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (T.Resize(256), "Resize(size=256, interpolation=bilinear, max_size=None, antialias=True)"),
        (T.CenterCrop(224), "CenterCrop(size=(224, 224))"),
        (T.Pad(2), "Pad(padding=2, fill=0, padding_mode=constant)"),
        (T.RandomCrop(32, padding=4), "RandomCrop(size=(32, 32), padding=4)"),
        (
            T.RandomResizedCrop(224),
            "RandomResizedCrop(size=(224, 224), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, "
            "antialias=True)",
        ),
        (T.FiveCrop(3), "FiveCrop(size=(3, 3))"),
        (T.TenCrop([3, 4]), "TenCrop(size=[3, 4], vertical_flip=False)"),
    ],
)
def test_repr(transform, text):
    assert repr(transform) == text


def test_errors():
    with pytest.raises(ArgumentTypeError, match="Size should be int or sequence"):
        T.Resize("a")
    with pytest.raises(ArgumentError, match="1 or 2 values"):
        T.Resize((1, 2, 3))
    with pytest.raises(ArgumentTypeError, match="inappropriate fill"):
        T.Pad(1, "red")
    with pytest.raises(ArgumentTypeError, match="Scale should be a sequence"):
        T.RandomResizedCrop(3, scale=0.5)
    with pytest.raises(ArgumentError, match="ratio must be positive"):
        T.RandomResizedCrop(3, ratio=(0, 1))
    with pytest.warns(UserWarning, match="kind"):
        T.RandomResizedCrop(3, scale=(1, 0.5))
