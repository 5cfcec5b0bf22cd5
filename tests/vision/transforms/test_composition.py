import pickle

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.utils.data import DataLoader
from gpunn.vision import transforms as T
from tests.vision.transforms.test_geometry import host, pictures


def plus(number):
    return T.Lambda(lambda img: img + number)


def test_compose_and_lambda():
    assert T.Compose([plus(1), lambda x: x * 3])(gp.ones(2)).tolist() == [6, 6]
    assert T.Compose([])(5) == 5


def test_apply(device):
    t = gp.zeros(300, 1, 1, 1, device=device)
    gp.manual_seed(0)
    y = host(T.RandomApply([plus(1), plus(2)], 0.3)(t)).reshape(-1)
    assert set(y) == {0, 3} and abs((y == 3).mean() - 0.3) < 5 * np.sqrt(0.21 / 300)
    assert T.RandomApply([plus(1)], 1)(7) == 8 and T.RandomApply([plus(1)], 0)(7) == 7


def test_choice(device):
    t = gp.arange(600.0, device=device).reshape(600, 1, 1, 1)
    gp.manual_seed(0)
    y = host(T.RandomChoice([plus(1000), plus(2000), plus(3000)], [1, 0, 3])(t)).reshape(-1) - np.arange(600)
    assert set(y) == {1000, 3000} and abs((y == 3000).mean() - 0.75) < 5 * np.sqrt(0.1875 / 600)
    alike = host(T.RandomChoice([plus(1), plus(2)])(gp.zeros(600, 1, 1, 1, device=device)))
    assert abs((alike == 2).mean() - 0.5) < 5 * np.sqrt(0.25 / 600)


def test_order(device):
    t = gp.ones(200, 1, 1, 1, device=device)
    gp.manual_seed(0)
    y = host(T.RandomOrder([plus(1), lambda x: x * 10, lambda x: x * x])(t)).reshape(-1)
    wanted = {(2 * 10) ** 2, 2**2 * 10, (10 + 1) ** 2, 10**2 + 1, (1 + 1) * 10, 1 * 10 + 1}  # all six orders
    assert {int(n) for n in y} == wanted


def test_images_of_a_batch_stay_alike():
    t = gp.zeros(20, 1, 4, 4)
    with pytest.raises(ShapeError, match="RandomApply: the images of a batch must come out in one shape"):
        T.RandomApply([T.CenterCrop(2)])(t)


def every_random_transform():
    return T.Compose(
        [
            T.RandomResizedCrop(12, (0.3, 1)),
            T.RandomCrop(10, 1),
            T.RandomHorizontalFlip(),
            T.RandomVerticalFlip(),
            T.RandomRotation(30),
            T.RandomAffine(10, (0.1, 0.1), (0.8, 1.2), 5, 2),
            T.ColorJitter(0.2, 0.2, 0.2, 0.1),
            T.RandomGrayscale(0.3),
            T.GaussianBlur(3),
            T.RandomApply([T.RandomHorizontalFlip()]),
            T.RandomChoice([T.RandomVerticalFlip(), T.RandomErasing()]),
            T.RandomErasing(),
        ]
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_same_numbers_on_every_device(dtype, device):
    """Bytes to the last bit; floats but for the order of sums in resizing."""
    _, t = pictures((16, 3, 20, 24), dtype)
    results = []
    for where in ("cpu", device):
        gp.manual_seed(11)
        results.append(host(every_random_transform()(t.to(where))))
    np.testing.assert_allclose(results[1], results[0], atol=0 if dtype == "uint8" else 1e-5)
    assert len({image.tobytes() for image in results[0]}) == 16
    assert (host(every_random_transform()(t)) != results[0]).any()


class Dataset:
    """One image, transformed again and again."""

    def __init__(self):
        self.transform = every_random_transform()

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return self.transform(pictures((3, 20, 24))[1])


def test_workers_draw_numbers_of_their_own_seed():
    def epoch():
        gp.manual_seed(2)
        return [batch.numpy() for batch in DataLoader(Dataset(), batch_size=3, num_workers=2)]

    first, second = epoch(), epoch()
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert len({image.tobytes() for batch in first for image in batch}) == 6


def test_transforms_can_be_pickled():
    transform = pickle.loads(pickle.dumps(every_random_transform()))
    assert repr(transform) == repr(every_random_transform())


def test_repr():
    assert repr(T.Compose([T.ToTensor(), T.RandomHorizontalFlip()])) == (
        "Compose(\n    ToTensor()\n    RandomHorizontalFlip(p=0.5)\n)"
    )
    assert repr(T.RandomApply([T.ToTensor()])) == "RandomApply(\n    p=0.5\n    ToTensor()\n)"
    assert repr(T.RandomChoice([T.ToTensor()])) == "RandomChoice(\n    ToTensor()\n)(p=None)"
    assert repr(T.RandomOrder([T.ToTensor()])) == "RandomOrder(\n    ToTensor()\n)"
    assert repr(plus(1)) == "Lambda()"


def test_errors():
    with pytest.raises(ArgumentTypeError, match="lambd should be callable"):
        T.Lambda(3)
    with pytest.raises(ArgumentTypeError, match="transforms should be a sequence"):
        T.RandomChoice(3)
    with pytest.raises(ArgumentTypeError, match="p should be a sequence"):
        T.RandomChoice([plus(1)], 3)
    for p in ([1], [1, -1], [0, 0]):
        with pytest.raises(ArgumentError, match="a weight for each of 2"):
            T.RandomChoice([plus(1), plus(2)], p)
