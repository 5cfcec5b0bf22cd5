import pytest

from gpunn.errors import ArgumentError, UnsupportedError
from gpunn.vision.datasets import VisionDataset
from gpunn.vision.transforms import Compose, ToTensor


class Numbers(VisionDataset):
    """(10 n, n) of three numbers."""

    def __getitem__(self, index):
        return self.transformed(10 * index, index)

    def __len__(self):
        return 3

    def extra_repr(self):
        return "Split: Train\nKind: numbers"


def minus(x):
    return -x


def swap(image, target):
    return target, image


def test_transforms():
    assert Numbers()[2] == (20, 2)
    assert Numbers(transform=minus)[2] == (-20, 2)
    assert Numbers(target_transform=minus)[2] == (20, -2)
    assert Numbers(transforms=swap)[2] == (2, 20)
    changed = Numbers(transform=minus)
    changed.transform = None
    assert changed[2] == (20, 2)
    changed.target_transform = minus
    assert changed[2] == (20, -2)
    with pytest.raises(ArgumentError, match="Only transforms or"):
        Numbers(transforms=swap, transform=minus)


def test_repr_is_torchvisions():
    head = "Dataset Numbers\n    Number of datapoints: 3\n"
    assert repr(Numbers()) == f"{head}    Split: Train\n    Kind: numbers"
    found = repr(Numbers("here", transform=Compose([ToTensor()]), target_transform=ToTensor()))
    assert found == (
        f"{head}    Root location: here\n    Split: Train\n    Kind: numbers\n    StandardTransform\n"
        "Transform: Compose(\n               ToTensor()\n           )\nTarget transform: ToTensor()"
    )


def test_home_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert Numbers("~/data").root == "/somewhere/data"


def test_subclasses_say_what_is_in_them():
    with pytest.raises(UnsupportedError, match="should implement __len__"):
        len(VisionDataset())
    with pytest.raises(UnsupportedError, match="should implement __getitem__"):
        VisionDataset()[0]
