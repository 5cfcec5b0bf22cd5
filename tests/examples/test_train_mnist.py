"""LeNet-5 on IDX files of a few images in MNIST's form: whether it runs, not how much it learns."""

import re
import struct

import numpy as np
import pytest

import gpunn as gp
from gpunn.vision.datasets.vision import MissingFilesError
from gpunn.vision.models import LeNet5


@pytest.fixture
def folder(tmp_path):
    """40 images for training, 20 for testing: a bright bar at the height of the label."""
    for part, count in (("train", 40), ("t10k", 20)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 6 + 2 * label] = 255
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
    return tmp_path


def test_images_are_normalised(example, folder):
    images, labels = example("train_mnist").load(folder, False, False)
    assert (images.shape, images.dtype, labels.tolist()) == ((20, 1, 28, 28), gp.float32, [*range(10)] * 2)
    np.testing.assert_allclose(images[0, 0, :, 0].numpy()[3:7], [-0.424213, 2.821487, 2.821487, -0.424213], rtol=1e-5)


def test_one_epoch_prints_and_saves(example, run, folder):
    arguments = ["--data", folder, "--epochs", 1, "--batch", 8, "--device", "cpu", "--save", folder / "weights"]
    first, last = run(example("train_mnist"), *arguments).splitlines()
    assert re.fullmatch(r"epoch  1: test accuracy [\d.]+%, [\d.]+ s", first)
    assert re.fullmatch(r"median [\d.]+ s an epoch on cpu", last)
    model = LeNet5()
    model.load_state_dict(gp.load(folder / "weights"))
    gp.manual_seed(0)
    untrained = LeNet5()
    assert not any(p.equal(q) for p, q in zip(model.parameters(), untrained.parameters(), strict=True))


def test_the_picture_is_written_where_asked(example, run, folder):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, which the extra demo has")
    run(example("train_mnist"), "--data", folder, "--epochs", 2, "--device", "cpu", "--plot", folder / "trace.png")
    assert (folder / "trace.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_the_bars_are_learnt(example, run, folder):
    out = run(example("train_mnist"), "--data", folder, "--epochs", 20, "--batch", 4, "--device", "cpu")
    assert "epoch 20: test accuracy 100.00%" in out


def test_a_folder_without_the_files_is_refused(example, run, tmp_path):
    with pytest.raises(MissingFilesError):
        run(example("train_mnist"), "--data", tmp_path / "empty")


def test_the_folder_must_be_given(example, run, capsys):
    with pytest.raises(SystemExit):
        run(example("train_mnist"))
    assert "--data" in capsys.readouterr().err
