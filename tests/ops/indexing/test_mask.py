import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from tests.harness import check_dtypes, check_op

MASK = np.arange(12).reshape(3, 4) % 3 == 1
MASKS = [MASK, MASK[0], MASK[:, :1], np.array(True), np.array(False), np.stack([MASK, ~MASK])]


def on(device, mask):
    return gp.tensor(mask, device=device)


@pytest.mark.parametrize("mask", MASKS, ids=lambda m: str(m.shape))
def test_masked_select(mask, device):
    def reference(a):
        return np.broadcast_to(a, np.broadcast_shapes(a.shape, mask.shape))[
            np.broadcast_to(mask, np.broadcast_shapes(a.shape, mask.shape))
        ]

    check_op(lambda x: gp.masked_select(x, on(x.device, mask)), reference, [(3, 4)], device)
    check_dtypes(lambda x: gp.masked_select(x, on(x.device, mask)), reference, [(3, 4)], device)
    check_op(lambda x: gp.masked_select(x, on(x.device, MASK[0])), lambda a: np.repeat(a, MASK[0].sum()), [()], device)
    check_op(lambda x: gp.masked_select(x, on(x.device, np.array(True))), lambda a: a[None], [()], device)


@pytest.mark.parametrize("mask", MASKS, ids=lambda m: str(m.shape))
def test_masked_fill(mask, device):
    check_op(lambda x: gp.masked_fill(x, on(x.device, mask), -2.5), lambda a: np.where(mask, -2.5, a), [(3, 4)], device)
    check_op(
        lambda x, v: gp.masked_fill(x, on(x.device, mask), v), lambda a, v: np.where(mask, v, a), [(3, 4), ()], device
    )
    check_dtypes(
        lambda x: gp.masked_fill(x, on(x.device, mask), -2.5), lambda a: np.where(mask, -2.5, a), [(3, 4)], device
    )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float64"])
def test_masked_fill_of_all_types(dtype, device):
    x = gp.tensor(np.arange(12).reshape(3, 4) % 2, dtype=getattr(gp, dtype), device=device)
    y = x.masked_fill(on(device, MASK), 1)
    assert y.dtype is x.dtype
    np.testing.assert_array_equal(backend.asnumpy(y.array), np.where(MASK, 1, np.arange(12).reshape(3, 4) % 2))


def test_masked_fill_hides_nan_and_keeps_it(device):
    x = gp.tensor([float("nan"), float("inf"), -0.0], device=device)
    y = x.masked_fill(on(device, [True, False, False]), -0.0)
    assert np.signbit(y.tolist()[0]) and np.signbit(y.tolist()[2])
    assert y.tolist()[1] == np.inf
    assert np.isnan(x.masked_fill(on(device, [False, True, True]), 0).tolist()[0])
    assert gp.zeros(2, device=device).masked_fill(on(device, [True, False]), -np.inf).tolist() == [-np.inf, 0]


def test_masked_fill_casts_its_value(device):
    x = gp.tensor([1, 2], device=device)
    assert x.masked_fill(on(device, [True, False]), 3.9).tolist() == [3, 2]
    assert x.masked_fill(on(device, [True, False]), gp.tensor(3.9)).tolist() == [3, 2]


@pytest.mark.parametrize("mask", MASKS, ids=lambda m: str(m.shape))
def test_masked_scatter(mask, device):
    def reference(a, s):
        out = np.broadcast_to(a, np.broadcast_shapes(a.shape, mask.shape)).copy()
        full = np.broadcast_to(mask, out.shape)
        out[full] = s.reshape(-1)[: full.sum()]
        return out

    def op(x, s):
        return gp.masked_scatter(x, on(x.device, mask), s)

    check_op(op, reference, [(3, 4), (5, 5)], device)
    check_dtypes(op, reference, [(3, 4), (5, 5)], device)


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", [(3, 4), (0, 2), (5,), (2, 0)])
def test_nonzero(shape, dtype, device):
    values = np.arange(np.prod(shape)).reshape(shape) % 3
    x = gp.tensor(values, dtype=getattr(gp, dtype), device=device)
    found = gp.nonzero(x)
    assert found.dtype is gp.int64
    np.testing.assert_array_equal(backend.asnumpy(found.array), np.argwhere(values))
    np.testing.assert_array_equal(backend.asnumpy(gp.argwhere(x).array), np.argwhere(values))
    for mine, theirs in zip(x.nonzero(as_tuple=True), np.nonzero(values), strict=True):
        np.testing.assert_array_equal(backend.asnumpy(mine.array), theirs)


def test_nonzero_of_0d_tensors(device):
    x = gp.tensor(5.0, device=device)
    assert x.nonzero().shape == x.argwhere().shape == (1, 0)
    assert [i.tolist() for i in x.nonzero(as_tuple=True)] == [[0]]
    assert gp.tensor(0.0, device=device).nonzero().shape == (0, 0)
    assert gp.tensor(float("nan"), device=device).nonzero().shape == (1, 0)


@pytest.mark.parametrize("name", ["masked_fill_", "masked_scatter_"])
def test_in_place(name, device):
    x = gp.ones(3, device=device, requires_grad=True)
    y = x * 2
    value = 7 if name == "masked_fill_" else gp.tensor([7.0, 8], device=device)
    assert getattr(y, name)(on(device, [False, True, False]), value) is y
    assert y.tolist() == [2, 7, 2]
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, m: x.masked_fill(m.long(), 0), RuntimeError, "boolean masks, but got mask with dtype int64"),
        (lambda x, m: x.masked_fill(m, gp.ones(1)), RuntimeError, "0-dimensional value tensor, but .* 1 dimension"),
        (lambda x, m: x.masked_fill(m, 1e39), RuntimeError, "value 1e.39 cannot be converted to type float32"),
        (lambda x, m: x.masked_fill(m[:2], 0), RuntimeError, r"\(3,\) and \(2,\)"),
        (lambda x, m: x.masked_fill_(m[None], 0), RuntimeError, r"broadcast shape \(1, 3\)"),
        (lambda x, m: x.masked_fill([True], 0), TypeError, "mask must be a Tensor, got list"),
        (lambda x, m: x.masked_select(m.byte()), RuntimeError, "got mask with dtype uint8"),
        (lambda x, m: x.masked_scatter(m, gp.ones(1)), RuntimeError, r"1 in shape \(1,\), 2 in the mask"),
        (lambda x, m: x.masked_scatter(m, x.double()), RuntimeError, "same dtypes but got float32 and float64"),
        (lambda x, m: x.masked_scatter_(m, 1.0), TypeError, "source must be a Tensor, got float"),
    ],
)
def test_errors_change_nothing(call, error, words):
    x = gp.ones(3)
    with pytest.raises(error, match=words):
        call(x, gp.tensor([True, False, True]))
    assert x.tolist() == [1, 1, 1]
