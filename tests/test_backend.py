import os
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator


@pytest.mark.parametrize(
    ("given", "text", "shown"),
    [
        (("cpu",), "cpu", "device(type='cpu')"),
        (("cuda",), "cuda", "device(type='cuda')"),
        (("cuda:1",), "cuda:1", "device(type='cuda', index=1)"),
        (("cuda", 2), "cuda:2", "device(type='cuda', index=2)"),
        ((3,), "cuda:3", "device(type='cuda', index=3)"),
    ],
)
def test_devices_and_their_names(given, text, shown):
    d = gp.device(*given)
    assert str(d) == text and repr(d) == shown
    assert d == gp.device(d) and hash(d) == hash(gp.device(text)) and d != gp.device("cuda:7")


@pytest.mark.parametrize("given", [("gpu",), ("cuda:x",), ("cuda:",), ("cuda:0", 1), ("cuda", -1), ("cpu:",)])
def test_bad_device_names(given):
    with pytest.raises(RuntimeError, match=r"^device: "):
        gp.device(*given)


def test_bad_device_types():
    with pytest.raises(TypeError, match="expected a name"):
        gp.device(1.5)
    for index in (True, 1.5, "1"):
        with pytest.raises(TypeError, match="the index must be an int"):
            gp.device("cuda", index)
    assert gp.device("cuda", np.int64(1)) == gp.device("cuda:1")


def test_default_device_and_context():
    with emulator.enable():
        with gp.device("cuda"):
            assert gp.zeros(2).device.type == "cuda" and gp.get_default_device() == gp.device("cuda")
        assert gp.zeros(2).device.type == "cpu"
        gp.set_default_device("cuda")
        try:
            assert gp.zeros(2).is_cuda
        finally:
            gp.set_default_device(None)
    assert gp.get_default_device() == gp.device("cpu")


@pytest.fixture
def no_cuda(monkeypatch):
    """A backend that never met CuPy."""
    monkeypatch.setattr(backend, "_real", None)
    monkeypatch.setattr(backend, "_installed", None)
    monkeypatch.setattr(backend, "_cuda_array", None)


def test_without_cupy(no_cuda, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "pip install" in backend.cuda_problem()
    with pytest.raises(RuntimeError, match=r'device "cuda" is not available.*pip install "gpunn\[cuda12x\]"'):
        gp.zeros(2, device="cuda")
    with pytest.raises(RuntimeError, match="not available"):
        gp.set_default_device("cuda")


def test_with_cupy_without_driver(no_cuda, monkeypatch):
    def fails():
        raise RuntimeError("cudaErrorInsufficientDriver")

    runtime = types.SimpleNamespace(getDeviceCount=fails)
    cupy = types.SimpleNamespace(__version__="14.2", cuda=types.SimpleNamespace(runtime=runtime), ndarray=list)
    told = []
    products = types.SimpleNamespace(set_compute_type=lambda *choice: told.append(choice), COMPUTE_TYPE_DEFAULT=1)
    products.COMPUTE_TYPE_TF32 = 7
    cupy._core = types.SimpleNamespace(_routines_linalg=products)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert "no usable NVIDIA driver (cudaErrorInsufficientDriver)" in backend.cuda_problem()
    runtime.getDeviceCount = lambda: 0
    assert "sees no GPU" in backend.cuda_problem()
    runtime.getDeviceCount = lambda: 1
    assert backend.cuda_problem() is None
    assert backend.cuda_module() is cupy and backend.is_cuda([])
    assert told == [("float32", 1)], "the switch of TF32 holds, and not the variable CUPY_TF32"


def test_a_forked_child_cannot_use_the_gpu_of_its_parent(no_cuda, monkeypatch):
    monkeypatch.setattr(backend, "_real", types.SimpleNamespace(ndarray=list))
    monkeypatch.setattr(backend, "_forked", False)
    assert backend.cuda_module() is backend._real
    read, write = os.pipe()
    with warnings.catch_warnings():  # Python 3.12 warns of fork beside BLAS's threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            backend.cuda_module()
        except RuntimeError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert 'multiprocessing_context="spawn"' in pipe.read()
    assert not backend._forked


def test_importing_gpunn_does_not_import_cupy():
    code = "import sys, gpunn; assert 'cupy' not in sys.modules; gpunn.zeros(2).sum(); assert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_moving_arrays():
    x = np.arange(3.0)
    assert backend.to_device(x, backend.CPU) is x and backend.array_module(x) is np
    with emulator.enable():
        y = backend.to_device(x, gp.device("cuda"))
        assert backend.is_cuda(y) and backend.device_of(y) == gp.device("cuda:0")
        assert backend.to_device(y, gp.device("cuda:0")) is y
        assert backend.array_module(y) is backend.cuda_module() and backend.array_module(y) is not np
        np.testing.assert_array_equal(backend.asnumpy(y), x)
        with pytest.raises(RuntimeError, match="there are 1 GPUs"):
            backend.to_device(x, gp.device("cuda:5"))
        backend.synchronize()
    assert backend.data_pointer(x) == x.ctypes.data


def test_views():
    x = np.arange(6.0)
    assert backend.is_view(x[1:], x) and backend.is_view(x[1:][1:], x[1:]) and backend.is_view(x, x)
    assert not backend.is_view(x.copy(), x) and not backend.is_view(x, np.arange(6.0))


@pytest.mark.parametrize("n", [3, 1 << 17, (1 << 17) + 1, 400_000])
def test_cache_pieces_cover_everything_once(n):
    x, y = np.zeros((n, 1)), np.arange(float(n)).reshape(n, 1)
    for a, b in backend.cache_pieces(x, y):
        a += b + 1
    np.testing.assert_array_equal(x, y + 1)
    strided = np.zeros((n, 2))[:, :1]
    for a, b in backend.cache_pieces(strided, y):
        a += b
    np.testing.assert_array_equal(strided, y)


def test_broadcast_view_can_be_written_to_if_its_source_can():
    x = np.arange(3.0)
    view = backend.broadcast_view(x, (2, 3))
    view[1] = 7
    assert x.tolist() == [7, 7, 7] and backend.is_view(view, x)
    x.flags.writeable = False
    assert not backend.broadcast_view(x, (2, 3)).flags.writeable


def test_placed_on(device):
    for name in {device, f"{device}:0" if device == "cuda" else device}:
        where = backend.device(name)
        with backend.placed_on(where):
            assert backend.device_of(backend.module_of(where).zeros(2)).type == where.type
    if device == "cuda":
        with pytest.raises(RuntimeError, match=r"cuda:77.*numbered from 0"):
            backend.placed_on(backend.device("cuda:77"))


def test_is_cuda_module(device):
    assert backend.is_cuda_module(backend.module_of(backend.device(device))) == (device == "cuda")
