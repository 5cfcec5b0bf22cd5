import io
import json
import os
import pickle
import platform
import signal
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save as serialize

import gpunn as gp
from gpunn import emulator, nn
from gpunn.errors import DeviceError, FileFormatError

SMALL = {"w": [gp.arange(6.0).reshape(2, 3), gp.tensor([True, False])], 3: ("text", None, 2.5)}


def written(obj):
    file = io.BytesIO()
    gp.save(obj, file)
    return file.getvalue()


def load(content, **options):
    return gp.load(io.BytesIO(content), **options)


def is_small(found):
    """Whether `found` is SMALL, to the last bit."""
    return (
        list(found) == ["w", 3]
        and found[3] == SMALL[3]
        and all(
            a.dtype is b.dtype and a.shape == b.shape and a.array.tobytes() == b.array.tobytes()
            for a, b in zip(found["w"], SMALL["w"], strict=True)
        )
    )


def test_paths_and_file_objects(tmp_path):
    path = tmp_path / "model [1].gpunn"
    gp.save(SMALL, path)
    assert is_small(gp.load(path)) and is_small(gp.load(str(path), weights_only=True, mmap=True))
    with open(path, "rb") as file:
        assert is_small(gp.load(file))
    assert is_small(load(written(SMALL)))
    assert os.listdir(tmp_path) == [path.name]


def test_what_is_loaded_can_be_changed():
    found = load(written(gp.zeros(3)))
    found += 1
    np.testing.assert_array_equal(found.numpy(), np.ones(3))


def test_models_and_optimizers_go_on(tmp_path):
    def step(model, optimizer):
        optimizer.zero_grad()
        model(gp.ones(2, 3)).square().sum().backward()
        optimizer.step()

    models = [nn.Linear(3, 2) for _ in range(2)]
    optimizers = [gp.optim.Adam(model.parameters()) for model in models]
    step(models[0], optimizers[0])
    gp.save({"model": models[0].state_dict(), "optimizer": optimizers[0].state_dict()}, tmp_path / "a")
    found = gp.load(tmp_path / "a")
    models[1].load_state_dict(found["model"])
    optimizers[1].load_state_dict(found["optimizer"])
    for model, optimizer in zip(models, optimizers, strict=True):
        step(model, optimizer)
    np.testing.assert_array_equal(models[0].weight.detach().numpy(), models[1].weight.detach().numpy())


def test_foreign_safetensors():
    arrays = {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "b.c": np.ones(2, ml_dtypes.bfloat16)}
    found = load(serialize(arrays, {"format": "pt"}))
    assert set(found) == {"a", "b.c"} and found["b.c"].dtype is gp.bfloat16
    np.testing.assert_array_equal(found["a"].numpy(), arrays["a"])
    with pytest.raises(FileFormatError, match="'x' has dtype U16"):
        load(serialize({"x": np.ones(1, np.uint16)}))


def test_map_location():
    with emulator.enable():
        content = written([gp.ones(2, device="cuda"), gp.ones(2)])

        def devices(where):
            return [str(x.device) for x in load(content, map_location=where)]

        assert devices(None) == ["cuda:0", "cpu"]
        assert devices("cpu") == devices(gp.device("cpu")) == ["cpu", "cpu"]
        assert devices("cuda") == devices({"cpu": "cuda:0"}) == ["cuda:0", "cuda:0"]
        assert devices(lambda x, place: x if place == "cuda:0" else None) == ["cpu", "cpu"]
        assert devices(lambda x, place: None) == ["cuda:0", "cpu"]
    if gp.cuda.is_available():
        return
    with pytest.raises(DeviceError, match=r'saved on cuda:0: .*Pass map_location="cpu"'):
        load(content)
    assert [str(x.device) for x in load(content, map_location="cpu")] == ["cpu", "cpu"]


def test_arguments_that_are_refused():
    with pytest.raises(ValueError, match="pickle"):
        load(written(1), pickle_module=json)
    with pytest.raises(ValueError, match="expected"):
        load(written(1), map_location="nowhere")

    def broken(x, place):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        load(written(gp.ones(1)), map_location=broken)
    with pytest.raises(FileNotFoundError):
        gp.load("no such file")


def test_nothing_is_written_of_what_cannot_be(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=r"SGD at model\.1"):
        gp.save({"model": [1, gp.optim.SGD(nn.Linear(1, 1).parameters())]}, path)
    file = io.BytesIO()
    with pytest.raises(TypeError):
        gp.save(len, file)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a"] and not file.getvalue()


def test_any_changed_byte_is_noticed_or_harmless():
    content = written(SMALL)
    rng = np.random.default_rng(0)
    places = np.concatenate([np.arange(len(content)), rng.integers(0, len(content), 2000)])
    noticed = 0
    for at, flip in zip(places, rng.integers(1, 256, len(places)), strict=True):
        changed = bytearray(content)
        changed[at] ^= flip
        try:
            assert is_small(load(bytes(changed))), f"byte {at} xor {flip}"
        except FileFormatError:
            noticed += 1
    assert noticed > 0.9 * len(places)


def test_every_shorter_file_is_refused():
    content = written(SMALL)
    for length in range(len(content)):
        with pytest.raises(FileFormatError):
            load(content[:length])
    with pytest.raises(FileFormatError):
        load(content + b"\0")


