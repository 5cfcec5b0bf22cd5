"""gpunn.cuda on the emulated GPU, and its answers and errors where there is no GPU."""

import sys

import pytest

import gpunn as gp
from gpunn import backend, cuda, emulator
from gpunn.errors import ArgumentError, DeviceError


@pytest.fixture
def emulated():
    with emulator.enable():
        yield


@pytest.fixture
def no_gpu(monkeypatch):
    """CuPy is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(backend, "_real", None)
    monkeypatch.setattr(backend, "_installed", None)


@pytest.mark.usefixtures("emulated")
def test_the_device_is_there():
    assert cuda.is_available()
    assert cuda.device_count() == 1
    assert cuda.current_device() == 0


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize("where", [None, 0, "cuda", "cuda:0", gp.device("cuda", 0)])
def test_a_device_has_many_names(where):
    assert cuda.get_device_name(where) == "emulated device"
    free, total = cuda.mem_get_info(where)
    assert 0 < free <= total and type(free) is type(total) is int
    cuda.synchronize(where)


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize("where", [0, "cuda", "cuda:0"])
def test_set_device(where):
    cuda.set_device(where)
    assert cuda.current_device() == 0


@pytest.mark.usefixtures("emulated")
def test_names_are_bytes_or_text(monkeypatch):
    runtime = backend.cuda_module().cuda.runtime
    monkeypatch.setattr(runtime, "getDeviceProperties", lambda number: {"name": f"GPU {number}"})
    assert cuda.get_device_name() == "GPU 0"


NOTHING_WITHOUT = [  # a GPU: as in PyTorch, whose programs print them wherever they run
    cuda.memory_allocated,
    cuda.memory_reserved,
    cuda.max_memory_allocated,
    cuda.max_memory_reserved,
    cuda.memory_stats,
]
ABOUT_A_DEVICE = [
    cuda.set_device,
    cuda.get_device_name,
    cuda.synchronize,
    cuda.mem_get_info,
    *NOTHING_WITHOUT,
    cuda.reset_peak_memory_stats,
    cuda.memory_summary,
    lambda device: cuda.set_per_process_memory_fraction(0.5, device),
    cuda.get_device_capability,
    cuda.get_device_properties,
    cuda.device,
    cuda.Stream,
    cuda.current_stream,
    cuda.default_stream,
]


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize("function", ABOUT_A_DEVICE)
def test_other_devices_are_refused(function):
    with pytest.raises(ArgumentError, match="expected a cuda device, got cpu"):
        function("cpu")
    with pytest.raises(DeviceError, match='device "cuda:1": there are 1 GPUs, numbered from 0'):
        function("cuda:1")
    with pytest.raises(ArgumentError):
        function("gpu")


@pytest.mark.usefixtures("emulated")
def test_synchronize_waits():
    before = emulator.synchronisations.count
    cuda.synchronize()
    assert emulator.synchronisations.count == before + 1


@pytest.mark.usefixtures("emulated")
def test_memory_is_counted():
    before = cuda.memory_allocated()
    x = gp.zeros(1000, 1000, device="cuda")
    held = cuda.memory_allocated() - before
    assert 4_000_000 <= held < 4_100_000
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    del x
    assert cuda.memory_allocated() == before


@pytest.mark.usefixtures("emulated")
def test_reserved_memory_is_what_the_pool_took_and_empty_cache_frees_it(monkeypatch):
    pool = backend.cuda_module().get_default_memory_pool()  # the emulated one caches nothing
    taken = [4096]
    monkeypatch.setattr(pool, "total_bytes", lambda: sum(taken))
    monkeypatch.setattr(pool, "free_all_blocks", taken.clear)
    assert cuda.memory_reserved() == 4096
    cuda.empty_cache()
    assert cuda.memory_reserved() == 0


@pytest.mark.usefixtures("emulated")
def test_properties():
    found = cuda.get_device_properties("cuda:0")
    assert found.name == "emulated device" and found.total_memory == 16 << 30
    assert (found.major, found.minor) == cuda.get_device_capability() == (8, 0)
    assert (found.multi_processor_count, found.warp_size, found.max_threads_per_block) == (4, 32, 1024)
    assert cuda.is_bf16_supported() and cuda.is_tf32_supported()
    assert not cuda.can_device_access_peer(0, 0)


@pytest.mark.usefixtures("emulated")
def test_older_devices(monkeypatch):
    monkeypatch.setattr(cuda.devices, "get_device_capability", lambda: (7, 5))
    assert cuda.is_bf16_supported() and not cuda.is_bf16_supported(including_emulation=False)
    assert not cuda.is_tf32_supported()


@pytest.mark.usefixtures("emulated")
def test_use():
    cuda.init()
    assert cuda.is_initialized()


@pytest.mark.usefixtures("emulated")
def test_the_current_device_in_a_context(monkeypatch):
    current = [0]
    runtime = backend.cuda_module().cuda.runtime
    monkeypatch.setattr(runtime, "getDeviceCount", lambda: 3)
    monkeypatch.setattr(runtime, "getDevice", lambda: current[-1])
    monkeypatch.setattr(cuda.devices, "set_device", current.append)
    with cuda.device(2):
        assert cuda.current_device() == 2
        with cuda.device("cuda:1"):
            assert cuda.current_device() == 1
        assert cuda.current_device() == 2
        for nowhere in (None, -1):
            with cuda.device(nowhere):
                assert cuda.current_device() == 2
    assert current == [0, 2, 1, 2, 0]
    with cuda.device_of(gp.ones(2)), cuda.device_of(gp.ones(2, device="cuda")):
        assert current[-1] == 0


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_there_is_nothing_to_use():
    assert not cuda.is_available()
    assert cuda.device_count() == 0 and not cuda.is_bf16_supported() and not cuda.is_tf32_supported()
    assert cuda.get_rng_state_all() == []
    cuda.empty_cache()
    cuda.manual_seed(3)
    assert [function("cuda:0") for function in NOTHING_WITHOUT] == [0, 0, 0, 0, {}]


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    "function",
    [
        *[lambda f=f: f("cuda:0") for f in ABOUT_A_DEVICE if f not in NOTHING_WITHOUT],
        *(cuda.current_device, cuda.init),
    ],
)
def test_without_a_gpu_the_error_says_how_to_get_one(function):
    with pytest.raises(DeviceError, match=r'device "cuda" is not available: CuPy is not installed.*pip install'):
        function()
