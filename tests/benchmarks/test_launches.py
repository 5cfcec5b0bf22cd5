"""Kernels that a case launches, and their configuration."""

import pytest

import gpunn
from benchmarks.launches import recorded_launches
from gpunn import emulator, kernels

F = gpunn.nn.functional


def test_launches_are_counted_with_what_they_are_built_for():
    found = {}
    with emulator.enable():
        x = gpunn.ones(2, 3, 40, 20, device="cuda")
        with recorded_launches(found):
            F.relu(F.relu(x))
            F.relu(x.half())
            F.max_pool2d(x, 2)
        F.relu(x)
    assert found.pop("activation/piecewise.relu_forward <float32> 5 x 256") == 2  # 16 bytes a thread
    assert found.pop("activation/piecewise.relu_forward <float16> 3 x 256") == 1
    (pool,) = found
    assert pool.startswith("pool/") and "float32" in pool and found[pool] == 1


def test_constants_and_shared_memory_are_told(monkeypatch):
    launched, found = [], {}
    monkeypatch.setattr(kernels, "launch", lambda *args, **named: launched.append((args, named)))
    with recorded_launches(found):
        kernels.launch("softmax", "k", 1 << 40, (7,), {"BLOCK": 512, "T": "double"}, 49152)
        kernels.launch("softmax", "k", 257, (7,), shared=1536)
        kernels.launch("softmax", "k", 0, (7,))
    assert len(launched) == 3  # the recorder lets all through
    assert found == {"softmax.k <T=double> 1048576 x 512 + 48 KB shared": 1, "softmax.k <> 2 x 256 + 1.5 KB shared": 1}


def test_the_launch_of_gpunn_is_back_after_a_failure():
    before = kernels.launch
    with pytest.raises(ZeroDivisionError), recorded_launches({}):
        _ = 1 / 0
    assert kernels.launch is before
