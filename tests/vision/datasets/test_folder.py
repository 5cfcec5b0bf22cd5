import io
import pickle
import tarfile

import numpy as np
import pytest

from gpunn.errors import ArgumentError, FileFormatError
from gpunn.utils.data import DataLoader
from gpunn.vision.datasets import DatasetFolder, ImageFolder, archive, folder
from gpunn.vision.datasets.vision import MissingFilesError
from gpunn.vision.transforms import ToTensor

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
NAMES = ("dog/b.png", "dog/a.PNG", "cat/sub/2.bmp", "cat/9.png", "cat/note.txt", "cat/.x.png", ".cache/y.png", "z.png")


def picture(number):
    return Image.new("RGB", (4, 3), (number, 2 * number, 3 * number))


@pytest.fixture(params=["folder", "tar", "tar.gz", "inside"])
def root(request, tmp_path):
    """The same files on disk and in archives: in each image the number of its name."""
    tree = tmp_path / "tree"
    for number, name in enumerate(NAMES):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path, "BMP" if name.endswith("bmp") else "PNG")
    if request.param == "folder":
        return tree
    ending = "tar.gz" if request.param == "inside" else request.param
    path, inside = tmp_path / f"data.{ending}", "set/train/" if request.param == "inside" else ""
    with tarfile.open(path, f"w:{'gz' if ending == 'tar.gz' else ''}") as tar:
        for name in NAMES:  # not sorted
            tar.add(tree / name, f"./{inside}{name}")
    return path / inside


ORDER = ("cat/9.png", "cat/sub/2.bmp", "dog/a.PNG", "dog/b.png")


def test_images(root):
    found = ImageFolder(root)
    assert found.classes == ["cat", "dog"] and found.class_to_idx == {"cat": 0, "dog": 1}
    assert found.samples == [(str(root / name), k) for name, k in zip(ORDER, (0, 0, 1, 1), strict=True)]
    assert found.imgs is found.samples and found.targets == [0, 0, 1, 1] and len(found) == 4
    assert found.extensions == folder.IMG_EXTENSIONS and found.loader is folder.default_loader
    for (image, label), name in zip(found, ORDER, strict=True):
        assert image.mode == "RGB" and image.tobytes() == picture(NAMES.index(name)).tobytes()
        assert label == ("dog" in name)
    text = repr(found)
    assert text == f"Dataset ImageFolder\n    Number of datapoints: 4\n    Root location: {root}"


def test_batches_in_worker_processes(root):
    data = ImageFolder(str(root), ToTensor(), target_transform=lambda k: 10 * k)
    (batch,) = DataLoader(data, batch_size=4, num_workers=1)
    wanted = [NAMES.index(name) / 255 for name in ORDER]
    np.testing.assert_allclose(batch[0][:, 0, 0, 0].numpy(), wanted, rtol=1e-6)
    assert batch[1].tolist() == [0, 0, 10, 10]
    again = pickle.loads(pickle.dumps(ImageFolder(root, ToTensor())))
    assert (again[3][0] == data[3][0]).all().item() and again.samples == data.samples


def read_bytes(source):
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read()[:4]
    return source.read()[:4]


def test_other_files(root):
    found = DatasetFolder(root, read_bytes, (".bmp", ".txt"), allow_empty=True)
    assert [path[-8:] for path, _ in found.samples] == ["note.txt", "ub/2.bmp"]
    assert [content[:2] for content, _ in found] == [b"\x89P", b"BM"]
    chosen = DatasetFolder(root, read_bytes, is_valid_file=lambda path: path.endswith(("9.png", "b.png")))
    assert [path[-5:] for path, _ in chosen.samples] == ["9.png", "b.png"] and chosen.extensions is None
    assert ImageFolder(root, is_valid_file=lambda path: "note" not in path).targets == [0, 0, 1, 1]


def test_classes_of_ones_own(root):
    class OnlyDogs(ImageFolder):
        def find_classes(self, directory):
            return ["dog"], {"dog": 0}

    assert OnlyDogs(root).targets == [0, 0]


def test_damaged_images_are_named(root, tmp_path):
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        member = tarfile.TarInfo("cat/1.jpg")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"\xff\xd8\xff\xe0"))
    with pytest.raises(FileFormatError, match=r"bad\.tar.cat.1\.jpg: not an image"):
        ImageFolder(bad)[0]


@pytest.mark.parametrize("error", [FileNotFoundError, RuntimeError])
def test_what_is_missing(root, error):
    with pytest.raises(error, match=r"no valid file for the classes dog in .* Supported extensions are: \.bmp"):
        DatasetFolder(root, read_bytes, (".bmp",))
    with pytest.raises(error, match="Couldn't find any class folder"):
        ImageFolder(root / "cat" / "sub")
    with pytest.raises(error, match=r"neither a folder nor a tar archive|Couldn't find any class folder"):
        ImageFolder(root / "none")
    assert ImageFolder(root, is_valid_file=lambda path: "dog" in path, allow_empty=True).targets == [1, 1]


def test_errors(tmp_path):
    with pytest.raises(MissingFilesError, match="neither a folder nor a tar archive"):
        ImageFolder(tmp_path / "nothing")
    (tmp_path / "a").mkdir()
    for wrong in ({}, {"extensions": (".png",), "is_valid_file": bool}):
        with pytest.raises(ArgumentError, match="Both extensions and is_valid_file"):
            folder.make_dataset(tmp_path, **wrong)
    with pytest.raises(ArgumentError, match="at least one entry"):
        folder.make_dataset(tmp_path, {}, (".png",))


def test_an_archive_is_read_once(root, monkeypatch):
    counted = []
    whole = archive.Archive.__init__
    monkeypatch.setattr(archive.Archive, "__init__", lambda self, *args: counted.append(1) or whole(self, *args))
    assert len(folder.make_dataset(root, {"cat": 0, "dog": 1}, (".png",))) == 3
    assert len(counted) == (root.name != "tree")


def test_names():
    assert folder.is_image_file("A.JPEG") and not folder.is_image_file("a.gif")
    assert folder.has_file_allowed_extension("x.NPY", ".npy")