def forged(text):
    """A file with right checksums around a structure that gpunn does not write."""
    return serialize({}, {"gpunn": text, "gpunn_crc32": str(zlib.crc32(text.encode()))})


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('{"format":1,"tensors":{},"tree":' + '{"list":[' * 5000 + "]}" * 5000 + "}", "damaged"),
        ('{"format":2,"tensors":{},"tree":1}', "format 2.*update gpunn"),
        ('{"format":1,"tensors":{"a":1},"tree":1}', "its tensors"),
        ('{"format":1,"tensors":{},"tree":{"tensor":"a"}}', "damaged"),
        ('{"format":1,"tensors":{},"tree":{"list":5}}', "damaged"),
        ('{"format":1,"tensors":{},"tree":{"dict":[[{"list":[]},1]]}}', "damaged"),
        ('{"format":1,"tensors":{},"tree":{"device":"moon"}}', "damaged"),
        ('{"format":1,"tensors":{},"tree":{"dtype":"int3"}}', "damaged"),
        ('{"format":1,"tensors":{},"tree":{"bytes":"*"}}', "damaged"),
        ("[]", "damaged"),
        ("{", "damaged"),
    ],
)
def test_forged_structures(text, complaint):
    with pytest.raises(FileFormatError, match=complaint):
        load(forged(text))


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100, b"\x80\x02}q\x00."])
def test_other_files(content):
    with pytest.raises(FileFormatError, match="not a file that"):
        load(content)


def test_pytorchs_form_of_old_is_told_apart():
    with pytest.raises(FileFormatError, match=r"form of before 1\.6, which is pickle only"):
        load(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"more")


@pytest.mark.parametrize("name", ["fsync", "replace", "write"])
def test_a_failed_save_leaves_the_old_file(name, tmp_path, monkeypatch):
    path = tmp_path / "a"
    gp.save(SMALL, path)

    def fails(*args):
        raise OSError("disk full")

    if name == "write":
        real = open

        def opened(*args):
            file = real(*args)
            return type(
                "Full", (), {"__enter__": lambda s: s, "__exit__": lambda s, *e: file.close(), "write": fails}
            )()

        monkeypatch.setattr("builtins.open", opened)
    else:
        monkeypatch.setattr(os, name, fails)
    with pytest.raises(OSError, match="disk full"):
        gp.save([1], path)
    monkeypatch.undo()
    assert is_small(gp.load(path)) and os.listdir(tmp_path) == ["a"]


def test_only_leftovers_of_dead_processes_are_swept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = platform.node()
    names = {
        f".a.{host}.{gone.pid}.00.gpunn-tmp": False,
        f".a.{host}.{os.getpid()}.00.gpunn-tmp": True,
        f".a.{host}.{10**30}.00.gpunn-tmp": True,
        f".a.{host}.x.00.gpunn-tmp": True,
        f".a.elsewhere.{gone.pid}.00.gpunn-tmp": True,
        f".b.{host}.{gone.pid}.00.gpunn-tmp": True,
    }
    for name in names:
        (tmp_path / name).touch()
    gp.save(1, tmp_path / "a")
    assert {name: (tmp_path / name).exists() for name in names} == names


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_a_plain_open(umask, tmp_path):
    before = os.umask(umask)
    try:
        gp.save(1, tmp_path / "a")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    os.chmod(tmp_path / "a", 0o640)
    gp.save(2, tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_links_and_devices_stay_what_they_are(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    gp.save(5, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and gp.load(tmp_path / "real") == 5
    gp.save(5, os.devnull)
    assert not Path(os.devnull).is_file()


SAVER = """
import sys, gpunn as gp
for i in range(10**9):
    gp.save([gp.full((20000,), float(i % 7)), i % 7], sys.argv[1])
    if i == 0:
        print("started", flush=True)
"""


@pytest.mark.parametrize("tries", [8, pytest.param(100, marks=pytest.mark.long)])
def test_a_killed_save_leaves_the_old_file_or_the_new_one(tries, tmp_path):
    path = tmp_path / "a"
    rng = np.random.default_rng(0)
    for _ in range(tries):
        saver = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        with saver:
            assert saver.stdout.readline() == b"started\n"
            with pytest.raises(subprocess.TimeoutExpired):
                saver.wait(rng.uniform(0, 0.05))
            saver.send_signal(signal.SIGKILL)
        tensor, number = gp.load(path)
        assert tensor.shape == (20000,) and bool((tensor == float(number)).all())
    gp.save(0, path)
    assert os.listdir(tmp_path) == ["a"]


def test_arguments_about_pickle_change_nothing(tmp_path):
    gp.save({"a": 1}, tmp_path / "plain")
    gp.save({"a": 1}, tmp_path / "told", None, 4, _use_new_zipfile_serialization=False)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "told").read_bytes()


def test_the_same_object_gives_the_same_bytes(tmp_path):
    thing = {"é ✓ \x7f\n": gp.ones(3), "b": [gp.zeros(2, dtype=gp.bfloat16), gp.ones((), dtype=gp.bool)]}
    first = written(thing)
    assert all(written(thing) == first for _ in range(20))
    gp.save(thing, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == first and int.from_bytes(first[:8], "little") % 8 == 0
    assert list(load(first)) == list(thing) and load(first)["b"][1].item() is True
