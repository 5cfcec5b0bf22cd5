import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_op, distinct

SIZES = {1: (7,), 2: (6, 7), 3: (4, 5, 6)}


def reference(indices, size):
    def unpooled(x):
        y = np.zeros((*x.shape[: -len(size)], int(np.prod(size))))
        for plane in np.ndindex(x.shape[: -len(size)]):
            y[plane][indices[plane].reshape(-1)] = x[plane].reshape(-1)
        return y.reshape(*x.shape[: -len(size)], *size)

    return unpooled


@pytest.mark.parametrize("rank", SIZES)
@pytest.mark.parametrize("batched", [True, False])
def test_max_unpool(rank, batched, device):
    pool, unpool = (getattr(F, f"max_{name}{rank}d") for name in ("pool", "unpool"))
    x = distinct((2, 3, *SIZES[rank])[not batched :], np.random.default_rng(0))
    _, where = pool(gp.tensor(x), 2, return_indices=True)
    indices = where.numpy()

    def op(t):
        return unpool(t, gp.tensor(indices, device=device), 2, output_size=SIZES[rank])

    check_op(op, reference(indices, SIZES[rank]), [indices.shape], device)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64"])
def test_channels_last_and_back(name, device):
    x = gp.tensor(distinct((2, 3, 6, 8), np.random.default_rng(0)).astype(getattr(gp, name).numpy), device=device)
    last = x.contiguous(memory_format=gp.channels_last).requires_grad_()
    y, where = F.max_pool2d(last, 2, return_indices=True)
    z = F.max_unpool2d(y, where, 2)
    assert z.dtype is getattr(gp, name)
    assert z.is_contiguous(memory_format=gp.channels_last)
    again = F.max_pool2d(z, 2).detach()
    assert (F.max_pool2d(x.relu(), 2) == again.relu()).all().item()
    z.sum().backward()
    assert np.array_equal(last.grad.to(gp.float64).cpu().numpy(), (z != 0).to(gp.float64).cpu().numpy())


def test_of_equal_indices_the_last_stays(device):
    x = gp.tensor(np.array([[[1.0, 2.0, 3.0]]]), device=device, requires_grad=True)
    where = gp.tensor(np.array([[[4, 4, 0]]]), device=device)
    y = F.max_unpool1d(x, where, 2)
    assert y.tolist() == [[[3, 0, 0, 0, 2, 0]]]
    y.backward(gp.tensor(np.arange(6.0)[None, None], device=device))
    assert x.grad.tolist() == [[[4, 4, 0]]]


def test_the_default_size(device):
    x, where = gp.ones(1, 1, 2, 3, device=device), gp.zeros(1, 1, 2, 3, dtype=gp.int64, device=device)
    assert F.max_unpool2d(x, where, (3, 2), (2, 1), (1, 0)).shape == (1, 1, 3, 4)
    assert F.max_unpool2d(x, where, 2, output_size=(5, 6)).shape == (1, 1, 5, 6)
    assert F.max_unpool2d(x[:0], where[:0], 2).shape == (0, 1, 4, 6)


@pytest.mark.parametrize("wrong", [-1, 16, 2**32 + 3])
def test_an_index_out_of_bounds(wrong, device):
    where = gp.tensor(np.array([[[[0, 1], [2, wrong]]]]), device=device)
    with pytest.raises(IndexError, match=f"max_unpool2d.*{wrong}"):
        F.max_unpool2d(gp.ones(1, 1, 2, 2, device=device), where, 2).cpu()
    where = gp.tensor(np.array([[[[0, 1], [2, 3]]]]), device=device)
    assert F.max_unpool2d(gp.ones(1, 1, 2, 2, device=device), where, 2).sum().item() == 4


def test_the_gradient_for_an_index_out_of_bounds(device):
    where = gp.tensor(np.array([[[[0, 1], [2, 2**32 + 3]]]]), device=device)
    x = gp.ones(1, 1, 2, 2, device=device, requires_grad=True)
    with pytest.raises(IndexError, match="max_unpool2d"):
        F.max_unpool2d(x, where, 2).sum().backward()
        x.grad.cpu()


ERRORS = [  # shape, shape of the indices, arguments, class, words
    ((1, 1, 2, 2), (1, 1, 2, 1), {"kernel_size": 2}, RuntimeError, "Expected shape of indices to be same"),
    ((2, 2), (2, 2), {"kernel_size": 2}, RuntimeError, "3d or 4d"),
    ((1, 0, 2, 2), (1, 0, 2, 2), {"kernel_size": 2}, RuntimeError, "non-zero size"),
    ((1, 1, 2, 2), (1, 1, 2, 2), {"kernel_size": 2, "output_size": (6, 4)}, ValueError, "invalid output_size (6, 4)"),
    ((1, 1, 2, 2), (1, 1, 2, 2), {"kernel_size": 2, "output_size": (4, 4, 4)}, ValueError, "length of 3"),
    ((1, 1, 2, 2), (1, 1, 2, 2), {"kernel_size": 1, "padding": 5}, ValueError, "non-negative"),
]


@pytest.mark.parametrize(("shape", "of_indices", "options", "kind", "words"), ERRORS)
def test_errors(shape, of_indices, options, kind, words, device):
    x, where = gp.ones(shape, device=device), gp.zeros(of_indices, dtype=gp.int64, device=device)
    with pytest.raises(kind) as caught:
        F.max_unpool2d(x, where, **options)
    assert str(caught.value).startswith("max_unpool2d: ")
    assert words in str(caught.value)


def test_wrong_types():
    x = gp.ones(1, 1, 2, 2)
    with pytest.raises(RuntimeError, match=r"should be type int64 but got gpunn\.int32"):
        F.max_unpool2d(x, gp.zeros(1, 1, 2, 2, dtype=gp.int32), 2)
    with pytest.raises(RuntimeError, match=r"not for gpunn\.int64"):
        F.max_unpool2d(x.to(gp.int64), gp.zeros(1, 1, 2, 2, dtype=gp.int64), 2)
    with pytest.raises(TypeError, match="indices must be a Tensor, got ndarray"):
        F.max_unpool2d(x, np.zeros((1, 1, 2, 2), int), 2)
    with pytest.raises(RuntimeError, match="strides should be greater than zero"):
        F.max_unpool3d(gp.ones(1, 1, 1, 1, 1), gp.zeros(1, 1, 1, 1, 1, dtype=gp.int64), 1, 0)
