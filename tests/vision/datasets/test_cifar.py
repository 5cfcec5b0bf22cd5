"""CIFAR-10 from files of a few images in its form, in its folder and in its archive."""

import io
import tarfile

import numpy as np
import pytest

from gpunn.errors import FileFormatError
from gpunn.vision.datasets import CIFAR10
from gpunn.vision.datasets.vision import MissingFilesError

COUNT = 3  # images in a file
NAMES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(CIFAR10, "images_per_file", COUNT)


def records(number):
    """The bytes of one file."""
    rows = np.random.default_rng(number).integers(0, 256, (COUNT, 3073), np.uint8)
    rows[:, 0] = (COUNT * number + np.arange(COUNT)) % 10
    return rows.tobytes()


def write(root, form, files=None):
    files = {name: records(k) for k, name in enumerate(NAMES)} if files is None else files
    if form == "folder":
        (root / "cifar-10-batches-bin").mkdir()
        for name, content in files.items():
            (root / "cifar-10-batches-bin" / name).write_bytes(content)
        return
    with tarfile.open(root / f"cifar-10-binary.{form}", "w:gz" if form == "tar.gz" else "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("form", ["folder", "tar", "tar.gz"])
def test_images_and_labels(tmp_path, form):
    write(tmp_path, form)
    before = sorted(tmp_path.rglob("*"))
    train, test = CIFAR10(tmp_path, download=True), CIFAR10(str(tmp_path), train=False)
    assert (train.data.shape, train.data.dtype, test.data.shape) == ((15, 32, 32, 3), np.uint8, (3, 32, 32, 3))
    assert train.targets == [n % 10 for n in range(15)] and test.targets == [5, 6, 7]
    rows = np.frombuffer(records(2), np.uint8).reshape(COUNT, 3073)
    np.testing.assert_array_equal(train.data[7].transpose(2, 0, 1).reshape(-1), rows[1, 1:])
    assert sorted(tmp_path.rglob("*")) == before


def test_samples_attributes_and_repr(tmp_path):
    write(tmp_path, "folder")
    data = CIFAR10(tmp_path, train=False, target_transform=lambda k: -k)
    pytest.importorskip("PIL", reason="Pillow is not installed")
    image, label = data[1]
    assert (image.mode, image.size, label) == ("RGB", (32, 32), -6) and (np.asarray(image) == data.data[1]).all()
    assert data.classes[3] == "cat" and data.class_to_idx["truck"] == 9 and len(data) == 3
    assert repr(data).splitlines()[:4] == [
        "Dataset CIFAR10",
        "    Number of datapoints: 3",
        f"    Root location: {tmp_path}",
        "    Split: Test",
    ]


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError])
@pytest.mark.parametrize("download", [False, True])
def test_missing_files_are_named_with_the_fix(tmp_path, error, download):
    with pytest.raises(error, match=r"cifar-10-binary\.tar\.gz in .*; put the binary version from https"):
        CIFAR10(tmp_path, download=download)
    write(tmp_path, "folder", {"data_batch_1.bin": records(0)})
    with pytest.raises(MissingFilesError, match=r"neither .*batches-bin has data_batch_1\.bin, data_batch_2"):
        CIFAR10(tmp_path)


@pytest.mark.parametrize("form", ["folder", "tar.gz"])
@pytest.mark.parametrize("change", [b"", b"xx"])
def test_files_of_another_size(tmp_path, form, change):
    write(tmp_path, form, {"test_batch.bin": records(0)[: None if change else -1] + change})
    with pytest.raises(FileFormatError, match=r"test_batch\.bin: 92\d\d bytes, expected 9219"):
        CIFAR10(tmp_path, train=False)


def test_labels_and_members(tmp_path):
    write(tmp_path, "tar", {"test_batch.bin": b"\x0a" + records(0)[1:]})
    with pytest.raises(FileFormatError, match=r"test_batch\.bin: expected labels from 0 to 9, got 10"):
        CIFAR10(tmp_path, train=False)
    with pytest.raises(FileFormatError, match=r"tar: has no cifar-10-batches-bin/data_batch_1\.bin"):
        CIFAR10(tmp_path)


def test_the_real_files_have_ten_thousand_images(monkeypatch):
    monkeypatch.undo()
    assert CIFAR10.images_per_file * 3073 == 30_730_000
