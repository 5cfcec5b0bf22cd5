"""MNIST from small IDX files in its names and form, and through a server on this machine."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import FileFormatError
from gpunn.vision.datasets import MNIST, FashionMNIST
from gpunn.vision.datasets.download import DownloadError
from gpunn.vision.datasets.vision import MissingFilesError
from gpunn.vision.transforms import ToTensor


def idx(array, code=8):
    return bytes((0, 0, code, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def parts(count=12, seed=0):
    """{file name: unpacked content} of the training part."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    return {"train-images-idx3-ubyte": idx(images), "train-labels-idx1-ubyte": idx(labels)}


def write(folder, files, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder whose files the only mirror of MNIST gives; the checksums are those of `parts()`."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    answers = functools.partial(Quiet, directory=str(folder))
    monkeypatch.setattr(MNIST, "sha256", {n: hashlib.sha256(c).hexdigest() for n, c in parts().items()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(MNIST, "mirrors", (f"http://127.0.0.1:{running.server_port}/",))
        yield folder
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inner", ["", "MNIST/raw"])
def test_files_are_found_in_both_folders_and_forms(tmp_path, packed, inner):
    write(tmp_path / inner, parts(), packed)
    found = MNIST(tmp_path)
    assert (found.data.shape, found.data.dtype) == ((12, 28, 28), gp.uint8)
    assert (found.targets.tolist(), found.targets.dtype) == ([*range(10), 0, 1], gp.int64)
    pixels = parts()["train-images-idx3-ubyte"][16:]
    assert found.data.numpy().tobytes() == pixels
    assert len(found) == 12


def test_samples_are_images_and_numbers_unless_transformed(tmp_path):
    pytest.importorskip("PIL", reason="Pillow is not installed")
    write(tmp_path, parts())
    plain = MNIST(str(tmp_path))
    image, label = plain[3]
    assert (image.mode, image.size, type(label), label) == ("L", (28, 28), int, 3)
    assert np.array_equal(image, plain.data[3].numpy())
    image, label = MNIST(tmp_path, transform=lambda x: np.asarray(x) / 255, target_transform=lambda k: -k)[3]
    np.testing.assert_array_equal(image, plain.data[3].numpy() / 255)
    assert label == -3


def test_attributes_and_repr(tmp_path):
    write(tmp_path, parts())
    found = MNIST(str(tmp_path), transform=ToTensor())
    assert found.class_to_idx["3 - three"] == 3 and found.raw_folder == f"{tmp_path}/MNIST/raw"
    assert repr(found) == (
        f"Dataset MNIST\n    Number of datapoints: 12\n    Root location: {tmp_path}\n    Split: Train\n"
        "    StandardTransform\nTransform: ToTensor()"
    )
    pytest.importorskip("PIL", reason="Pillow is not installed")
    image, _ = found[0]
    assert image.shape == (1, 28, 28) and image.dtype is gp.float32


def test_fashion(tmp_path):
    write(tmp_path / "FashionMNIST" / "raw", parts(), packed=True)
    found = FashionMNIST(tmp_path, download=True)
    assert len(found) == 12 and found.classes[8] == "Bag" and found.class_to_idx["Ankle boot"] == 9
    with pytest.raises(MissingFilesError, match=r"t10k-images.* put the four files from https://github.com/zalando"):
        FashionMNIST(tmp_path, train=False, download=True)


def test_samples_end(tmp_path):
    write(tmp_path, parts())
    pytest.importorskip("PIL", reason="Pillow is not installed")
    assert [label for _, label in MNIST(tmp_path)] == [*range(10), 0, 1]
    with pytest.raises(IndexError):
        MNIST(tmp_path)[12]


def test_the_test_part_has_its_own_files(tmp_path):
    write(tmp_path, {name.replace("train", "t10k"): content for name, content in parts(3).items()})
    assert len(MNIST(tmp_path, train=False)) == 3
    with pytest.raises(MissingFilesError):
        MNIST(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError])
def test_missing_files_are_named_with_the_fix(tmp_path, error):
    with pytest.raises(error, match=r"train-images-idx3-ubyte is neither in .*MNIST.raw; pass download=True"):
        MNIST(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8), r"\(3, 28, 28\) and uint8 \(2,\)"),
        (np.zeros((3, 28, 27), np.uint8), np.zeros(3, np.uint8), r"got uint8 \(3, 28, 27\)"),
        (np.zeros((3, 784), np.uint8), np.zeros(3, np.uint8), r"got uint8 \(3, 784\)"),
        (np.zeros((3, 28, 28), np.int8), np.zeros(3, np.uint8), "got int8"),
        (np.zeros((3, 28, 28), np.uint8), np.full(3, -1, np.int8), r"and int8 \(3,\)"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros((3, 1), np.uint8), r"and uint8 \(3, 1\)"),
        (np.zeros((3, 28, 28), np.uint8), np.array([0, 10, 1], np.uint8), "labels from 0 to 9, got 10"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, images, labels, message):
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    codes = [9 if array.dtype == np.int8 else 8 for array in (images, labels)]
    contents = [idx(array, code) for array, code in zip((images, labels), codes, strict=True)]
    write(tmp_path, dict(zip(names, contents, strict=True)))
    with pytest.raises(FileFormatError, match=message):
        MNIST(tmp_path)


def test_an_empty_part_has_no_samples(tmp_path):
    write(tmp_path, parts(0))
    assert len(MNIST(tmp_path)) == 0


def test_a_claim_of_gigabytes_is_refused(tmp_path):
    write(tmp_path, {"train-images-idx3-ubyte": b"\0\0\x08\x03" + struct.pack(">3I", 1 << 21, 28, 28)})
    with pytest.raises(FileFormatError, match="more than the limit of 134217728"):
        MNIST(tmp_path)


def test_a_download_is_checked_and_kept(mirror, tmp_path):
    write(mirror, parts(), packed=True)
    root = tmp_path / "root"
    found = MNIST(root, download=True)
    raw = root / "MNIST" / "raw"
    assert sorted(p.name for p in raw.iterdir()) == [f"{name}.gz" for name in sorted(parts())]
    for file in mirror.iterdir():
        file.unlink()
    again = MNIST(root, download=True)  # nothing is fetched: the mirror is empty
    assert again.data.equal(found.data) and again.targets.tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize("content", [parts(seed=1)["train-images-idx3-ubyte"], b"<html>moved</html>"])
def test_a_download_with_other_content_is_refused(mirror, tmp_path, content):
    write(mirror, parts() | {"train-images-idx3-ubyte": content}, packed=True)
    with pytest.raises(DownloadError, match=r"SHA-256 .* expected|not an IDX file"):
        MNIST(tmp_path / "root", download=True)
    assert list((tmp_path / "root" / "MNIST" / "raw").iterdir()) == []


def test_a_download_from_an_empty_mirror_fails(mirror, tmp_path):
    with pytest.raises(DownloadError, match="404"):
        MNIST(tmp_path / "root", download=True)


def test_the_checksums_are_of_all_four_files():
    assert sorted(MNIST.sha256) == [f"{p}-{k}-ubyte" for p in ("t10k", "train") for k in ("images-idx3", "labels-idx1")]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in MNIST.sha256.values())
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MNIST.mirrors)
    assert len(MNIST.classes) == 10
