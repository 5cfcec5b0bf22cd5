import io
import struct
import zlib

import numpy as np
import pytest

from gpunn.errors import FileFormatError
from gpunn.vision.datasets.image import NamedBytes, read_image

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def encoded(kind="PNG", mode="RGB", size=(5, 4)):
    file = io.BytesIO()
    picture = Image.frombytes("RGB", size, np.random.default_rng(0).bytes(3 * size[0] * size[1])).convert(mode)
    picture.save(file, kind)
    return file.getvalue(), picture


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_kinds(kind, mode, tmp_path):
    content, picture = encoded(kind, mode)
    (tmp_path / "a").write_bytes(content)
    wanted = Image.open(io.BytesIO(content)).convert("RGB")
    for source in (tmp_path / "a", str(tmp_path / "a"), NamedBytes(content, "a")):
        found = read_image(source)
        assert (found.mode, found.size, found.tobytes()) == ("RGB", (5, 4), wanted.tobytes())
    if kind != "GIF":
        assert wanted.tobytes() == picture.convert("RGB").tobytes()


def test_jpeg():
    found = np.asarray(read_image(NamedBytes(encoded("JPEG", size=(16, 16))[0], "a")))
    assert found.shape == (16, 16, 3) and found.std() > 5


def png_of(width, height):
    """A PNG that says it is so large, and has no pixels."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8193, 8192), (10_000, 10_000), (60_000, 60_000)])
def test_bombs(size):
    with pytest.raises(FileFormatError, match=r"bomb\.png: .*pixels"):
        read_image(NamedBytes(png_of(*size), "bomb.png"))


def test_a_limit_of_ones_own():
    content, _ = encoded()
    assert read_image(NamedBytes(content, "a"), max_pixels=20).size == (5, 4)
    with pytest.raises(FileFormatError, match="a: 5 x 4 pixels, more than 19"):
        read_image(NamedBytes(content, "a"), max_pixels=19)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of TIFF files that it can read in part
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF"])
def test_damaged_files_are_named(kind, tmp_path):
    """Cut short anywhere, or with a byte changed: the right error, or an image after all."""
    content, _ = encoded(kind, size=(24, 20))
    rng = np.random.default_rng(0)
    found = 0
    for cut in [0, 1, 8, *rng.integers(0, len(content), 20).tolist()]:
        path = tmp_path / "cat.img"
        changed = bytearray(content)
        changed[cut] ^= 0xFF
        for damaged in (content[:cut], bytes(changed)):
            path.write_bytes(damaged)
            try:
                assert read_image(path).mode == "RGB"
            except FileFormatError as error:
                assert "cat.img: " in str(error)
                found += 1
    assert found > 10


def test_other_formats_are_refused():
    for content in (b"", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n", b"text"):
        with pytest.raises(FileFormatError, match="a: not an image"):
            read_image(NamedBytes(content, "a"))


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.png")
