import gc
import gzip
import io
import pickle
import tarfile

import pytest

from gpunn.errors import FileFormatError
from gpunn.vision.datasets.archive import Archive, shared, split

FILES = {"b/2.txt": b"two", "a/x/1.txt": b"one" * 400, "a/3.txt": b"", "a/.hidden": b"h", ".git/c": b"c"}


def members(files, change=None):
    """The bytes of a tar archive; `change(member)` may spoil each."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            if change is not None:
                change(member)
            tar.addfile(member, io.BytesIO(text))
    return content.getvalue()


@pytest.fixture(params=["plain", "gzipped"])
def write(request, tmp_path):
    """Writes the bytes of an archive, and gives its path."""

    def to_file(content, name="data.tar"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if request.param == "gzipped" else content)
        return path

    return to_file


def test_files_and_folders(write, tmp_path):
    path = write(members(FILES))
    tar = Archive(path)
    assert tar.folders() == ["a", "b"] and tar.folders("a") == ["x"] and tar.folders("a/x") == []
    assert tar.files() == ["a/3.txt", "a/x/1.txt", "b/2.txt"] and tar.files("a/x") == ["a/x/1.txt"]
    assert {name: tar.read(name) for name in tar.files()} == {name: FILES[name] for name in tar.files()}
    assert tar.has_folder("") and tar.has_folder("a/x") and not tar.has_folder("a/3.txt")
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_a_dot_in_front_and_long_ones(write):
    long = f"./a/{'n' * 150}/{'f' * 90}.txt"
    tar = Archive(write(members({long: b"long"})))
    assert tar.files("a") == [long[2:]] and tar.read(long[2:]) == b"long"


def test_empty_folders_are_there(write):
    def as_folder(member):
        member.type = tarfile.DIRTYPE

    assert Archive(write(members({"a/b": b""}, as_folder))).folders("a") == ["b"]


@pytest.mark.parametrize("name", ["../a.txt", "a/../../b", "/etc/passwd", "a/..", "a\\..\\b"])
def test_names_that_leave_the_archive(write, name):
    with pytest.raises(FileFormatError, match=r"data\.tar: .*: the name leaves the archive"):
        Archive(write(members({name: b"x"})))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(write, kind):
    def change(member):
        member.type, member.linkname = kind, "other"

    with pytest.raises(FileFormatError, match="a/link: not a plain file or folder"):
        Archive(write(members({"a/link": b""}, change)))


def test_names_that_are_there_twice(write):
    double = members({"a": b"1"})[:1024] + members({"a": b"2"})
    with pytest.raises(FileFormatError, match="a: is there twice"):
        Archive(write(double))
    with pytest.raises(FileFormatError, match="a/b: is inside of a, which is a file"):
        Archive(write(members({"a": b"1", "a/b": b"2"})))
    with pytest.raises(FileFormatError, match="a: is there twice"):
        Archive(write(members({"a/b": b"1", "a": b"2"})))


def test_archives_cut_short_anywhere(write):
    """But for whole blocks of zeros at the end, of which one is enough."""
    whole = members(FILES)
    last = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for size in [1, 100, 511, 512, 600, 1024, *range(1200, last + 512, 512), last, last + 511]:
        with pytest.raises(FileFormatError, match=r"data\.tar: "):
            Archive(write(whole[:size]))
    assert len(Archive(write(whole[: last + 512])).files()) == 3


def test_damaged_headers(write):
    whole = members(FILES)
    for place in range(0, len(whole.rstrip(b"\0")) // 512 * 512, 512):
        spoiled = bytearray(whole)
        spoiled[place + 1] ^= 0x55
        if whole[place + 257 : place + 262] == b"ustar":
            with pytest.raises(FileFormatError, match=r"data\.tar: "):
                Archive(write(bytes(spoiled)))


def test_sizes_that_lie(write):
    header = bytearray(members({"a": b""})[:512])

    def with_size(field):
        header[124:136] = field
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
        return bytes(header) + bytes(1024)

    far, negative = b"77777777777\0", b"\xff" * 11 + b"\x00"
    for field in (far, negative, b"\x80" + b"\x7f" * 11):
        with pytest.raises(FileFormatError, match=r"data\.tar: "):
            Archive(write(with_size(field)))


def test_other_files(write, tmp_path):
    for content in (b"text", b"x" * 2000):
        with pytest.raises(FileFormatError, match=r"data\.tar: (not a tar archive|cut short)"):
            Archive(write(content))
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(FileFormatError, match="is empty"):
        Archive(tmp_path / "empty")


def test_damaged_gzip_files(tmp_path):
    packed, path = gzip.compress(members(FILES)), tmp_path / "data.tar.gz"
    for content in (packed[:-9], packed[:20], packed[:-8] + b"\0" * 8, packed[:30] + b"\xff" * 9 + packed[39:]):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"data\.tar\.gz: damaged gzip file"):
            Archive(path)


def test_nothing_is_unpacked_beyond_the_limit(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(1 << 26)))
    with pytest.raises(FileFormatError, match="more than 1000000 bytes unpacked; gunzip it"):
        Archive(path, limit=1_000_000)


def test_one_for_all_in_a_process(write):
    path = write(members(FILES))
    first = shared(path)
    assert shared(str(path)) is first and pickle.loads(pickle.dumps(first)) is first
    text = pickle.dumps(first)
    assert len(text) < 1000
    del first
    gc.collect()
    again = pickle.loads(text)  # as in a process that was spawned
    assert again.read("b/2.txt") == b"two"
    write(members({"b/2.txt": b"other"}))
    assert shared(path).files() == ["b/2.txt"]
    with pytest.raises(FileFormatError, match="was changed since"):
        pickle.loads(text)


def test_split(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"x")
    assert split(tmp_path / "a.tar") == (tmp_path / "a.tar", "")
    assert split(f"{tmp_path}/a.tar/b/c/") == (tmp_path / "a.tar", "b/c")
    assert split(tmp_path) is None and split(tmp_path / "none" / "b") is None


def test_headers_upon_headers(write):
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2
    pair = long.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")
    path = write(pair * 2000 + members({"b": b"b"}))
    with pytest.raises(FileFormatError, match="not a tar archive, or damaged"):
        Archive(path)
