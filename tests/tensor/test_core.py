import copy
import pickle

import numpy as np
import pytest

import gpunn as gp


def test_attributes(device):
    x = gp.zeros(2, 3, dtype=gp.float16, device=device)
    assert x.shape == (2, 3) and isinstance(x.shape, gp.Size) and x.size() == (2, 3) and x.size(-1) == 3
    assert x.ndim == x.dim() == 2 and x.numel() == x.nelement() == 6
    assert x.dtype is gp.float16 and x.itemsize == x.element_size() == 2 and x.nbytes == 12
    assert x.stride() == (3, 1) and x.stride(0) == 3 and x.t().stride() == (1, 3)
    assert x.device.type == device and x.is_cuda == (device == "cuda")
    assert x.is_floating_point() and x.is_signed() and not x.is_complex()
    assert x.is_leaf and x.grad is None and x.grad_fn is None and not x.requires_grad


def test_data_shares_memory_outside_the_graph():
    x = gp.ones(2, requires_grad=True)
    x.data.mul_(3)
    assert x.tolist() == [3.0, 3.0] and x.is_leaf and not x.data.requires_grad
    x.data = gp.zeros(4)
    assert x.shape == (4,) and x.requires_grad
    with pytest.raises(TypeError, match="expected a Tensor"):
        x.data = np.zeros(2)


def test_detach_in_place():
    x = gp.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError, match="detach views"):
        (x * 2).view(2).detach_()


def test_requires_grad_in_place():
    x = gp.ones(2).requires_grad_()
    assert x.requires_grad and not x.requires_grad_(False).requires_grad


def test_deepcopy_keeps_gradient_flag_and_attributes(device):
    x = gp.ones(2, device=device, requires_grad=True)
    x.note = ["a"]
    (x * 2).sum().backward()
    pair = copy.deepcopy([x, x])
    twin = pair[0]
    assert pair[1] is twin and twin is not x and twin.requires_grad and twin.device == x.device
    assert twin.grad.tolist() == [2.0, 2.0] and twin.grad is not x.grad and twin.note == ["a"]
    twin.data.add_(1)
    twin.note.append("b")
    assert x.tolist() == [1.0, 1.0] and x.note == ["a"]
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_copy_shares_memory():
    x = gp.ones(2)
    copy.copy(x).add_(1)
    assert x.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("dtype", [gp.float32, gp.bfloat16, gp.bool, gp.int64])
def test_pickle(device, dtype):
    x = gp.ones(2, 3, dtype=dtype, device=device)
    x.note = 1
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype is dtype and y.device == x.device and y.tolist() == x.tolist() and y.note == 1
    with pytest.raises(RuntimeError, match="only leaves"):
        pickle.dumps(gp.ones(2, requires_grad=True) * 2)


def test_is_floating_point():
    assert gp.is_floating_point(gp.ones(1)) and not gp.is_floating_point(gp.tensor([1]))


def test_the_old_constructor():
    assert gp.Tensor([1, 2]).dtype is gp.float32 and gp.Tensor([[1, 2]]).tolist() == [[1.0, 2.0]]
    assert gp.Tensor(2, 3).shape == (2, 3) and gp.Tensor(4).shape == (4,) and gp.Tensor().shape == (0,)
    assert gp.Tensor(2, 1).shape == (2, 1) and gp.Tensor(0, 0, 3).shape == (0, 0, 3)
    x = gp.ones(2)
    assert gp.Tensor(x).data_ptr() == x.data_ptr()
    for bad in ((None,), (1.5,), ([1], 2), ("a",)):
        with pytest.raises(TypeError, match="integer sizes"):
            gp.Tensor(*bad)


def test_is_tensor():
    assert gp.is_tensor(gp.ones(1)) and not gp.is_tensor(np.ones(1))


def test_hash_is_identity():
    x, y = gp.ones(1), gp.ones(1)
    assert len({x, y, x}) == 2


def test_views_say_that_they_are_views():
    x = gp.ones(4)
    assert not x._is_view()
    assert x[1:]._is_view()
    assert x[1:]._base is x
    assert not (x + 1)._is_view()


def test_data_of_what_requires_gradients_is_floating(device):
    x = gp.ones(2, device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"must be of a floating dtype, got gpunn\.int64"):
        x.data = gp.ones(3, dtype=gp.int64, device=device)
    x.data = gp.ones(3, dtype=gp.float64, device=device)
    assert x.dtype is gp.float64 and x.shape == (3,)
    y = gp.ones(2, device=device)
    y.data = gp.ones(3, dtype=gp.int64, device=device)
    assert y.dtype is gp.int64
