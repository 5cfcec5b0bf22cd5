import gc
import os

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn


class TestResize:
    def test_smaller_and_back(self, device):
        x = gp.arange(6.0, device=device)
        address = x.data_ptr()
        assert x.resize_(2, 2) is x and x.tolist() == [[0, 1], [2, 3]] and x._version == [1]
        assert x.resize_((2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]] and x.data_ptr() == address
        assert x.t().resize_(6).tolist() == [0, 1, 2, 3, 4, 5]
        assert x.resize_(2, 3)._version == [3]  # that of x.t() is the same

    def test_larger_keeps_what_there_was(self, device):
        x = gp.arange(3.0, device=device)
        x.resize_(1000)
        assert x.shape == (1000,) and x[:3].tolist() == [0, 1, 2]
        assert x.resize_(1).shape == (1,) and x.resize_(2).tolist() == [0, 1]
        assert x.resize_(0).shape == (0,)
        assert gp.zeros(2, device=device).resize_as_(gp.zeros(3, 4)).shape == (3, 4)
        assert gp.empty(0, device=device).resize_(2, 0, 3).shape == (2, 0, 3)

    def test_memory_format(self, device):
        x = gp.empty(0, device=device).resize_(2, 3, 4, 5, memory_format=gp.channels_last)
        assert x.shape == (2, 3, 4, 5) and x.is_contiguous(memory_format=gp.channels_last)

    def test_errors(self):
        with pytest.raises(RuntimeError, match="require grad"):
            gp.ones(2, requires_grad=True).resize_(1)
        with pytest.raises(NotImplementedError, match="view of 1 elements"):
            gp.ones(3)[2:].resize_(5)
        with pytest.raises(ValueError, match="Unsupported memory format"):
            gp.ones(3).resize_(1, 3, memory_format=gp.channels_last)
        with pytest.raises(TypeError, match="expected a Tensor"):
            gp.ones(3).resize_as_((1, 2))


class TestSet:
    def test_shows_the_memory_of_another(self, device):
        x, y = gp.zeros(2, device=device), gp.arange(6.0, device=device)
        assert x.set_(y) is x and x.tolist() == y.tolist()
        y[0] = 7
        assert x[0].item() == 7 and x._version is y._version
        assert x.set_(y, 1, (2, 2), (2, 1)).tolist() == [[1, 2], [3, 4]]
        assert x.set_(y, 2, (2, 2)).tolist() == [[2, 3], [4, 5]]
        assert x.set_().shape == (0,)

    def test_errors(self):
        x = gp.zeros(2)
        for source, error, text in (
            (gp.zeros(2, dtype=gp.int64), RuntimeError, "type"),
            ([1.0], TypeError, "no storages"),
        ):
            with pytest.raises(error, match=text):
                x.set_(source)
        with pytest.raises(ValueError, match="go with a size"):
            x.set_(gp.zeros(3), 1)
        with pytest.raises(RuntimeError, match="leaf Variable"):
            gp.zeros(2, requires_grad=True).set_(x)


def in_a_fork(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_forked_processes_share_memory():
    model = nn.Linear(2, 1)
    before = model.weight.tolist()
    assert model.share_memory() is model and model.weight.is_shared() and model.weight.tolist() == before
    own, shared = gp.zeros(2), gp.zeros(2, 3).t().clone().share_memory_()

    def work():
        own.fill_(1)
        shared.fill_(1)
        model.weight.data.fill_(5)

    in_a_fork(work)
    assert own.tolist() == [0, 0] and shared.tolist() == [[1, 1]] * 3 and model.weight.tolist() == [[5, 5]]
    assert not own.is_shared() and shared[1:].is_shared()
    memory = shared.array
    assert shared.share_memory_() is shared and shared.array is memory
    assert gp.zeros(0).share_memory_().shape == (0,)
    with pytest.raises(NotImplementedError, match="view only"):
        own[1:].share_memory_()
    with pytest.raises(NotImplementedError, match="view only"):
        gp.from_numpy(np.ones(4)[::2]).share_memory_()


def test_memory_is_kept_for_another_stream(device):
    x = gp.ones(3, device=device)
    if not x.is_cuda:
        with pytest.raises(NotImplementedError, match="on a GPU"):
            x.record_stream(None)
        return
    assert x.share_memory_() is x and x.is_shared()
    with pytest.raises(TypeError, match=r"expected a gpunn\.cuda\.Stream"):
        x.record_stream(3)
    stream = gp.cuda.Stream()
    x.record_stream(stream)
    with stream:
        y = x * 2
    del x
    gc.collect()
    gp.cuda.synchronize()
    assert y.tolist() == [2, 2, 2]
