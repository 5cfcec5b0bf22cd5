"""CUDA graphs of the emulated machine: recorded work happens when the graph is launched, each time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.cuda import CUDARuntimeError, Stream
from gpunn.emulator.namespace import cupy as xp
from gpunn.emulator.recording import CaptureRefusedError, Graph

KERNEL = """
extern "C" __global__ void add_one(float* x, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) x[i] += 1.0f;
}
"""


def recorded(act: Callable[[], Any]) -> tuple[Graph, Any, Any]:
    """The graph of what `act` does, what it answers, and the pool that the graph's memory is in."""
    stream, pool = xp.cuda.Stream(non_blocking=True), xp.cuda.MemoryPool()
    with stream, xp.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            assert stream.is_capturing()
            answer = act()
        finally:
            graph = stream.end_capture()
    assert not stream.is_capturing()
    return graph, answer, pool


def test_nothing_happens_before_the_launch():
    x = xp.asarray(np.arange(4.0))

    def act() -> Any:
        y = x * 2
        x.__iadd__(10.0)
        return y

    graph, y, pool = recorded(act)
    np.testing.assert_array_equal(x.get(), np.arange(4.0))
    assert np.isnan(y.get()).all()
    assert pool.used_bytes() == 512
    graph.upload()
    graph.launch()
    np.testing.assert_array_equal(y.get(), [0, 2, 4, 6])
    graph.launch()
    np.testing.assert_array_equal(x.get(), np.arange(4.0) + 20)
    np.testing.assert_array_equal(y.get(), 2 * (np.arange(4.0) + 10))
    assert graph.nbytes == 32
    del y, graph
    assert pool.used_bytes() == 0


OPERATIONS = [
    lambda x, i: (x + 1).T.sum(axis=0),
    lambda x, i: xp.where(x > 2, x, 0.0),
    lambda x, i: x[i],
    lambda x, i: x.T.reshape(-1),
    lambda x, i: x.T.ravel(),
    lambda x, i: x.T.flatten(),
    lambda x, i: x.astype(np.float32),
    lambda x, i: x.T.copy(),
    lambda x, i: xp.ascontiguousarray(x.T),
    lambda x, i: xp.concatenate([x, x]),
    lambda x, i: x.max(axis=1, keepdims=True),
    lambda x, i: xp.divmod(x, 2.0)[1],
    lambda x, i: xp.add(x, 1, dtype=np.float64),
    lambda x, i: x.take(i, axis=0),
    lambda x, i: xp.full((2,), 3.0) * x[0, 0],
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_results_follow_the_input(operation):
    x, i = xp.asarray(np.arange(6.0).reshape(2, 3)), xp.asarray(np.array([1, 0]))
    graph, y, _ = recorded(lambda: operation(x, i))
    x[...] = xp.asarray(np.arange(6.0).reshape(2, 3) ** 2)
    graph.launch()
    np.testing.assert_array_equal(y.get(), operation(x, i).get())


CHANGES = [
    lambda x, y: x.__setitem__(..., y),
    lambda x, y: x.__setitem__((0, slice(1, None)), y[1, 1:]),
    lambda x, y: xp.add.at(x, xp.zeros(1, np.int64), y[0]),
    lambda x, y: x.fill(7.0),
    lambda x, y: xp.multiply(x, y, out=x),
    lambda x, y: xp.copyto(x, y),
    lambda x, y: xp.clip(y, 1, 2, out=x),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_follow_the_input(change):
    start = np.arange(6.0).reshape(2, 3)
    x, y, expected = xp.asarray(start), xp.asarray(start + 1), xp.asarray(start)
    graph, _, _ = recorded(lambda: change(x, y))
    np.testing.assert_array_equal(x.get(), start)
    y *= 3
    for _ in range(2):
        graph.launch()
        change(expected, y)
    np.testing.assert_array_equal(x.get(), expected.get())


@pytest.mark.parametrize("check", [False, True])
def test_kernels_run_again(check):
    problem = emulator.compiler_problem()
    if problem is not None:
        pytest.skip(problem)
    with emulator.enable(check=check):
        kernel = xp.RawModule(code=KERNEL).get_function("add_one")
        x = xp.zeros(5, np.float32)
        graph, _, _ = recorded(lambda: kernel((1,), (32,), (x, np.int32(5))))
        np.testing.assert_array_equal(x.get(), np.zeros(5))
        graph.launch()
        graph.launch()
        np.testing.assert_array_equal(x.get(), np.full(5, 2.0))
        assert graph.operations[0].name == "add_one"
        assert graph.operations[0].numbers == ((1, 1, 1), (32, 1, 1), 0, 5)


REFUSED = [
    (lambda x: x.get(), "the host waits"),
    (lambda x: float(x[0]), "the host waits"),
    (lambda x: x[x > 1], "the host waits"),
    (lambda x: xp.nonzero(x), "the host waits"),
    (lambda x: xp.cuda.runtime.deviceSynchronize(), "the host waits"),
    (lambda x: xp.asarray(np.ones(3)), "copy from the host"),
    (lambda x: x.set(np.ones(3)), "copy from the host"),
    (lambda x: x[[0, 1]], "copy from the host"),
    (lambda x: xp.concatenate([x] * 9), "H2D transfers"),
    (lambda x: xp.stack([x] * 9), "H2D transfers"),
    (lambda x: x @ x, "cuBLAS"),
    (lambda x: xp.linalg.inv(x[:, None] * x), "cuSOLVER"),
    (lambda x: xp.sort(x), "sorting"),
    (lambda x: x.sort(), "sorting"),
]


@pytest.mark.parametrize(("act", "why"), REFUSED)
def test_refused(act, why):
    x = xp.asarray(np.arange(3.0))
    with pytest.raises(CaptureRefusedError, match=why):
        recorded(lambda: act(x))
    np.testing.assert_array_equal(x.get(), np.arange(3.0))  # not capturing any more


def test_memory_of_the_default_pool_is_refused():
    stream, x = xp.cuda.Stream(), xp.zeros(3)
    with stream:
        stream.begin_capture()
        with pytest.raises(CaptureRefusedError, match="default pool"):
            x + 1
        stream.end_capture()
    assert (x + 1).get()[0] == 1


def test_memory_that_was_freed():
    arrays = [xp.zeros(3)]
    graph, _, _ = recorded(lambda: arrays[0] + 1)
    graph.launch()
    arrays.clear()
    with pytest.raises(emulator.EmulatorError, match="freed"):
        graph.launch()


def test_streams_that_cannot_capture():
    with pytest.raises(RuntimeError, match="default"):
        Stream.null.begin_capture()
    stream = Stream()
    with pytest.raises(emulator.EmulatorError, match="current stream only"):
        stream.begin_capture()
    with pytest.raises(CUDARuntimeError, match="not capturing"):
        stream.end_capture()
    with stream:
        stream.begin_capture()
        other = Stream()
        with other, pytest.raises(CUDARuntimeError, match="not permitted"):
            other.begin_capture()
        stream.end_capture()


@pytest.mark.parametrize("parts", [lambda x: [x] * 8, lambda x: [x] * 8 + [x.astype(np.float32)]])
def test_few_arrays_or_of_several_types_are_joined_one_by_one(parts):
    x = xp.asarray(np.arange(3.0))
    graph, joined, _ = recorded(lambda: xp.concatenate(parts(x)))
    graph.launch()
    assert joined.get().tolist() == [0, 1, 2] * len(parts(x))
